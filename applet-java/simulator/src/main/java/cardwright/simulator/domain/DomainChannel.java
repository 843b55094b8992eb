package cardwright.simulator.domain;

import cardwright.simulator.Platform;
import cardwright.simulator.Profile;
import cardwright.simulator.scp.CardSession;
import cardwright.simulator.scp.Kdf;
import cardwright.simulator.scp.KeyBytes;
import cardwright.simulator.scp.SecureMessagingException;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import javacard.framework.APDU;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import org.globalplatform.SecureChannelx;

/**
 * The card's one secure channel, SCP03, for the security domain and its applications (AmdD 7.1, CS annex A.2).
 *
 * <p>An error ends a session wholly: there is no aborted session that would still demand its level.
 */
final class DomainChannel implements SecureChannelx {
    static final byte INITIALIZE_UPDATE = 0x50;
    static final byte EXTERNAL_AUTHENTICATE = (byte) 0x82;

    private static final byte SCP03 = 3;
    private static final short SESSION = 0;
    private static final short KEY_SET = 1;
    /** What a level says of messages; the rest says who is authenticated. */
    private static final int PROTECTION = 0x3F;

    private final Platform platform;
    private final KeySets keySets;
    /** The session, and until the host is authenticated the key set whose tries it takes. */
    private final Object[] state;

    DomainChannel(Platform platform, KeySets keySets) {
        this.platform = platform;
        this.keySets = keySets;
        state = JCSystem.makeTransientObjectArray((short) 2, JCSystem.CLEAR_ON_RESET);
    }

    /** The session if the host is authenticated, else null. */
    CardSession open() {
        CardSession session = (CardSession) state[SESSION];
        return session != null && session.isOpen() ? session : null;
    }

    /** Whether commands have to be under secure messaging. */
    boolean protects() {
        CardSession session = open();
        return session != null && (session.level() & CardSession.C_MAC) != 0;
    }

