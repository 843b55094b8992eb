package cardwright.simulator;

import cardwright.simulator.memory.Memory;
import cardwright.simulator.memory.PowerLoss;
import cardwright.simulator.memory.TransientArrays;
import com.licel.jcardsim.base.ApduCase;
import com.licel.jcardsim.base.SimulatorRuntime;
import java.security.SecureRandom;
import java.util.Arrays;
import javacard.framework.AID;
import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.AppletEvent;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.TransactionException;
import javacardx.apdu.ExtendedLength;

/**
 * One card's runtime environment: jCardSim's, with transactions that can be taken back, GlobalPlatform's selection, and
 * power that may go.
 *
 * <p>It has the basic logical channel. It is used by one thread at a time, which {@link #current()} finds it by.
 */
public final class CardRuntime extends SimulatorRuntime implements Platform {
    private static final ThreadLocal<CardRuntime> CURRENT = new ThreadLocal<>();
    private static final byte[] DOMAIN_AID = {(byte) 0xA0, 0, 0, 1, 0x51, 0, 0, 0};
    private static final short SW_CHANNEL_NOT_SUPPORTED = 0x6881;
    private static final short SW_CHAINING_NOT_SUPPORTED = 0x6884;

    private final Profile profile;
    private final SecureRandom random;
    private final TransientArrays transients;
    private final Memory memory;
    private final Applets classes;
    private Domain domain;
    private int faults;
    private Throwable lastFault;

    CardRuntime(Profile profile, SecureRandom random, Applets classes, TransientArrays transients) {
        super(transients);
        this.profile = profile;
        this.random = random;
        this.classes = classes;
        this.transients = transients;
        memory = new Memory(transients);
        transients.exempt(shortAPDU.getBuffer());
        transients.exempt(extendedAPDU.getBuffer());
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

    /** How often an exception that is no ISOException has left an applet, and was answered with 6F00. */
    int faults() {
        return faults;
    }

    /** The last such exception, or null. */
    Throwable lastFault() {
        return lastFault;
    }

    /** The card is new: its security domain, then an applet for each of the others. */
    void personalize(Domain issuer, Iterable<Card.Instance> instances) {
        within(() -> {
            domain = issuer;
            put(DOMAIN_AID, (Applet) issuer);
            for (Card.Instance instance : instances) {
                install(instance.module(), instance.aid(), new byte[] {0}, instance.parameters());
                issuer.adopt(instance.module(), instance.aid());
            }
            return null;
        });
        powerOn();
    }

    /** Runs on the current thread as this card. */
    <T> T within(java.util.function.Supplier<T> work) {
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
            currentAID = aid(DOMAIN_AID);
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
            faults++;
            lastFault = e;
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
        checkClass(command[0] & 0xFF);
        ApduCase form = form(command);
        boolean select = command[0] == 0 && command[1] == ISO7816.INS_SELECT;
        if (select) {
            select(command, form);
        }
        Applet applet = getApplet(currentAID);
        if (form.isExtended() && !(applet instanceof ExtendedLength)) {
            throw new ISOException(ISO7816.SW_WRONG_LENGTH);
        }
        usingExtendedAPDUs = form.isExtended();
        APDU apdu = getCurrentAPDU();
        try {
            selecting = select;
            if (select && !accepts(applet)) {
                throw new ISOException(ISO7816.SW_APPLET_SELECT_FAILED);
            }
            resetAPDU(apdu, form, command);
            applet.process(apdu);
            return ISO7816.SW_NO_ERROR;
        } finally {
            resetAPDU(apdu, null, null);
        }
    }

    private static void checkClass(int cla) {
        boolean furtherChannel = (cla & 0x40) != 0;
        if (cla == 0xFF || !furtherChannel && (cla & 0x28) != 0) {
            throw new ISOException(ISO7816.SW_CLA_NOT_SUPPORTED);
        }
        if (furtherChannel || (cla & 0x03) != 0) {
            throw new ISOException(SW_CHANNEL_NOT_SUPPORTED);
        }
        if ((cla & 0x10) != 0) {
            throw new ISOException(SW_CHAINING_NOT_SUPPORTED);
        }
    }

    private static ApduCase form(byte[] command) {
        try {
            return ApduCase.getCase(command);
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new ISOException(ISO7816.SW_WRONG_LENGTH);
        }
    }

    /** SELECT by AID (CS 11.9); whatever comes of it, the session ends. */
    private void select(byte[] command, ApduCase form) {
        domain.endSession();
        if (command[2] != 4 || command[3] != 0) {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        boolean named = form != ApduCase.Case1 && form != ApduCase.Case2;
        AID found = named ? find(command, form) : aid(DOMAIN_AID);
        if (found == null || !domain.selectable(bytes(found))) {
            throw new ISOException(ISO7816.SW_FILE_NOT_FOUND);
        }
        try {
            getApplet(currentAID).deselect();
        } catch (RuntimeException e) {
            // The runtime goes on whatever an applet says at its end (JCRE 4.3).
            faults++;
            lastFault = e;
        }
        if (memory.inTransaction()) {
            memory.abort();
        }
        transients.clearForDeselect();
        currentAID = found;
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
        try {
            return applet.select();
        } catch (RuntimeException e) {
            faults++;
            lastFault = e;
            return false;
        } finally {
            if (memory.inTransaction() && !memory.lost()) {
                memory.abort();
            }
        }
    }

    private byte[] response(short sw) {
        int kind = sw & 0xFF00;
        boolean data = sw == ISO7816.SW_NO_ERROR || kind == 0x6100 || kind == 0x6200 || kind == 0x6300;
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
        memory.effect(() -> applets.put(key, new ApplicationInstance(key, applet)), () -> applets.remove(key));
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
        return bytes(currentAID);
    }

    @Override
    public boolean knows(byte[] moduleAid) {
        return classes.knows(moduleAid);
    }

    @Override
    public void install(byte[] moduleAid, byte[] instanceAid, byte[] privileges, byte[] parameters) {
        put(instanceAid, classes.make(moduleAid, instanceAid, privileges, parameters));
    }

    @Override
    public void delete(byte[] instanceAid) {
        AID key = aid(instanceAid);
        ApplicationInstance gone = applets.get(key);
        if (gone == null) {
            return;
        }
        memory.effect(() -> applets.remove(key), () -> applets.put(key, gone));
        if (gone.getApplet() instanceof AppletEvent watcher) {
            watcher.uninstall();
        }
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
