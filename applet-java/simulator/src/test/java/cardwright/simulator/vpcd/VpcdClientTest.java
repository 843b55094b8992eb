package cardwright.simulator.vpcd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.Card;
import cardwright.simulator.TestCards;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A card's line to a reader that a test plays. */
@Timeout(60)
class VpcdClientTest {
    private static final String SELECT = "00A4040007" + TestCards.AID;

    private final Card card = TestCards.unselected(new SecureRandom());
    private ServerSocket reader;
    private VpcdClient client;
    private Thread thread;

    @BeforeEach
    void listen() throws IOException {
        reader = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        // A test whose card does not come fails.
        reader.setSoTimeout(30_000);
        client = new VpcdClient(card, new InetSocketAddress(reader.getInetAddress(), reader.getLocalPort()));
        thread = new Thread(client);
        thread.start();
    }

    @AfterEach
    void hangUp() throws IOException, InterruptedException {
        client.stop();
        thread.join();
        reader.close();
    }

    /** The reader's end. */
    private final class Line implements AutoCloseable {
        private final Socket socket = reader.accept();
        private final DataInputStream in = new DataInputStream(socket.getInputStream());
        private final DataOutputStream out = new DataOutputStream(socket.getOutputStream());

        Line() throws IOException {}

        void send(String body) throws IOException {
            byte[] bytes = HexFormat.of().parseHex(body);
            // Two writes, as vpcd does.
            out.writeShort(bytes.length);
            out.flush();
            out.write(bytes);
            out.flush();
        }

        String receive() throws IOException {
            byte[] body = new byte[in.readUnsignedShort()];
            in.readFully(body);
            return HexFormat.of().withUpperCase().formatHex(body);
        }

        String ask(String body) throws IOException {
            send(body);
            return receive();
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    @Test
    void atrPowerAndCommands() throws IOException {
        try (Line line = new Line()) {
            assertEquals("3B85018073802100D6", line.ask("04"));
            line.send("01");
            assertEquals("9000", line.ask(SELECT));
            assertEquals("9000", line.ask("80102200"));
            line.send("02");
            assertEquals("6D00", line.ask("8020000000"), "after a reset the security domain is selected");
        }
    }

    @Test
    void whatNobodySendsIsSurvived() throws IOException {
        try (Line line = new Line()) {
            line.send("");
            line.send("03");
            line.send("FF");
            assertEquals("6700", line.ask("0000"));
            assertEquals("6700", line.ask("000000"));
            assertEquals("6700", line.ask("80200000FF00"));
            assertEquals("6700", line.ask("802000000000FF"));
            assertEquals("6E00", line.ask("FF000000"));
            assertEquals(4, line.ask("00".repeat(65_535)).length());
            assertEquals("9000", line.ask(SELECT));
        }
        assertEquals(0, card.faults());
    }

    @Test
    void itDialsAgain() throws IOException {
        try (Line line = new Line()) {
            assertEquals("9000", line.ask(SELECT));
            assertEquals("9000", line.ask("80102200"));
        }
        try (Line half = new Line()) {
            // A frame that breaks off.
            half.out.write(new byte[] {0, 9, 1});
            half.out.flush();
        }
        try (Line line = new Line()) {
            assertEquals("6D00", line.ask("8020000000"), "it was without power");
            line.ask(SELECT);
            assertTrue(line.ask("8020000000").startsWith("22"), "and kept what is persistent");
        }
    }

    @Test
    void aReaderThatHangsUpAtOnceIsNotStormed() throws IOException {
        long start = System.nanoTime();
        for (int i = 0; i < 5; i++) {
            new Line().close();
        }
        assertTrue(System.nanoTime() - start >= 4 * 50_000_000L, "dialled without a pause");
        try (Line line = new Line()) {
            assertEquals("9000", line.ask(SELECT));
        }
    }

    @Test
    void aCardThatFailsDoesNotEndTheLine() throws IOException {
        PrintStream console = System.err;
        // The trace is of no interest.
        System.setErr(new PrintStream(OutputStream.nullOutputStream()));
        try (Line line = new Line()) {
            assertEquals("9000", line.ask(SELECT));
            client.insert(null);
            assertThrows(IOException.class, line::receive);
            new Line().close();
            client.insert(card);
            String answer = null;
            while (answer == null) {
                try (Line next = new Line()) {
                    answer = next.ask(SELECT);
                } catch (EOFException | SocketException e) {
                    // That was without a card yet.
                }
            }
            assertEquals("9000", answer);
        } finally {
            System.setErr(console);
        }
    }

    @Test
    void saysOnceThatNobodyListens() throws IOException, InterruptedException {
        PrintStream console = System.err;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        CountDownLatch line = new CountDownLatch(1);
        System.setErr(new PrintStream(said, true) {
            @Override
            public PrintStream printf(String format, Object... values) {
                PrintStream self = super.printf(format, values);
                line.countDown();
                return self;
            }
        });
        VpcdClient lonely = new VpcdClient(card, new InetSocketAddress(reader.getInetAddress(), closedPort()));
        Thread dialling = new Thread(lonely);
        try {
            dialling.start();
            line.await();
        } finally {
            lonely.stop();
            dialling.join();
            System.setErr(console);
        }
        String words = said.toString(StandardCharsets.US_ASCII);
        assertTrue(words.matches("nobody listens at .+:\\d+; dialling\\R"), words);
    }

    private static int closedPort() throws IOException {
        try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return closed.getLocalPort();
        }
    }

    @Test
    void aTearIsALostCard() throws IOException {
        try (Line line = new Line()) {
            line.ask(SELECT);
            card.tearAfter(3);
            line.send("80102200");
            try {
                line.receive();
                throw new AssertionError("a card without power answers");
            } catch (EOFException e) {
                // As it has to be.
            }
        }
        try (Line line = new Line()) {
            line.ask(SELECT);
            byte[] state = HexFormat.of().parseHex(line.ask("8020000000"));
            assertArrayEquals(new byte[40], java.util.Arrays.copyOf(state, 40));
        }
    }
}
