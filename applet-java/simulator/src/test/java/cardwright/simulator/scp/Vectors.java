package cardwright.simulator.scp;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;

/** Test data: lines of words, comments behind a hash sign. */
final class Vectors {
    private Vectors() {}

    static List<String[]> read(String name) {
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(Vectors.class.getResourceAsStream("/" + name), StandardCharsets.UTF_8))) {
            return reader.lines().filter(line -> !line.startsWith("#")).map(line -> line.split(" ")).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits.equals("-") ? "" : digits);
    }
}
