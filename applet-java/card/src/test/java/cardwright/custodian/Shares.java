package cardwright.custodian;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** Share objects of all sizes. */
final class Shares {
    private Shares() {
    }

    /** A well-formed object: 2-of-n for an AES key of {@code keyLength} bytes. */
    static byte[] share(int n, int keyLength, boolean commitments) {
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        put(value, 0x80, 1);
        put(value, 0x81, 1);
        put(value, 0x82, filled(16, 0x22));
        put(value, 0x83, filled(16, 0x33));
        put(value, 0x84, 0, 0, 0, 1);
        put(value, 0x85, 1);
        put(value, 0x86, 2);
        put(value, 0x87, n);
        put(value, 0x88, 0x88);
        put(value, 0x89, keyLength);
        put(value, 0x8A, 0);
        put(value, 0x8B, 0xAA, 0xBB, 0xCC);
        put(value, 0x8C, filled(keyLength, 0x5E));
        if (commitments) {
            put(value, 0x8D, filled(16, 0x5D));
            put(value, 0x8E, filled(n * 32, 0xCE));
        }
        return template(value.toByteArray());
    }

    static byte[] template(byte[] value) {
        ByteArrayOutputStream object = new ByteArrayOutputStream();
        put(object, 0xE0, unsigned(value));
        return object.toByteArray();
    }

    /** The object's value. */
    static byte[] value(byte[] object) {
        int from = object[1] >= 0 ? 2 : 2 + (object[1] & 0x7F);
        return Arrays.copyOfRange(object, from, object.length);
    }

    static int[] filled(int length, int with) {
        int[] bytes = new int[length];
        Arrays.fill(bytes, with);
        return bytes;
    }

    private static int[] unsigned(byte[] bytes) {
        int[] numbers = new int[bytes.length];
        Arrays.setAll(numbers, i -> bytes[i] & 0xFF);
        return numbers;
    }

    private static void put(ByteArrayOutputStream out, int tag, int... value) {
        out.write(tag);
        if (value.length > 0xFF) {
            out.write(0x82);
            out.write(value.length >> 8);
        } else if (value.length > 0x7F) {
            out.write(0x81);
        }
        out.write(value.length);
        for (int number : value) {
            out.write(number);
        }
    }
}
