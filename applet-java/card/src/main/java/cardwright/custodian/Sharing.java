package cardwright.custodian;

import javacard.framework.Util;

/**
 * Secrets split and recombined: Shamir's scheme over {@link Field}, each byte for itself, and XOR.
 *
 * <p>Lengths are even, two bytes go at a time. What a caller names by an offset is as long as the secret; arrays may be
 * the same one where nothing overlaps. x and m are public, the rest takes the same steps for all values.
 */
final class Sharing {
    private Sharing() {
    }

    /**
     * Shamir: the share at x.
     *
     * @param coefficients m - 1 strings of random bytes, that of x to the first power first; 00 is as good as any
     */
    static void evaluate(byte x, byte m, byte[] secret, short secretAt, byte[] coefficients, short coefficientsAt,
            short length, byte[] share, short shareAt) {
        for (short i = 0; i < length; i += 2) {
            short value = 0;
            for (short power = (short) (m - 1); power > 0; power--) {
                short at = (short) (coefficientsAt + (power - 1) * length + i);
                value = Field.multiply((short) (value ^ Util.getShort(coefficients, at)), x);
            }
            value ^= Util.getShort(secret, (short) (secretAt + i));
            Util.setShort(share, (short) (shareAt + i), value);
        }
    }

    /** Whether m shares have these x: none is the target's, which no share may have, and no two are the same. */
    static boolean areDistinct(byte[] x, short xAt, byte m, byte target) {
        for (short i = 0; i < m; i++) {
            byte own = x[(short) (xAt + i)];
            if (own == target) {
                return false;
            }
            for (short j = 0; j < i; j++) {
                if (x[(short) (xAt + j)] == own) {
                    return false;
                }
            }
        }
        return true;
    }

    /**
     * What the share of the {@code index}-th x counts for at the target, among m shares with distinct x (Lagrange).
     * The target of a secret is 00.
     */
    static byte weight(byte[] x, short xAt, byte m, short index, byte target) {
        byte own = x[(short) (xAt + index)];
        byte above = 1;
        byte below = 1;
        for (short j = 0; j < m; j++) {
            if (j != index) {
                byte other = x[(short) (xAt + j)];
                above = Field.multiply(above, (byte) (target ^ other));
                below = Field.multiply(below, (byte) (own ^ other));
            }
        }
        return Field.multiply(above, Field.inverse(below));
    }

    /** Adds a share, times its weight, to a sum that begins as zeros and ends as the secret. */
    static void add(byte weight, byte[] share, short shareAt, short length, byte[] sum, short sumAt) {
        for (short i = 0; i < length; i += 2) {
            short at = (short) (sumAt + i);
            short product = Field.multiply(Util.getShort(share, (short) (shareAt + i)), weight);
            Util.setShort(sum, at, (short) (Util.getShort(sum, at) ^ product));
        }
    }

    /**
     * What m shares, one behind the other in the order of their x, have at the target.
     *
     * @return whether the x are distinct and none is the target; nothing is written where not
     */
    static boolean interpolate(byte[] x, short xAt, byte m, byte target, byte[] shares, short sharesAt, short length,
            byte[] value, short valueAt) {
        if (!areDistinct(x, xAt, m, target)) {
            return false;
        }
        Util.arrayFillNonAtomic(value, valueAt, length, (byte) 0);
        for (short i = 0; i < m; i++) {
            add(weight(x, xAt, m, i, target), shares, (short) (sharesAt + i * length), length, value, valueAt);
        }
        return true;
    }

    /**
     * XOR: adds a part to a sum. From the secret and all parts but the last one comes the last; from zeros and all
     * parts the secret.
     */
    static void xor(byte[] part, short partAt, short length, byte[] sum, short sumAt) {
        for (short i = 0; i < length; i++) {
            sum[(short) (sumAt + i)] ^= part[(short) (partAt + i)];
        }
    }
}
