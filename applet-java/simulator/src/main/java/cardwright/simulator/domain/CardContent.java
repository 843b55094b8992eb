package cardwright.simulator.domain;

import cardwright.simulator.Domain;
import cardwright.simulator.Platform;
import cardwright.simulator.scp.CardSession;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import org.globalplatform.GPSystem;

/**
 * The commands about the registry: GET STATUS, SET STATUS, INSTALL, DELETE of an application (CS 11.2, 11.4, 11.5,
 * 11.10).
 */
final class CardContent {
    static final int TAG_AID = 0x4F;

    private static final int DOMAIN = 0x80;
    private static final int APPLICATIONS = 0x40;
    private static final int LOAD_FILES = 0x20;
    private static final int LOAD_FILES_AND_MODULES = 0x10;
    private static final int INSTALL = 0x04;
    private static final int MAKE_SELECTABLE = 0x08;
    private static final int TAG_PARAMETERS = 0xC9;
    private static final int SECURITY_DOMAIN = 0x80;

    /** Security domain, card lock, card terminate, card reset (CS table 6-2). */
    private static final byte[] DOMAIN_PRIVILEGES = {(byte) 0x9C, 0, 0};

    private final Platform platform;
    private final Registry registry;
    /** Where the next GET STATUS of the session in {@link #lister} goes on; 0 where the last one told all. */
    private final short[] next;
    private final Object[] lister;

    CardContent(Platform platform, Registry registry) {
        this.platform = platform;
        this.registry = registry;
        next = JCSystem.makeTransientShortArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
        lister = JCSystem.makeTransientObjectArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
    }

