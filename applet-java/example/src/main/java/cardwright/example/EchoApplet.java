package cardwright.example;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;
import org.globalplatform.GPSystem;
import org.globalplatform.SecureChannel;

/**
 * An applet that uses its security domain's secure channel, and answers what a test asks for. Plain Java Card: an
 * example of what runs on the simulator as it does on a card.
 *
 * <ul>
 *   <li>{@code 80 EC P1 P2}: answers with the command's data. P1 P2 other than 0000 is the status word to answer with;
 *       data comes along with 9000 and a warning (62xx, 63xx) and not with anything else.
 *   <li>{@code 80 EE P1 P2}: answers with P1 P2 bytes; byte n is n mod 251, so that a piece out of place shows. 6700
 *       for more than a short answer takes: 256 bytes in plain. Under secure messaging 239 whatever the level, because
 *       an applet is not told how long its domain's MACs are, and that many fit with padding and 16 bytes of MAC.
 * </ul>
 *
 * <p>An open session with C-MAC is used for everything: a plain command then is 6982, and ends it. CLA 84 without one
 * is 6882, another class than these two 6E00.
 */
public final class EchoApplet extends Applet {
    private static final byte PROPRIETARY = (byte) 0x80;
    private static final byte SECURED = 0x04;
    private static final byte INS_ECHO = (byte) 0xEC;
    private static final byte INS_PATTERN = (byte) 0xEE;
    private static final byte INS_INITIALIZE_UPDATE = 0x50;
    private static final byte INS_EXTERNAL_AUTHENTICATE = (byte) 0x82;
    private static final short MOST_PLAIN = 256;
    private static final short MOST_SECURED = 239;
    private static final short SW_OK = (short) 0x9000;

    private EchoApplet() {
    }

    /** Makes an instance under the AID that the loader names. */
    public static void install(byte[] parameters, short offset, byte length) {
        new EchoApplet().register(parameters, (short) (offset + 1), parameters[offset]);
    }

    @Override
    public void deselect() {
        GPSystem.getSecureChannel().resetSecurity();
    }

    @Override
    public void process(APDU apdu) {
        if (selectingApplet()) {
            return;
        }
        SecureChannel channel = GPSystem.getSecureChannel();
        try {
            answer(apdu, channel);
        } catch (ISOException refusal) {
            short status = refusal.getReason();
            if (status == ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED || status == (short) 0x6987
                    || status == (short) 0x6988) {
                channel.resetSecurity();
            }
            ISOException.throwIt(status);
        }
    }

    private static void answer(APDU apdu, SecureChannel channel) {
        byte[] buffer = apdu.getBuffer();
        byte ins = buffer[ISO7816.OFFSET_INS];
        boolean open = (byte) (channel.getSecurityLevel() & SecureChannel.C_MAC) != 0;
        boolean secured = (byte) (buffer[ISO7816.OFFSET_CLA] & SECURED) != 0;
        requireClass(buffer, open, secured);
        short length = 0;
        if (open && secured) {
            length = unwrap(apdu, channel);
        }
        if (ins == INS_INITIALIZE_UPDATE || ins == INS_EXTERNAL_AUTHENTICATE) {
            establish(apdu, channel, open && secured);
            return;
        }
        requireCommand(buffer[ISO7816.OFFSET_CLA], ins);
        if (!secured) {
            length = receive(apdu);
        }
        short status = Util.getShort(buffer, ISO7816.OFFSET_P1);
        if (ins == INS_ECHO) {
            Util.arrayCopyNonAtomic(buffer, ISO7816.OFFSET_CDATA, buffer, (short) 0, length);
            status = status == 0 ? SW_OK : status;
        } else {
            length = fill(buffer, status, secured ? MOST_SECURED : MOST_PLAIN);
            status = SW_OK;
        }
        send(apdu, channel, length, status, secured);
    }

    /** 6E00, 6882 and 6982, in this order. */
    private static void requireClass(byte[] buffer, boolean open, boolean secured) {
        byte ins = buffer[ISO7816.OFFSET_INS];
        if ((byte) (buffer[ISO7816.OFFSET_CLA] & ~(PROPRIETARY | SECURED)) != 0) {
            ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        if (secured && !open && ins != INS_EXTERNAL_AUTHENTICATE) {
            ISOException.throwIt(ISO7816.SW_SECURE_MESSAGING_NOT_SUPPORTED);
        }
        if (open && !secured && ins != INS_INITIALIZE_UPDATE && ins != ISO7816.INS_SELECT) {
            ISOException.throwIt(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
        }
    }

    /** A SELECT that comes here has not selected the applet, which has no files to select either. */
    private static void requireCommand(byte cla, byte ins) {
        if (ins == ISO7816.INS_SELECT && cla >= 0) {
            ISOException.throwIt(ISO7816.SW_FILE_NOT_FOUND);
        }
        if (ins != INS_ECHO && ins != INS_PATTERN && ins != ISO7816.INS_SELECT) {
            ISOException.throwIt(ISO7816.SW_INS_NOT_SUPPORTED);
        }
        if (cla >= 0 || ins == ISO7816.INS_SELECT) {
            ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
    }

    /** INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: the channel receives the data itself, and leaves its answer. */
    private static void establish(APDU apdu, SecureChannel channel, boolean unwrapped) {
        if (apdu.getBuffer()[ISO7816.OFFSET_CLA] >= 0) {
            ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        if (unwrapped) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        short length = channel.processSecurity(apdu);
        if (length != 0) {
            apdu.setOutgoingAndSend(ISO7816.OFFSET_CDATA, length);
        }
    }

    private static short receive(APDU apdu) {
        short received = apdu.setIncomingAndReceive();
        short length = apdu.getIncomingLength();
        while (received < length) {
            received = (short) (received + apdu.receiveBytes((short) (ISO7816.OFFSET_CDATA + received)));
        }
        return length;
    }

    /** Receives the data and takes MAC and encryption off; 6982 from the channel where that fails. */
    private static short unwrap(APDU apdu, SecureChannel channel) {
        byte[] buffer = apdu.getBuffer();
        short length = receive(apdu);
        // Without data this byte is Le.
        buffer[ISO7816.OFFSET_LC] = (byte) length;
        short end = channel.unwrap(buffer, (short) 0, (short) (ISO7816.OFFSET_CDATA + length));
        // Not what is left in Lc, which is not said anywhere; without data it may be the header's length.
        return end > ISO7816.OFFSET_CDATA ? (short) (end - ISO7816.OFFSET_CDATA) : (short) 0;
    }

    private static short fill(byte[] buffer, short length, short most) {
        if (length < 0 || length > most) {
            ISOException.throwIt(ISO7816.SW_WRONG_LENGTH);
        }
        for (short i = 0; i < length; i++) {
            buffer[i] = (byte) (i % 251);
        }
        return length;
    }

    /** Sends what stands at the buffer's beginning, where the status word lets data through. */
    private static void send(APDU apdu, SecureChannel channel, short length, short status, boolean secured) {
        byte kind = (byte) (status >> 8);
        if (status == SW_OK || kind == 0x62 || kind == 0x63) {
            byte[] buffer = apdu.getBuffer();
            if (secured) {
                // The status word is under the MAC, and taken off again.
                length = channel.wrap(buffer, (short) 0, Util.setShort(buffer, length, status));
            }
            if (length != 0) {
                apdu.setOutgoingAndSend((short) 0, length);
            }
        }
        if (status != SW_OK) {
            ISOException.throwIt(status);
        }
    }
}
