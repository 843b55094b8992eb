package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import javacard.security.AESKey;
import javacard.security.KeyBuilder;
import javacardx.crypto.Cipher;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CmacTest {
    private final Cmac cmac = new Cmac(Cipher.getInstance(Cipher.ALG_AES_BLOCK_128_CBC_NOPAD, false));

    private static AESKey key(byte[] bytes) {
        AESKey key = (AESKey) KeyBuilder.buildKey(KeyBuilder.TYPE_AES, (short) (bytes.length * 8), false);
        key.setKey(bytes, (short) 0);
        return key;
    }

    /** The MAC of a message that comes in pieces of this size, and behind another byte. */
    private byte[] mac(AESKey key, byte[] message, int size) {
        byte[] mac = new byte[18];
        begin(key, message, size);
        assertEquals(17, cmac.sign(mac, (short) 1));
        assertEquals(0, mac[0] | mac[17]);
        return Arrays.copyOfRange(mac, 1, 17);
    }

    private void begin(AESKey key, byte[] message, int size) {
        byte[] behind = Host.concat(new byte[1], message);
        cmac.init(key);
        for (int at = 0; at < message.length; at += size) {
            cmac.update(behind, (short) (1 + at), (short) Math.min(size, message.length - at));
        }
    }

    /** RFC 4493, 4: examples 1 to 4. */
    @ParameterizedTest
    @CsvSource({"0, BB1D6929E95937287FA37D129B756746", "16, 070A16B46B4D4144F79BDD9DD04A287C",
        "40, DFA66747DE9AE63030CA32611497C827", "64, 51F0BEBF7E3B9D92FC49741779363CFE"})
    void rfc4493(int length, String mac) {
        byte[] message = Vectors.hex("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51"
                + "30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710");
        AESKey key = key(Vectors.hex("2B7E151628AED2A6ABF7158809CF4F3C"));
        assertArrayEquals(Vectors.hex(mac), mac(key, Arrays.copyOf(message, length), 64));
    }

    @Test
    void wycheproof() {
        int[] tried = new int[3];
        for (String[] test : Vectors.read("wycheproof_aes_cmac.txt")) {
            byte[] keyBytes = Vectors.hex(test[1]);
            AESKey key = key(keyBytes);
            byte[] message = Vectors.hex(test[2]);
            byte[] tag = Vectors.hex(test[3]);
            boolean valid = test[4].equals("valid");
            for (int size : new int[] {1000, 1, 7, 16, 17}) {
                assertEquals(valid, Arrays.equals(tag, mac(key, message, size)), "case " + test[0]);
            }
            begin(key, message, 16);
            assertEquals(valid, cmac.verify(tag, (short) 0), "case " + test[0]);
            tried[keyBytes.length / 16]++;
        }
        assertArrayEquals(new int[] {0, 102, 102}, tried);
    }

    @Test
    void everyBitCounts() {
        AESKey key = key(new byte[32]);
        byte[] message = new byte[70];
        byte[] mac = mac(key, message, 70);
        for (int bit = 0; bit < 128; bit++) {
            mac[bit / 8] ^= (byte) (1 << bit % 8);
            begin(key, message, 70);
            assertFalse(cmac.verify(mac, (short) 0));
            mac[bit / 8] ^= (byte) (1 << bit % 8);
        }
        begin(key, message, 70);
        assertTrue(cmac.verify(mac, (short) 0));
    }
}
