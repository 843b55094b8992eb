package cardwright.custodian;

import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.MessageDigest;
import javacard.security.RandomData;

/** What the platform computes with, and the memory that a command computes in: made once, shared by all parts. */
final class Engines {
    /** Bytes of a hash. */
    static final short SHA = 32;

    /**
     * Places in {@link #work}: a box's context of 101 bytes; T(k), which {@link #hash} and {@link Messages} write;
     * a hash of 32 bytes; what goes into a box or comes out of one, 48 bytes.
     */
    static final short CONTEXT = 0;
    static final short TAG = 101;
    static final short HASH = 105;
    static final short CONTENT = 137;
    private static final short WORK = 185;

    final P256 curve;
    /** SHA-256. */
    final MessageDigest digest;
    final RandomData random;
    final Sealing sealing;
    /** Zeros at the beginning of every command. Nothing of it lasts longer than the command. */
    final byte[] work;

    /** Cards of Java Card 3.0.4 have no other generator; later versions of the API call it deprecated. */
    @SuppressWarnings("deprecation")
    Engines() {
        curve = new P256();
        digest = MessageDigest.getInstance(MessageDigest.ALG_SHA_256, false);
        random = RandomData.getInstance(RandomData.ALG_SECURE_RANDOM);
        sealing = new Sealing(curve, digest);
        work = JCSystem.makeTransientByteArray(WORK, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Before every command. */
    void recover() {
        sealing.recover();
    }

    /** Behind every command: zeros in {@link #work}. */
    void clear() {
        Util.arrayFillNonAtomic(work, (short) 0, WORK, (byte) 0);
    }

    /** Begins SHA-256 of something with T(k) in front; {@code digest} goes on. */
    void hash(byte kind) {
        Kind.tag(kind, work, TAG);
        digest.reset();
        digest.update(work, TAG, Kind.TAG);
    }

    /** Whether all these bytes are 00. */
    static boolean isZero(byte[] bytes, short at, short length) {
        byte found = 0;
        for (short i = 0; i < length; i++) {
            found |= bytes[(short) (at + i)];
        }
        return found == 0;
    }

    /** Whether these bytes are equal; takes as long for all, so good for secrets. */
    static boolean isEqual(byte[] one, short oneAt, byte[] other, short otherAt, short length) {
        byte difference = 0;
        for (short i = 0; i < length; i++) {
            difference |= (byte) (one[(short) (oneAt + i)] ^ other[(short) (otherAt + i)]);
        }
        return difference == 0;
    }
}