    /**
     * INITIALIZE UPDATE (AmdD 7.1.1). Ends the session there was, whatever comes of it.
     *
     * @return the response data
     * @throws ISOException 6A86 P2; 6700 a challenge of the other mode's length; 6A88 no such set; 6983 no tries left;
     *     6982 the sequence counter is at its end
     */
    byte[] initialize(int p1, int p2, byte[] challenge) {
        resetSecurity();
        if (p2 != 0) {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        Profile profile = platform.profile();
        int width = profile.s16() ? 16 : 8;
        if (challenge.length != width) {
            throw new ISOException(ISO7816.SW_WRONG_LENGTH);
        }
        KeySetEntry set = p1 == 0 ? keySets.latest() : keySets.find(p1);
        if (set == null) {
            throw new ISOException(Status.REFERENCE_NOT_FOUND);
        }
        if (set.tries[0] == 0) {
            throw new ISOException(Status.BLOCKED);
        }
        boolean pseudoRandom = (profile.i() & 0x10) != 0;
        int counter = 0;
        byte[] own = new byte[width];
        if (pseudoRandom) {
            counter = keySets.advance(set);
            byte[] keyEnc = Arrays.copyOf(set.keys, set.keyLength);
            own = Kdf.cardChallenge(keyEnc, counter, platform.selectedAid(), width);
            KeyBytes.wipe(keyEnc);
        } else {
            platform.random().nextBytes(own);
        }
        CardSession session = new CardSession(set.kvn, set.keys, set.keyLength, challenge, own);
        state[SESSION] = session;
        state[KEY_SET] = set;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(profile.kdd());
        out.write(set.kvn);
        out.write(SCP03);
        out.write(profile.i());
        out.writeBytes(own);
        out.writeBytes(session.cardCryptogram());
        for (int shift = 16; pseudoRandom && shift >= 0; shift -= 8) {
            out.write(counter >> shift);
        }
        return out.toByteArray();
    }

    /**
     * EXTERNAL AUTHENTICATE (AmdD 7.1.2). The try is gone, durably, before anything is compared.
     *
     * @param secured whether CLA says so
     * @throws ISOException 6985 without an INITIALIZE UPDATE; 6982 without secure messaging, 6A86 a level that the card
     *     does not offer, 6700 a wrong length, which all cost no try; 6983 no tries left; 6300 a wrong cryptogram or
     *     MAC. The challenge is used up in any case but the first
     */
    void authenticate(boolean secured, int p1, int p2, byte[] data) {
        CardSession session = (CardSession) state[SESSION];
        KeySetEntry set = (KeySetEntry) state[KEY_SET];
        if (session == null || session.isOpen()) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        state[SESSION] = null;
        state[KEY_SET] = null;
        try {
            if (!secured) {
                throw new ISOException(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
            }
            if (!CardSession.offers(platform.profile().i(), p1) || p2 != 0) {
                throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
            }
            if (data.length != (platform.profile().s16() ? 32 : 16)) {
                throw new ISOException(ISO7816.SW_WRONG_LENGTH);
            }
            keySets.takeTry(set);
            if (!session.authenticate(p1, data)) {
                throw new ISOException(Status.AUTHENTICATION_FAILED);
            }
            keySets.restoreTries(set);
            state[SESSION] = session;
        } finally {
            if (state[SESSION] == null) {
                session.end();
            }
        }
    }

    @Override
    public short processSecurity(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        byte ins = buffer[ISO7816.OFFSET_INS];
        if (ins != INITIALIZE_UPDATE && ins != EXTERNAL_AUTHENTICATE) {
            throw new ISOException(ISO7816.SW_INS_NOT_SUPPORTED);
        }
        byte cla = buffer[ISO7816.OFFSET_CLA];
        if (cla >= 0) {
            throw new ISOException(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        boolean secured = secured(cla);
        int p1 = buffer[ISO7816.OFFSET_P1] & 0xFF;
        int p2 = buffer[ISO7816.OFFSET_P2] & 0xFF;
        byte[] data = received(apdu);
        if (ins == EXTERNAL_AUTHENTICATE) {
            authenticate(secured, p1, p2, data);
            return 0;
        }
        if (secured) {
            // A session begins outside of any other.
            throw new ISOException(
                    protects() ? ISO7816.SW_CONDITIONS_NOT_SATISFIED : ISO7816.SW_SECURE_MESSAGING_NOT_SUPPORTED);
        }
        byte[] response = initialize(p1, p2, data);
        return (short) (Util.arrayCopyNonAtomic(
                        response, (short) 0, buffer, ISO7816.OFFSET_CDATA, (short) response.length)
                - ISO7816.OFFSET_CDATA);
    }

    /** The data field, which the application may have received already, and unwrapped. */
    private static byte[] received(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        short length;
        if (apdu.getCurrentState() == APDU.STATE_INITIAL) {
            length = apdu.setIncomingAndReceive();
        } else if (apdu.getIncomingLength() == 0) {
            length = 0;
        } else if (apdu.getOffsetCdata() == ISO7816.OFFSET_CDATA) {
            length = (short) (buffer[ISO7816.OFFSET_LC] & 0xFF);
        } else {
            length = Util.getShort(buffer, ISO7816.OFFSET_CDATA);
        }
        int at = apdu.getOffsetCdata();
        return Arrays.copyOfRange(buffer, at, at + length);
    }

    /** Whether a class byte says secure messaging (CS 11.1.4); that of ISO/IEC 7816-4, bit 08, is 6882. */
    static boolean secured(byte cla) {
        if ((cla & 0x40) != 0) {
            return (cla & 0x20) != 0;
        }
        if ((cla & 0x08) != 0) {
            throw new ISOException(ISO7816.SW_SECURE_MESSAGING_NOT_SUPPORTED);
        }
        return (cla & 0x04) != 0;
    }

    @Override
    public short unwrap(byte[] buffer, short offset, short length) {
        if (!secured(buffer[offset]) || !protects()) {
            return length;
        }
        try {
            return (short) open().unwrap(buffer, offset, length);
        } catch (SecureMessagingException e) {
            resetSecurity();
            throw new ISOException(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
        }
    }

    @Override
    public short wrap(byte[] buffer, short offset, short length) {
        CardSession session = open();
        return (short) (session == null ? length - 2 : session.wrap(buffer, offset, length));
    }

    @Override
    public short decryptData(byte[] buffer, short offset, short length) {
        CardSession session = sensitive(length);
        byte[] plain = session.decryptSensitive(Arrays.copyOfRange(buffer, offset, offset + length));
        System.arraycopy(plain, 0, buffer, offset, length);
        KeyBytes.wipe(plain);
        return length;
    }

    @Override
    public short encryptData(byte[] buffer, short offset, short length) {
        CardSession session = sensitive(length);
        byte[] encrypted = session.encryptSensitive(Arrays.copyOfRange(buffer, offset, offset + length));
        System.arraycopy(encrypted, 0, buffer, offset, length);
        return length;
    }

    private CardSession sensitive(short length) {
        CardSession session = open();
        if (session == null) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        if (length < 0 || length % 16 != 0) {
            throw new ISOException(ISO7816.SW_WRONG_LENGTH);
        }
        return session;
    }

    @Override
    public void resetSecurity() {
        CardSession session = (CardSession) state[SESSION];
        state[SESSION] = null;
        state[KEY_SET] = null;
        if (session != null) {
            session.end();
        }
    }

    @Override
    public byte getSecurityLevel() {
        CardSession session = open();
        return session == null ? NO_SECURITY_LEVEL : (byte) (AUTHENTICATED | session.level());
    }

    @Override
    public void setSecurityLevel(byte level) {
        CardSession session = open();
        int wanted = level & PROTECTION;
        if (session == null || !CardSession.offers(platform.profile().i(), wanted) || !session.raise(wanted)) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }
}