    /**
     * GET STATUS (CS 11.4), the data objects' form, the search by the beginning of an AID.
     *
     * @param session what asks: another one than began the list cannot go on with it
     * @param most bytes that the answer may have
     * @return 9000, or 6310 where P2 = 03 brings more
     * @throws ISOException 6A86 P1 or P2; 6A80 no AID to search; 6A88 for nothing found
     */
    short getStatus(CardSession session, int p1, int p2, byte[] data, int most, ByteArrayOutputStream out) {
        boolean known = p1 == DOMAIN || p1 == APPLICATIONS || p1 == LOAD_FILES || p1 == LOAD_FILES_AND_MODULES;
        if ((p2 & ~1) != 2 || !known) {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        byte[] wanted = Tlv.find(data, TAG_AID);
        if (wanted == null) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
        boolean first = (p2 & 1) == 0;
        short start = first || lister[0] != session ? 0 : next[0];
        next[0] = 0;
        lister[0] = session;
        if (p1 == DOMAIN && first && begins(Domain.DOMAIN_AID, wanted)) {
            append(out, Domain.DOMAIN_AID, registry.cardState(), DOMAIN_PRIVILEGES);
        }
        boolean searches = p1 == APPLICATIONS && (first || start > 0);
        for (short i = start; searches && i < registry.count(); i++) {
            AppEntry entry = registry.at(i);
            if (begins(entry.aid, wanted)) {
                ByteArrayOutputStream object = new ByteArrayOutputStream();
                append(object, entry.aid, entry.state, entry.privileges);
                if (out.size() + object.size() > most) {
                    next[0] = i;
                    return Status.MORE_DATA;
                }
                out.writeBytes(object.toByteArray());
            }
        }
        if (out.size() == 0) {
            throw new ISOException(Status.REFERENCE_NOT_FOUND);
        }
        return Status.OK;
    }

    private static boolean begins(byte[] aid, byte[] wanted) {
        return wanted.length <= aid.length && Arrays.equals(wanted, Arrays.copyOf(aid, wanted.length));
    }

    private static void append(ByteArrayOutputStream out, byte[] aid, byte state, byte[] privileges) {
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        Tlv.append(value, TAG_AID, aid);
        value.writeBytes(HexFormat.of().parseHex("9F7001"));
        value.write(state);
        Tlv.append(value, 0xC5, privileges);
        Tlv.append(out, 0xE3, value.toByteArray());
    }

    /**
     * SET STATUS (CS 11.10): P1 = 80 moves the card to the state P2, P1 = 40 locks (P2 bit 80) or unlocks an
     * application.
     *
     * @throws ISOException 6A86 P1, or a state of the card that there is not; 6A80 no AID; 6A88 no such application;
     *     6985 no way from the state it is in
     */
    void setStatus(int p1, int p2, byte[] data) {
        boolean changed;
        if (p1 == DOMAIN) {
            if (p2 != 0x07 && p2 != 0x0F && p2 != 0x7F && p2 != 0xFF) {
                throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
            }
            changed = registry.setCardState((byte) p2);
        } else if (p1 == APPLICATIONS) {
            needAid(data);
            changed = application(data).lock((p2 & 0x80) != 0);
        } else {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        if (!changed) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
    }

    private static void needAid(byte[] aid) {
        if (aid == null || aid.length < 5 || aid.length > 16) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
    }

    private AppEntry application(byte[] aid) {
        AppEntry entry = registry.find(aid);
        if (entry == null) {
            throw new ISOException(Status.REFERENCE_NOT_FOUND);
        }
        return entry;
    }

    /**
     * INSTALL [for install], [for make selectable], or both (CS 11.5). There are no load files: any AID of one will do.
     *
     * @param out one byte 00: no confirmation
     * @throws ISOException 6A86 P1 or P2; 6A80 malformed, an AID that is taken, privileges of a security domain, or the
     *     applet refuses; 6A88 no such class or instance; 6985 it is selectable already; 6A84 no room
     */
    void install(int p1, int p2, byte[] data, ByteArrayOutputStream out) {
        if ((p1 & ~(INSTALL | MAKE_SELECTABLE)) != 0 || p1 == 0 || p2 != 0) {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        List<byte[]> fields = fields(data);
        byte[] module = fields.get(1);
        byte[] instance = fields.get(2);
        byte[] privileges = fields.get(3);
        needAid(instance);
        if ((p1 & INSTALL) == 0) {
            makeSelectable(application(instance));
        } else {
            needAid(module);
            byte state = (p1 & MAKE_SELECTABLE) == 0 ? GPSystem.APPLICATION_INSTALLED : GPSystem.APPLICATION_SELECTABLE;
            install(module, new AppEntry(registry, instance, privileges, state), privileges, fields.get(4));
        }
        out.write(0);
    }

    /** Load file, module, instance, privileges, parameters, token: each with its length before it. */
    private static List<byte[]> fields(byte[] data) {
        List<byte[]> fields = new ArrayList<>();
        int at = 0;
        while (at < data.length) {
            int end = at + 1 + (data[at] & 0xFF);
            if (end > data.length) {
                throw new ISOException(ISO7816.SW_WRONG_DATA);
            }
            fields.add(Arrays.copyOfRange(data, at + 1, end));
            at = end;
        }
        int privileges = fields.size() == 6 ? fields.get(3).length : 0;
        if (privileges != 1 && privileges != 3) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
        return fields;
    }

    private static void makeSelectable(AppEntry entry) {
        if (entry.state != GPSystem.APPLICATION_INSTALLED) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        entry.state = GPSystem.APPLICATION_SELECTABLE;
    }

    private void install(byte[] module, AppEntry entry, byte[] privileges, byte[] parameters) {
        if (!platform.knows(module)) {
            throw new ISOException(Status.REFERENCE_NOT_FOUND);
        }
        boolean taken = registry.find(entry.aid) != null || Arrays.equals(entry.aid, Domain.DOMAIN_AID);
        if (taken || (privileges[0] & SECURITY_DOMAIN) != 0) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
        byte[] specific = Tlv.find(parameters, TAG_PARAMETERS);
        registry.needRoom();
        next[0] = 0;
        // The applet may use a transaction of its own, so none is open yet. It is on the card once the registry has it.
        platform.install(module, entry.aid, privileges, specific == null ? new byte[0] : specific);
        JCSystem.beginTransaction();
        registry.add(entry);
        JCSystem.commitTransaction();
    }

    /**
     * DELETE of an application (CS 11.2).
     *
     * @param out one byte 00: no confirmation
     * @throws ISOException 6A80 no AID; 6985 the security domain's; 6A88 no such application
     */
    void delete(byte[] data, ByteArrayOutputStream out) {
        byte[] aid = Tlv.find(data, TAG_AID);
        needAid(aid);
        if (Arrays.equals(aid, Domain.DOMAIN_AID)) {
            throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
        }
        AppEntry entry = application(aid);
        next[0] = 0;
        // The applet may use a transaction of its own.
        platform.uninstall(aid);
        JCSystem.beginTransaction();
        registry.remove(entry);
        platform.delete(aid);
        JCSystem.commitTransaction();
        out.write(0);
    }
}
