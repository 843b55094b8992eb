package cardwright.custodian;

import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * The place of the one share.
 *
 * <p>A commit buffer holds no 512 bytes on most cards, so the object is written outside of any transaction, into a
 * place that is marked unfinished; what makes it the card's share is a transaction of four bytes. What was left
 * unfinished is overwritten before the next command.
 */
final class Share {
    private static final byte ABSENT = 0;
    private static final byte UNFINISHED = 1;
    private static final byte WHOLE = 2;

    private final byte[] object;
    private short length;
    private byte mode;
    private byte state;

    Share() {
        object = new byte[Custody.MAX_OBJECT];
        state = ABSENT;
    }

    boolean isThere() {
        return state == WHOLE;
    }

    /** 00 where there is none. */
    byte mode() {
        return state == WHOLE ? mode : 0;
    }

    /** Bytes of the object. */
    short length() {
        return length;
    }

    /** Finishes what a loss of power, or {@link #discard}, left: overwrites the place. */
    void recover() {
        if (state == UNFINISHED) {
            Util.arrayFillNonAtomic(object, (short) 0, Custody.MAX_OBJECT, (byte) 0);
            state = ABSENT;
        }
    }

    /** Makes a well-formed object the card's share. */
    void store(byte[] source, short sourceLength, byte sourceMode) {
        state = UNFINISHED;
        Util.arrayCopyNonAtomic(source, (short) 0, object, (short) 0, sourceLength);
        JCSystem.beginTransaction();
        length = sourceLength;
        mode = sourceMode;
        state = WHOLE;
        JCSystem.commitTransaction();
    }

    /** From now on there is none; {@link #recover} has to follow. */
    void discard() {
        state = UNFINISHED;
    }

    /** Copies a piece of the object. */
    void copy(short from, byte[] target, short at, short count) {
        Util.arrayCopyNonAtomic(object, from, target, at, count);
    }

    /** Writes the object without y, salt and commitments, where there is one. Where it ends. */
    short describe(byte[] buffer, short at) {
        if (state != WHOLE) {
            return at;
        }
        short value = Util.setShort(buffer, at, (short) (0xE000 | ShareObject.FIXED));
        return Util.arrayCopyNonAtomic(object, ShareObject.valueOffset(object), buffer, value, ShareObject.FIXED);
    }
}
