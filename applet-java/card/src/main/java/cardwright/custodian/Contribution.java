package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;

/** A custodian's contribution to the secret, and what commits to one. */
final class Contribution {
    private static final byte NONE = 0;
    private static final byte MADE = 1;
    private static final byte GONE = 2;

    private final Engines engines;
    private final Manifest manifest;
    private final byte[] r;
    private byte state;
    /** There may be something in {@link #r}. */
    private boolean written;

    Contribution(Engines engines, Manifest manifest) {
        this.engines = engines;
        this.manifest = manifest;
        r = new byte[Engines.SHA];
    }

    /** As in GET STATE. */
    byte state() {
        return state;
    }

    /** 6985 where it is gone. */
    void requireNotGone() {
        if (state == GONE) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** 6985 where there is none, or it is gone. */
    void requireMade() {
        if (state != MADE) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** Where there is none, it is made with these dice. */
    void make(byte[] dice, short at, short length) {
        if (state != NONE) {
            return;
        }
        byte[] work = engines.work;
        engines.random.generateData(work, Engines.CONTENT, Engines.SHA);
        engines.hash(Kind.CONTRIBUTION);
        engines.digest.update(work, Engines.CONTENT, Engines.SHA);
        engines.digest.doFinal(dice, at, length, work, Engines.CONTENT);
        written = true;
        Util.arrayCopyNonAtomic(work, Engines.CONTENT, r, (short) 0, Engines.SHA);
        state = MADE;
    }

    /** Writes r. Where it ends. */
    short copy(byte[] target, short at) {
        return Util.arrayCopyNonAtomic(r, (short) 0, target, at, Engines.SHA);
    }

    /** The commitment to a contribution of custodian x's, this card's or another one's. Where it ends. */
    short commit(byte x, byte[] contribution, short at, byte[] target, short targetAt) {
        byte[] work = engines.work;
        engines.hash(Kind.CONTRIBUTION_COMMITMENT);
        manifest.hashM(engines);
        work[Engines.TAG] = x;
        engines.digest.update(work, Engines.TAG, (short) 1);
        return (short) (targetAt + engines.digest.doFinal(contribution, at, Engines.SHA, target, targetAt));
    }

    /** Within the caller's transaction: it is gone. {@link #recover} has to follow. */
    void use() {
        state = GONE;
    }

    /** Within the caller's transaction: there is none. {@link #recover} has to follow. */
    void discard() {
        state = NONE;
    }

    /** Finishes what a loss of power, {@link #use} or {@link #discard} left: overwrites it. */
    void recover() {
        if (state != MADE && written) {
            Util.arrayFillNonAtomic(r, (short) 0, Engines.SHA, (byte) 0);
            written = false;
        }
    }
}
