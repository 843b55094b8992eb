package cardwright.simulator;

import cardwright.simulator.memory.CardClassLoader;
import cardwright.simulator.memory.TransientArrays;
import java.net.URL;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import javacard.framework.ISOException;

/**
 * A simulated card from the outside: contacts, and what a test may do to it.
 *
 * <p>It has power from the start. Its methods may be called from any thread; one command runs at a time.
 */
public final class Card {
    /** T=1; the card has no chaining, no extended length, and the basic channel alone. */
    private static final byte[] ATR = {
        0x3B, (byte) 0x85, 0x01, (byte) 0x80, 0x73, (byte) 0x80, 0x21, 0x00, (byte) 0xD6
    };

    private final CardRuntime runtime;
    private boolean powered = true;

    /**
     * An applet that is on the card when it is new.
     *
     * @param aid of the instance, 5 to 16 bytes
     * @param module the AID of its class; the same as {@code aid} is usual
     * @param className the class, which extends {@code javacard.framework.Applet}
     * @param parameters application specific install parameters, possibly none
     */
    public record Instance(byte[] aid, byte[] module, String className, byte[] parameters) {}

    private Card(CardRuntime runtime) {
        this.runtime = runtime;
    }

    /**
     * Makes a new card.
     *
     * @param profile what kind of card
     * @param random the card's generator; a fresh {@link SecureRandom}, or {@link #seeded} in tests
     * @param classPath where the applets' classes are: directories, with a slash at the end, and archives
     * @param applets the applets on it, installed and selectable
     * @throws IllegalArgumentException for a class that is not there, comes from elsewhere than {@code classPath} or is
     *     no applet, an applet that refuses, an AID that is taken, and more than 32 applets
     */
    public static Card make(Profile profile, SecureRandom random, List<URL> classPath, List<Instance> applets) {
        check(applets);
        CardClassLoader loader = new CardClassLoader(classPath.toArray(new URL[0]));
        Applets classes = new Applets(loader);
        CardRuntime runtime = new CardRuntime(profile, random, classes, new TransientArrays());
        Domain domain = runtime.within(() -> {
            for (Instance applet : applets) {
                classes.add(applet.module(), applet.className());
            }
            return domain(loader, runtime);
        });
        try {
            runtime.personalize(domain, new ArrayList<>(applets));
        } catch (ISOException e) {
            String why = e.getCause() == null ? "" : ": " + e.getCause();
            throw new IllegalArgumentException(
                    String.format("an applet refuses to be installed with %04X%s", e.getReason() & 0xFFFF, why), e);
        }
        return new Card(runtime);
    }

    private static void check(List<Instance> applets) {
        if (applets.size() > Domain.ROOM) {
            throw new IllegalArgumentException("a card has room for " + Domain.ROOM + " applets, not " + applets.size());
        }
        Set<String> taken = new HashSet<>();
        taken.add(HexFormat.of().formatHex(Domain.DOMAIN_AID));
        for (Instance applet : applets) {
            String aid = HexFormat.of().formatHex(applet.aid());
            if (!taken.add(aid)) {
                throw new IllegalArgumentException("the AID " + aid + " is taken, by an applet or by the security domain");
            }
        }
    }

    /** A generator that repeats itself: for tests alone. */
    public static SecureRandom seeded(byte[] seed) {
        return new SeededRandom(seed);
    }

    private static Domain domain(CardClassLoader loader, Platform platform) {
        try {
            return (Domain) loader.loadClass("cardwright.simulator.domain.IssuerSecurityDomain")
                    .getConstructor(Platform.class)
                    .newInstance(platform);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("the security domain cannot be made", e);
        }
    }

    /** What it was when it was new. */
    public Profile profile() {
        return runtime.profile();
    }

    /** Answer to reset. */
    public byte[] atr() {
        return ATR.clone();
    }

    /** Power comes, or the card is reset: what is transient is cleared, an interrupted transaction taken back. */
    public synchronized void powerOn() {
        runtime.powerOn();
        powered = true;
    }

    /** Power goes. */
    public synchronized void powerOff() {
        powered = false;
    }

    /**
     * Takes any bytes for a command.
     *
     * @return data and status word, two bytes or more
     * @throws CardLostException where power is lost on the way, or is not there
     */
    public synchronized byte[] transmit(byte[] command) throws CardLostException {
        byte[] answer = powered ? runtime.transmit(command) : null;
        if (answer == null) {
            powered = false;
            throw new CardLostException();
        }
        return answer;
    }

    /** Arms a loss of power at the {@code n}-th tear point from now, 0 being the next; the next power-on disarms it. */
    public synchronized void tearAfter(long n) {
        runtime.memory().tearAfter(n);
    }

    /** How many tear points have been passed since the card was made. */
    public synchronized long tearPoints() {
        return runtime.memory().points();
    }

    /**
     * The most bytes of persistent memory that one transaction has written since the card was made or the last call: what a
     * commit buffer has to hold, without what a platform adds to each write.
     */
    public synchronized int takeLargestTransaction() {
        return runtime.memory().takeLargest();
    }

    /** Tells of each exception that {@link #faults} counts, when it happens. */
    public synchronized void onFault(Consumer<Throwable> listener) {
        runtime.onFault(listener);
    }

    /** How many exceptions that are no ISOException have left applets: 6F00 from process, 6A80 from install. */
    public synchronized int faults() {
        return runtime.faults();
    }

    /** The last of them, or null. */
    public synchronized Throwable lastFault() {
        return runtime.lastFault();
    }
}
