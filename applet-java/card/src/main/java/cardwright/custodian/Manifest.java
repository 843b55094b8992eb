package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;

/**
 * The manifest in hand, with M and the card's place in it.
 *
 * <p>There are two places for a manifest. The next one is written beside the one in hand; which of them counts is one
 * byte, so that a small transaction changes it together with all that goes with it.
 */
final class Manifest {
    /** Operations, as bits for the methods below. */
    static final byte DEAL = 0x01;
    static final byte DRILL = 0x02;
    static final byte RELEASE = 0x04;
    static final byte DESTROY = 0x08;
    static final byte ANY = 0x0F;

    /** Places. A custodian's is its x. */
    static final byte COMBINER = 0x0C;
    static final byte DEALER = 0x0D;
    static final byte HSM = 0x0E;
    static final byte MAX_N = Custody.MOST;

    /** Offsets of the fields. */
    static final short OPERATION = 4;
    static final short CEREMONY_ID = 5;
    static final short SET_ID = 21;
    static final short GENERATION = 37;
    static final short SCHEME = 41;
    static final short M = 42;
    static final short N = 43;
    static final short KEY_TYPE = 44;
    static final short KEY_LENGTH = 45;
    static final short USAGE = 46;
    static final short SEQUENCE = 47;
    static final short PARTNER_HASH = 115;
    static final short COMBINER_HASH = 147;
    static final short CUSTODIAN_HASHES = 179;

    /** Bytes of a set id, and of set id and generation, which stand side by side. */
    static final short ID = 16;
    static final short ID_AND_GENERATION = 20;

    private static final short MAX = 499;
    /** Behind the longest manifest: its hash, and the card's place. */
    static final short HASH = MAX;
    private static final short PLACE = 531;
    private static final short ROOM = 532;

    private static final byte OPERATION_DEAL = 1;
    private static final byte OPERATION_DRILL = 2;
    private static final byte OPERATION_DESTROY = 4;

    private final byte[] first;
    private final byte[] second;
    /** Which place has the manifest in hand: 1, 2; 0 where there is none. */
    private byte inHand;

    Manifest() {
        first = new byte[ROOM];
        second = new byte[ROOM];
    }

    boolean isInHand() {
        return inHand != 0;
    }

    /** The manifest in hand: fields at their offsets, M at {@link #HASH}. */
    byte[] bytes() {
        return inHand == 2 ? second : first;
    }

    /** One of DEAL, DRILL, RELEASE, DESTROY; 00 without a manifest. */
    byte operation() {
        return inHand == 0 ? (byte) 0 : (byte) (1 << (short) (bytes()[OPERATION] - 1));
    }

    /** 01 to 0A, 0C, 0D; 00 without a manifest. */
    byte place() {
        return inHand == 0 ? (byte) 0 : bytes()[PLACE];
    }

    byte m() {
        return bytes()[M];
    }

    byte n() {
        return bytes()[N];
    }

    /** Whether the scheme is XOR and not Shamir's. */
    boolean isXor() {
        return bytes()[SCHEME] == ShareObject.XOR;
    }

    byte keyType() {
        return bytes()[KEY_TYPE];
    }

    /** The key's length in bytes. */
    byte keyLength() {
        return bytes()[KEY_LENGTH];
    }

    /** "as a custodian in" one of these operations. */
    void requireCustodian(byte operations) {
        requireOperation(operations);
        if (place() > MAX_N) {
            refuse();
        }
    }

    /** "as the dealer in deal". */
    void requireDealer() {
        requireOperation(DEAL);
        if (place() != DEALER) {
            refuse();
        }
    }

    /** "as the combiner in" one of these operations. */
    void requireCombiner(byte operations) {
        requireOperation(operations);
        if (place() != COMBINER) {
            refuse();
        }
    }

    /** A manifest in hand with one of these operations: else 6985. */
    void requireOperation(byte operations) {
        if ((byte) (operation() & operations) == 0) {
            refuse();
        }
    }

    /** "x above n": 6985. */
    void requireX(byte x) {
        if (x > n()) {
            refuse();
        }
    }

    private static void refuse() {
        ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
    }

    /** Writes the highest sequence approved, which is that of the manifest in hand, or 0. Where it ends. */
    short copySequence(byte[] target, short at) {
        if (inHand == 0) {
            return Util.arrayFillNonAtomic(target, at, Counter.SIZE, (byte) 0);
        }
        return Util.arrayCopyNonAtomic(bytes(), SEQUENCE, target, at, Counter.SIZE);
    }

