package cardwright.custodian;

import javacard.framework.APDU;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import org.globalplatform.GPSystem;
import org.globalplatform.SecureChannel;

/** Steps 1 to 4 of "Every command", and the answer's way back: the security domain's channel around the commands. */
final class SecureMessaging {
    private static final byte SECURED = 0x04;
    /** Every bit that a class byte of ours does not have. */
    private static final byte FOREIGN = 0x7B;
    /** Level 33 as the channel tells it: with the bit of a host that has authenticated itself. */
    private static final byte FULL_LEVEL = (byte) (SecureChannel.AUTHENTICATED | SecureChannel.C_MAC
            | SecureChannel.C_DECRYPTION | SecureChannel.R_MAC | SecureChannel.R_ENCRYPTION);
    private static final short SELECT_BY_AID = 0x0400;

    /** The command in hand came under secure messaging, and has been received. */
    private final boolean[] unwrapped;

    SecureMessaging() {
        unwrapped = JCSystem.makeTransientBooleanArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Whether the command is the applet's to carry out; if not, it is one for {@link #establish}. */
    boolean receive(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        byte cla = buffer[ISO7816.OFFSET_CLA];
        byte ins = buffer[ISO7816.OFFSET_INS];
        unwrapped[0] = false;
        if ((byte) (cla & FOREIGN) != 0) {
            ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        SecureChannel channel = GPSystem.getSecureChannel();
        boolean open = (byte) (channel.getSecurityLevel() & SecureChannel.C_MAC) != 0;
        if ((byte) (cla & SECURED) != 0) {
            if (open) {
                unwrap(apdu, channel);
            } else if (ins != Custody.INS_EXTERNAL_AUTHENTICATE) {
                ISOException.throwIt(ISO7816.SW_SECURE_MESSAGING_NOT_SUPPORTED);
            }
        } else if (open && !isTakenPlain(ins)) {
            ISOException.throwIt(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
        }
        return !isOfSession(buffer);
    }

    /** The commands that an open session lets through without its protection. */
    private static boolean isTakenPlain(byte ins) {
        return ins == Custody.INS_SELECT || ins == Custody.INS_INITIALIZE_UPDATE || ins == Custody.INS_VERIFY
                || ins == Custody.INS_GET_STATE;
    }

    /** 6982 from the channel where the command was not made in this session. */
    private void unwrap(APDU apdu, SecureChannel channel) {
        byte[] buffer = apdu.getBuffer();
        short length = data(apdu);
        // Without data this byte is Le.
        buffer[ISO7816.OFFSET_LC] = (byte) length;
        short end = channel.unwrap(buffer, (short) 0, (short) (ISO7816.OFFSET_CDATA + length));
        // What a channel leaves in Lc is not said anywhere; without data it may return the header alone.
        buffer[ISO7816.OFFSET_LC] = end > ISO7816.OFFSET_CDATA ? (byte) (end - ISO7816.OFFSET_CDATA) : (byte) 0;
        unwrapped[0] = true;
    }

    /** Step 4: whether the command is the security domain's. A SELECT that comes here has not selected the applet. */
    private boolean isOfSession(byte[] buffer) {
        byte cla = buffer[ISO7816.OFFSET_CLA];
        byte ins = buffer[ISO7816.OFFSET_INS];
        if (ins == Custody.INS_SELECT) {
            if (cla < 0) {
                ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
            }
            boolean byAid = Util.getShort(buffer, ISO7816.OFFSET_P1) == SELECT_BY_AID;
            ISOException.throwIt(byAid ? ISO7816.SW_FILE_NOT_FOUND : ISO7816.SW_INCORRECT_P1P2);
        }
        if (ins != Custody.INS_INITIALIZE_UPDATE && ins != Custody.INS_EXTERNAL_AUTHENTICATE) {
            return false;
        }
        if (cla >= 0) {
            ISOException.throwIt(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        if (unwrapped[0]) {
            ISOException.throwIt(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        return true;
    }

    /** INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: the channel receives the data itself, and leaves its answer. */
    static void establish(APDU apdu) {
        short length = GPSystem.getSecureChannel().processSecurity(apdu);
        if (length != 0) {
            apdu.setOutgoingAndSend(ISO7816.OFFSET_CDATA, length);
        }
    }

    /**
     * How many bytes of data the command has, in plain, from {@code OFFSET_CDATA}; receives them where that is to do.
     */
    short data(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        if (unwrapped[0]) {
            return (short) (buffer[ISO7816.OFFSET_LC] & 0xFF);
        }
        short received = apdu.setIncomingAndReceive();
        short length = apdu.getIncomingLength();
        while (received < length) {
            received = (short) (received + apdu.receiveBytes((short) (ISO7816.OFFSET_CDATA + received)));
        }
        return length;
    }

    /** "level 33": 6982 where the command did not come so. */
    void requireFullLevel() {
        byte level = GPSystem.getSecureChannel().getSecurityLevel();
        if (!unwrapped[0] || (byte) (level & FULL_LEVEL) != FULL_LEVEL) {
            ISOException.throwIt(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
        }
    }

    /** Sends {@code length} bytes from the buffer's beginning with 9000 or a warning, protected as the command was. */
    void answer(APDU apdu, short length, short status) {
        if (unwrapped[0]) {
            byte[] buffer = apdu.getBuffer();
            // The status word is under the MAC, and taken off again.
            short end = Util.setShort(buffer, length, status);
            length = GPSystem.getSecureChannel().wrap(buffer, (short) 0, end);
        }
        if (length != 0) {
            apdu.setOutgoingAndSend((short) 0, length);
        }
        if (status != Custody.SW_OK) {
            ISOException.throwIt(status);
        }
    }

    /** Whether a session ends with this status word. */
    static boolean endsSession(short status) {
        return status == ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED || status == Custody.SW_SESSION_DATA_MISSING
                || status == Custody.SW_SESSION_DATA_WRONG;
    }
}
