package cardwright.simulator;

import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** What the command line says. */
record Options(
        boolean help,
        String host,
        List<Integer> ports,
        List<Card.Instance> applets,
        List<URL> classPath,
        Words profile,
        byte[] seed,
        boolean control) {

    static final String HELP = """
            Simulated Java Cards with GlobalPlatform, for virtual readers (vpcd).

            java -jar cardwright-simulator.jar [--port P]... [--cards N] [--applet AID=CLASS]... [--classpath PATH] ...

              --port P             the reader's TCP port; once for each card (default 35963)
              --cards N            so many cards, on ports from the only --port on
              --host HOST          where the readers listen (default 127.0.0.1)
              --applet AID=CLASS   puts an applet on each card: hex AID, class name; the module AID is the same.
                                   AID=CLASS,HEX gives it install parameters
              --classpath PATH     where the applets' classes are: archives and directories, separated by colons
              --profile WORDS      what the cards are, separated by commas:
                                     aes128 aes192 aes256   size of the initial keys 40 41 42 .. (aes128)
                                     s8 s16                 length of challenges and MACs (s8)
                                     i=HEX                  SCP03 parameter "i" (70, with s16 71)
                                     kvn=N                  of the initial keys, 48 or 0x30 (0xFF)
                                     tries=N                authentications that may fail in a row (10)
                                     kdd=HEX                10 bytes (CWJC, 0000, the serial)
                                     serial=HEX             4 bytes (random); further cards count up
              --seed HEX           random numbers repeat themselves: for tests alone
              --control            for tests: takes commands on stdin (tear, points, faults), ends with it
              --help               this

            Cards dial in, and again whenever the line is gone. They keep nothing when the program ends.
            """;

    private static final int DEFAULT_PORT = 35963;

    static Options parse(String[] args) {
        boolean help = false;
        boolean control = false;
        String host = "127.0.0.1";
        List<Integer> ports = new ArrayList<>();
        List<Card.Instance> applets = new ArrayList<>();
        List<URL> classPath = new ArrayList<>();
        Words profile = Words.parse("");
        byte[] seed = null;
        int cards = 0;
        for (int i = 0; i < args.length; i++) {
            String option = args[i];
            switch (option) {
                case "--help", "-h" -> help = true;
                case "--control" -> control = true;
                case "--host" -> host = value(args, ++i);
                case "--port" -> ports.add(number(value(args, ++i), 1, 65_535, option));
                case "--cards" -> cards = number(value(args, ++i), 1, 64, option);
                case "--applet" -> applets.add(applet(value(args, ++i)));
                case "--classpath" -> classPath.addAll(classPath(value(args, ++i)));
                case "--profile" -> profile = Words.parse(value(args, ++i));
                case "--seed" -> seed = hex(value(args, ++i), option);
                default -> throw new IllegalArgumentException("there is no option " + option);
            }
        }
        return new Options(help, host, ports(ports, cards), applets, classPath, profile, seed, control);
    }

    private static String value(String[] args, int at) {
        if (at >= args.length) {
            throw new IllegalArgumentException(args[at - 1] + " wants a value");
        }
        return args[at];
    }

    private static List<Integer> ports(List<Integer> given, int cards) {
        if (given.isEmpty()) {
            given.add(DEFAULT_PORT);
        }
        if (cards == 0 || cards == given.size()) {
            return given;
        }
        if (given.size() > 1) {
            throw new IllegalArgumentException("--cards " + cards + " and " + given.size() + " times --port do not fit");
        }
        List<Integer> ports = new ArrayList<>();
        for (int i = 0; i < cards; i++) {
            ports.add(number(Integer.toString(given.get(0) + i), 1, 65_535, "--port"));
        }
        return ports;
    }

    private static Card.Instance applet(String text) {
        int equals = text.indexOf('=');
        if (equals < 0) {
            throw new IllegalArgumentException("--applet wants AID=CLASS, not " + text);
        }
        byte[] aid = hex(text.substring(0, equals), "--applet");
        if (aid.length < 5 || aid.length > 16) {
            throw new IllegalArgumentException("an AID has 5 to 16 bytes: --applet " + text);
        }
        String[] rest = text.substring(equals + 1).split(",", 2);
        byte[] parameters = rest.length > 1 ? hex(rest[1], "--applet") : new byte[0];
        if (parameters.length > 100) {
            throw new IllegalArgumentException("install parameters have 100 bytes at most: --applet " + text);
        }
        return new Card.Instance(aid, aid, rest[0], parameters);
    }

    private static List<URL> classPath(String text) {
        List<URL> urls = new ArrayList<>();
        for (String part : text.split(java.io.File.pathSeparator)) {
            Path path = Path.of(part);
            if (!Files.exists(path)) {
                throw new IllegalArgumentException("there is no " + part + " (--classpath)");
            }
            try {
                urls.add(path.toUri().toURL());
            } catch (MalformedURLException e) {
                throw new IllegalArgumentException("--classpath: " + part, e);
            }
        }
        return urls;
    }

    static int number(String text, int least, int most, String option) {
        try {
            int number = Integer.decode(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new IllegalArgumentException(option + " wants a number from " + least + " to " + most + ", not " + text);
    }

    static byte[] hex(String text, String option) {
        try {
            return HexFormat.of().parseHex(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(option + " wants hex digits, not " + text, e);
        }
    }
}
