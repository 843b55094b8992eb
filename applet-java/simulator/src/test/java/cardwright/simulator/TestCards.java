package cardwright.simulator;

import cardwright.fixture.RoughApplet;
import cardwright.fixture.StateApplet;
import java.io.PrintStream;
import java.net.URL;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;

/** Cards with {@link StateApplet}, and how tests talk to them. */
public final class TestCards {
    /** The applet's AID. */
    public static final String AID = "F0435752545354";

    static {
        // jCardSim says on stdout which algorithms it makes.
        PrintStream console = System.out;
        System.setOut(new PrintStream(console) {
            @Override
            public void println(String line) {
                if (!line.startsWith("getInstance of ")) {
                    super.println(line);
                }
            }
        });
    }

    private TestCards() {}

    /** A new card with the applet, selected. */
    public static Card card(SecureRandom random) throws CardLostException {
        Card card = unselected(random);
        select(card);
        return card;
    }

    /** A new card with the applet. */
    public static Card unselected(SecureRandom random) {
        return with(random, StateApplet.class);
    }

    /** A new card with {@link RoughApplet}, of this kind. */
    public static Card rough(int kind) {
        return with(new SecureRandom(), RoughApplet.class, (byte) kind);
    }

    private static Card with(SecureRandom random, Class<?> type, byte... parameters) {
        byte[] serial = new byte[4];
        random.nextBytes(serial);
        byte[] aid = HexFormat.of().parseHex(AID);
        URL classes = type.getProtectionDomain().getCodeSource().getLocation();
        Card.Instance applet = new Card.Instance(aid, aid, type.getName(), parameters);
        return Card.make(Profile.standard(serial), random, List.of(classes), List.of(applet));
    }

    /** Selects the applet. */
    public static void select(Card card) throws CardLostException {
        send(card, "00A4040007" + AID);
    }

    /** Sends a command that has to be answered with 9000; returns the data. */
    public static byte[] send(Card card, String command) throws CardLostException {
        String answer = answer(card, command);
        if (!answer.endsWith("9000")) {
            throw new AssertionError(command + " was answered with " + answer);
        }
        return HexFormat.of().parseHex(answer.substring(0, answer.length() - 4));
    }

    /** Sends a command; returns data and status word in hex. */
    public static String answer(Card card, String command) throws CardLostException {
        byte[] answer = card.transmit(HexFormat.of().parseHex(command));
        return HexFormat.of().withUpperCase().formatHex(answer);
    }
}
