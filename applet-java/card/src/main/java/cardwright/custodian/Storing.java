package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** STORE SHARE: the blocks so far, in memory that goes with the power. */
final class Storing {
    private static final byte LAST = (byte) 0x80;

    /**
     * Places in {@link #step}: the first block's mode, 00 where nothing is being stored; the number of the next block.
     */
    private static final short MODE = 0;
    private static final short NEXT = 1;

    private final Pin pin;
    private final Share share;
    private final byte[] object;
    private final short[] length;
    private final byte[] step;

    Storing(Pin pin, Share share) {
        this.pin = pin;
        this.share = share;
        object = JCSystem.makeTransientByteArray(Custody.MAX_OBJECT, JCSystem.CLEAR_ON_DESELECT);
        length = JCSystem.makeTransientShortArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
        step = JCSystem.makeTransientByteArray((short) 2, JCSystem.CLEAR_ON_DESELECT);
    }

    /** What came so far is wiped. */
    void end() {
        Util.arrayFillNonAtomic(object, (short) 0, length[0], (byte) 0);
        length[0] = 0;
        step[MODE] = 0;
        step[NEXT] = 0;
    }

    /** STORE SHARE behind its first step. The caller calls {@link #end} where it is refused. */
    void store(byte[] buffer, short count) {
        byte p1 = buffer[ISO7816.OFFSET_P1];
        byte number = buffer[ISO7816.OFFSET_P2];
        byte mode = (byte) (p1 & ~LAST);
        pin.requireSet();
        if (mode != Custody.MODE_HOST && mode != Custody.MODE_BLIND) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        if (number == 0) {
            end();
            step[MODE] = mode;
        } else if (mode != step[MODE] || number != step[NEXT]) {
            // Behind block FF the next number is 00 here, so none fits: as it should be.
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        if (count == 0) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
        if (share.isThere()) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        if (number == 0) {
            pin.require();
        }
        if ((short) (length[0] + count) > Custody.MAX_OBJECT) {
            ISOException.throwIt(ISO7816.SW_FILE_FULL);
        }
        length[0] = Util.arrayCopyNonAtomic(buffer, ISO7816.OFFSET_CDATA, object, length[0], count);
        step[NEXT] = (byte) (number + 1);
        if (p1 < 0) {
            finish(mode);
        }
    }

    private void finish(byte mode) {
        pin.use();
        if (!ShareObject.isWellFormed(object, length[0])) {
            ISOException.throwIt(ISO7816.SW_WRONG_DATA);
        }
        share.store(object, length[0], mode);
        end();
    }
}
