package cardwright.simulator;

import cardwright.simulator.memory.Memory;
import cardwright.simulator.memory.PowerLoss;
import cardwright.simulator.memory.TransientArrays;
import com.licel.jcardsim.base.ApduCase;
import com.licel.jcardsim.base.SimulatorRuntime;
import java.lang.reflect.Field;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javacard.framework.AID;
import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.AppletEvent;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.TransactionException;
import javacard.framework.Util;
import javacardx.apdu.ExtendedLength;

/**
 * One card's runtime environment: jCardSim's, with transactions that can be taken back, GlobalPlatform's selection, and
 * power that may go.
 *
 * <p>It has the basic logical channel. It is used by one thread at a time, which {@link #current()} finds it by.
 */
public final class CardRuntime extends SimulatorRuntime implements Platform {
    private static final ThreadLocal<CardRuntime> CURRENT = new ThreadLocal<>();
    private static final byte INS_MANAGE_CHANNEL = 0x70;
    /** Bits of a class byte that ISO/IEC 7816-4 or CS 11.1.4 would have clear. */
    private static final int UNKNOWN_CLASS = 0x28;
    /** A header, Lc, 255 bytes of data, Le. */
    private static final int LONGEST_SHORT_COMMAND = 261;

    private final Profile profile;
    private final SecureRandom random;
    private final TransientArrays transients;
    private final Memory memory;
    private final Applets classes;
    private Domain domain;
    private int faults;
    private Throwable lastFault;
    private Consumer<Throwable> faultListener = fault -> {};

    CardRuntime(Profile profile, SecureRandom random, Applets classes, TransientArrays transients) {
        super(transients);
        this.profile = profile;
        this.random = random;
        this.classes = classes;
        this.transients = transients;
        memory = new Memory(transients);
        widen(shortAPDU);
        changeProtocol(APDU.PROTOCOL_T1);
        transients.exempt(shortAPDU.getBuffer());
        transients.exempt(extendedAPDU.getBuffer());
    }

    /** jCardSim's buffer has 260 bytes, one too few for the longest short command. */
    private static void widen(APDU apdu) {
        try {
            Field buffer = APDU.class.getDeclaredField("buffer");
            buffer.setAccessible(true);
            buffer.set(apdu, new byte[LONGEST_SHORT_COMMAND]);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this is not the jCardSim that was tested", e);
        }
    }

    /** The card whose command this thread carries out. */
    public static CardRuntime current() {
        CardRuntime card = CURRENT.get();
        if (card == null) {
            throw new IllegalStateException("no card runs on this thread");
        }
        return card;
    }

    /** The same, or null. */
    public static CardRuntime currentOrNull() {
        return CURRENT.get();
    }

    /** The card's persistent memory. */
    public Memory memory() {
        return memory;
    }

    /** The card's issuer security domain. */
    public Domain domain() {
        return domain;
    }

    /** How often an exception that is no ISOException has left an applet: 6F00 in process, 6A80 in install. */
    int faults() {
        return faults;
    }

    /** The last such exception, or null. */
    Throwable lastFault() {
        return lastFault;
    }

    /** Tells of each such exception. */
    void onFault(Consumer<Throwable> listener) {
        faultListener = listener;
    }

    private void fault(Throwable fault) {
        faults++;
        lastFault = fault;
        faultListener.accept(fault);
    }

    /** The card is new: its security domain, then an applet for each of the others. */
    void personalize(Domain issuer, Iterable<Card.Instance> instances) {
        within(() -> {
            domain = issuer;
            put(Domain.DOMAIN_AID, (Applet) issuer);
            for (Card.Instance instance : instances) {
                install(instance.module(), instance.aid(), new byte[] {0}, instance.parameters());
                issuer.adopt(instance.module(), instance.aid());
            }
            return null;
        });
        powerOn();
    }

    /** Runs on the current thread as this card. */
    <T> T within(Supplier<T> work) {
        CardRuntime before = CURRENT.get();
        CURRENT.set(this);
        activateSimulatorRuntimeInstance();
        try {
            return work.get();
        } finally {
            CURRENT.set(before);
        }
    }

    /** Power comes, or the card is reset. The security domain is selected. */
    void powerOn() {
        within(() -> {
            memory.restore();
            transients.clearForReset();
            selecting = false;
            responseBufferSize = 0;
            Arrays.fill(responseBuffer, (byte) 0);
            currentAID = aid(Domain.DOMAIN_AID);
            return null;
        });
    }

    /**
     * One command.
     *
     * @return data and status word, or null where power was lost
     */
    byte[] transmit(byte[] command) {
        return within(() -> {
            byte[] answer = answer(command);
            return memory.lost() ? null : answer;
        });
    }

