package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.AESKey;
import javacard.security.ECPublicKey;
import javacard.security.KeyBuilder;
import javacard.security.KeyPair;
import javacard.security.MessageDigest;
import javacard.security.PrivateKey;
import javacardx.crypto.Cipher;

/**
 * "Boxes": E, the ciphertext, the tag.
 *
 * <p>A context is what the info has before Q: T(k), M, x, the sender's and the recipient's certificate hash. A content
 * is of whole blocks of 16 bytes.
 */
final class Sealing {
    /** Bytes of a context. */
    static final short CONTEXT = 101;
    /** How much longer than its content a box is. */
    static final short OVERHEAD = Point.SIZE + Cmac.SIZE;
    /** A box's tag is wrong. */
    static final short SW_TAG = 0x6607;

    /** Places in {@link #secrets}: K(1), K(2), Z, info. The recipient's own Q is in the first of them before that. */
    private static final short ENCRYPTION = 0;
    private static final short MAC = 32;
    private static final short Z = 64;
    private static final short INFO = 96;
    private static final short SECRETS = 128;

    private final P256 curve;
    private final MessageDigest digest;
    private final Kdf kdf;
    private final Cipher cipher;
    private final Cmac cmac;
    private final KeyPair ephemeral;
    private final AESKey encryption;
    private final AESKey mac;
    private final byte[] secrets;

    /** @param digest SHA-256; it may be one that others use too */
    Sealing(P256 curve, MessageDigest digest) {
        this.curve = curve;
        this.digest = digest;
        kdf = new Kdf(digest);
        cipher = Cipher.getInstance(Cipher.ALG_AES_BLOCK_128_CBC_NOPAD, false);
        cmac = new Cmac(cipher);
        ephemeral = P256.transientPair();
        encryption = transientKey();
        mac = transientKey();
        secrets = JCSystem.makeTransientByteArray(SECRETS, JCSystem.CLEAR_ON_DESELECT);
    }

    private static AESKey transientKey() {
        return (AESKey) KeyBuilder.buildKey(KeyBuilder.TYPE_AES_TRANSIENT_DESELECT, KeyBuilder.LENGTH_AES_256, false);
    }

    /** Clears what a loss of power may have left where the platform has no transient private keys. */
    void recover() {
        PrivateKey key = ephemeral.getPrivate();
        if (key.isInitialized()) {
            key.clearKey();
        }
    }

    /** Seals a content to Q, a point that has been checked. Nothing may overlap with the box. Where that ends. */
    short seal(byte[] q, short qAt, byte[] context, short contextAt, byte[] content, short contentAt, short length,
            byte[] box, short boxAt) {
        short cryptogram = P256.generate(ephemeral, box, boxAt);
        digest.reset();
        digest.update(context, contextAt, CONTEXT);
        digest.update(q, qAt, Point.SIZE);
        digest.doFinal(box, boxAt, Point.SIZE, secrets, INFO);
        derive(ephemeral.getPrivate(), q, qAt);
        ephemeral.getPrivate().clearKey();
        cipher.init(encryption, Cipher.MODE_ENCRYPT);
        cipher.doFinal(content, contentAt, length, box, cryptogram);
        cmac.init(mac);
        cmac.update(box, cryptogram, length);
        short end = cmac.sign(box, (short) (cryptogram + length));
        forget();
        return end;
    }

    /**
     * Opens a box with the pair that it is for. The content may be written over the ciphertext or elsewhere, but for
     * the rest of the box. 6A80 where E is no point on the curve, {@link #SW_TAG}; nothing is written then.
     */
    void open(KeyPair own, byte[] context, short contextAt, byte[] box, short boxAt, byte[] content, short contentAt,
            short length) {
        if (!curve.isPoint(box, boxAt)) {
            ISOException.throwIt(ISO7816.SW_WRONG_DATA);
        }
        short cryptogram = (short) (boxAt + Point.SIZE);
        ((ECPublicKey) own.getPublic()).getW(secrets, (short) 0);
        digest.reset();
        digest.update(context, contextAt, CONTEXT);
        digest.update(secrets, (short) 0, Point.SIZE);
        digest.doFinal(box, boxAt, Point.SIZE, secrets, INFO);
        derive(own.getPrivate(), box, boxAt);
        cmac.init(mac);
        cmac.update(box, cryptogram, length);
        boolean genuine = cmac.verify(box, (short) (cryptogram + length));
        if (genuine) {
            cipher.init(encryption, Cipher.MODE_DECRYPT);
            cipher.doFinal(box, cryptogram, length, content, contentAt);
        }
        forget();
        if (!genuine) {
            ISOException.throwIt(SW_TAG);
        }
    }

    /** A key of 256 bits in memory that power does not outlast: others may use it between boxes, and clear it. */
    AESKey idleKey() {
        return encryption;
    }

    /** K(1) and K(2), from the info in its place. */
    private void derive(PrivateKey own, byte[] other, short otherAt) {
        curve.agree(own, other, otherAt, secrets, Z);
        kdf.derive(secrets, Z, P256.Z, secrets, INFO, Kdf.BLOCK, (short) 2, secrets, ENCRYPTION);
        encryption.setKey(secrets, ENCRYPTION);
        mac.setKey(secrets, MAC);
        Util.arrayFillNonAtomic(secrets, (short) 0, SECRETS, (byte) 0);
    }

    /** What a box may have left where the platform failed in it. */
    void abandon() {
        Util.arrayFillNonAtomic(secrets, (short) 0, SECRETS, (byte) 0);
        cmac.abandon();
        forget();
        // May write to persistent memory, where the platform may fail again.
        recover();
    }

    private void forget() {
        encryption.clearKey();
        mac.clearKey();
    }
}
