package cardwright.custodian;

import javacard.framework.Util;

/**
 * "The share object": whether bytes are one. Its first twelve objects have one length each, so all stand where they
 * stand.
 */
final class ShareObject {
    /** Bytes of the objects 80 to 8B together. */
    static final short FIXED = 71;

    private static final byte TAG = (byte) 0xE0;
    private static final byte TAG_FIRST = (byte) 0x80;
    private static final byte TAG_Y = (byte) 0x8C;
    private static final byte TAG_SALT = (byte) 0x8D;
    private static final byte TAG_COMMITMENTS = (byte) 0x8E;

    /** Lengths of the objects 80 to 8B. */
    private static final byte[] LENGTHS = {1, 1, 16, 16, 4, 1, 1, 1, 1, 1, 1, 3};

    /** Where the values stand, counted from the template's value. */
    private static final short VERSION = 2;
    private static final short SCHEME = 5;
    private static final short GENERATION = 44;
    private static final short X = 50;
    private static final short M = 53;
    private static final short N = 56;
    private static final short KEY_TYPE = 59;
    private static final short KEY_LENGTH = 62;

    private static final byte SHAMIR = 1;
    private static final byte XOR = 2;
    private static final byte MAX_SHARES = 16;
    private static final byte MAX_COMMITMENTS = 10;
    private static final short COMMITMENT = 32;
    private static final short SALT = 16;
    private static final byte DES = (byte) 0x80;
    private static final byte AES = (byte) 0x88;

    private ShareObject() {
    }

    /** Whether the first {@code length} bytes are a well-formed object and nothing else. */
    static boolean isWellFormed(byte[] bytes, short length) {
        if (length < 2 || bytes[0] != TAG) {
            return false;
        }
        short value = valueOffset(bytes);
        if (value > length || lengthField(bytes, (short) 1) != (short) (length - value)) {
            return false;
        }
        if ((short) (length - value) < FIXED || !hasFixedObjects(bytes, value) || !hasSoundValues(bytes, value)) {
            return false;
        }
        return hasRest(bytes, (short) (value + FIXED), length, value);
    }

    /** Where the value of an object with a tag of one byte at 0 begins. */
    static short valueOffset(byte[] bytes) {
        return (short) (1 + lengthFieldSize(bytes[1]));
    }

    /** How many bytes a length has whose first one this is. */
    private static short lengthFieldSize(byte first) {
        if (first == (byte) 0x81) {
            return 2;
        }
        return first == (byte) 0x82 ? (short) 3 : (short) 1;
    }

    /** The length at {@code at}, or -1 where it is not in the shortest form or above 32767. */
    private static short lengthField(byte[] bytes, short at) {
        byte first = bytes[at];
        if (first >= 0) {
            return first;
        }
        if (first == (byte) 0x81) {
            short length = (short) (bytes[(short) (at + 1)] & 0xFF);
            return length >= 0x80 ? length : -1;
        }
        if (first == (byte) 0x82) {
            short length = Util.getShort(bytes, (short) (at + 1));
            return length >= 0x100 ? length : -1;
        }
        return -1;
    }

    /** Tags and lengths of the objects 80 to 8B. */
    private static boolean hasFixedObjects(byte[] bytes, short value) {
        short at = value;
        for (short i = 0; i < (short) LENGTHS.length; i++) {
            if (bytes[at] != (byte) (TAG_FIRST + i) || bytes[(short) (at + 1)] != LENGTHS[i]) {
                return false;
            }
            at = (short) (at + 2 + LENGTHS[i]);
        }
        return true;
    }

    /** The column "well-formed" for the objects 80 to 8B. */
    private static boolean hasSoundValues(byte[] bytes, short value) {
        byte scheme = bytes[(short) (value + SCHEME)];
        byte x = bytes[(short) (value + X)];
        byte m = bytes[(short) (value + M)];
        byte n = bytes[(short) (value + N)];
        byte keyType = bytes[(short) (value + KEY_TYPE)];
        byte keyLength = bytes[(short) (value + KEY_LENGTH)];
        if (bytes[(short) (value + VERSION)] != 1 || (scheme != SHAMIR && scheme != XOR)) {
            return false;
        }
        short generation = (short) (value + GENERATION);
        if (Util.getShort(bytes, generation) == 0 && Util.getShort(bytes, (short) (generation + 2)) == 0) {
            return false;
        }
        // Bytes from 80 are negative, so too small.
        if (n < 2 || n > MAX_SHARES || x < 1 || x > n || m < 2 || m > n || (scheme == XOR && m != n)) {
            return false;
        }
        if (keyType != AES && keyType != DES) {
            return false;
        }
        return keyLength == 16 || keyLength == 24 || (keyLength == 32 && keyType == AES);
    }

    /** y, and salt and commitments or neither, from {@code at} to {@code end}. */
    private static boolean hasRest(byte[] bytes, short at, short end, short value) {
        short y = bytes[(short) (value + KEY_LENGTH)];
        if (!begins(bytes, at, end, TAG_Y, y)) {
            return false;
        }
        at = (short) (at + 2 + y);
        if (at == end) {
            return true;
        }
        if (!begins(bytes, at, end, TAG_SALT, SALT)) {
            return false;
        }
        at = (short) (at + 2 + SALT);
        byte n = bytes[(short) (value + N)];
        short commitments = (short) (n * COMMITMENT);
        if (n > MAX_COMMITMENTS || !begins(bytes, at, end, TAG_COMMITMENTS, commitments)) {
            return false;
        }
        return (short) (at + 1 + lengthFieldSize(bytes[(short) (at + 1)]) + commitments) == end;
    }

    /** Whether an object with this tag and length stands at {@code at}, whole before {@code end}. */
    private static boolean begins(byte[] bytes, short at, short end, byte tag, short length) {
        // Lengths that are compared have up to three bytes.
        return (short) (end - at) >= (short) (length + 2) && bytes[at] == tag
                && lengthField(bytes, (short) (at + 1)) == length;
    }
}
