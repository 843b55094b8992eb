package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;

/** The checks that most lists begin with. */
final class Command {
    private Command() {
    }

    /** "P1 P2 other than 0000: 6A86". */
    static void requireNoParameters(byte[] buffer) {
        if (Util.getShort(buffer, ISO7816.OFFSET_P1) != 0) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
    }

    /** "P2 other than 00, P1 other than" these, or what is between them: 6A86. P1. */
    static byte requireP1(byte[] buffer, byte lowest, byte highest) {
        byte p1 = buffer[ISO7816.OFFSET_P1];
        if (buffer[ISO7816.OFFSET_P2] != 0 || p1 < lowest || p1 > highest) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        return p1;
    }

    /** "Data: 6700". */
    static void requireNoData(short length) {
        requireLength(length, (short) 0, (short) 0);
    }

    /** Other than so many bytes: 6700. */
    static void requireLength(short length, short least, short most) {
        if (length < least || length > most) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
    }

    /** Another number of bytes: 6700. */
    static void requireExactly(short length, short right) {
        requireLength(length, right, right);
    }

    /** Other than a field of so many bytes with a signature behind it: 6700. */
    static void requireSigned(short field, short length) {
        requireLength(length, (short) (field + Certificate.MIN_SIGNATURE), (short) (field + Certificate.MAX_SIGNATURE));
    }

    /** Whether it is 01 to 0A. */
    static boolean isX(byte x) {
        return x >= 1 && x <= Custody.MOST;
    }

    /** 6985 unless this is so. */
    static void requireConditions(boolean met) {
        if (!met) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** 6A80 unless this is so. */
    static void requireSound(boolean sound) {
        if (!sound) {
            ISOException.throwIt(ISO7816.SW_WRONG_DATA);
        }
    }
}
