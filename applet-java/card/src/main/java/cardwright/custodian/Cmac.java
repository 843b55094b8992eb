package cardwright.custodian;

import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.AESKey;
import javacardx.crypto.Cipher;

/**
 * AES-CMAC (NIST SP 800-38B, RFC 4493) out of AES-CBC: the algorithm of that name came with Java Card 3.0.5.
 *
 * <p>{@link #init}, any number of {@link #update}, {@link #sign} or {@link #verify}; then from the beginning. In
 * between nobody else may use the cipher.
 */
final class Cmac {
    static final short SIZE = 16;

    /** Places in {@link #state}: the chain with what came of its block added; a MAC; how much came. */
    private static final short CHAIN = 0;
    private static final short MAC = 16;
    private static final short COUNT = 32;
    private static final short STATE = 33;

    private static final byte REMAINDER = (byte) 0x87;

    private final Cipher cipher;
    private final byte[] state;

    /** @param cipher ALG_AES_BLOCK_128_CBC_NOPAD; it may be one that others use too */
    Cmac(Cipher cipher) {
        this.cipher = cipher;
        state = JCSystem.makeTransientByteArray(STATE, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Begins a message. */
    void init(AESKey key) {
        cipher.init(key, Cipher.MODE_ENCRYPT);
        abandon();
    }

    void update(byte[] message, short at, short length) {
        short end = (short) (at + length);
        byte count = state[COUNT];
        for (; at < end; at++) {
            // A whole block waits for the next byte, since the last one is treated in another way.
            if (count == SIZE) {
                cipher.doFinal(state, CHAIN, SIZE, state, CHAIN);
                count = 0;
            }
            state[count++] ^= message[at];
        }
        state[COUNT] = count;
    }

    /** Ends the message: the MAC of 16 bytes. Where it ends. */
    short sign(byte[] mac, short at) {
        finish();
        short end = Util.arrayCopyNonAtomic(state, MAC, mac, at, SIZE);
        abandon();
        return end;
    }

    /** Ends the message: whether this is its MAC. Takes as long for all. */
    boolean verify(byte[] mac, short at) {
        finish();
        byte difference = 0;
        for (short i = 0; i < SIZE; i++) {
            difference |= (byte) (state[(short) (MAC + i)] ^ mac[(short) (at + i)]);
        }
        abandon();
        return difference == 0;
    }

    /** The message has no end. */
    void abandon() {
        Util.arrayFillNonAtomic(state, (short) 0, STATE, (byte) 0);
    }

    /** The MAC, in its place. */
    private void finish() {
        // The place has zeros: so the block of zeros becomes the first subkey.
        cipher.doFinal(state, MAC, SIZE, state, MAC);
        doubleSubkey();
        byte count = state[COUNT];
        if (count != SIZE) {
            doubleSubkey();
            state[count] ^= (byte) 0x80;
        }
        for (short i = 0; i < SIZE; i++) {
            state[i] ^= state[(short) (MAC + i)];
        }
        cipher.doFinal(state, CHAIN, SIZE, state, MAC);
    }

    /** Multiplication by x in GF(2^128), the same steps for all values. */
    private void doubleSubkey() {
        byte carry = 0;
        for (short at = MAC + SIZE - 1; at >= MAC; at--) {
            byte old = state[at];
            state[at] = (byte) (old << 1 | carry);
            carry = (byte) (old >> 7 & 1);
        }
        state[(short) (MAC + SIZE - 1)] ^= (byte) (REMAINDER & -carry);
    }
}
