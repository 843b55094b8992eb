package cardwright.simulator.scp;

import java.util.Arrays;

/** SCP03's key derivation: SP 800-108 in counter mode over AES-CMAC (AmdD 4.1.5). */
public final class Kdf {
    /** Derivation constants (AmdD table 4-1). */
    static final int CARD_CRYPTOGRAM = 0x00;
    static final int HOST_CRYPTOGRAM = 0x01;
    static final int CARD_CHALLENGE = 0x02;
    static final int S_ENC = 0x04;
    static final int S_MAC = 0x06;
    static final int S_RMAC = 0x07;

    private Kdf() {}

    /**
     * Derives bytes. The label is eleven bytes 00 and the constant; then come a separator 00, the length in bits, the
     * number of the call from 1, and the context.
     *
     * @param length bytes wanted, at most 8191
     */
    static byte[] derive(Cmac prf, int constant, int length, byte[]... context) {
        byte[] derived = new byte[length];
        byte[] fixed = new byte[16];
        fixed[11] = (byte) constant;
        fixed[13] = (byte) (length * 8 >> 8);
        fixed[14] = (byte) (length * 8);
        byte[][] input = new byte[context.length + 1][];
        input[0] = fixed;
        System.arraycopy(context, 0, input, 1, context.length);
        for (int at = 0; at < length; at += AesCbc.BLOCK) {
            fixed[15]++;
            byte[] block = prf.mac(input);
            System.arraycopy(block, 0, derived, at, Math.min(block.length, length - at));
            Arrays.fill(block, (byte) 0);
        }
        return derived;
    }

    /**
     * The pseudo-random card challenge (AmdD 6.2.2.1).
     *
     * @param keyEnc the static Key-ENC
     * @param counter the sequence counter, of which three bytes count
     * @param aid of the application that asked for the session
     * @param width bytes of a challenge, 8 or 16
     */
    public static byte[] cardChallenge(byte[] keyEnc, int counter, byte[] aid, int width) {
        byte[] number = {(byte) (counter >> 16), (byte) (counter >> 8), (byte) counter};
        Cmac prf = new Cmac(keyEnc);
        byte[] challenge = derive(prf, CARD_CHALLENGE, width, number, aid);
        prf.wipe();
        return challenge;
    }
}
