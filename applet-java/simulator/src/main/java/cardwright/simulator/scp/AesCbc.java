package cardwright.simulator.scp;

import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * AES in CBC mode with the IV zero: all that SCP03 needs is made of it. The ciphers are kept, one for each direction;
 * most keys never decrypt.
 */
final class AesCbc {
    /** Bytes of a block. */
    static final int BLOCK = 16;

    private final SecretKeySpec key;
    private final Cipher encryption;
    private Cipher decryption;

    /** @param key 16, 24 or 32 bytes */
    AesCbc(byte[] key) {
        this.key = new SecretKeySpec(key, "AES");
        encryption = cipher(Cipher.ENCRYPT_MODE);
    }

    private Cipher cipher(int mode) {
        try {
            Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
            cipher.init(mode, key, new IvParameterSpec(new byte[BLOCK]));
            return cipher;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has AES in CBC mode", e);
        }
    }

    /** Encrypts whole blocks. */
    byte[] encrypt(byte[] data, int offset, int length) {
        return run(encryption, data, offset, length);
    }

    /** Decrypts whole blocks. */
    byte[] decrypt(byte[] data, int offset, int length) {
        if (decryption == null) {
            decryption = cipher(Cipher.DECRYPT_MODE);
        }
        return run(decryption, data, offset, length);
    }

    private static byte[] run(Cipher cipher, byte[] data, int offset, int length) {
        try {
            // Afterwards the cipher is as it was initialized, IV and all.
            return cipher.doFinal(data, offset, length);
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("CBC takes whole blocks, not " + length + " bytes", e);
        }
    }
}
