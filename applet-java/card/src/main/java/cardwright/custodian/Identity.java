package cardwright.custodian;

import javacard.framework.ISOException;
import javacard.framework.Util;
import javacard.security.ECPublicKey;
import javacard.security.KeyPair;

/** Who the card is: its 8 bytes, identity key, the CA's key and its own certificate. */
final class Identity {
    /** Bytes of the card's identity. */
    static final short SIZE = 8;

    private static final short MAX_CERTIFICATE = Certificate.BODY + Certificate.MAX_SIGNATURE;

    private final Engines engines;
    private final byte[] identity;
    private final KeyPair pair;
    private final byte[] caKey;
    private final byte[] certificate;
    private final byte[] certificateHash;
    private boolean hasKey;
    private boolean hasCaKey;
    /** 0 where there is none. */
    private short certificateLength;

    Identity(Engines engines) {
        this.engines = engines;
        identity = new byte[SIZE];
        engines.random.generateData(identity, (short) 0, SIZE);
        pair = P256.persistentPair();
        caKey = new byte[Point.SIZE];
        certificate = new byte[MAX_CERTIFICATE];
        certificateHash = new byte[Engines.SHA];
    }

    /** Finishes what a loss of power, or {@link #discard}, left: a key that does not count is none. */
    void recover() {
        if (!hasKey && pair.getPrivate().isInitialized()) {
            pair.getPrivate().clearKey();
        }
    }

    /** Within the caller's transaction: all but the 8 bytes is none. {@link #recover} has to follow. */
    void discard() {
        hasKey = false;
        hasCaKey = false;
        certificateLength = 0;
    }

    /** The card's 8 bytes. */
    byte[] bytes() {
        return identity;
    }

    boolean hasKey() {
        return hasKey;
    }

    /** Makes the identity key; leaves its point in the buffer at {@code at}. */
    void makeKey(byte[] buffer, short at) {
        P256.generate(pair, buffer, at);
        hasKey = true;
    }

    /** Writes the identity key's point. Where it ends. */
    short copyPoint(byte[] buffer, short at) {
        return (short) (at + ((ECPublicKey) pair.getPublic()).getW(buffer, at));
    }

    /** Whether this is the identity key's point. {@link Engines#work} loses its first 65 bytes. */
    boolean isOwnKey(byte[] point, short at) {
        copyPoint(engines.work, (short) 0);
        return Util.arrayCompare(engines.work, (short) 0, point, at, Point.SIZE) == 0;
    }

    /** Begins a message to sign with the identity key. */
    void initSign() {
        engines.curve.initSign(pair.getPrivate());
    }

    boolean hasCaKey() {
        return hasCaKey;
    }

    /** Whether the card is a CA. As {@link #isOwnKey}. */
    boolean isCa() {
        return hasCaKey && isOwnKey(caKey, (short) 0);
    }

    /** A point on the curve becomes the CA's key, where there is none. */
    void putCaKey(byte[] point, short at) {
        Util.arrayCopyNonAtomic(point, at, caKey, (short) 0, Point.SIZE);
        hasCaKey = true;
    }

    /** 6602 where the signature that follows a body is not the CA's. */
    void requireSignedByCa(byte[] bytes, short at, short body, short signature) {
        engines.curve.initVerify(caKey, (short) 0);
        if (!engines.curve.verify(bytes, at, body, bytes, (short) (at + body), signature)) {
            ISOException.throwIt(Custody.SW_CERTIFICATE_SIGNATURE);
        }
    }

    boolean hasCertificate() {
        return certificateLength != 0;
    }

    /** The certificate hash; anything where there is no certificate. */
    byte[] certificateHash() {
        return certificateHash;
    }

    /** The roles in the certificate. */
    byte roles() {
        return certificate[Certificate.ROLES];
    }

    /** What is checked becomes the card's certificate, where there is none. */
    void putCertificate(byte[] bytes, short at, short length) {
        Util.arrayCopyNonAtomic(bytes, at, certificate, (short) 0, length);
        engines.digest.reset();
        engines.digest.doFinal(bytes, at, Certificate.BODY, engines.work, Engines.HASH);
        Util.arrayCopyNonAtomic(engines.work, Engines.HASH, certificateHash, (short) 0, Engines.SHA);
        certificateLength = length;
    }

    /** Writes the certificate. Where it ends. */
    short copyCertificate(byte[] buffer, short at) {
        return Util.arrayCopyNonAtomic(certificate, (short) 0, buffer, at, certificateLength);
    }
}
