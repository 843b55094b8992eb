package cardwright.custodian;

import javacard.framework.JCSystem;

/**
 * The numbers of P-256 (SP 800-186, 3.2.1.3), and whether a point is on it: y^2 = x^3 - 3x + b modulo p.
 *
 * <p>Whether a platform's ECDH looks is its own matter, and Java Card 3.0.4 has no arithmetic for it. So it is done
 * here in digits of a byte. Points are public: steps depend on them.
 */
final class Point {
    /** Bytes of a point: 04, x, y. */
    static final short SIZE = 65;
    /** Bytes of a coordinate. */
    static final short COORDINATE = 32;

    static final byte[] P = {
        (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF,
        (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF
    };
    static final byte[] A = {
        (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF,
        (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFC
    };
    static final byte[] B = {
        0x5A, (byte) 0xC6, 0x35, (byte) 0xD8, (byte) 0xAA, 0x3A, (byte) 0x93, (byte) 0xE7, (byte) 0xB3,
        (byte) 0xEB, (byte) 0xBD, 0x55, 0x76, (byte) 0x98, (byte) 0x86, (byte) 0xBC, 0x65, 0x1D, 0x06, (byte) 0xB0,
        (byte) 0xCC, 0x53, (byte) 0xB0, (byte) 0xF6, 0x3B, (byte) 0xCE, 0x3C, 0x3E, 0x27, (byte) 0xD2, 0x60, 0x4B
    };
    static final byte[] G = {
        0x04, 0x6B, 0x17, (byte) 0xD1, (byte) 0xF2, (byte) 0xE1, 0x2C, 0x42, 0x47, (byte) 0xF8, (byte) 0xBC,
        (byte) 0xE6, (byte) 0xE5, 0x63, (byte) 0xA4, 0x40, (byte) 0xF2, 0x77, 0x03, 0x7D, (byte) 0x81, 0x2D,
        (byte) 0xEB, 0x33, (byte) 0xA0, (byte) 0xF4, (byte) 0xA1, 0x39, 0x45, (byte) 0xD8, (byte) 0x98,
        (byte) 0xC2, (byte) 0x96, 0x4F, (byte) 0xE3, 0x42, (byte) 0xE2, (byte) 0xFE, 0x1A, 0x7F, (byte) 0x9B,
        (byte) 0x8E, (byte) 0xE7, (byte) 0xEB, 0x4A, 0x7C, 0x0F, (byte) 0x9E, 0x16, 0x2B, (byte) 0xCE, 0x33, 0x57,
        0x6B, 0x31, 0x5E, (byte) 0xCE, (byte) 0xCB, (byte) 0xB6, 0x40, 0x68, 0x37, (byte) 0xBF, 0x51, (byte) 0xF5
    };
    static final byte[] ORDER = {
        (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, 0x00, 0x00, 0x00, 0x00, (byte) 0xFF, (byte) 0xFF,
        (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xBC, (byte) 0xE6,
        (byte) 0xFA, (byte) 0xAD, (byte) 0xA7, 0x17, (byte) 0x9E, (byte) 0x84, (byte) 0xF3, (byte) 0xB9,
        (byte) 0xCA, (byte) 0xC2, (byte) 0xFC, 0x63, 0x25, 0x51
    };

    private static final byte UNCOMPRESSED = 0x04;
    private static final short COLUMNS = 64;

    /** A product, the digit of 256^i at i: whole digits, or sums that are yet to be carried. */
    private final short[] columns;
    /** A number modulo p. */
    private final byte[] number;

    Point() {
        columns = JCSystem.makeTransientShortArray(COLUMNS, JCSystem.CLEAR_ON_DESELECT);
        number = JCSystem.makeTransientByteArray(COORDINATE, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Whether 65 bytes are a point on the curve in the uncompressed form. */
    boolean isOnCurve(byte[] bytes, short at) {
        short x = (short) (at + 1);
        short y = (short) (x + COORDINATE);
        if (bytes[at] != UNCOMPRESSED || !isBelowP(bytes, x) || !isBelowP(bytes, y)) {
            return false;
        }
        multiply(bytes, x, bytes, x);
        columns[0] -= 3;
        reduce();
        store();
        multiply(bytes, x, number, (short) 0);
        addB();
        reduce();
        store();
        multiply(bytes, y, bytes, y);
        subtractNumber();
        reduce();
        return isZero();
    }

    private static boolean isBelowP(byte[] bytes, short at) {
        for (short i = 0; i < COORDINATE; i++) {
            short digit = (short) (bytes[(short) (at + i)] & 0xFF);
            short limit = (short) (P[i] & 0xFF);
            if (digit != limit) {
                return digit < limit;
            }
        }
        return false;
    }

    /** The whole product, in digits. */
    private void multiply(byte[] one, short oneAt, byte[] other, short otherAt) {
        for (short i = 0; i < COLUMNS; i++) {
            columns[i] = 0;
        }
        for (short i = 0; i < COORDINATE; i++) {
            short factor = (short) (one[(short) (oneAt + COORDINATE - 1 - i)] & 0xFF);
            short at = i;
            short carry = 0;
            for (short j = (short) (otherAt + COORDINATE - 1); j >= otherAt; j--) {
                // FF * FF + FF + FF is FFFF: it fits, with a sign that the mask takes off.
                short sum = (short) (factor * (other[j] & 0xFF) + columns[at] + carry);
                columns[at++] = (short) (sum & 0xFF);
                carry = (short) (sum >> 8 & 0xFF);
            }
            columns[at] = carry;
        }
    }

    private void addB() {
        for (short i = 0; i < COORDINATE; i++) {
            columns[i] += (short) (B[(short) (COORDINATE - 1 - i)] & 0xFF);
        }
    }

    private void subtractNumber() {
        for (short i = 0; i < COORDINATE; i++) {
            columns[i] -= (short) (number[(short) (COORDINATE - 1 - i)] & 0xFF);
        }
    }

    /** Brings the columns modulo p into 32 digits, though not always below p. */
    private void reduce() {
        // From the top, since a column adds to higher ones than the 32nd too. No sum gets beyond 2,100.
        for (short i = COLUMNS - 1; i >= COORDINATE; i--) {
            fold(columns[i], (short) (i - COORDINATE));
        }
        for (short carry = carry(); carry != 0; carry = carry()) {
            fold(carry, (short) 0);
        }
    }

    /** Adds digit * 256^(32 + at): 2^256 is 2^224 - 2^192 - 2^96 + 1 modulo p. */
    private void fold(short digit, short at) {
        columns[(short) (at + 28)] += digit;
        columns[(short) (at + 24)] -= digit;
        columns[(short) (at + 12)] -= digit;
        columns[at] += digit;
    }

    /** Makes digits of the lower 32 columns; what is left above them, which may be negative. */
    private short carry() {
        short carry = 0;
        for (short i = 0; i < COORDINATE; i++) {
            short sum = (short) (columns[i] + carry);
            columns[i] = (short) (sum & 0xFF);
            carry = (short) (sum >> 8);
        }
        return carry;
    }

    private void store() {
        for (short i = 0; i < COORDINATE; i++) {
            number[(short) (COORDINATE - 1 - i)] = (byte) columns[i];
        }
    }

    /** Whether the lower 32 digits are 0 or p. */
    private boolean isZero() {
        boolean zero = true;
        boolean p = true;
        for (short i = 0; i < COORDINATE; i++) {
            zero &= columns[i] == 0;
            p &= columns[i] == (short) (P[(short) (COORDINATE - 1 - i)] & 0xFF);
        }
        return zero || p;
    }
}
