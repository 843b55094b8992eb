package cardwright.custodian;

import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * A CA's memory: how many certificates it signed, the hashes of the last 32 keys, the last body.
 *
 * <p>Hashes go round in one place more than count, bodies from one of two to the other, so that what is new is written
 * where nothing counts yet.
 */
final class Certified {
    private static final byte REMEMBERED = 32;
    private static final byte PLACES = REMEMBERED + 1;

    private final Counter count;
    private final byte[] hashes;
    private final byte[] first;
    private final byte[] second;
    /** Where the next hash goes; how many count before it. */
    private byte next;
    private byte known;
    /** Which place has the last body: 1, 2; 0 where there is none. */
    private byte last;

    Certified() {
        count = new Counter();
        hashes = new byte[PLACES * Engines.SHA];
        first = new byte[Certificate.BODY];
        second = new byte[Certificate.BODY];
    }

    /** Writes the count of 4 bytes. Where it ends. */
    short copyCount(byte[] target, short at) {
        return count.copy(target, at);
    }

    /** Whether this well-formed body is the last one that was signed. */
    boolean isLast(byte[] body, short at) {
        short length = Certificate.length(body[(short) (at + Certificate.ALGORITHM)]);
        return last != 0 && Util.arrayCompare(last == 1 ? first : second, (short) 0, body, at, length) == 0;
    }

    /** Whether the hash is that of one of the last 32 keys. */
    boolean knows(byte[] hash, short at) {
        byte place = next;
        for (byte i = 0; i < known; i++) {
            place = place == 0 ? (byte) (PLACES - 1) : (byte) (place - 1);
            if (Util.arrayCompare(hashes, (short) (place * Engines.SHA), hash, at, Engines.SHA) == 0) {
                return true;
            }
        }
        return false;
    }

    /** A certificate more, with the hash of its key. */
    void add(byte[] body, short at, byte[] hash, short hashAt) {
        short length = Certificate.length(body[(short) (at + Certificate.ALGORITHM)]);
        Util.arrayCopyNonAtomic(hash, hashAt, hashes, (short) (next * Engines.SHA), Engines.SHA);
        Util.arrayCopyNonAtomic(body, at, last == 1 ? second : first, (short) 0, length);
        JCSystem.beginTransaction();
        next = next == (byte) (PLACES - 1) ? (byte) 0 : (byte) (next + 1);
        if (known < REMEMBERED) {
            known++;
        }
        last = last == 1 ? (byte) 2 : (byte) 1;
        count.increment();
        JCSystem.commitTransaction();
    }

    /** Within the caller's transaction: as if it had never signed any. */
    void discard() {
        known = 0;
        last = 0;
        count.reset();
    }
}
