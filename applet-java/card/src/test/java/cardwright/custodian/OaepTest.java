package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPublicKey;
import javax.crypto.Cipher;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OaepTest {
    static KeyPair rsa(int bits) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(bits);
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Without a sign byte. */
    static byte[] modulus(KeyPair pair) {
        BigInteger modulus = ((RSAPublicKey) pair.getPublic()).getModulus();
        byte[] bytes = modulus.toByteArray();
        return java.util.Arrays.copyOfRange(bytes, 1, bytes.length);
    }

    /** With Java's own OAEP: SHA-1 twice. */
    static byte[] decrypt(KeyPair pair, byte[] cryptogram) {
        try {
            Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPWithSHA-1AndMGF1Padding");
            cipher.init(Cipher.DECRYPT_MODE, pair.getPrivate());
            return cipher.doFinal(cryptogram);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2048, 3072, 4096})
    void opensWithJava(int bits) {
        KeyPair pair = rsa(bits);
        OnCard.run(() -> {
            Oaep oaep = new Oaep();
            short length = (short) (bits / 8);
            byte[] secret = new byte[26];
            for (int i = 0; i < secret.length; i++) {
                secret[i] = (byte) i;
            }
            byte[] buffer = new byte[length + 3];
            System.arraycopy(modulus(pair), 0, buffer, 2, length);
            oaep.init(buffer, (short) 2, length);
            oaep.encrypt(secret, (short) 0, (short) 24, buffer, (short) 2);
            byte[] opened = decrypt(pair, java.util.Arrays.copyOfRange(buffer, 2, length + 2));
            assertArrayEquals(java.util.Arrays.copyOf(secret, 24), opened);
        });
    }
}
