package cardwright.custodian;

/**
 * What the card keeps, and what all commands share.
 *
 * <p>Whatever is persistent changes in one of two ways. A part writes beside what counts, or to a place that is marked
 * as not counting, and a single write makes it count. Where several parts change in one step, the last write of each is
 * one of the methods that say "within the caller's transaction"; {@link #recover} follows the transaction, and comes
 * before every command: it overwrites what no longer counts.
 */
final class Parts {
    final Engines engines;
    final Pin pin;
    final Share share;
    final Identity identity;
    final Blocks blocks;
    final Manifest manifest;
    final Parties parties;
    final Messages messages;
    final Contribution contribution;
    final Offer offer;
    /** What a dealer has pending; or the statement, and the result, at the other places: no card has two of them. */
    final byte[] memory;
    final Statement statement;
    final CheckValue checkValue;
    final Content content;
    final Destroyed destroyed;
    final Receipts receipts;
    final Certified certified;
    /** How many manifests were approved. */
    final Counter approvals;

    Parts() {
        engines = new Engines();
        pin = new Pin();
        share = new Share();
        identity = new Identity(engines);
        blocks = new Blocks();
        manifest = new Manifest();
        parties = new Parties(engines, manifest);
        messages = new Messages(engines, identity, manifest, parties);
        contribution = new Contribution(engines, manifest);
        offer = new Offer();
        memory = new byte[Pending.SIZE];
        statement = new Statement(memory);
        checkValue = new CheckValue(engines);
        content = new Content(engines, manifest);
        destroyed = new Destroyed();
        receipts = new Receipts(messages, manifest, share, destroyed);
        certified = new Certified();
        approvals = new Counter();
    }

    /** Finishes what a loss of power, or a transaction, left. Outside of transactions. */
    void recover() {
        engines.recover();
        share.recover();
        identity.recover();
        contribution.recover();
        offer.recover();
    }

    /** A command ended where nobody could foresee it: nothing that it computed with is left. */
    void abandon() {
        blocks.abandon();
        engines.clear();
        checkValue.abandon();
        engines.sealing.abandon();
    }

    /** Within the caller's transaction: what goes with a manifest is none. */
    void discardManifest() {
        parties.discard();
        contribution.discard();
        offer.discard();
        statement.discard();
    }
}
