package cardwright.simulator;

import cardwright.simulator.vpcd.VpcdClient;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.BiFunction;

/**
 * What a test may ask of running cards: lines in, a line out for each.
 *
 * <pre>
 * tear CARD N          power goes at the N-th tear point from now     ok
 * points CARD          tear points passed so far                      a number
 * fresh CARD [WORDS]   a new card, of this profile, takes its place   ok
 * faults CARD          exceptions that became 6F00                    a number; the last one goes to stderr
 * </pre>
 */
final class Control {
    private final List<VpcdClient> lines;
    private final BiFunction<Integer, Words, Card> maker;

    /**
     * @param lines the cards' lines
     * @param maker makes a new card for a line, of the profile given or, for null, of the runner's
     */
    Control(List<VpcdClient> lines, BiFunction<Integer, Words, Card> maker) {
        this.lines = lines;
        this.maker = maker;
    }

    /** Answers until the input ends. */
    void obey(InputStream input, PrintStream output) throws IOException {
        BufferedReader commands = new BufferedReader(new InputStreamReader(input, StandardCharsets.US_ASCII));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            output.println(answer(line.strip().split(" +")));
            output.flush();
        }
    }

    private String answer(String[] command) {
        try {
            int number = Integer.parseInt(command[1]);
            Card card = lines.get(number).card();
            switch (command[0]) {
                case "tear" -> {
                    card.tearAfter(Long.parseLong(command[2]));
                    return "ok";
                }
                case "fresh" -> {
                    Words words = command.length > 2 ? Words.parse(command[2]) : null;
                    lines.get(number).insert(maker.apply(number, words));
                    return "ok";
                }
                case "points" -> {
                    return Long.toString(card.tearPoints());
                }
                case "faults" -> {
                    if (card.lastFault() != null) {
                        card.lastFault().printStackTrace();
                    }
                    return Integer.toString(card.faults());
                }
                default -> {
                    return "error: there is no " + command[0];
                }
            }
        } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
            return "error: " + e.getMessage();
        }
    }
}
