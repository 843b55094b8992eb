package cardwright.custodian;

import javacard.framework.JCSystem;

/** WIPE. A transaction decides; overwriting is finished before the next command if power is lost. */
final class Wiping {
    private static final byte EVERYTHING = 1;
    private static final byte UNDER_MANIFEST = 2;

    private final Parts parts;
    private final Dealer dealer;
    private final Combiner combiner;

    Wiping(Parts parts, Dealer dealer, Combiner combiner) {
        this.parts = parts;
        this.dealer = dealer;
        this.combiner = combiner;
    }

    /** WIPE behind its first step; the answer's length. */
    short wipe(byte[] buffer, short length) {
        byte p1 = Command.requireP1(buffer, (byte) 0, UNDER_MANIFEST);
        Command.requireNoData(length);
        if (p1 == EVERYTHING) {
            wipeEverything(buffer);
            return 0;
        }
        if (p1 == UNDER_MANIFEST) {
            parts.manifest.requireCustodian(Manifest.DESTROY);
            parts.share.requireSetOf(parts.manifest);
        }
        parts.share.requireThere();
        parts.pin.use();
        parts.destroyed.prepare(parts.share);
        JCSystem.beginTransaction();
        parts.destroyed.turn();
        parts.share.discard();
        JCSystem.commitTransaction();
        parts.share.recover();
        return p1 == UNDER_MANIFEST ? parts.receipts.sign(buffer) : (short) 0;
    }

    private void wipeEverything(byte[] buffer) {
        JCSystem.beginTransaction();
        parts.share.discard();
        parts.identity.discard();
        parts.certified.discard();
        parts.approvals.reset();
        parts.destroyed.discard();
        parts.manifest.discard();
        parts.discardManifest();
        dealer.discard();
        combiner.discard();
        parts.pin.erase(buffer);
        JCSystem.commitTransaction();
        combiner.wipeTaken();
        parts.recover();
        dealer.recover();
        parts.pin.recover();
    }
}
