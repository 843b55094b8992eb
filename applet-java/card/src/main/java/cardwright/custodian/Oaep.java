package cardwright.custodian;

import javacard.framework.ISOException;
import javacard.security.CryptoException;
import javacard.security.KeyBuilder;
import javacard.security.RSAPublicKey;
import javacardx.crypto.Cipher;

/** "OAEP": a secret to an RSA key of 2048, 3072 or 4096 bits, as far as the platform has them. */
final class Oaep {
    /** Bytes of the shortest modulus, and how much longer the next ones are. */
    private static final short SHORTEST = 256;
    private static final short STEP = 128;
    private static final short LENGTHS = 3;
    private static final byte[] EXPONENT = {1, 0, 1};

    /** The cipher, and a key of each length; null where the platform has none. */
    private final Cipher cipher;
    private final RSAPublicKey[] keys;

    Oaep() {
        cipher = cipher();
        keys = new RSAPublicKey[LENGTHS];
        for (short i = 0; i < LENGTHS; i++) {
            keys[i] = key((short) ((short) (SHORTEST + i * STEP) << 3));
        }
    }

    private static Cipher cipher() {
        try {
            return Cipher.getInstance(Cipher.ALG_RSA_PKCS1_OAEP, false);
        } catch (CryptoException e) {
            return null;
        }
    }

    private static RSAPublicKey key(short bits) {
        try {
            return (RSAPublicKey) KeyBuilder.buildKey(KeyBuilder.TYPE_RSA_PUBLIC, bits, false);
        } catch (CryptoException e) {
            return null;
        }
    }

    /** The place of the key for a modulus of 256, 384 or 512 bytes. */
    private static short place(short length) {
        return (short) ((short) (length - SHORTEST) / STEP);
    }

    /** Bytes of the modulus with an algorithm of certificates, 02 to 04. */
    static short length(byte algorithm) {
        return (short) (SHORTEST + (algorithm - 2) * STEP);
    }

    /** Whether the platform has RSA with a modulus of 256, 384 or 512 bytes. */
    private boolean has(short length) {
        return cipher != null && keys[place(length)] != null;
    }

    /**
     * Takes a modulus of 256, 384 or 512 bytes for what {@link #encrypt} does next; 6A81 where the platform has no such
     * length, or does not take this modulus, as one with a small factor.
     * Writes the modulus to persistent memory, so better not in a transaction.
     */
    void init(byte[] modulus, short at, short length) {
        if (!has(length)) {
            ISOException.throwIt(Custody.SW_NO_RSA);
        }
        RSAPublicKey key = keys[place(length)];
        try {
            key.setExponent(EXPONENT, (short) 0, (short) EXPONENT.length);
            key.setModulus(modulus, at, length);
            cipher.init(key, Cipher.MODE_ENCRYPT);
        } catch (RuntimeException refused) {
            // A CryptoException on cards. jCardSim lets one of its library's pass, which Java Card has no name for.
            ISOException.throwIt(Custody.SW_NO_RSA);
        }
    }

    /** Encrypts for the modulus. The result is as long, and may be written over it. */
    void encrypt(byte[] secret, short secretAt, short secretLength, byte[] result, short resultAt) {
        cipher.doFinal(secret, secretAt, secretLength, result, resultAt);
    }
}