    /** Whether another manifest's sequence is above the highest approved, by 1 to 65,536. */
    boolean isBefore(byte[] other) {
        byte[] own = bytes();
        // The difference less 1 has two digits: nothing is left or borrowed above them.
        short carry = -1;
        for (short i = Counter.SIZE - 1; i >= 0; i--) {
            short at = (short) (SEQUENCE + i);
            short highest = inHand == 0 ? (short) 0 : (short) (own[at] & 0xFF);
            short digit = (short) ((other[at] & 0xFF) - highest + carry);
            if (i < Counter.SIZE - 2 && digit != 0) {
                return false;
            }
            carry = (short) (digit >> 8);
        }
        return true;
    }

    /** Whether a manifest has the operation deal. */
    static boolean isDeal(byte[] bytes) {
        return bytes[OPERATION] == OPERATION_DEAL;
    }

    /** Adds M to a hash. */
    void hashM(Engines engines) {
        engines.digest.update(bytes(), HASH, Engines.SHA);
    }

    /**
     * Writes a well-formed manifest, its hash and the card's place beside the one in hand. It is in hand from
     * {@link #turn} on.
     */
    void prepare(byte[] source, short length, byte[] hash, short hashAt, byte place) {
        byte[] target = inHand == 1 ? second : first;
        Util.arrayCopyNonAtomic(source, (short) 0, target, (short) 0, length);
        Util.arrayCopyNonAtomic(hash, hashAt, target, HASH, Engines.SHA);
        target[PLACE] = place;
    }

    /** Within the caller's transaction: what was prepared is in hand. */
    void turn() {
        inHand = inHand == 1 ? (byte) 2 : (byte) 1;
    }

    /** Within the caller's transaction: none is in hand. */
    void discard() {
        inHand = 0;
    }

    /** Column "well-formed" of the table; the length is one that a manifest can have. */
    static boolean isWellFormed(byte[] bytes, short length) {
        byte operation = bytes[OPERATION];
        byte n = bytes[N];
        if (!Kind.is(Kind.MANIFEST, bytes, (short) 0) || operation < 1 || operation > OPERATION_DESTROY) {
            return false;
        }
        short high = Util.getShort(bytes, GENERATION);
        short low = Util.getShort(bytes, (short) (GENERATION + 2));
        if ((high == 0 && low == 0) || (operation == OPERATION_DEAL && (high != 0 || low != 1))) {
            return false;
        }
        if (n > MAX_N || !ShareObject.isScheme(bytes[SCHEME], bytes[M], n)
                || !ShareObject.isKey(bytes[KEY_TYPE], bytes[KEY_LENGTH])) {
            return false;
        }
        return length == (short) (CUSTODIAN_HASHES + n * Engines.SHA) && hasHashes(bytes, operation, length);
    }

    /** Partner, combiner and custodians: where there are zeros, and that there are no doubles. */
    private static boolean hasHashes(byte[] bytes, byte operation, short length) {
        boolean noPartner = operation == OPERATION_DRILL || operation == OPERATION_DESTROY;
        boolean noCombiner = operation == OPERATION_DESTROY;
        for (short at = PARTNER_HASH; at < length; at += Engines.SHA) {
            boolean zeros = (at == PARTNER_HASH && noPartner) || (at == COMBINER_HASH && noCombiner);
            if (Engines.isZero(bytes, at, Engines.SHA) != zeros) {
                return false;
            }
            for (short before = PARTNER_HASH; before < at && !zeros; before += Engines.SHA) {
                if (Util.arrayCompare(bytes, before, bytes, at, Engines.SHA) == 0) {
                    return false;
                }
            }
        }
        return true;
    }

    /** The place that a certificate hash has in a well-formed manifest, 00 where it has none. */
    static byte placeOf(byte[] hash, byte[] bytes) {
        for (byte x = 1; x <= bytes[N]; x++) {
            if (isAt(hash, bytes, (short) (CUSTODIAN_HASHES + (x - 1) * Engines.SHA))) {
                return x;
            }
        }
        if (isAt(hash, bytes, COMBINER_HASH)) {
            return COMBINER;
        }
        return isDeal(bytes) && isAt(hash, bytes, PARTNER_HASH) ? DEALER : (byte) 0;
    }

    private static boolean isAt(byte[] hash, byte[] bytes, short at) {
        return Util.arrayCompare(hash, (short) 0, bytes, at, Engines.SHA) == 0;
    }
}
