package cardwright.custodian;

import javacard.framework.ISOException;
import javacard.security.CryptoException;
import javacard.security.ECKey;
import javacard.security.ECPrivateKey;
import javacard.security.ECPublicKey;
import javacard.security.KeyAgreement;
import javacard.security.KeyBuilder;
import javacard.security.KeyPair;
import javacard.security.PrivateKey;
import javacard.security.Signature;

/** P-256: key pairs, points, ECDSA with SHA-256, and ECDH. What a signature and a point are is in "Primitives". */
final class P256 {
    /** Bytes of Z: x alone. */
    static final short Z = 32;
    /** A signature is not good. */
    static final short SW_SIGNATURE = 0x6601;

    private static final byte SEQUENCE = 0x30;
    private static final byte INTEGER = 0x02;

    private final Point point;
    private final Signature signature;
    private final KeyAgreement agreement;
    /** Whose signature is verified. */
    private final ECPublicKey signer;

    P256() {
        point = new Point();
        signature = Signature.getInstance(Signature.ALG_ECDSA_SHA_256, false);
        agreement = KeyAgreement.getInstance(KeyAgreement.ALG_EC_SVDP_DH_PLAIN, false);
        signer = publicKey();
    }

    /** A place for a pair that is kept. Only when the applet is installed. */
    static KeyPair persistentPair() {
        return new KeyPair(publicKey(), privateKey(KeyBuilder.TYPE_EC_FP_PRIVATE));
    }

    /** The same for a pair whose private key is gone with the selection; some cards have persistent keys alone. */
    static KeyPair transientPair() {
        try {
            // A card may make such a key, and refuse it in a pair.
            return new KeyPair(publicKey(), privateKey(KeyBuilder.TYPE_EC_FP_PRIVATE_TRANSIENT_DESELECT));
        } catch (CryptoException e) {
            return persistentPair();
        }
    }

    private static PrivateKey privateKey(byte type) {
        return (PrivateKey) KeyBuilder.buildKey(type, KeyBuilder.LENGTH_EC_FP_256, false);
    }

    private static ECPublicKey publicKey() {
        ECPublicKey key = (ECPublicKey) KeyBuilder.buildKey(KeyBuilder.TYPE_EC_FP_PUBLIC, KeyBuilder.LENGTH_EC_FP_256,
                false);
        setCurve(key);
        return key;
    }

    /** Java Card 3.0.4 knows no curve by name. */
    static void setCurve(ECKey key) {
        key.setFieldFP(Point.P, (short) 0, Point.COORDINATE);
        key.setA(Point.A, (short) 0, Point.COORDINATE);
        key.setB(Point.B, (short) 0, Point.COORDINATE);
        key.setG(Point.G, (short) 0, Point.SIZE);
        key.setR(Point.ORDER, (short) 0, Point.COORDINATE);
        key.setK((short) 1);
    }

    /** A new pair in the place, and its public key in the buffer. Where that ends. */
    static short generate(KeyPair pair, byte[] buffer, short at) {
        // A private key that was cleared, or went with the power, has lost the curve too (Key.isInitialized).
        setCurve((ECKey) pair.getPrivate());
        pair.genKeyPair();
        return (short) (at + ((ECPublicKey) pair.getPublic()).getW(buffer, at));
    }

    /** Begins a message to sign. */
    void initSign(PrivateKey key) {
        signature.init(key, Signature.MODE_SIGN);
    }

    /**
     * Begins a message whose signature is verified under this public key, which the CA has signed or a list has
     * checked. Writes it to persistent memory, so better not in a transaction. {@link #SW_SIGNATURE} where the platform
     * finds that it is no point.
     */
    void initVerify(byte[] key, short at) {
        try {
            signer.setW(key, at, Point.SIZE);
            signature.init(signer, Signature.MODE_VERIFY);
        } catch (RuntimeException e) {
            ISOException.throwIt(SW_SIGNATURE);
        }
    }

    /** A piece of the message that is not the last one. */
    void update(byte[] message, short at, short length) {
        signature.update(message, at, length);
    }

    /** The signature of the message that ends with this piece. Where it ends, 8 to 72 bytes on. */
    short sign(byte[] message, short at, short length, byte[] buffer, short bufferAt) {
        return (short) (bufferAt + signature.sign(message, at, length, buffer, bufferAt));
    }

    /** Whether the signature of the message that ends with this piece is "good". */
    boolean verify(byte[] message, short at, short length, byte[] signed, short signedAt, short signedLength) {
        if (!isDer(signed, signedAt, signedLength)) {
            return false;
        }
        try {
            return signature.verify(message, at, length, signed, signedAt, signedLength);
        } catch (CryptoException e) {
            // What some platforms say to numbers that no signature has.
            return false;
        }
    }

    /** Whether 65 bytes are a point on the curve. */
    boolean isPoint(byte[] bytes, short at) {
        return point.isOnCurve(bytes, at);
    }

    /** ECDH with a point that has been checked: Z, of 32 bytes. */
    void agree(PrivateKey own, byte[] other, short otherAt, byte[] z, short at) {
        agreement.init(own);
        agreement.generateSecret(other, otherAt, Point.SIZE, z, at);
    }

    /** Whether there are two positive integers in their one form, of 32 bytes at most without a leading zero. */
    static boolean isDer(byte[] bytes, short at, short length) {
        if (length < 2 || bytes[at] != SEQUENCE || bytes[(short) (at + 1)] != (short) (length - 2)) {
            return false;
        }
        short end = (short) (at + length);
        short second = endOfInteger(bytes, (short) (at + 2), end);
        return second >= 0 && endOfInteger(bytes, second, end) == end;
    }

    /** Where the integer that begins here ends, or -1 where there is none. */
    private static short endOfInteger(byte[] bytes, short at, short end) {
        if ((short) (end - at) < 3 || bytes[at] != INTEGER) {
            return -1;
        }
        short length = bytes[(short) (at + 1)];
        short first = (short) (at + 2);
        if (length < 1 || length > 33 || (short) (end - first) < length || bytes[first] < 0) {
            return -1;
        }
        // A zero leads where a bit is set behind it; it is no number of its own, since 0 is in no signature.
        if (bytes[first] == 0 && (length == 1 || bytes[(short) (first + 1)] >= 0)) {
            return -1;
        }
        // The order has 32 bytes.
        if (length == 33 && bytes[first] != 0) {
            return -1;
        }
        return (short) (first + length);
    }
}