    private byte[] answer(byte[] command) {
        responseBufferSize = 0;
        long writes = memory.points();
        short sw;
        try {
            sw = run(command);
        } catch (ISOException e) {
            sw = e.getReason();
        } catch (PowerLoss e) {
            return null;
        } catch (RuntimeException | Error e) {
            fault(e);
            sw = ISO7816.SW_UNKNOWN;
        }
        if (memory.lost()) {
            return null;
        }
        selecting = false;
        if (memory.inTransaction()) {
            // Left open: a card takes it back (JCRE 7.6.2).
            memory.abort();
        }
        if (memory.points() != writes && !survives()) {
            return null;
        }
        return response(sw);
    }

    /** The tear point behind the last write of a command. */
    private boolean survives() {
        try {
            memory.point();
            return true;
        } catch (PowerLoss e) {
            return false;
        }
    }

    private short run(byte[] command) {
        if (command.length < 4) {
            throw new ISOException(ISO7816.SW_WRONG_LENGTH);
        }
        checkChannel(command[0] & 0xFF);
        ApduCase form = form(command);
        if (command[0] == 0 && command[1] == INS_MANAGE_CHANNEL) {
            throw new ISOException(ISO7816.SW_LOGICAL_CHANNEL_NOT_SUPPORTED);
        }
        boolean select = isSelection(command);
        if (select) {
            select(command, form);
        }
        Applet applet = getApplet(currentAID);
        if (applet == null) {
            throw new ISOException(ISO7816.SW_APPLET_SELECT_FAILED);
        }
        if (form.isExtended() && !(applet instanceof ExtendedLength)) {
            throw new ISOException(malformed(command[0]));
        }
        usingExtendedAPDUs = form.isExtended();
        APDU apdu = getCurrentAPDU();
        try {
            selecting = select;
            if (select && !accepts(applet)) {
                // Now no application is selected (JCRE 4.5.2).
                currentAID = null;
                throw new ISOException(ISO7816.SW_APPLET_SELECT_FAILED);
            }
            resetAPDU(apdu, form, command);
            applet.process(apdu);
            return ISO7816.SW_NO_ERROR;
        } finally {
            resetAPDU(apdu, null, null);
        }
    }

