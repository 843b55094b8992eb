package cardwright.custodian;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import javacard.security.RandomData;
import org.globalplatform.GPSystem;

/**
 * Holds one custodian's share of a master key: docs/protocol/custody.md, version 1.0.
 *
 * <p>All memory is allocated when the applet is installed. What is persistent is in {@link Pin}, {@link Share} and the
 * identity here; what ends with deselection in {@link Pin}, {@link Storing} and {@link Reading}; what belongs to one
 * command in {@link SecureMessaging}. A field holds persistent memory only, so everything else is in transient arrays:
 * 512 bytes for a share that comes in blocks, and 7 more.
 */
public final class CustodianApplet extends Applet {
    private static final short IDENTITY = 8;

    private final byte[] identity;
    private final Pin pin;
    private final Share share;
    private final Storing storing;
    private final Reading reading;
    private final SecureMessaging messaging;

    private CustodianApplet() {
        identity = new byte[IDENTITY];
        makeIdentity(identity);
        messaging = new SecureMessaging();
        pin = new Pin();
        share = new Share();
        storing = new Storing(pin, share);
        reading = new Reading(pin, share);
    }

    /** Cards of Java Card 3.0.4 have no other way; later versions of the API call it deprecated. */
    @SuppressWarnings("deprecation")
    private static void makeIdentity(byte[] identity) {
        RandomData.getInstance(RandomData.ALG_SECURE_RANDOM).generateData(identity, (short) 0, IDENTITY);
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
        share.recover();
        pin.recover();
        if (selectingApplet()) {
            apdu.setOutgoingAndSend((short) 0, describe(apdu.getBuffer()));
            return;
        }
        try {
            if (messaging.receive(apdu)) {
                dispatch(apdu);
            } else {
                // Here the session ends, whether the domain makes another or not.
                endOperations();
                SecureMessaging.establish(apdu);
            }
        } catch (ISOException refusal) {
            // First of all: a card may have one exception for every refusal, also for those within the channel.
            short status = refusal.getReason();
            if (SecureMessaging.endsSession(status)) {
                endOperations();
                GPSystem.getSecureChannel().resetSecurity();
            }
            ISOException.throwIt(status);
        }
    }

    /** What a custodian's PIN has allowed one session is not left to the next one, whose keys may be others. */
    private void endOperations() {
        storing.end();
        reading.end();
    }

    /** "Every command", step 5, and what ends on the way to step 6. */
    private void dispatch(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        byte ins = buffer[ISO7816.OFFSET_INS];
        requireClass(buffer[ISO7816.OFFSET_CLA], ins);
        if (ins != Custody.INS_STORE_SHARE) {
            storing.end();
        }
        if (ins != Custody.INS_READ_SHARE) {
            reading.end();
        }
        try {
            carryOut(apdu, ins, messaging.data(apdu));
        } catch (ISOException refusal) {
            short status = refusal.getReason();
            endOperations();
            ISOException.throwIt(status);
        }
    }

    /** VERIFY is ISO's, the other commands are proprietary. */
    private static void requireClass(byte cla, byte ins) {
        switch (ins) {
            case Custody.INS_VERIFY:
                if (cla < 0) {
                    ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
                }
                break;
            case Custody.INS_CHANGE_PIN:
            case Custody.INS_STORE_SHARE:
            case Custody.INS_READ_SHARE:
            case Custody.INS_WIPE:
            case Custody.INS_GET_STATE:
                if (cla >= 0) {
                    ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
                }
                break;
            default:
                ISOException.throwIt(ISO7816.SW_INS_NOT_SUPPORTED);
        }
    }

    /** Step 6. {@code length} bytes of data stand in the buffer; answers are made at its beginning. */
    private void carryOut(APDU apdu, byte ins, short length) {
        byte[] buffer = apdu.getBuffer();
        short status = Custody.SW_OK;
        short answer = 0;
        switch (ins) {
            case Custody.INS_VERIFY:
                status = pin.verify(buffer, length);
                break;
            case Custody.INS_CHANGE_PIN:
                messaging.requireFullLevel();
                status = pin.change(buffer, length);
                break;
            case Custody.INS_STORE_SHARE:
                messaging.requireFullLevel();
                storing.store(buffer, length);
                break;
            case Custody.INS_READ_SHARE:
                messaging.requireFullLevel();
                answer = reading.read(buffer, length);
                break;
            case Custody.INS_WIPE:
                messaging.requireFullLevel();
                wipe(buffer, length);
                break;
            default:
                answer = state(buffer, length);
        }
        messaging.answer(apdu, answer, status);
    }

    /** WIPE. The transaction decides; overwriting the bytes is finished with the next command if power is lost. */
    private void wipe(byte[] buffer, short length) {
        byte p1 = buffer[ISO7816.OFFSET_P1];
        if (buffer[ISO7816.OFFSET_P2] != 0 || (p1 != 0 && p1 != 1)) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        if (length != 0) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
        if (p1 == 0) {
            if (!share.isThere()) {
                ISOException.throwIt(Custody.SW_NO_SHARE);
            }
            pin.use();
            share.discard();
        } else {
            JCSystem.beginTransaction();
            share.discard();
            pin.erase(buffer);
            JCSystem.commitTransaction();
            pin.recover();
        }
        share.recover();
    }

    /** GET STATE. The answer's length. */
    private short state(byte[] buffer, short length) {
        if (Util.getShort(buffer, ISO7816.OFFSET_P1) != 0) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        if (length != 0) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
        short end = describeCard(buffer, (short) 2);
        end = Util.setShort(buffer, end, (short) 0x8301);
        buffer[end++] = pin.tries();
        end = Util.setShort(buffer, end, (short) 0x8401);
        buffer[end++] = share.mode();
        end = share.describe(buffer, end);
        buffer[0] = (byte) 0xE1;
        buffer[1] = (byte) (end - 2);
        return end;
    }

    /** The answer to SELECT; its length. */
    private short describe(byte[] buffer) {
        byte aid = JCSystem.getAID().getBytes(buffer, (short) 4);
        short proprietary = (short) (4 + aid);
        short end = describeCard(buffer, (short) (proprietary + 2));
        buffer[0] = 0x6F;
        buffer[1] = (byte) (end - 2);
        buffer[2] = (byte) 0x84;
        buffer[3] = aid;
        buffer[proprietary] = (byte) 0xA5;
        buffer[(short) (proprietary + 1)] = (byte) (end - proprietary - 2);
        return end;
    }

    /** Version, life cycle, identity: the objects 80, 81 and 82, from {@code at}. Where they end. */
    private short describeCard(byte[] buffer, short at) {
        short end = Util.setShort(buffer, at, (short) 0x8002);
        end = Util.setShort(buffer, end, Custody.VERSION);
        end = Util.setShort(buffer, end, (short) 0x8101);
        buffer[end++] = pin.lifeCycle();
        end = Util.setShort(buffer, end, (short) (0x8200 | IDENTITY));
        return Util.arrayCopyNonAtomic(identity, (short) 0, buffer, end, IDENTITY);
    }
}
