package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** APPROVE MANIFEST and PUT PARTY; as in {@link Enrolling}. */
final class Approving {
    private static final short DATA = ISO7816.OFFSET_CDATA;

    private final Parts parts;
    private final Engines engines;
    private final Manifest manifest;
    private final Identity identity;
    private final Dealer dealer;
    private final Combiner combiner;

    Approving(Parts parts, Dealer dealer, Combiner combiner) {
        this.parts = parts;
        engines = parts.engines;
        manifest = parts.manifest;
        identity = parts.identity;
        this.dealer = dealer;
        this.combiner = combiner;
    }

    short approveManifest(byte[] buffer, short count) {
        if (!parts.blocks.take(buffer, count)) {
            return 0;
        }
        byte[] bytes = parts.blocks.bytes();
        short length = parts.blocks.length();
        Command.requireConditions(identity.hasCertificate());
        short hashes = (short) (length - Manifest.CUSTODIAN_HASHES);
        if (hashes % Engines.SHA != 0) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
        Command.requireLength(hashes, (short) (2 * Engines.SHA), (short) (Custody.MOST * Engines.SHA));
        parts.pin.use();
        engines.digest.reset();
        engines.digest.doFinal(bytes, (short) 0, length, engines.work, Engines.HASH);
        if (!manifest.isInHand() || Util.arrayCompare(engines.work, Engines.HASH, manifest.bytes(), Manifest.HASH,
                Engines.SHA) != 0) {
            take(bytes, length);
        }
        parts.messages.beginSigned(Kind.APPROVAL);
        parts.approvals.copy(buffer, (short) 0);
        return parts.messages.sign(buffer, (short) 0, Counter.SIZE, buffer, Counter.SIZE);
    }

    /** Steps 6 to 11 of APPROVE MANIFEST. */
    private void take(byte[] bytes, short length) {
        Command.requireConditions(!dealer.isPending());
        Command.requireSound(Manifest.isWellFormed(bytes, length));
        if (!manifest.isBefore(bytes)) {
            ISOException.throwIt(Custody.SW_SEQUENCE);
        }
        byte place = Manifest.placeOf(identity.certificateHash(), bytes);
        if (place == 0) {
            ISOException.throwIt(Custody.SW_OTHER_KEY);
        }
        if ((byte) (identity.roles() & roleOf(place)) == 0) {
            ISOException.throwIt(Custody.SW_ROLE);
        }
        Command.requireConditions(place > Custody.MOST || !Manifest.isDeal(bytes) || !parts.share.isThere());
        manifest.prepare(bytes, length, engines.work, Engines.HASH, place);
        JCSystem.beginTransaction();
        manifest.turn();
        parts.approvals.increment();
        parts.discardManifest();
        dealer.discard();
        combiner.discard();
        JCSystem.commitTransaction();
        combiner.wipeTaken();
        parts.recover();
        dealer.recover();
    }

    /** The bit of the role that a place needs. */
    private static byte roleOf(byte place) {
        switch (place) {
            case Manifest.COMBINER:
                return Certificate.ROLE_COMBINER;
            case Manifest.DEALER:
                return Certificate.ROLE_DEALER;
            case Manifest.HSM:
                return Certificate.ROLE_HSM;
            default:
                return Certificate.ROLE_CUSTODIAN;
        }
    }

    short putParty(byte[] buffer, short length) {
        byte place = Command.requireP1(buffer, (byte) 1, Manifest.HSM);
        if (place > Custody.MOST && place < Manifest.COMBINER) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        requirePlace(place);
        Command.requireLength(length, (short) (Certificate.BODY_RSA + Certificate.MIN_SIGNATURE),
                (short) (Certificate.BODY + Certificate.MAX_SIGNATURE));
        short body = Certificate.length(buffer[(short) (DATA + Certificate.ALGORITHM)]);
        short signature = (short) (length - body);
        Command.requireSound(Certificate.isWellFormed(buffer, DATA) && Certificate.isSignatureLength(signature));
        if ((byte) (buffer[(short) (DATA + Certificate.ROLES)] & roleOf(place)) == 0) {
            ISOException.throwIt(Custody.SW_ROLE);
        }
        engines.digest.reset();
        engines.digest.doFinal(buffer, DATA, body, engines.work, Engines.HASH);
        if (!parts.parties.isHash(place, engines.work, Engines.HASH)) {
            ISOException.throwIt(Custody.SW_OTHER_KEY);
        }
        identity.requireSignedByCa(buffer, DATA, body, signature);
        parts.parties.put(place, buffer, DATA, engines.work, Engines.HASH);
        return 0;
    }

    /** Step 3 of PUT PARTY: the manifest has this place. */
    private void requirePlace(byte place) {
        switch (place) {
            case Manifest.COMBINER:
            case Manifest.DEALER:
                manifest.requireOperation((byte) (Manifest.DEAL | Manifest.DRILL | Manifest.RELEASE));
                break;
            case Manifest.HSM:
                manifest.requireOperation(Manifest.RELEASE);
                break;
            default:
                manifest.requireOperation(Manifest.ANY);
                manifest.requireX(place);
        }
    }
}
