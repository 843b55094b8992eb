package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** "In blocks": what came so far of a command that takes several APDUs, in memory that goes with the power. */
final class Blocks {
    private static final byte LAST = (byte) 0x80;

    /**
     * Places in {@link #step}: the command's INS, 00 where nothing is collected; the first block's mode; the number of
     * the next block.
     */
    private static final short INS = 0;
    private static final short MODE = 1;
    private static final short NEXT = 2;
    private static final short STEP = 3;

    private final byte[] object;
    private final short[] length;
    private final byte[] step;

    Blocks() {
        object = JCSystem.makeTransientByteArray(Custody.MAX_OBJECT, JCSystem.CLEAR_ON_DESELECT);
        length = JCSystem.makeTransientShortArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
        step = JCSystem.makeTransientByteArray(STEP, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Collecting ends; what came so far is wiped. */
    void end() {
        Util.arrayFillNonAtomic(object, (short) 0, length[0], (byte) 0);
        length[0] = 0;
        Util.arrayFillNonAtomic(step, (short) 0, STEP, (byte) 0);
    }

    /** The same, with whatever a command that did not end may have written behind it. */
    void abandon() {
        length[0] = Custody.MAX_OBJECT;
        end();
    }

    /** Before a command's list: collecting ends where it is for another one. */
    void endUnless(byte ins) {
        if (step[INS] != ins) {
            end();
        }
    }

    /** The data that the blocks have made. Where it stands alone is up to the command: 512 bytes, from 0 on. */
    byte[] bytes() {
        return object;
    }

    /** How many bytes of data came so far. */
    short length() {
        return length[0];
    }

    /** A command that is over keeps nothing but a transfer that goes on. */
    void settle() {
        if (step[INS] == 0) {
            end();
        }
    }

    /**
     * All of "In blocks" but its first step; the block has {@code count} bytes at {@code OFFSET_CDATA}.
     *
     * @return whether this was the last block: the data is in {@link #bytes} then, until the command is over
     */
    boolean take(byte[] buffer, short count) {
        byte p1 = buffer[ISO7816.OFFSET_P1];
        if ((byte) (p1 & ~LAST) != 0) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        requireNext(buffer, (byte) 0);
        requireData(count);
        keep(buffer, count);
        return isLast(buffer);
    }

    /** Step 3: block 00 begins anew, another has to be the next one, of the same mode. 6A86. */
    void requireNext(byte[] buffer, byte mode) {
        byte number = buffer[ISO7816.OFFSET_P2];
        if (number == 0) {
            end();
            step[INS] = buffer[ISO7816.OFFSET_INS];
            step[MODE] = mode;
        } else if (mode != step[MODE] || number != step[NEXT]) {
            // Behind block FF the next number is 00 here, so none fits: as it should be.
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
    }

    /** Step 4: 6700 without data. */
    static void requireData(short count) {
        if (count == 0) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
    }

    /** Step 5 and 6: 6A84 where it is too much; the block is kept. */
    void keep(byte[] buffer, short count) {
        if ((short) (length[0] + count) > Custody.MAX_OBJECT) {
            ISOException.throwIt(ISO7816.SW_FILE_FULL);
        }
        length[0] = Util.arrayCopyNonAtomic(buffer, ISO7816.OFFSET_CDATA, object, length[0], count);
        step[NEXT] = (byte) (buffer[ISO7816.OFFSET_P2] + 1);
    }

    /** Step 7: whether this block is the last one; collecting ends with it. */
    boolean isLast(byte[] buffer) {
        if (buffer[ISO7816.OFFSET_P1] >= 0) {
            return false;
        }
        step[INS] = 0;
        return true;
    }
}
