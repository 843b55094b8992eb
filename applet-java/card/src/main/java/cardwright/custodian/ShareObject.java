package cardwright.custodian;

import javacard.framework.Util;

/**
 * "The share object": whether bytes are one. Its first twelve objects have one length each, so all stand where they
 * stand.
 */
final class ShareObject {
    /** Bytes of the objects 80 to 8B together. */
    static final short FIXED = 71;
    /** Bytes of the object 8F. */
    static final short HASH_OBJECT = 34;

    static final byte TAG = (byte) 0xE0;
    private static final byte TAG_FIRST = (byte) 0x80;
    private static final byte TAG_Y = (byte) 0x8C;
    private static final byte TAG_SALT = (byte) 0x8D;
    private static final byte TAG_COMMITMENTS = (byte) 0x8E;
    private static final byte TAG_HASH = (byte) 0x8F;

    /** Lengths of the objects 80 to 8B. */
    private static final byte[] LENGTHS = {1, 1, 16, 16, 4, 1, 1, 1, 1, 1, 1, 3};

    /** Where the values stand, counted from the template's value. */
    private static final short VERSION = 2;
    private static final short SCHEME = 5;
    private static final short SET_ID = 8;
    private static final short CEREMONY_ID = 26;
    private static final short GENERATION = 44;
    private static final short X = 50;
    private static final short M = 53;
    private static final short N = 56;
    private static final short KEY_TYPE = 59;
    private static final short KEY_LENGTH = 62;
    private static final short USAGE = 65;
    private static final short KCV = 68;
    private static final short Y = 73;

    private static final short KCV_SIZE = 3;
    private static final byte HOST_MADE = 1;
    private static final byte DEALT = 2;
    /** Bytes of y in a box. */
    private static final short MAX_Y = 32;

