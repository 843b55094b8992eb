package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.security.ECPublicKey;
import javacard.security.KeyPair;

/** The offer: a one-time key pair that outlasts the power, since one reader serves cards one after another. */
final class Offer {
    private static final byte NONE = 0;
    private static final byte THERE = 1;
    private static final byte USED = 2;

    private final KeyPair pair;
    private byte state;

    Offer() {
        pair = P256.persistentPair();
    }

    /** As in GET STATE. */
    byte state() {
        return state;
    }

    boolean isThere() {
        return state == THERE;
    }

    /** 6985 where it is not there. */
    void requireThere() {
        if (state != THERE) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** 6985 where it is used. */
    void requireUnused() {
        if (state == USED) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** Where there is none, a key pair is made. Writes Q. Where it ends. */
    short make(byte[] buffer, short at) {
        if (state == NONE) {
            P256.generate(pair, buffer, at);
            state = THERE;
        }
        return copyPoint(buffer, at);
    }

    /** Writes Q. Where it ends. */
    short copyPoint(byte[] buffer, short at) {
        return (short) (at + ((ECPublicKey) pair.getPublic()).getW(buffer, at));
    }

    /** The one-time key pair, for {@link Sealing#open}. */
    KeyPair pair() {
        return pair;
    }

    /** Within the caller's transaction: the offer is used. {@link #recover} has to follow, and destroys the key. */
    void use() {
        state = USED;
    }

    /** Within the caller's transaction: there is none. {@link #recover} has to follow. */
    void discard() {
        state = NONE;
    }

    /** Finishes what a loss of power, {@link #use} or {@link #discard} left: destroys the private key. */
    void recover() {
        if (state != THERE && pair.getPrivate().isInitialized()) {
            pair.getPrivate().clearKey();
        }
    }
}
