package cardwright.custodian;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import org.globalplatform.GPSystem;

/**
 * The custodian of docs/protocol/custody.md, version 2.0: a CA's card, a dealer's, a custodian's or a combiner's.
 *
 * <p>All memory is allocated when the applet is installed. What lasts is in {@link Parts}, {@link Dealer} and
 * {@link Combiner}; what ends with deselection in {@link Pin}, {@link Blocks}, {@link Reading} and {@link Combiner};
 * what belongs to one command in {@link SecureMessaging} and {@link Engines}. A field holds persistent memory only, so
 * everything else is in transient arrays.
 */
public final class CustodianApplet extends Applet {
    private final Parts parts;
    private final SecureMessaging messaging;
    private final Dealer dealer;
    private final Combiner combiner;
    private final Storing storing;
    private final Reading reading;
    private final Wiping wiping;
    private final State state;
    private final Enrolling enrolling;
    private final Approving approving;
    private final Contributing contributing;
    private final Receiving receiving;

    private CustodianApplet() {
        parts = new Parts();
        messaging = new SecureMessaging();
        dealer = new Dealer(parts);
        combiner = new Combiner(parts);
        storing = new Storing(parts);
        reading = new Reading(parts);
        wiping = new Wiping(parts, dealer, combiner);
        state = new State(parts, dealer, combiner);
        enrolling = new Enrolling(parts);
        approving = new Approving(parts, dealer, combiner);
        contributing = new Contributing(parts);
        receiving = new Receiving(parts, combiner);
    }

    /** Makes the one instance, under the AID that the loader names (CS 11.5.2.3.7: AID, privileges, parameters). */
    public static void install(byte[] parameters, short offset, byte length) {
        new CustodianApplet().register(parameters, (short) (offset + 1), parameters[offset]);
    }

    /** A session never outlives the selection in which it began. */
    @Override
    public boolean select() {
        GPSystem.getSecureChannel().resetSecurity();
        return true;
    }

    /** As {@link #select}. What is transient is the runtime's to clear. */
    @Override
    public void deselect() {
        GPSystem.getSecureChannel().resetSecurity();
    }

    @Override
    public void process(APDU apdu) {
        parts.recover();
        dealer.recover();
        parts.pin.recover();
        if (selectingApplet()) {
            apdu.setOutgoingAndSend((short) 0, state.select(apdu.getBuffer()));
            return;
        }
        try {
            if (messaging.receive(apdu)) {
                dispatch(apdu);
            } else {
                // Here the session ends, whether the domain makes another or not.
                endSession();
                SecureMessaging.establish(apdu);
            }
        } catch (ISOException refusal) {
            // First of all: a card may have one exception for every refusal, also for those within the channel.
            short status = refusal.getReason();
            if (SecureMessaging.endsSession(status)) {
                endSession();
                GPSystem.getSecureChannel().resetSecurity();
            }
            ISOException.throwIt(status);
        }
    }

    /** What a custodian's PIN has allowed one session is not left to the next one, whose keys may be others. */
    private void endSession() {
        endTransfers();
        combiner.wipeTaken();
    }

    /** "Every command", step 5, and what ends on the way to step 6. */
    private void dispatch(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        byte ins = buffer[ISO7816.OFFSET_INS];
        requireClass(buffer[ISO7816.OFFSET_CLA], ins);
        parts.blocks.endUnless(ins);
        if (ins != Custody.INS_READ_SHARE) {
            reading.end();
        }
        try {
            carryOut(apdu, ins, messaging.data(apdu));
        } catch (ISOException refusal) {
            short status = refusal.getReason();
            endTransfers();
            parts.engines.clear();
            ISOException.throwIt(status);
        } catch (RuntimeException fault) {
            // The platform could not go on, at whatever point, and the runtime answers 6F00. A transaction is taken
            // back first: what is overwritten from here on stays so.
            if (JCSystem.getTransactionDepth() != 0) {
                JCSystem.abortTransaction();
            }
            reading.end();
            Util.arrayFillNonAtomic(buffer, (short) 0, (short) buffer.length, (byte) 0);
            parts.abandon();
            throw fault;
        }
    }

    private void endTransfers() {
        parts.blocks.end();
        reading.end();
    }

