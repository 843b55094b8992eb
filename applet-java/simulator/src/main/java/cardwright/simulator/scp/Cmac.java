package cardwright.simulator.scp;

import java.util.Arrays;

/** AES-CMAC (NIST SP 800-38B). */
final class Cmac {
    private static final int BLOCK = AesCbc.BLOCK;

    private final AesCbc aes;
    private final byte[] subkey1;
    private final byte[] subkey2;

    /** @param key 16, 24 or 32 bytes */
    Cmac(byte[] key) {
        aes = new AesCbc(key);
        subkey1 = twice(aes.encrypt(new byte[BLOCK], 0, BLOCK));
        subkey2 = twice(subkey1);
    }

    /** Multiplication by x in GF(2^128). */
    private static byte[] twice(byte[] block) {
        byte[] product = new byte[BLOCK];
        int carry = 0;
        for (int i = BLOCK - 1; i >= 0; i--) {
            int shifted = (block[i] & 0xFF) << 1 | carry;
            product[i] = (byte) shifted;
            carry = shifted >> 8;
        }
        product[BLOCK - 1] ^= (byte) (carry * 0x87);
        return product;
    }

    /** The 16-byte MAC of the parts, one behind the other. */
    byte[] mac(byte[]... parts) {
        int length = 0;
        for (byte[] part : parts) {
            length += part.length;
        }
        boolean whole = length > 0 && length % BLOCK == 0;
        byte[] message = new byte[whole ? length : length / BLOCK * BLOCK + BLOCK];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, message, at, part.length);
            at += part.length;
        }
        if (!whole) {
            message[at] = (byte) 0x80;
        }
        byte[] subkey = whole ? subkey1 : subkey2;
        int last = message.length - BLOCK;
        for (int i = 0; i < BLOCK; i++) {
            message[last + i] ^= subkey[i];
        }
        byte[] chain = aes.encrypt(message, 0, message.length);
        return Arrays.copyOfRange(chain, last, message.length);
    }

    /** Forgets what it can: the subkeys. Java's ciphers keep theirs until they are collected. */
    void wipe() {
        Arrays.fill(subkey1, (byte) 0);
        Arrays.fill(subkey2, (byte) 0);
    }
}
