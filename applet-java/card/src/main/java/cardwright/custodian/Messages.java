package cardwright.custodian;

import javacard.framework.ISOException;
import javacard.framework.Util;

/** "Messages", signed by this card or by a party, and contexts of boxes. Messages go piece by piece into the hash. */
final class Messages {
    private final Engines engines;
    private final Identity identity;
    private final Manifest manifest;
    private final Parties parties;

    Messages(Engines engines, Identity identity, Manifest manifest, Parties parties) {
        this.engines = engines;
        this.identity = identity;
        this.manifest = manifest;
        this.parties = parties;
    }

    /** Begins a message of this card's: T(k), M, S. Fields follow with {@link #add}, the last with {@link #sign}. */
    void beginSigned(byte kind) {
        identity.initSign();
        head(kind);
        add(identity.certificateHash(), (short) 0, Engines.SHA);
    }

    /** Begins a message of a party's that is there: T(k), M, S. The last field goes to {@link #requireGood}. */
    void beginVerified(byte kind, byte place) {
        parties.initVerify(place);
        head(kind);
        add(parties.hashes(place), parties.hashAt(place), Engines.SHA);
    }

    private void head(byte kind) {
        Kind.tag(kind, engines.work, Engines.TAG);
        add(engines.work, Engines.TAG, Kind.TAG);
        add(manifest.bytes(), Manifest.HASH, Engines.SHA);
    }

    /** A field that is not the last one. */
    void add(byte[] field, short at, short length) {
        engines.curve.update(field, at, length);
    }

    /** The signature of the message that ends with this field, of at least one byte. Where it ends in the buffer. */
    short sign(byte[] field, short at, short length, byte[] buffer, short bufferAt) {
        return engines.curve.sign(field, at, length, buffer, bufferAt);
    }

    /** 6601 where the signature of the message that ends with this field, of at least one byte, is not good. */
    void requireGood(byte[] field, short at, short length, byte[] signed, short signedAt, short signedLength) {
        if (!engines.curve.verify(field, at, length, signed, signedAt, signedLength)) {
            ISOException.throwIt(Custody.SW_SIGNATURE);
        }
    }

    /** "Other than 73 to 137 bytes: 6700", of Q and signature. */
    static void requireOfferLength(short length) {
        Command.requireLength(length, (short) (Point.SIZE + Certificate.MIN_SIGNATURE),
                (short) (Point.SIZE + Certificate.MAX_SIGNATURE));
    }

    /** An offer of a party's that is there, Q and signature: 6601 where it is not its own, 6A80 where Q is no point. */
    void requireOffer(byte place, byte[] bytes, short at, short length) {
        beginVerified(Kind.OFFER, place);
        requireGood(bytes, at, Point.SIZE, bytes, (short) (at + Point.SIZE), (short) (length - Point.SIZE));
        Command.requireSound(engines.curve.isPoint(bytes, at));
    }

    /**
     * Begins the hash of a message of this card's, without a signature: T(k), M, S. {@link Engines#digest} goes on.
     */
    void beginHashed(byte kind) {
        engines.hash(kind);
        manifest.hashM(engines);
        engines.digest.update(identity.certificateHash(), (short) 0, Engines.SHA);
    }

    /** Writes a box's context to {@link Engines#work}: T(k), M, x, and certificate hashes by place. */
    void context(byte kind, byte x, byte sender, byte recipient) {
        byte[] work = engines.work;
        short at = Kind.tag(kind, work, Engines.CONTEXT);
        at = Util.arrayCopyNonAtomic(manifest.bytes(), Manifest.HASH, work, at, Engines.SHA);
        work[at++] = x;
        at = Util.arrayCopyNonAtomic(parties.hashes(sender), parties.hashAt(sender), work, at, Engines.SHA);
        Util.arrayCopyNonAtomic(parties.hashes(recipient), parties.hashAt(recipient), work, at, Engines.SHA);
    }
}
