package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.Util;

/** COMMIT CONTRIBUTION, MAKE OFFER and REVEAL CONTRIBUTION; as in {@link Enrolling}. */
final class Contributing {
    private static final short DATA = ISO7816.OFFSET_CDATA;
    private static final short MAX_DICE = 32;

    private final Engines engines;
    private final Manifest manifest;
    private final Parties parties;
    private final Messages messages;
    private final Contribution contribution;
    private final Offer offer;

    Contributing(Parts parts) {
        engines = parts.engines;
        manifest = parts.manifest;
        parties = parts.parties;
        messages = parts.messages;
        contribution = parts.contribution;
        offer = parts.offer;
    }

    short commitContribution(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        manifest.requireCustodian(Manifest.DEAL);
        contribution.requireNotGone();
        Command.requireLength(length, (short) 0, MAX_DICE);
        contribution.make(buffer, DATA, length);
        contribution.copy(engines.work, Engines.CONTENT);
        short end = contribution.commit(manifest.place(), engines.work, Engines.CONTENT, buffer, (short) 0);
        messages.beginSigned(Kind.COMMITMENT_MESSAGE);
        return messages.sign(buffer, (short) 0, end, buffer, end);
    }

    short makeOffer(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        switch (manifest.place()) {
            case Manifest.COMBINER:
                break;
            case Manifest.DEALER:
                manifest.requireDealer();
                break;
            default:
                manifest.requireCustodian(Manifest.DEAL);
        }
        offer.requireUnused();
        Command.requireNoData(length);
        short end = offer.make(buffer, (short) 0);
        messages.beginSigned(Kind.OFFER);
        return messages.sign(buffer, (short) 0, end, buffer, end);
    }

    short revealContribution(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        manifest.requireCustodian(Manifest.DEAL);
        contribution.requireMade();
        parties.require(Manifest.DEALER);
        Messages.requireOfferLength(length);
        messages.requireOffer(Manifest.DEALER, buffer, DATA, length);
        byte x = manifest.place();
        messages.context(Kind.BOX_WITH_CONTRIBUTION, x, x, Manifest.DEALER);
        contribution.copy(engines.work, Engines.CONTENT);
        // The signature behind Q is not needed any more.
        short box = (short) (DATA + Point.SIZE);
        short end = engines.sealing.seal(buffer, DATA, engines.work, Engines.CONTEXT, engines.work, Engines.CONTENT,
                Engines.SHA, buffer, box);
        return Util.arrayCopyNonAtomic(buffer, box, buffer, (short) 0, (short) (end - box));
    }
}
