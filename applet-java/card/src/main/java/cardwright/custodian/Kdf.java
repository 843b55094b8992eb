package cardwright.custodian;

import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.MessageDigest;

/** The one-step key derivation of NIST SP 800-56C: SHA-256(counter || Z || info), with a counter of 4 bytes from 1. */
final class Kdf {
    /** Bytes of a block. */
    static final short BLOCK = 32;

    private static final short COUNTER = 4;

    private final MessageDigest digest;
    private final byte[] counter;

    /** @param digest SHA-256; it may be one that others use too */
    Kdf(MessageDigest digest) {
        this.digest = digest;
        counter = JCSystem.makeTransientByteArray(COUNTER, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Writes so many blocks, which may not overlap with z or info. */
    void derive(byte[] z, short zAt, short zLength, byte[] info, short infoAt, short infoLength, short blocks,
            byte[] keys, short keysAt) {
        Util.setShort(counter, (short) 0, (short) 0);
        for (short block = 1; block <= blocks; block++) {
            Util.setShort(counter, (short) 2, block);
            digest.reset();
            digest.update(counter, (short) 0, COUNTER);
            digest.update(z, zAt, zLength);
            digest.doFinal(info, infoAt, infoLength, keys, keysAt);
            keysAt += BLOCK;
        }
    }
}
