package cardwright.custodian;

import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * What a dealer has pending, and how far its deal is.
 *
 * <p>Nothing secret is written in a transaction: a platform may keep that in its log long after FORGET has signed that
 * all is destroyed. So a(x) has two places, and goes to the one that does not count; and what the split draws is written
 * while the deal is still begun, where nothing reads it. The transaction changes numbers alone. Destroying goes the
 * other way: the phase first, then the bytes, which {@link #recover} overwrites.
 */
final class Pending {
    static final byte NONE = 0;
    static final byte BEGUN = 1;
    static final byte SPLIT = 2;
    static final byte STATED = 3;
    static final byte FORGOTTEN = 4;
    static final byte ABANDONED = 5;

    /** What is admitted, made or confirmed, each with a mask of custodians. */
    static final short APPROVALS = 0;
    static final short COMMITMENTS = 1;
    static final short OFFERS = 2;
    static final short BOXES = 3;
    static final short RECEIPTS = 4;
    private static final short MASKS = 5;

    /** Bytes of a(x), of the room for a coefficient or a part, of a commitment, and of a box hash. */
    static final short UNIT = 32;
    static final short SALT = 16;

    /** Where the secrets are: two places for a(x), later the secret; what the scheme draws; the salts. */
    static final short DRAWN = 2 * UNIT;
    private static final short SALTS = DRAWN + (Custody.MOST - 1) * UNIT;
    static final short SECRETS = SALTS + Custody.MOST * SALT;
    /** What is none: commitments to contributions until the split, box hashes from then on; offers. */
    private static final short HASHES = SECRETS;
    private static final short POINTS = HASHES + Custody.MOST * UNIT;
    static final short SIZE = POINTS + Custody.MOST * Point.SIZE;

    private final byte[] memory;
    private final short[] masks;
    private byte phase;
    private byte next;
    private boolean drilled;
    /** There may be something in the place of the secrets. */
    private boolean written;

    /** @param memory of which this takes the first {@link #SIZE} bytes */
    Pending(byte[] memory) {
        this.memory = memory;
        masks = new short[MASKS];
    }

    byte phase() {
        return phase;
    }

    /** Whether a deal is in phase 1, 2 or 3. */
    boolean isThere() {
        return phase >= BEGUN && phase <= STATED;
    }

    /** Whether the drill is confirmed. */
    boolean isDrilled() {
        return drilled && phase != NONE;
    }

    /** x of the next contribution, as in GET STATE. */
    byte next() {
        return phase == NONE ? (byte) 0 : next;
    }

    /** As in GET STATE. */
    short mask(short what) {
        return phase == NONE ? (short) 0 : masks[what];
    }

    boolean has(short what, byte x) {
        return (short) (masks[what] & bit(x)) != 0;
    }

    /** Whether x = 1 to n all have it. */
    boolean hasAll(short what, byte n) {
        return masks[what] == (short) ((short) (1 << n) - 1);
    }

    private static short bit(byte x) {
        return (short) (1 << (short) (x - 1));
    }

    /** The array in which all places count. */
    byte[] memory() {
        return memory;
    }

    /** Where a(x) is, x being that of the last contribution taken; from the split on the secret. */
    short secretAt() {
        return secretAt(next);
    }

    /** The place of what counts while this is x of the next contribution. */
    private static short secretAt(byte next) {
        return (short) ((next & 1) * UNIT);
    }

    /** Where the salt of x is. */
    static short saltAt(byte x) {
        return (short) (SALTS + (x - 1) * SALT);
    }

    /** Where the commitment to the contribution of x is; from the split on the hash of the box to x. */
    static short hashAt(byte x) {
        return (short) (HASHES + (x - 1) * UNIT);
    }

    /** Where Q of x is. */
    static short offerAt(byte x) {
        return (short) (POINTS + (x - 1) * Point.SIZE);
    }

    /** In one step: the deal begins with this a(0). */
    void begin(byte[] start, short at) {
        written = true;
        Util.arrayCopyNonAtomic(start, at, memory, secretAt((byte) 1), UNIT);
        JCSystem.beginTransaction();
        for (short i = 0; i < MASKS; i++) {
            masks[i] = 0;
        }
        drilled = false;
        next = 1;
        phase = BEGUN;
        JCSystem.commitTransaction();
    }

    /** x has something that is not kept. */
    void mark(short what, byte x) {
        if (!has(what, x)) {
            masks[what] = (short) (masks[what] | bit(x));
        }
    }

    /** In one step: x has something, and this is it. */
    void keep(short what, byte x, byte[] source, short at, short length, short place) {
        JCSystem.beginTransaction();
        Util.arrayCopy(source, at, memory, place, length);
        mark(what, x);
        JCSystem.commitTransaction();
    }

    /** Writes a(x), which {@link #step} makes the one that counts. */
    void prepare(byte[] value, short at) {
        Util.arrayCopyNonAtomic(value, at, memory, secretAt((byte) (next + 1)), UNIT);
    }

    /** Within the caller's transaction: a(x) is what was prepared, and the next contribution is that of x + 1. */
    void step() {
        next++;
    }

    /** Within the caller's transaction: the deal is in another phase. But for phase 3, {@link #recover} follows. */
    void enter(byte newPhase) {
        phase = newPhase;
    }

    /** The drill is confirmed. */
    void confirmDrill() {
        if (!drilled) {
            drilled = true;
        }
    }

    /** Finishes what a loss of power, the split or the end of a deal left: overwrites the secrets that do not count. */
    void recover() {
        if (written && !isThere()) {
            Util.arrayFillNonAtomic(memory, (short) 0, SECRETS, (byte) 0);
            written = false;
        } else if (phase == SPLIT) {
            short before = secretAt((byte) (next + 1));
            if (!Engines.isZero(memory, before, UNIT)) {
                Util.arrayFillNonAtomic(memory, before, UNIT, (byte) 0);
            }
        }
    }
}
