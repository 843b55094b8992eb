package cardwright.custodian;

import javacard.framework.ISOException;

/**
 * The content of a box with a share: y with zeros behind it to 32 bytes, and the salt; and what commits to it. It
 * stands in {@link Engines#work}, at {@link Engines#CONTENT}.
 */
final class Content {
    /** Bytes of it, and where the salt is in it. */
    static final short SIZE = 48;
    static final short SALT = 32;

    private final Engines engines;
    private final Manifest manifest;

    Content(Engines engines, Manifest manifest) {
        this.engines = engines;
        this.manifest = manifest;
    }

    /** Writes c(x). Where it ends. */
    short commit(byte x, byte[] target, short at) {
        byte[] work = engines.work;
        engines.hash(Kind.SHARE_COMMITMENT);
        engines.digest.update(manifest.bytes(), Manifest.SET_ID, Manifest.ID_AND_GENERATION);
        work[Engines.TAG] = x;
        engines.digest.update(work, Engines.TAG, (short) 1);
        engines.digest.update(work, (short) (Engines.CONTENT + SALT), Pending.SALT);
        return (short) (at + engines.digest.doFinal(work, Engines.CONTENT, manifest.keyLength(), target, at));
    }

    /** 6608 where it does not fit c(x), or the zeros are none. */
    void requireFits(byte x, byte[] commitments, short at) {
        byte[] work = engines.work;
        commit(x, work, Engines.HASH);
        byte y = manifest.keyLength();
        boolean fits = Engines.isEqual(work, Engines.HASH, commitments, at, Engines.SHA);
        fits &= Engines.isZero(work, (short) (Engines.CONTENT + y), (short) (SALT - y));
        if (!fits) {
            ISOException.throwIt(Custody.SW_COMMITMENT);
        }
    }
}
