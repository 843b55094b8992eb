package cardwright.simulator;

import cardwright.simulator.vpcd.VpcdClient;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The command line: makes cards and lets them dial in to virtual readers. */
public final class Main {
    private static final int USAGE = 2;

    /** The faults that have been printed. */
    private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();

    private Main() {}

    /** Exits with 2 for a wrong command line; otherwise runs until it is killed, or with --control until stdin ends. */
    public static void main(String[] args) throws IOException, InterruptedException {
        try {
            Options options = Options.parse(args);
            if (options.help()) {
                System.out.print(Options.HELP);
                return;
            }
            PrintStream console = System.out;
            // jCardSim says there which algorithms it makes.
            System.setOut(new PrintStream(OutputStream.nullOutputStream()));
            run(options, console);
        } catch (IllegalArgumentException e) {
            System.err.println("error: " + e.getMessage());
            Throwable applets = e.getCause() == null ? null : e.getCause().getCause();
            if (applets != null) {
                applets.printStackTrace();
            }
            System.err.println("java -jar cardwright-simulator.jar --help shows what there is.");
            System.exit(USAGE);
        }
    }

    private static void run(Options options, PrintStream console) throws IOException, InterruptedException {
        List<VpcdClient> lines = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < options.ports().size(); i++) {
            int port = options.ports().get(i);
            Card card = card(options, options.profile(), i);
            lines.add(new VpcdClient(card, new InetSocketAddress(options.host(), port)));
            Thread thread = new Thread(lines.get(i), "card " + i);
            thread.setDaemon(true);
            threads.add(thread);
            String serial = HexFormat.of().withUpperCase().formatHex(card.profile().serial());
            console.printf("card %d: serial %s, dials %s:%d%n", i, serial, options.host(), port);
        }
        threads.forEach(Thread::start);
        if (options.control()) {
            new Control(lines, (i, words) -> card(options, words == null ? options.profile() : words, i)).obey(System.in, console);
        } else {
            for (Thread thread : threads) {
                thread.join();
            }
        }
    }

    private static Card card(Options options, Words words, int number) {
        SecureRandom random = options.seed() == null ? new SecureRandom() : Card.seeded(seed(options.seed(), number));
        Profile profile = words.card(number, random);
        Card card = Card.make(profile, random, options.classPath(), options.applets());
        card.onFault(fault -> tell(number, fault));
        return card;
    }

    /** An applet's author has to know what 6F00 was; the same fault of the same place is told once. */
    private static void tell(int card, Throwable fault) {
        if (TOLD.add(fault + Arrays.toString(Arrays.copyOf(fault.getStackTrace(), 1)))) {
            System.err.printf("card %d: an exception left an applet%n", card);
            fault.printStackTrace();
        }
    }

    private static byte[] seed(byte[] seed, int card) {
        byte[] own = java.util.Arrays.copyOf(seed, seed.length + 1);
        own[seed.length] = (byte) card;
        return own;
    }
}
