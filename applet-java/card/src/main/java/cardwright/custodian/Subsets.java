package cardwright.custodian;

/**
 * "Bitmap": the m-subsets of 1 to n, each with a number and its bit.
 *
 * <p>A mask has bit x - 1 for x. Everything here is public.
 */
final class Subsets {
    /** Bytes of a bitmap. */
    static final short BITMAP = 32;

    private Subsets() {
    }

    /** Whether it is the mask of an m-subset of 1 to n. */
    static boolean isOne(short mask, byte m, byte n) {
        short count = 0;
        for (short bit = 0; bit < n; bit++) {
            count += (short) (mask >> bit & 1);
        }
        return count == m && (short) (mask & ~(short) ((short) (1 << n) - 1)) == 0;
    }

    /** Sets a subset's bit. */
    static void add(byte[] bitmap, short at, short mask) {
        short number = 0;
        short k = 0;
        for (short bit = 0; bit < Custody.MOST; bit++) {
            if ((short) (mask >> bit & 1) != 0) {
                k++;
                number += choose(bit, k);
            }
        }
        short place = (short) (at + (number >> 3));
        bitmap[place] = (byte) (bitmap[place] | 0x80 >> (number & 7));
    }

    /** How many bits are set. */
    static short count(byte[] bitmap, short at) {
        short count = 0;
        for (short i = 0; i < BITMAP; i++) {
            for (short bit = 0; bit < 8; bit++) {
                count += (short) (bitmap[(short) (at + i)] >> bit & 1);
            }
        }
        return count;
    }

    /** Whether exactly the bits of all m-subsets of 1 to n are set. */
    static boolean areAll(byte[] bitmap, short at, byte m, byte n) {
        short left = choose(n, m);
        for (short i = 0; i < BITMAP; i++) {
            byte full = (byte) 0xFF;
            if (left < 8) {
                full = (byte) ~(0xFF >> left);
                left = 0;
            } else {
                left -= 8;
            }
            if (bitmap[(short) (at + i)] != full) {
                return false;
            }
        }
        return true;
    }

    /** The binomial coefficient; at most 252 for what there is here. */
    static short choose(short of, short k) {
        short result = 1;
        if (k > of) {
            return 0;
        }
        for (short i = 1; i <= k; i++) {
            result = (short) ((short) (result * (short) (of - k + i)) / i);
        }
        return result;
    }
}
