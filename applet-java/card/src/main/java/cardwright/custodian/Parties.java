package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;

/** Keys of those that PUT PARTY took, by place; certificate hashes are in the manifest, but for a past deal's dealer. */
final class Parties {
    private static final short PLACES = 13;

    private final Engines engines;
    private final Manifest manifest;
    private final byte[] keys;
    /** The certificate hash of the dealer where the manifest has none: in drill and release. */
    private final byte[] dealer;
    private byte hsmAlgorithm;
    /** As in GET STATE. What it does not name is not written yet, or left from before. */
    private short mask;

    Parties(Engines engines, Manifest manifest) {
        this.engines = engines;
        this.manifest = manifest;
        keys = new byte[PLACES * Point.SIZE];
        dealer = new byte[Engines.SHA];
    }

    /** As in GET STATE. */
    short mask() {
        return mask;
    }

    /** Within the caller's transaction: there are none. */
    void discard() {
        mask = 0;
    }

    boolean has(byte place) {
        return (short) (mask & bit(place)) != 0;
    }

    /** "Party": 6985 where it is not there. */
    void require(byte place) {
        if (!has(place)) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    /** The array with all certificate hashes that {@link #hashAt} finds. Whoever has a place has a hash. */
    byte[] hashes(byte place) {
        return isPastDealer(place) ? dealer : manifest.bytes();
    }

    /** Where a place's certificate hash stands in {@link #hashes}. */
    short hashAt(byte place) {
        if (isPastDealer(place)) {
            return 0;
        }
        if (place <= Manifest.MAX_N) {
            return (short) (Manifest.CUSTODIAN_HASHES + (place - 1) * Engines.SHA);
        }
        return place == Manifest.COMBINER ? Manifest.COMBINER_HASH : Manifest.PARTNER_HASH;
    }

    /** Whether a place's certificate hash is this one. A past deal's dealer that is not there yet may be anybody. */
    boolean isHash(byte place, byte[] hash, short at) {
        return (isPastDealer(place) && !has(place))
                || Util.arrayCompare(hash, at, hashes(place), hashAt(place), Engines.SHA) == 0;
    }

    private boolean isPastDealer(byte place) {
        return place == Manifest.DEALER && manifest.operation() != Manifest.DEAL;
    }

    /** The array with all keys: 65 bytes of a point, or 32 of the hash of a modulus. */
    byte[] keys() {
        return keys;
    }

    /** Where a party's key stands in {@link #keys}. */
    short keyAt(byte place) {
        return (short) (index(place) * Point.SIZE);
    }

    /** Algorithm of party 0E, as in its certificate: 01 P-256, 02 to 04 RSA. */
    byte hsmAlgorithm() {
        return hsmAlgorithm;
    }

    /** Takes a certificate's body, with its hash, for a place where it belongs. */
    void put(byte place, byte[] body, short at, byte[] hash, short hashAt) {
        if (has(place)) {
            // By its hash it is the one that is there.
            return;
        }
        byte algorithm = body[(short) (at + Certificate.ALGORITHM)];
        Util.arrayCopyNonAtomic(body, (short) (at + Certificate.KEY), keys, keyAt(place),
                Certificate.keyLength(algorithm));
        if (place == Manifest.HSM) {
            hsmAlgorithm = algorithm;
        } else if (isPastDealer(place)) {
            Util.arrayCopyNonAtomic(hash, hashAt, dealer, (short) 0, Engines.SHA);
        }
        mask |= bit(place);
    }

    /** Begins what is verified under a party's key, message head and all. */
    void initVerify(byte place) {
        engines.curve.initVerify(keys, keyAt(place));
    }

    private static short index(byte place) {
        return (short) (place <= Manifest.MAX_N ? place - 1 : place - 2);
    }

    private static short bit(byte place) {
        return (short) (1 << index(place));
    }
}
