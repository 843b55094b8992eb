package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;

/**
 * A deal statement's hash, and its fields where it came with TAKE STATEMENT; a dealer keeps the hash of its own.
 *
 * <p>It is larger than a commit buffer, and may take the place of another one. So there are two places: what comes is
 * written to the one that does not count, and a single write makes it the statement.
 */
final class Statement {
    /** Bytes of a statement's fields without the commitments: KCV and B. */
    static final short FIELDS = CheckValue.SIZE + Engines.SHA;
    /** Where S stands in the message, and the fields. */
    static final short SIGNER = Kind.TAG + Engines.SHA;
    static final short HEAD = SIGNER + Engines.SHA;

    private static final short PLACE = FIELDS + Custody.MOST * Engines.SHA;
    /** Bytes of the two places for fields. */
    static final short SIZE = 2 * PLACE;

    private static final short TAG = (short) 0x8E20;

    /** Fields as the message has them, in memory that is shared. */
    private final byte[] fields;
    private final byte[] hashes;
    /** Which place counts: 1, 2; 0 where there is no statement. */
    private byte inHand;

    /** @param memory of which this takes the first {@link #SIZE} bytes, for statements that are taken */
    Statement(byte[] memory) {
        fields = memory;
        hashes = new byte[(short) (2 * Engines.SHA)];
    }

    boolean isThere() {
        return inHand != 0;
    }

    /** 6985 where there is none. */
    void requireThere() {
        if (!isThere()) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** The array in which {@link #hashAt} counts. */
    byte[] hashes() {
        return hashes;
    }

    /** Where the statement hash is. */
    short hashAt() {
        return inHand == 2 ? Engines.SHA : (short) 0;
    }

    /** The array in which the offsets that follow count. */
    byte[] fields() {
        return fields;
    }

    /** Where the KCV is. */
    short checkValueAt() {
        return inHand == 2 ? PLACE : (short) 0;
    }

    /** Where c(x) is; behind the last commitment is B. */
    short commitmentAt(byte x) {
        return (short) (checkValueAt() + CheckValue.SIZE + (x - 1) * Engines.SHA);
    }

    /** Whether this is the statement hash, where there is one. */
    boolean isHash(byte[] hash, short at) {
        return isThere() && Util.arrayCompare(hash, at, hashes, hashAt(), Engines.SHA) == 0;
    }

    /** Writes a statement hash, which {@link #turn} makes the one that counts. */
    void prepareHash(byte[] hash, short at) {
        Util.arrayCopyNonAtomic(hash, at, hashes, inHand == 1 ? Engines.SHA : (short) 0, Engines.SHA);
    }

    /** Writes the fields of a statement of n shares, to go with the hash. */
    void prepareFields(byte[] source, short at, byte n) {
        Util.arrayCopyNonAtomic(source, at, fields, inHand == 1 ? PLACE : (short) 0,
                (short) (FIELDS + n * Engines.SHA));
    }

    /** Within the caller's transaction: what was prepared is the statement. */
    void turn() {
        inHand = inHand == 1 ? (byte) 2 : (byte) 1;
    }

    /** Within the caller's transaction: there is none. */
    void discard() {
        inHand = 0;
    }

    /** GET STATE: object 8E where there is a statement. Where it ends. */
    short describe(byte[] buffer, short at) {
        if (!isThere()) {
            return at;
        }
        return Util.arrayCopyNonAtomic(hashes, hashAt(), buffer, Util.setShort(buffer, at, TAG), Engines.SHA);
    }
}
