package cardwright.simulator.scp;

import java.util.Arrays;

/** The check value of an AES key: the first 3 bytes of AES over 16 bytes 01 (CS B.5). */
public final class KeyCheckValue {
    /** Bytes of a check value. */
    public static final int LENGTH = 3;

    private KeyCheckValue() {}

    /** Of a key of 16, 24 or 32 bytes. */
    public static byte[] of(byte[] key) {
        byte[] ones = new byte[AesCbc.BLOCK];
        Arrays.fill(ones, (byte) 1);
        return Arrays.copyOf(new AesCbc(key).encrypt(ones, 0, ones.length), LENGTH);
    }
}
