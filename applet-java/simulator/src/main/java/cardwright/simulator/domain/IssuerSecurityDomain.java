package cardwright.simulator.domain;

import cardwright.simulator.Domain;
import cardwright.simulator.Platform;
import cardwright.simulator.scp.CardSession;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HexFormat;
import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import org.globalplatform.CVM;
import org.globalplatform.GPRegistryEntry;
import org.globalplatform.GPSystem;
import org.globalplatform.SecureChannelx;

/**
 * The issuer security domain: SCP03, key sets, and the registry of the card's applications (CS 7, 11; AmdD).
 *
 * <p>It answers as the simulated card in Rust does, byte for byte, where both have a command. What outlasts the power
 * stands in the fields of this package's classes; what does not, in transient arrays.
 */
public final class IssuerSecurityDomain extends Applet implements Domain {
    private static final int SELECT = 0xA4;
    private static final int MANAGE_CHANNEL = 0x70;
    private static final int GET_RESPONSE = 0xC0;
    private static final int INITIALIZE_UPDATE = 0x50;
    private static final int EXTERNAL_AUTHENTICATE = 0x82;
    private static final int GET_DATA = 0xCA;
    private static final int GET_STATUS = 0xF2;
    private static final int SET_STATUS = 0xF0;
    private static final int PUT_KEY = 0xD8;
    private static final int DELETE = 0xE4;
    private static final int INSTALL = 0xE6;

    private static final int TAG_KVN = 0xD2;
    /** P2 of DELETE: together with all that hangs on it, which is nothing here. */
    private static final int RELATED = 0x80;
    private static final int SHORT_MAX = 256;
    private static final int BLOCK = 16;

    private final Platform platform;
    private final KeySets keySets;
    private final Registry registry;
    private final CardContent content;
    private final DomainChannel channel;
    private final GlobalPin pin;
    /** The part of an answer that did not fit, with its status word, waiting for GET RESPONSE. */
    private final Object[] rest;

    /** A new card's security domain, with the profile's initial keys. */
    public IssuerSecurityDomain(Platform platform) {
        this.platform = platform;
        keySets = new KeySets(platform);
        registry = new Registry(platform);
        content = new CardContent(platform, registry);
        channel = new DomainChannel(platform, keySets);
        pin = new GlobalPin(registry);
        rest = JCSystem.makeTransientObjectArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
    }

    @Override
    public void process(APDU apdu) {
        try {
            answer(apdu);
        } catch (ISOException e) {
            if (JCSystem.getTransactionDepth() != 0) {
                JCSystem.abortTransaction();
            }
            if (endsSession(e.getReason())) {
                channel.resetSecurity();
            }
            throw e;
        }
    }

    /** CS 10.2.3: errors of secure messaging do. */
    private static boolean endsSession(short sw) {
        return sw == ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED
                || sw == Status.SECURE_MESSAGING_MISSING
                || sw == Status.SECURE_MESSAGING_WRONG;
    }

    /**
     * A whole command: secure messaging off, carried out, secure messaging on. Errors go out as they are, without data.
     */
    private void answer(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        checkClass(buffer[ISO7816.OFFSET_CLA]);
        int ins = buffer[ISO7816.OFFSET_INS] & 0xFF;
        boolean secured = DomainChannel.secured(buffer[ISO7816.OFFSET_CLA]);
        if (ins == GET_RESPONSE && !secured) {
            getResponse(apdu);
            return;
        }
        rest[0] = null;
        short lc = apdu.setIncomingAndReceive();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        if (selectingApplet()) {
            if (buffer[ISO7816.OFFSET_P2] != 0) {
                throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
            }
            send(apdu, out, select(out), false);
            return;
        }
        boolean wrapped = isWrapped(secured, ins);
        if (wrapped) {
            short length = (short) (ISO7816.OFFSET_CDATA + lc);
            lc = (short) (channel.unwrap(buffer, (short) 0, length) - ISO7816.OFFSET_CDATA);
        }
        byte[] data = Arrays.copyOfRange(buffer, ISO7816.OFFSET_CDATA, ISO7816.OFFSET_CDATA + lc);
        short sw = dispatch(buffer, secured, wrapped, data, out);
        send(apdu, out, sw, wrapped);
    }

