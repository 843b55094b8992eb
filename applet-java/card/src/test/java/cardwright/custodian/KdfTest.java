package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Random;
import javacard.security.MessageDigest;
import org.junit.jupiter.api.Test;

class KdfTest {
    /** SP 800-56C, 4.1, with Java's own SHA-256. */
    static byte[] derive(byte[] z, byte[] info, int blocks) {
        try {
            ByteArrayOutputStream keys = new ByteArrayOutputStream();
            for (int i = 1; i <= blocks; i++) {
                byte[] counter = ByteBuffer.allocate(4).putInt(i).array();
                byte[] input = Host.concat(counter, z, info);
                keys.writeBytes(java.security.MessageDigest.getInstance("SHA-256").digest(input));
            }
            return keys.toByteArray();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void asTheReference() {
        Kdf kdf = new Kdf(MessageDigest.getInstance(MessageDigest.ALG_SHA_256, false));
        Random random = new Random(9);
        for (int blocks = 0; blocks <= 5; blocks++) {
            for (int infoLength : new int[] {0, 1, 27, 28, 33, 65, 200}) {
                byte[] input = new byte[34 + infoLength];
                random.nextBytes(input);
                byte[] keys = new byte[3 + 32 * blocks];
                kdf.derive(input, (short) 1, (short) 32, input, (short) 33, (short) infoLength, (short) blocks, keys,
                        (short) 2);
                byte[] expected = derive(Arrays.copyOfRange(input, 1, 33),
                        Arrays.copyOfRange(input, 33, 33 + infoLength), blocks);
                assertArrayEquals(Host.concat(new byte[2], expected, new byte[1]), keys);
            }
        }
    }
}
