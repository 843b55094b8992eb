package cardwright.custodian;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Someone who has an identity in a ceremony without being a card: everything with Java's own cryptography. */
final class Party {
    static final int CA = 0x01;
    static final int DEALER = 0x02;
    static final int CUSTODIAN = 0x04;
    static final int COMBINER = 0x08;
    static final int HSM = 0x10;

    private static final SecureRandom RANDOM = new SecureRandom();

    final KeyPair pair;
    private final byte[] body;

    Party(int roles) {
        this(roles, pair());
    }

    Party(int roles, KeyPair pair) {
        this.pair = pair;
        body = body(random(8), roles, 1, point(pair));
    }

    /** The body of a certificate: of a card, or of an HSM. */
    static byte[] body(byte[] identity, int roles, int algorithm, byte[] key) {
        return Host.concat(tag(1), identity, new byte[] {(byte) roles, (byte) algorithm}, new byte[32], key);
    }

    static byte[] tag(int kind) {
        return new byte[] {0x43, 0x57, 2, (byte) kind};
    }

    static byte[] random(int length) {
        byte[] bytes = new byte[length];
        RANDOM.nextBytes(bytes);
        return bytes;
    }

    static byte[] sha256(byte[]... parts) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(Host.concat(parts));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The same but for one bit; places below 0 count from the end. */
    static byte[] flipped(byte[] bytes, int at) {
        byte[] other = bytes.clone();
        other[at < 0 ? other.length + at : at] ^= 1;
        return other;
    }

    static byte[] number(int number) {
        return ByteBuffer.allocate(4).putInt(number).array();
    }

    static KeyPair pair() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] point(KeyPair pair) {
        ECPoint w = ((ECPublicKey) pair.getPublic()).getW();
        return Host.concat(new byte[] {4}, P256Test.bytes(w.getAffineX()), P256Test.bytes(w.getAffineY()));
    }

    private static PublicKey key(byte[] point) throws GeneralSecurityException {
        ECPoint w = new ECPoint(new BigInteger(1, Arrays.copyOfRange(point, 1, 33)),
                new BigInteger(1, Arrays.copyOfRange(point, 33, 65)));
        java.security.KeyFactory factory = java.security.KeyFactory.getInstance("EC");
        return factory.generatePublic(new ECPublicKeySpec(w, ((ECPublicKey) pair().getPublic()).getParams()));
    }

    byte[] body() {
        return body;
    }

    byte[] hash() {
        return sha256(body);
    }

    byte[] point() {
        return point(pair);
    }

    /** What a CA makes of a body. */
    byte[] certify(byte[] toSign) {
        return Host.concat(toSign, sign(toSign));
    }

    byte[] sign(byte[] message) {
        try {
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initSign(pair.getPrivate());
            signature.update(message);
            return signature.sign();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static boolean verify(byte[] point, byte[] message, byte[] signed) {
        try {
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initVerify(key(point));
            signature.update(message);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    /** A message with this signer's certificate hash. */
    static byte[] message(int kind, byte[] m, byte[] signer, byte[]... fields) {
        return Host.concat(tag(kind), m, signer, Host.concat(fields));
    }

    /** This party's signature of a message. */
    byte[] signed(int kind, byte[] m, byte[]... fields) {
        return sign(message(kind, m, hash(), fields));
    }

    /** "Boxes". */
    static byte[] seal(int kind, byte[] m, int x, byte[] sender, byte[] recipient, byte[] q, byte[] content) {
        KeyPair ephemeral = pair();
        byte[] e = point(ephemeral);
        byte[] keys = keys(ephemeral.getPrivate(), q, info(kind, m, x, sender, recipient, q, e));
        byte[] cryptogram = cbc(Cipher.ENCRYPT_MODE, Arrays.copyOf(keys, 32), content);
        return Host.concat(e, cryptogram, Host.cmac(Arrays.copyOfRange(keys, 32, 64), cryptogram));
    }

    /** The content, or an error where the tag is not right. */
    static byte[] open(int kind, byte[] m, int x, byte[] sender, byte[] recipient, KeyPair own, byte[] box) {
        byte[] e = Arrays.copyOf(box, 65);
        byte[] keys = keys(own.getPrivate(), e, info(kind, m, x, sender, recipient, point(own), e));
        byte[] cryptogram = Arrays.copyOfRange(box, 65, box.length - 16);
        byte[] mac = Host.cmac(Arrays.copyOfRange(keys, 32, 64), cryptogram);
        if (!Arrays.equals(mac, Arrays.copyOfRange(box, box.length - 16, box.length))) {
            throw new AssertionError("a box's tag");
        }
        return cbc(Cipher.DECRYPT_MODE, Arrays.copyOf(keys, 32), cryptogram);
    }

    private static byte[] info(int kind, byte[] m, int x, byte[] sender, byte[] recipient, byte[] q, byte[] e) {
        return sha256(tag(kind), m, new byte[] {(byte) x}, sender, recipient, q, e);
    }

    private static byte[] keys(PrivateKey own, byte[] other, byte[] info) {
        try {
            KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
            agreement.init(own);
            agreement.doPhase(key(other), true);
            return KdfTest.derive(agreement.generateSecret(), info, 2);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] cbc(int mode, byte[] key, byte[] text) {
        try {
            Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
            cipher.init(mode, new SecretKeySpec(key, "AES"), new IvParameterSpec(new byte[16]));
            return cipher.doFinal(text);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
