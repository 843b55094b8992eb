package cardwright.simulator.domain;

import cardwright.simulator.Platform;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** The card's key sets, at most 16. Each change is whole or absent. */
final class KeySets {
    /** The version number of initial keys. */
    static final short INITIAL = 0xFF;

    private static final short COUNT = 16;
    private static final int COUNTER_MAX = 0xFF_FFFF;
    private static final byte AES = (byte) 0x88;

    private final Platform platform;
    private final byte tries;
    private final KeySetEntry[] sets = new KeySetEntry[COUNT];

    /**
     * With the set of a new card: the public test keys 40 41 42 ..., the same for all three.
     *
     * @param platform the card, whose profile says number and size of the keys, and how many authentications may fail
     */
    KeySets(Platform platform) {
        this.platform = platform;
        int keyLength = platform.profile().keyLength();
        tries = (byte) platform.profile().tries();
        for (short i = 0; i < COUNT; i++) {
            sets[i] = new KeySetEntry();
        }
        ByteArrayOutputStream keys = new ByteArrayOutputStream(KeySetEntry.ROOM);
        for (int i = 0; i < 3 * keyLength; i++) {
            keys.write(0x40 + i % keyLength);
        }
        short kvn = (short) platform.profile().kvn();
        write(sets[0], kvn, (short) keyLength, 0, Arrays.copyOf(keys.toByteArray(), KeySetEntry.ROOM));
    }

    /** The set with this version number, or null. */
    KeySetEntry find(int kvn) {
        for (KeySetEntry set : sets) {
            if (set.kvn != 0 && set.kvn == kvn) {
                return set;
            }
        }
        return null;
    }

    /** The set that was added last. */
    KeySetEntry latest() {
        KeySetEntry latest = null;
        for (KeySetEntry set : sets) {
            if (set.kvn != 0 && (latest == null || set.order > latest.order)) {
                latest = set;
            }
        }
        return latest;
    }

    private KeySetEntry free() {
        for (KeySetEntry set : sets) {
            if (set.kvn == 0) {
                return set;
            }
        }
        return null;
    }

    /** Moves a set's sequence counter on, in one write that no transaction holds back; 6982 at its end. */
    int advance(KeySetEntry set) {
        byte[] counter = set.counter;
        int value = (counter[0] & 0xFF) << 16 | (counter[1] & 0xFF) << 8 | counter[2] & 0xFF;
        if (value >= COUNTER_MAX) {
            throw new ISOException(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
        }
        value++;
        platform.writeThrough(counter, value);
        return value;
    }

    /** Takes a try away, in one write that no transaction holds back; 6983 where none is left. */
    void takeTry(KeySetEntry set) {
        if (set.tries[0] == 0) {
            throw new ISOException(Status.BLOCKED);
        }
        platform.writeThrough(set.tries, (set.tries[0] & 0xFF) - 1);
    }

    /** Gives all tries back, likewise. */
    void restoreTries(KeySetEntry set) {
        platform.writeThrough(set.tries, tries);
    }

    /**
     * Adds a set; the initial one goes with it.
     *
     * @param keys three keys, one behind the other, filled up to {@link KeySetEntry#ROOM}
     * @throws ISOException 6A80 where the number is taken, 6A84 where there is no room
     */
    void add(int kvn, int keyLength, byte[] keys) {
        if (find(kvn) != null) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
        KeySetEntry set = free();
        if (set == null) {
            throw new ISOException(Status.NO_MEMORY);
        }
        KeySetEntry initial = find(INITIAL);
        int order = latest().order + 1;
        JCSystem.beginTransaction();
        write(set, (short) kvn, (short) keyLength, order, keys);
        if (initial != null) {
            wipe(initial);
        }
        JCSystem.commitTransaction();
    }

    /**
     * Puts other keys in a set's place, with another number perhaps; its counter starts anew.
     *
     * @throws ISOException 6A88 no set {@code old}; 6A80 where the number is another set's, or the keys have another
     *     size
     */
    void replace(int old, int kvn, int keyLength, byte[] keys) {
        KeySetEntry set = find(old);
        if (set == null) {
            throw new ISOException(Status.REFERENCE_NOT_FOUND);
        }
        KeySetEntry other = find(kvn);
        if (keyLength != set.keyLength || other != null && other != set) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
        JCSystem.beginTransaction();
        write(set, (short) kvn, (short) keyLength, set.order, keys);
        JCSystem.commitTransaction();
    }

    /**
     * Wipes a set.
     *
     * @param inUse version number of the session's own set
     * @throws ISOException 6A88 no such set; 6985 the session's own set, or the last
     */
    void delete(int kvn, int inUse) {
        KeySetEntry set = find(kvn);
        if (set == null) {
            throw new ISOException(Status.REFERENCE_NOT_FOUND);
        }
        short count = 0;
        for (KeySetEntry any : sets) {
            count += any.kvn == 0 ? 0 : 1;
        }
        if (kvn == inUse || count == 1) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        JCSystem.beginTransaction();
        wipe(set);
        JCSystem.commitTransaction();
    }

    private void write(KeySetEntry set, short kvn, short keyLength, int order, byte[] keys) {
        set.kvn = kvn;
        set.keyLength = keyLength;
        set.tries[0] = tries;
        Util.arrayFill(set.counter, (short) 0, (short) 3, (byte) 0);
        set.order = order;
        Util.arrayCopy(keys, (short) 0, set.keys, (short) 0, KeySetEntry.ROOM);
    }

    private static void wipe(KeySetEntry set) {
        set.kvn = 0;
        set.keyLength = 0;
        set.tries[0] = 0;
        Util.arrayFill(set.counter, (short) 0, (short) 3, (byte) 0);
        set.order = 0;
        Util.arrayCopy(new byte[KeySetEntry.ROOM], (short) 0, set.keys, (short) 0, KeySetEntry.ROOM);
    }

    /** Appends the key information data of all keys (CS 11.3.3.1): identifier, version, type, length. */
    void describe(ByteArrayOutputStream out) {
        for (KeySetEntry set : sets) {
            for (int id = 1; set.kvn != 0 && id <= 3; id++) {
                out.write(0xC0);
                out.write(4);
                out.write(id);
                out.write(set.kvn);
                out.write(AES);
                out.write(set.keyLength);
            }
        }
    }
}
