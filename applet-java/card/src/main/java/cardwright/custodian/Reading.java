package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;

/** READ SHARE: which block comes next. */
final class Reading {
    /** Bytes of a block: with padding and MAC it still fits a short answer. */
    private static final short BLOCK = 192;

    private final Pin pin;
    private final Share share;
    /** Number of the next block, 00 where nothing is being read: no share has more than three. */
    private final byte[] next;

    Reading(Parts parts) {
        pin = parts.pin;
        share = parts.share;
        next = JCSystem.makeTransientByteArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
    }

    void end() {
        next[0] = 0;
    }

    /** READ SHARE behind its first step: bytes of the answer. The caller calls {@link #end} where it is refused. */
    short read(byte[] buffer, short count) {
        byte number = buffer[ISO7816.OFFSET_P2];
        if (buffer[ISO7816.OFFSET_P1] != 0) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        if (count != 0) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
        share.requireThere();
        if (share.mode() != Custody.MODE_HOST) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        if (number == 0) {
            pin.use();
        } else if (number != next[0]) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        short from = (short) (number * BLOCK);
        short left = (short) (share.length() - from);
        short block = left > BLOCK ? BLOCK : left;
        share.copy(from, buffer, (short) 0, block);
        next[0] = block == left ? (byte) 0 : (byte) (number + 1);
        return block;
    }
}