    /**
     * Refuses what is for a further logical channel (CS 11.1.4). Any other class is the selected applet's affair
     * (JCRE 4.3), FF excepted, which is none.
     */
    private static void checkChannel(int cla) {
        if (cla == 0xFF) {
            throw new ISOException(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        boolean numbered = (cla & (0x60 | UNKNOWN_CLASS)) == 0;
        if ((cla & 0x40) != 0 || numbered && (cla & 0x03) != 0) {
            throw new ISOException(ISO7816.SW_LOGICAL_CHANNEL_NOT_SUPPORTED);
        }
    }

    private static ApduCase form(byte[] command) {
        try {
            ApduCase form = ApduCase.getCase(command);
            boolean data = form == ApduCase.Case3Extended || form == ApduCase.Case4Extended;
            // jCardSim takes a length for a number with a sign.
            if (!data || Util.getShort(command, ISO7816.OFFSET_CDATA) > 0) {
                return form;
            }
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            // Said below.
        }
        throw new ISOException(malformed(command[0]));
    }

    /** The status word of what cannot be handed to an applet: in this matter, the class goes before the length. */
    private static short malformed(byte cla) {
        return (cla & UNKNOWN_CLASS) != 0 ? ISO7816.SW_CLA_NOT_SUPPORTED : ISO7816.SW_WRONG_LENGTH;
    }

    /** SELECT by AID, the first or only occurrence (JCRE 4.5.2). Any other SELECT is the selected applet's affair. */
    private static boolean isSelection(byte[] command) {
        return command[0] == 0 && command[1] == ISO7816.INS_SELECT && command[2] == 4 && (command[3] & 0xE3) == 0;
    }

    /**
     * Selects an application, and with that ends the session; where there is none, both stay. JCRE 4.5.2 hands an AID
     * that there is not to the selected applet; on a GlobalPlatform card that is answered by the runtime, with 6A82
     * (CS 11.9.3.2).
     */
    private void select(byte[] command, ApduCase form) {
        boolean named = form != ApduCase.Case1 && form != ApduCase.Case2;
        AID found = named ? find(command, form) : aid(Domain.DOMAIN_AID);
        if (found == null || !domain.selectable(bytes(found))) {
            throw new ISOException(ISO7816.SW_FILE_NOT_FOUND);
        }
        domain.endSession();
        Applet gone = getApplet(currentAID);
        if (gone != null) {
            // The runtime goes on whatever an applet says at its end (JCRE 4.3).
            shielded(() -> {
                gone.deselect();
                return true;
            });
        }
        transients.clearForDeselect();
        currentAID = found;
    }

    /** A call of an applet's that ends in any way; false for an exception. What it left open is taken back. */
    private boolean shielded(Supplier<Boolean> call) {
        try {
            return call.get();
        } catch (PowerLoss e) {
            throw e;
        } catch (Throwable e) {
            fault(e);
            return false;
        } finally {
            if (memory.inTransaction() && !memory.lost()) {
                memory.abort();
            }
        }
    }

    /** The application with this AID, else the first whose AID begins so. */
    private AID find(byte[] command, ApduCase form) {
        if (form.isExtended()) {
            return null;
        }
        byte length = command[ISO7816.OFFSET_LC];
        AID whole = lookupAID(command, ISO7816.OFFSET_CDATA, length);
        if (whole != null || length < 5) {
            return whole;
        }
        return applets.keySet().stream()
                .filter(aid -> aid.partialEquals(command, ISO7816.OFFSET_CDATA, length))
                .filter(aid -> domain.selectable(bytes(aid)))
                .findFirst()
                .orElse(null);
    }

    private boolean accepts(Applet applet) {
        return shielded(applet::select);
    }

    private byte[] response(short sw) {
        int kind = sw & 0xFF00;
        boolean data = (sw & 0xF000) == 0x9000 || kind == 0x6100 || kind == 0x6200 || kind == 0x6300;
        int length = data ? responseBufferSize : 0;
        byte[] response = Arrays.copyOf(responseBuffer, length + 2);
        response[length] = (byte) (sw >> 8);
        response[length + 1] = (byte) sw;
        return response;
    }

    private static AID aid(byte[] bytes) {
        return new AID(bytes, (short) 0, (byte) bytes.length);
    }

    private static byte[] bytes(AID aid) {
        byte[] bytes = new byte[16];
        return Arrays.copyOf(bytes, aid.getBytes(bytes, (short) 0));
    }

    private void put(byte[] aid, Applet applet) {
        AID key = aid(aid);
        ApplicationInstance replaced = applets.get(key);
        memory.effect(() -> applets.put(key, new ApplicationInstance(key, applet)), () -> {
            if (replaced == null) {
                applets.remove(key);
            } else {
                applets.put(key, replaced);
            }
        });
    }

    @Override
    public Profile profile() {
        return profile;
    }

    @Override
    public SecureRandom random() {
        return random;
    }

    @Override
    public byte[] selectedAid() {
        return currentAID == null ? new byte[0] : bytes(currentAID);
    }

    @Override
    public boolean knows(byte[] moduleAid) {
        return classes.knows(moduleAid);
    }

    @Override
    public void install(byte[] moduleAid, byte[] instanceAid, byte[] privileges, byte[] parameters) {
        byte[] data = Applets.data(instanceAid, privileges, parameters);
        transients.exempt(data);
        Applet made = as(instanceAid, () -> {
            try {
                return classes.make(moduleAid, instanceAid, data);
            } catch (ISOException e) {
                if (e.getCause() != null) {
                    fault(e.getCause());
                }
                throw e;
            } finally {
                if (memory.inTransaction() && !memory.lost()) {
                    memory.abort();
                }
            }
        });
        put(instanceAid, made);
    }

    /** Runs in this application's context, as JCRE has it for install and uninstall. */
    private <T> T as(byte[] aid, Supplier<T> work) {
        AID before = currentAID;
        boolean wasSelecting = selecting;
        currentAID = aid(aid);
        selecting = false;
        try {
            return work.get();
        } finally {
            currentAID = before;
            selecting = wasSelecting;
        }
    }

    @Override
    public void uninstall(byte[] instanceAid) {
        if (getApplet(aid(instanceAid)) instanceof AppletEvent watcher) {
            as(instanceAid, () -> shielded(() -> {
                watcher.uninstall();
                return true;
            }));
        }
    }

    @Override
    public void delete(byte[] instanceAid) {
        AID key = aid(instanceAid);
        ApplicationInstance gone = applets.get(key);
        if (gone != null) {
            memory.effect(() -> applets.remove(key), () -> applets.put(key, gone));
        }
    }

    @Override
    public void writeThrough(byte[] target, int value) {
        memory.unconditional(() -> {
            for (int i = 0; i < target.length; i++) {
                target[i] = (byte) (value >> 8 * (target.length - 1 - i));
            }
        });
    }

    @Override
    public void beginTransaction() {
        if (memory.inTransaction()) {
            TransactionException.throwIt(TransactionException.IN_PROGRESS);
        }
        memory.begin();
    }

    @Override
    public void abortTransaction() {
        needTransaction();
        memory.abort();
    }

    @Override
    public void commitTransaction() {
        needTransaction();
        memory.commit();
    }

    private void needTransaction() {
        if (!memory.inTransaction()) {
            TransactionException.throwIt(TransactionException.NOT_IN_PROGRESS);
        }
    }

    @Override
    public byte getTransactionDepth() {
        return (byte) (memory.inTransaction() ? 1 : 0);
    }
}