    private static final byte SHAMIR = 1;
    static final byte XOR = 2;
    private static final byte MAX_SHARES = 16;
    private static final byte MAX_COMMITMENTS = 10;
    private static final short COMMITMENT = 32;
    private static final short SALT = 16;
    private static final byte DES = (byte) 0x80;
    static final byte AES = (byte) 0x88;

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
        byte x = bytes[(short) (value + X)];
        byte n = bytes[(short) (value + N)];
        if (bytes[(short) (value + VERSION)] != HOST_MADE || n > MAX_SHARES || x < 1 || x > n) {
            return false;
        }
        short generation = (short) (value + GENERATION);
        if (Util.getShort(bytes, generation) == 0 && Util.getShort(bytes, (short) (generation + 2)) == 0) {
            return false;
        }
        return isScheme(bytes[(short) (value + SCHEME)], bytes[(short) (value + M)], n)
                && isKey(bytes[(short) (value + KEY_TYPE)], bytes[(short) (value + KEY_LENGTH)]);
    }

    /** Whether m of n shares can make a secret with this scheme, however large n is. */
    static boolean isScheme(byte scheme, byte m, byte n) {
        // Bytes from 80 are negative, so too small.
        if (n < 2 || m < 2 || m > n) {
            return false;
        }
        return scheme == SHAMIR || (scheme == XOR && m == n);
    }

    /** Whether a key of this type has so many bytes. */
    static boolean isKey(byte keyType, byte keyLength) {
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

    /** Bytes of a whole object at 0. */
    static short length(byte[] bytes) {
        return (short) (valueOffset(bytes) + lengthField(bytes, (short) 1));
    }

    static byte x(byte[] bytes) {
        return bytes[(short) (valueOffset(bytes) + X)];
    }

    static boolean isDealt(byte[] bytes) {
        return bytes[(short) (valueOffset(bytes) + VERSION)] == DEALT;
    }

    /** Whether the set id, or that and the generation, is the manifest's: by the length of the manifest's fields. */
    static boolean isSet(byte[] bytes, Manifest manifest, short length) {
        short value = valueOffset(bytes);
        byte[] other = manifest.bytes();
        return Util.arrayCompare(bytes, (short) (value + SET_ID), other, Manifest.SET_ID, Manifest.ID) == 0
                && (length == Manifest.ID || Util.arrayCompare(bytes, (short) (value + GENERATION), other,
                        Manifest.GENERATION, (short) (length - Manifest.ID)) == 0);
    }

    /** Writes set id and generation, side by side. Where they end. */
    static short copySet(byte[] bytes, byte[] target, short at) {
        short value = valueOffset(bytes);
        short end = Util.arrayCopyNonAtomic(bytes, (short) (value + SET_ID), target, at, Manifest.ID);
        return Util.arrayCopyNonAtomic(bytes, (short) (value + GENERATION), target, end,
                (short) (Manifest.ID_AND_GENERATION - Manifest.ID));
    }

    /** Whether scheme, m, n, key type, length and usage are the manifest's, and x is the card's place. */
    static boolean fits(byte[] bytes, Manifest manifest) {
        short value = valueOffset(bytes);
        byte[] other = manifest.bytes();
        return bytes[(short) (value + SCHEME)] == other[Manifest.SCHEME]
                && bytes[(short) (value + M)] == other[Manifest.M] && bytes[(short) (value + N)] == other[Manifest.N]
                && bytes[(short) (value + KEY_TYPE)] == other[Manifest.KEY_TYPE]
                && bytes[(short) (value + KEY_LENGTH)] == other[Manifest.KEY_LENGTH]
                && bytes[(short) (value + USAGE)] == other[Manifest.USAGE]
                && bytes[(short) (value + X)] == manifest.place();
    }

    /** Writes y, zeros to 32 bytes, and the salt of an object that has one. Where they end. */
    static short copyContent(byte[] bytes, byte[] target, short at) {
        short value = valueOffset(bytes);
        short length = bytes[(short) (value + KEY_LENGTH)];
        short y = (short) (value + Y);
        short end = Util.arrayCopyNonAtomic(bytes, y, target, at, length);
        end = Util.arrayFillNonAtomic(target, end, (short) (MAX_Y - length), (byte) 0);
        return Util.arrayCopyNonAtomic(bytes, (short) (y + length + 2), target, end, SALT);
    }

    /** {@link Share#prepare}. */
    static void writeDealt(byte[] object, Manifest manifest, byte[] fields, short fieldsAt, byte[] hash, short hashAt,
            byte[] content, short contentAt) {
        byte[] source = manifest.bytes();
        short y = source[Manifest.KEY_LENGTH];
        short commitments = (short) (source[Manifest.N] * COMMITMENT);
        // 8C, 8D and 8F have 2 bytes before their value; 8E is in the form that its own length wants.
        short length = (short) (FIXED + 2 + y + 2 + SALT + 1 + lengthSize(commitments) + commitments + HASH_OBJECT);
        object[0] = TAG;
        short value = setLength(object, (short) 1, length);
        writeFixed(object, value, manifest);
        Util.arrayCopyNonAtomic(fields, fieldsAt, object, (short) (value + KCV), KCV_SIZE);
        short end = begin(object, (short) (value + FIXED), TAG_Y, y);
        end = Util.arrayCopyNonAtomic(content, contentAt, object, end, y);
        end = begin(object, end, TAG_SALT, SALT);
        end = Util.arrayCopyNonAtomic(content, (short) (contentAt + MAX_Y), object, end, SALT);
        end = begin(object, end, TAG_COMMITMENTS, commitments);
        end = Util.arrayCopyNonAtomic(fields, (short) (fieldsAt + KCV_SIZE), object, end, commitments);
        end = begin(object, end, TAG_HASH, COMMITMENT);
        Util.arrayCopyNonAtomic(hash, hashAt, object, end, COMMITMENT);
    }

    /** The objects 80 to 8B, but for the value of the last. */
    private static void writeFixed(byte[] object, short value, Manifest manifest) {
        byte[] source = manifest.bytes();
        short at = value;
        for (short i = 0; i < (short) LENGTHS.length; i++) {
            at = (short) (begin(object, at, (byte) (TAG_FIRST + i), LENGTHS[i]) + LENGTHS[i]);
        }
        object[(short) (value + VERSION)] = DEALT;
        object[(short) (value + SCHEME)] = source[Manifest.SCHEME];
        Util.arrayCopyNonAtomic(source, Manifest.SET_ID, object, (short) (value + SET_ID), Manifest.ID);
        Util.arrayCopyNonAtomic(source, Manifest.CEREMONY_ID, object, (short) (value + CEREMONY_ID), Manifest.ID);
        Util.arrayCopyNonAtomic(source, Manifest.GENERATION, object, (short) (value + GENERATION),
                (short) (Manifest.ID_AND_GENERATION - Manifest.ID));
        object[(short) (value + X)] = manifest.place();
        object[(short) (value + M)] = source[Manifest.M];
        object[(short) (value + N)] = source[Manifest.N];
        object[(short) (value + KEY_TYPE)] = source[Manifest.KEY_TYPE];
        object[(short) (value + KEY_LENGTH)] = source[Manifest.KEY_LENGTH];
        object[(short) (value + USAGE)] = source[Manifest.USAGE];
    }

    /** Writes a tag and a length. Where the value begins. */
    static short begin(byte[] object, short at, byte tag, short length) {
        object[at] = tag;
        return setLength(object, (short) (at + 1), length);
    }

    /** Writes a length in the shortest form. Where it ends. */
    static short setLength(byte[] bytes, short at, short length) {
        short size = lengthSize(length);
        if (size == 3) {
            bytes[at] = (byte) 0x82;
            return Util.setShort(bytes, (short) (at + 1), length);
        }
        if (size == 2) {
            bytes[at++] = (byte) 0x81;
        }
        bytes[at] = (byte) length;
        return (short) (at + 1);
    }

    /** How many bytes a length takes in the shortest form. */
    static short lengthSize(short length) {
        if (length > 0xFF) {
            return 3;
        }
        return length > 0x7F ? (short) 2 : (short) 1;
    }
}
