package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.lang.reflect.Field;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import javacard.security.Key;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckValueTest {
    /** As Java's own ciphers have it. */
    static byte[] reference(int type, byte[] key) {
        try {
            boolean aes = type == 0x88;
            byte[] whole = aes || key.length == 24 ? key : Host.concat(key, Arrays.copyOf(key, 8));
            Cipher cipher = Cipher.getInstance(aes ? "AES/ECB/NoPadding" : "DESede/ECB/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(whole, aes ? "AES" : "DESede"));
            byte[] block = new byte[aes ? 16 : 8];
            Arrays.fill(block, (byte) (aes ? 1 : 0));
            return Arrays.copyOf(cipher.doFinal(block), 3);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @CsvSource({"88, 16", "88, 24", "88, 32", "80, 16", "80, 24"})
    void values(String type, int length) {
        OnCard.run(() -> {
            Engines engines = new Engines();
            CheckValue checkValue = new CheckValue(engines);
            byte[] key = new byte[length + 2];
            for (int i = 0; i < key.length; i++) {
                key[i] = (byte) (37 * i + length);
            }
            byte[] buffer = new byte[20];
            Arrays.fill(buffer, (byte) 0x77);
            int number = HexFormat.fromHexDigits(type);
            assertEquals(5, checkValue.make((byte) number, key, (short) 1, (short) length, buffer, (short) 2));
            byte[] expected = reference(number, Arrays.copyOfRange(key, 1, length + 1));
            assertArrayEquals(expected, Arrays.copyOfRange(buffer, 2, 5));
            // Nothing else of the cryptogram is left.
            int end = 2 + 16;
            assertArrayEquals(new byte[end - 5], Arrays.copyOfRange(buffer, 5, end));
            assertEquals(0x77, buffer[end]);
            assertCleared(checkValue);
            assertFalse(engines.sealing.idleKey().isInitialized());
            assertArrayEquals(new byte[engines.work.length], engines.work);
        });
    }

    private static void assertCleared(CheckValue checkValue) {
        for (Field field : CheckValue.class.getDeclaredFields()) {
            field.setAccessible(true);
            try {
                if (field.get(checkValue) instanceof Key key) {
                    assertFalse(key.isInitialized(), field.getName());
                }
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** A DES key, three times. */
    @Test
    void known() {
        byte[] key = HexFormat.of().parseHex("0123456789ABCDEF0123456789ABCDEF");
        assertEquals("d5d44f", HexFormat.of().formatHex(reference(0x80, key)));
    }
}
