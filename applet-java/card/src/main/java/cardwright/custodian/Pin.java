package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.OwnerPIN;
import javacard.framework.Util;
import org.globalplatform.GPSystem;

/**
 * The PIN, its tries, whether one has been verified, and the life cycle that says whether there is one: VERIFY and
 * CHANGE PIN.
 *
 * <p>Whether there is a PIN is a field of our own, which changes in one transaction with the PIN. The platform's life
 * cycle state takes part in transactions on some cards only, and on others needs one for itself: it follows.
 *
 * <p>{@code OwnerPIN} takes the try before it compares, whatever transaction is open. "PIN verified" is a byte of our
 * own and not {@code isValidated}, which lasts longer: until the card is reset.
 */
final class Pin {
    private static final byte TRIES = 3;
    private static final byte MIN = 4;
    private static final byte MAX = 12;

    private final OwnerPIN pin;
    private final boolean[] verified;
    private boolean set;

    Pin() {
        pin = new OwnerPIN(TRIES, MAX);
        verified = JCSystem.makeTransientBooleanArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
    }

    byte tries() {
        return pin.getTriesRemaining();
    }

    /** The life cycle state of every answer. */
    byte lifeCycle() {
        return set ? Custody.PERSONALIZED : GPSystem.APPLICATION_SELECTABLE;
    }

    /** Brings the platform's life cycle state up to ours. Outside of transactions; nothing depends on its success. */
    void recover() {
        byte state = lifeCycle();
        if (GPSystem.getCardContentState() != state) {
            GPSystem.setCardContentState(state);
        }
    }

    /** 6985 where there is no PIN. */
    void requireSet() {
        if (!set) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** "PIN", without using it up. */
    void require() {
        if (!verified[0]) {
            ISOException.throwIt(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
        }
    }

    /** "PIN": good for this one operation. */
    void use() {
        require();
        forget();
    }

    /** "PIN verified" is no. */
    void forget() {
        verified[0] = false;
    }

    /** VERIFY: the status word of its answer. */
    short verify(byte[] buffer, short length) {
        if (Util.getShort(buffer, ISO7816.OFFSET_P1) != 0) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        requireSet();
        if (length == 0) {
            return verified[0] ? Custody.SW_OK : triesLeft();
        }
        requireLength(length);
        requireDigits(buffer, ISO7816.OFFSET_CDATA, length);
        if (!isRight(buffer, ISO7816.OFFSET_CDATA, (byte) length)) {
            return triesLeftAfterWrong();
        }
        verified[0] = true;
        return Custody.SW_OK;
    }

    /** CHANGE PIN behind its first step: the status word of its answer. */
    short change(byte[] buffer, short length) {
        byte p1 = buffer[ISO7816.OFFSET_P1];
        if (buffer[ISO7816.OFFSET_P2] != 0 || (p1 != 0 && p1 != 1)) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        boolean first = p1 == 1;
        if (first == set) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        short fresh = ISO7816.OFFSET_CDATA;
        short old = 0;
        if (!first) {
            // Without data there may be anything in this place.
            old = length == 0 ? (short) 0 : buffer[ISO7816.OFFSET_CDATA];
            requireLength(old);
            fresh = (short) (ISO7816.OFFSET_CDATA + 1 + old);
        }
        short freshLength = (short) (ISO7816.OFFSET_CDATA + length - fresh);
        requireLength(freshLength);
        requireDigits(buffer, fresh, freshLength);
        if (!first) {
            requireDigits(buffer, (short) (ISO7816.OFFSET_CDATA + 1), old);
            if (!isRight(buffer, (short) (ISO7816.OFFSET_CDATA + 1), (byte) old)) {
                return triesLeftAfterWrong();
            }
        }
        forget();
        JCSystem.beginTransaction();
        pin.update(buffer, fresh, (byte) freshLength);
        set = true;
        JCSystem.commitTransaction();
        recover();
        return Custody.SW_OK;
    }

    /**
     * WIPE: no PIN, all tries, none verified. Within the caller's transaction; {@link #recover} has to follow it. Overwrites the
     * buffer's beginning.
     */
    void erase(byte[] buffer) {
        // Zeros are no digits, so nothing compares equal to them.
        Util.arrayFillNonAtomic(buffer, (short) 0, MAX, (byte) 0);
        pin.update(buffer, (short) 0, MAX);
        set = false;
        forget();
    }

    private static void requireLength(short length) {
        if (length < MIN || length > MAX) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
    }

    private static void requireDigits(byte[] buffer, short offset, short length) {
        short end = (short) (offset + length);
        for (short at = offset; at < end; at++) {
            if (buffer[at] < (byte) 0x30 || buffer[at] > (byte) 0x39) {
                ISOException.throwIt(ISO7816.SW_WRONG_DATA);
            }
        }
    }

    /** Steps 6 and 7 of VERIFY, and whether the PIN is right. */
    private boolean isRight(byte[] buffer, short offset, byte length) {
        if (pin.getTriesRemaining() == 0) {
            ISOException.throwIt(Custody.SW_BLOCKED);
        }
        forget();
        return pin.check(buffer, offset, length);
    }

    private short triesLeft() {
        if (pin.getTriesRemaining() == 0) {
            ISOException.throwIt(Custody.SW_BLOCKED);
        }
        return triesLeftAfterWrong();
    }

    private short triesLeftAfterWrong() {
        return (short) (Custody.SW_TRIES | pin.getTriesRemaining());
    }
}
