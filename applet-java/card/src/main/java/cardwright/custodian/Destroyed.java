package cardwright.custodian;

import javacard.framework.Util;

/** What WIPE notes of the share that it destroyed last. There are two places, so that a note is whole or as before. */
final class Destroyed {
    private static final short X = Manifest.ID_AND_GENERATION;
    private static final short HASH = X + 1;
    private static final short NOTE = HASH + Engines.SHA;

    private final byte[] first;
    private final byte[] second;
    /** Which place counts: 1, 2; 0 where nothing is noted. */
    private byte last;

    Destroyed() {
        first = new byte[NOTE];
        second = new byte[NOTE];
    }

    /** Writes the note of a share that is there. It counts from {@link #turn} on. */
    void prepare(Share share) {
        byte[] note = last == 1 ? second : first;
        share.copySet(note, (short) 0);
        note[X] = share.x();
        share.copyStatementHash(note, HASH);
    }

    /** Within the caller's transaction: what was prepared is noted. */
    void turn() {
        last = last == 1 ? (byte) 2 : (byte) 1;
    }

    /** Within the caller's transaction: nothing is noted. */
    void discard() {
        last = 0;
    }

    /** Whether what is noted has the manifest's set id and generation. */
    boolean isSetOf(Manifest manifest) {
        return last != 0 && Util.arrayCompare(note(), (short) 0, manifest.bytes(), Manifest.SET_ID,
                Manifest.ID_AND_GENERATION) == 0;
    }

    /** x of what is noted. */
    byte x() {
        return note()[X];
    }

    /** Writes the statement hash of what is noted. Where it ends. */
    short copyStatementHash(byte[] target, short at) {
        return Util.arrayCopyNonAtomic(note(), HASH, target, at, Engines.SHA);
    }

    private byte[] note() {
        return last == 1 ? first : second;
    }
}