    /** VERIFY is ISO's, the other commands are proprietary. */
    private static void requireClass(byte cla, byte ins) {
        if (!isKnown(ins)) {
            ISOException.throwIt(ISO7816.SW_INS_NOT_SUPPORTED);
        }
        if ((cla >= 0) != (ins == Custody.INS_VERIFY)) {
            ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
    }

    /** But for SELECT and INITIALIZE UPDATE, which do not come here, all even numbers in between are in use. */
    private static boolean isKnown(byte ins) {
        if (ins == Custody.INS_VERIFY || ins == Custody.INS_CHANGE_PIN) {
            return true;
        }
        boolean own = (ins >= Custody.INS_STORE_SHARE && ins <= Custody.INS_FORGET)
                || (ins >= Custody.INS_RELEASE_SHARE && ins <= Custody.INS_RECEIPT);
        return own && (byte) (ins & 1) == 0;
    }

    /** Step 6. {@code length} bytes of data stand in the buffer; answers are made at its beginning. */
    private void carryOut(APDU apdu, byte ins, short length) {
        byte[] buffer = apdu.getBuffer();
        short status = Custody.SW_OK;
        short answer = 0;
        if (ins == Custody.INS_VERIFY) {
            status = parts.pin.verify(buffer, length);
        } else if (ins == Custody.INS_GET_STATE) {
            answer = state.get(buffer, length);
        } else {
            // Everything else begins with "level 33".
            messaging.requireFullLevel();
            if (ins == Custody.INS_CHANGE_PIN) {
                status = parts.pin.change(buffer, length);
            } else {
                answer = answer(buffer, ins, length);
            }
        }
        parts.blocks.settle();
        parts.engines.clear();
        messaging.answer(apdu, answer, status);
    }

    /** The commands whose only status word, where they are not refused, is 9000: the answer's length. */
    private short answer(byte[] buffer, byte ins, short length) {
        switch (ins) {
            case Custody.INS_STORE_SHARE:
                storing.store(buffer, length);
                return 0;
            case Custody.INS_READ_SHARE:
                return reading.read(buffer, length);
            case Custody.INS_WIPE:
                return wiping.wipe(buffer, length);
            case Custody.INS_GENERATE_IDENTITY:
                return enrolling.generateIdentity(buffer, length);
            case Custody.INS_GET_IDENTITY:
                return enrolling.getIdentity(buffer, length);
            case Custody.INS_PUT_CA_KEY:
                return enrolling.putCaKey(buffer, length);
            case Custody.INS_SIGN_CERTIFICATE:
                return enrolling.signCertificate(buffer, length);
            case Custody.INS_PUT_CERTIFICATE:
                return enrolling.putCertificate(buffer, length);
            case Custody.INS_APPROVE_MANIFEST:
                return approving.approveManifest(buffer, length);
            case Custody.INS_PUT_PARTY:
                return approving.putParty(buffer, length);
            case Custody.INS_COMMIT_CONTRIBUTION:
                return contributing.commitContribution(buffer, length);
            case Custody.INS_MAKE_OFFER:
                return contributing.makeOffer(buffer, length);
            case Custody.INS_REVEAL_CONTRIBUTION:
                return contributing.revealContribution(buffer, length);
            case Custody.INS_TAKE_STATEMENT:
                return receiving.takeStatement(buffer, length);
            case Custody.INS_STORE_BOX:
                return receiving.storeBox(buffer, length);
            case Custody.INS_RELEASE_SHARE:
                return receiving.releaseShare(buffer, length);
            case Custody.INS_RECEIPT:
                return parts.receipts.receipt(buffer, length);
            default:
                return answerOfMaker(buffer, ins, length);
        }
    }

    /** The dealer's and the combiner's. */
    private short answerOfMaker(byte[] buffer, byte ins, short length) {
        switch (ins) {
            case Custody.INS_BEGIN_DEAL:
                return dealer.beginDeal(buffer, length);
            case Custody.INS_ADMIT:
                return dealer.admit(buffer, length);
            case Custody.INS_TAKE_CONTRIBUTION:
                return dealer.takeContribution(buffer, length);
            case Custody.INS_DEAL_BOX:
                return dealer.dealBox(buffer, length);
            case Custody.INS_STATE_DEAL:
                return dealer.stateDeal(buffer, length);
            case Custody.INS_CONFIRM:
                return dealer.confirm(buffer, length);
            case Custody.INS_FORGET:
                return dealer.forget(buffer, length);
            case Custody.INS_TAKE_SHARE:
                return combiner.takeShare(buffer, length);
            case Custody.INS_DRILL:
                return combiner.drill(buffer, length);
            case Custody.INS_VERDICT:
                return combiner.verdict(buffer, length);
            case Custody.INS_EXPORT:
                return combiner.export(buffer, length);
            default:
                return combiner.readResult(buffer, length);
        }
    }
}
