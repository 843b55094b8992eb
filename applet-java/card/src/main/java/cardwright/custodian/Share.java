package cardwright.custodian;

import javacard.framework.ISOException;
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

    /** 6A88 where there is none. */
    void requireThere() {
        if (state != WHOLE) {
            ISOException.throwIt(Custody.SW_NO_SHARE);
        }
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

    /**
     * STORE BOX: writes a dealt share, where there is none. It becomes the card's with {@link #adopt}.
     *
     * @param fields where the statement's KCV stands, with the commitments behind it
     * @param hash where the statement hash stands
     * @param content where the box's content stands: y, zeros behind it to 32 bytes, salt
     */
    void prepare(Manifest manifest, byte[] fields, short fieldsAt, byte[] hash, short hashAt, byte[] content,
            short contentAt) {
        state = UNFINISHED;
        ShareObject.writeDealt(object, manifest, fields, fieldsAt, hash, hashAt, content, contentAt);
    }

    /** Within the caller's transaction: what was prepared is the card's share, in blind mode. */
    void adopt() {
        length = ShareObject.length(object);
        mode = Custody.MODE_BLIND;
        state = WHOLE;
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
        short behind = isDealt() ? ShareObject.HASH_OBJECT : (short) 0;
        short end = ShareObject.begin(buffer, at, ShareObject.TAG, (short) (ShareObject.FIXED + behind));
        end = Util.arrayCopyNonAtomic(object, ShareObject.valueOffset(object), buffer, end, ShareObject.FIXED);
        return Util.arrayCopyNonAtomic(object, (short) (length - behind), buffer, end, behind);
    }

    /** 6A88: there is no share, or it is of another set; 660C: of another generation. */
    void requireSetOf(Manifest manifest) {
        if (!isThere() || !ShareObject.isSet(object, manifest, Manifest.ID)) {
            ISOException.throwIt(Custody.SW_NO_SHARE);
        }
        if (!isSetOf(manifest)) {
            ISOException.throwIt(Custody.SW_GENERATION);
        }
    }

    /** Whether there is a share with the manifest's set id and generation. */
    boolean isSetOf(Manifest manifest) {
        return isThere() && ShareObject.isSet(object, manifest, Manifest.ID_AND_GENERATION);
    }

    /** Whether there is a share of version 02. */
    boolean isDealt() {
        return isThere() && ShareObject.isDealt(object);
    }

    /** Whether scheme, m, n, key type, length and usage are the manifest's, and x is the card's place. */
    boolean fits(Manifest manifest) {
        return ShareObject.fits(object, manifest);
    }

    byte x() {
        return ShareObject.x(object);
    }

    /** Writes set id and generation, 20 bytes. Where they end. */
    short copySet(byte[] target, short at) {
        return ShareObject.copySet(object, target, at);
    }

    /** Writes the statement hash: zeros where it is no dealt share. Where it ends. */
    short copyStatementHash(byte[] target, short at) {
        if (!isDealt()) {
            return Util.arrayFillNonAtomic(target, at, Engines.SHA, (byte) 0);
        }
        return Util.arrayCopyNonAtomic(object, (short) (length - Engines.SHA), target, at, Engines.SHA);
    }

    /** Writes a dealt share's content of a box: y with zeros behind it to 32 bytes, salt. Where it ends. */
    short copyContent(byte[] target, short at) {
        return ShareObject.copyContent(object, target, at);
    }
}