    /** The classes of CS 11.1.4 on the basic channel, without chaining. */
    private static void checkClass(byte cla) {
        if ((cla & 0x28) != 0) {
            throw new ISOException(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        if ((cla & 0x10) != 0) {
            throw new ISOException(ISO7816.SW_COMMAND_CHAINING_NOT_SUPPORTED);
        }
    }

    /**
     * Whether the command is under the session's protection. 6982 where it has to be and is not, 6882 where there is no
     * session to protect it.
     */
    private boolean isWrapped(boolean secured, int ins) {
        if (channel.protects()) {
            // These are the runtime's, or begin anew.
            boolean free = ins == SELECT || ins == MANAGE_CHANNEL || ins == INITIALIZE_UPDATE;
            if (!secured && !free) {
                throw new ISOException(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
            }
            return secured;
        }
        if (secured && ins != EXTERNAL_AUTHENTICATE) {
            throw new ISOException(ISO7816.SW_SECURE_MESSAGING_NOT_SUPPORTED);
        }
        return false;
    }

    /** Carries out a command in clear. */
    private short dispatch(byte[] header, boolean secured, boolean wrapped, byte[] data, ByteArrayOutputStream out) {
        boolean proprietary = header[ISO7816.OFFSET_CLA] < 0;
        int ins = header[ISO7816.OFFSET_INS] & 0xFF;
        int p1 = header[ISO7816.OFFSET_P1] & 0xFF;
        int p2 = header[ISO7816.OFFSET_P2] & 0xFF;
        boolean isChannels = ins == INITIALIZE_UPDATE || ins == EXTERNAL_AUTHENTICATE;
        boolean isRuntimes = ins == SELECT || ins == MANAGE_CHANNEL;
        if (isChannels && !proprietary || isRuntimes && proprietary) {
            throw new ISOException(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        if (ins == SELECT) {
            return selectHere(p1, p2, data, out);
        }
        if (ins == MANAGE_CHANNEL) {
            throw new ISOException(ISO7816.SW_LOGICAL_CHANNEL_NOT_SUPPORTED);
        }
        if (!isAllowed(ins)) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        if (ins == INITIALIZE_UPDATE) {
            if (wrapped) {
                // A session begins outside of any other.
                throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
            }
            out.writeBytes(channel.initialize(p1, p2, data));
            return Status.OK;
        }
        if (ins == EXTERNAL_AUTHENTICATE) {
            channel.authenticate(secured, p1, p2, data);
            return Status.OK;
        }
        return command(header, data, out);
    }

    /** By the card's life cycle: a locked card can be looked at and unlocked, a terminated one tells its data. */
    private boolean isAllowed(int ins) {
        return switch (registry.cardState()) {
            case GPSystem.CARD_TERMINATED -> ins == GET_DATA;
            case GPSystem.CARD_LOCKED -> ins != PUT_KEY && ins != DELETE && ins != INSTALL;
            default -> true;
        };
    }

    /** The security domain's own commands. */
    private short command(byte[] header, byte[] data, ByteArrayOutputStream out) {
        int ins = header[ISO7816.OFFSET_INS] & 0xFF;
        int p1 = header[ISO7816.OFFSET_P1] & 0xFF;
        int p2 = header[ISO7816.OFFSET_P2] & 0xFF;
        if (ins == GET_DATA) {
            CardData.append(out, p1 << 8 | p2, platform.profile(), keySets);
            return Status.OK;
        }
        if (ins != GET_STATUS && ins != PUT_KEY && ins != DELETE && ins != INSTALL && ins != SET_STATUS) {
            throw new ISOException(ISO7816.SW_INS_NOT_SUPPORTED);
        }
        if (header[ISO7816.OFFSET_CLA] >= 0) {
            throw new ISOException(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        CardSession session = channel.open();
        if (session == null || ins != GET_STATUS && !channel.protects()) {
            throw new ISOException(ISO7816.SW_SECURITY_STATUS_NOT_SATISFIED);
        }
        switch (ins) {
            case GET_STATUS -> {
                return content.getStatus(session, p1, p2, data, capacity(session), out);
            }
            case PUT_KEY -> PutKey.process(keySets, session, p1, p2, data, out);
            case DELETE -> delete(p1, p2, data, out);
            case INSTALL -> content.install(p1, p2, data, out);
            default -> content.setStatus(p1, p2, data);
        }
        return Status.OK;
    }

    /** The most plain data that fits a short answer under the session's protection. */
    private int capacity(CardSession session) {
        int level = session.level();
        int room = SHORT_MAX;
        if ((level & CardSession.R_MAC) != 0) {
            room -= platform.profile().s16() ? 16 : 8;
        }
        return (level & CardSession.R_ENCRYPTION) == 0 ? room : room / BLOCK * BLOCK - 1;
    }

    /** DELETE (CS 11.2): an application by its AID, or a whole key set by its version number. */
    private void delete(int p1, int p2, byte[] data, ByteArrayOutputStream out) {
        boolean application = data.length > 0 && data[0] == CardContent.TAG_AID;
        if (p1 != 0 || p2 != 0 && !(application && p2 == RELATED)) {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        if (application) {
            content.delete(data, out);
            return;
        }
        if (data.length != 3 || (data[0] & 0xFF) != TAG_KVN || data[1] != 1) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
        keySets.delete(data[2] & 0xFF, channel.open().kvn());
    }

    /** The answer to SELECT: AID, and that a command brings 255 bytes of data at most. */
    private short select(ByteArrayOutputStream out) {
        ByteArrayOutputStream fci = new ByteArrayOutputStream();
        Tlv.append(fci, 0x84, Domain.DOMAIN_AID);
        Tlv.append(fci, 0xA5, HexFormat.of().parseHex("9F6501FF"));
        Tlv.append(out, 0x6F, fci.toByteArray());
        return registry.cardState() == GPSystem.CARD_LOCKED ? Status.CARD_LOCKED : Status.OK;
    }

    /**
     * A SELECT that the runtime leaves to the domain: with a MAC, which it does not see through, it can name this
     * application alone, which ends the session after the answer; or with other parameters, which this domain has none of
     * (CS 11.9.2). A refused one leaves the session.
     */
    private short selectHere(int p1, int p2, byte[] aid, ByteArrayOutputStream out) {
        boolean named = p1 == 4 && p2 == 0;
        if (named && (aid.length == 0 || Arrays.equals(aid, Domain.DOMAIN_AID))) {
            return select(out);
        }
        throw new ISOException(named ? ISO7816.SW_FILE_NOT_FOUND : ISO7816.SW_INCORRECT_P1P2);
    }

    /** Puts the answer under secure messaging if the command was, and sends as much of it as the command asks for. */
    private void send(APDU apdu, ByteArrayOutputStream out, short sw, boolean wrapped) {
        byte ins = apdu.getBuffer()[ISO7816.OFFSET_INS];
        short most = apdu.setOutgoing();
        out.write(sw >> 8);
        out.write(sw);
        byte[] answer = out.toByteArray();
        if (wrapped && (channel.getSecurityLevel() & SecureChannelx.R_MAC) != 0) {
            // Le speaks of plain data; MAC and padding come on top.
            most = 0;
            answer = protect(answer, sw);
        }
        if (wrapped && (ins & 0xFF) == SELECT) {
            channel.resetSecurity();
        }
        sendPart(apdu, answer, most == 0 ? SHORT_MAX : most);
    }

    /** Data and status word under R-MAC, and R-ENC where the level has it. */
    private byte[] protect(byte[] plain, short sw) {
        byte[] room = Arrays.copyOf(plain, plain.length + 2 * BLOCK);
        int length = channel.open().wrap(room, 0, plain.length);
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        answer.write(room, 0, length);
        answer.write(sw >> 8);
        answer.write(sw);
        return answer.toByteArray();
    }

    /** Sends data and status word; what is beyond {@code most} bytes waits, and 61xx says how much that is. */
    private void sendPart(APDU apdu, byte[] answer, int most) {
        int data = answer.length - 2;
        int sent = Math.min(data, most);
        apdu.setOutgoingLength((short) sent);
        Util.arrayCopyNonAtomic(answer, (short) 0, apdu.getBuffer(), (short) 0, (short) sent);
        apdu.sendBytes((short) 0, (short) sent);
        if (sent < data) {
            int waiting = data - sent;
            rest[0] = Arrays.copyOfRange(answer, sent, answer.length);
            throw new ISOException((short) (ISO7816.SW_BYTES_REMAINING_00 | (waiting > 0xFF ? 0 : waiting)));
        }
        short sw = Util.getShort(answer, (short) data);
        if (sw != Status.OK) {
            throw new ISOException(sw);
        }
    }

    /** GET RESPONSE: 6A86 P1 or P2, 6985 where nothing waits. */
    private void getResponse(APDU apdu) {
        byte[] buffer = apdu.getBuffer();
        if (buffer[ISO7816.OFFSET_P1] != 0 || buffer[ISO7816.OFFSET_P2] != 0) {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        byte[] waiting = (byte[]) rest[0];
        if (waiting == null) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        rest[0] = null;
        apdu.setIncomingAndReceive();
        short most = apdu.setOutgoing();
        sendPart(apdu, waiting, most == 0 ? SHORT_MAX : most);
    }

    @Override
    public void adopt(byte[] moduleAid, byte[] instanceAid) {
        registry.add(new AppEntry(registry, instanceAid, new byte[1], GPSystem.APPLICATION_SELECTABLE));
    }

    @Override
    public SecureChannelx secureChannel() {
        return channel;
    }

    @Override
    public void endSession() {
        channel.resetSecurity();
    }

    @Override
    public boolean selectable(byte[] aid) {
        if (Arrays.equals(aid, Domain.DOMAIN_AID)) {
            return true;
        }
        AppEntry entry = registry.find(aid);
        return entry != null && registry.isCardAlive() && AppEntry.isSpecific(entry.state);
    }

    @Override
    public byte applicationState(byte[] aid) {
        if (Arrays.equals(aid, Domain.DOMAIN_AID)) {
            return registry.cardState();
        }
        AppEntry entry = registry.find(aid);
        return entry == null ? 0 : entry.state;
    }

    @Override
    public boolean setApplicationState(byte[] aid, byte state) {
        AppEntry entry = registry.find(aid);
        return entry != null && entry.change(state);
    }

    @Override
    public byte cardState() {
        return registry.cardState();
    }

    @Override
    public boolean setCardState(byte[] aid, byte state) {
        AppEntry entry = registry.find(aid);
        if (entry == null || state != GPSystem.CARD_LOCKED && state != GPSystem.CARD_TERMINATED) {
            return false;
        }
        byte privilege = state == GPSystem.CARD_LOCKED
                ? GPRegistryEntry.PRIVILEGE_CARD_LOCK
                : GPRegistryEntry.PRIVILEGE_CARD_TERMINATE;
        return entry.isPrivileged(privilege) && registry.setCardState(state);
    }

    @Override
    public GPRegistryEntry registryEntry(byte[] caller, byte[] aid) {
        return registry.visible(caller, aid);
    }

    @Override
    public CVM globalPin() {
        return pin;
    }
}
