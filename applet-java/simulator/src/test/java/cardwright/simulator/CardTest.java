package cardwright.simulator;

import static cardwright.simulator.TestCards.answer;
import static cardwright.simulator.TestCards.card;
import static cardwright.simulator.TestCards.select;
import static cardwright.simulator.TestCards.send;
import static cardwright.simulator.TestCards.unselected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What no two cards share, what a reset clears, and what anybody may send. */
class CardTest {
    private static final int CARDS = 16;

    private record Secrets(String publicKey, String privateKey, String nonce, String random) {}

    private static Secrets secrets(Card card) throws CardLostException {
        send(card, "80500000");
        byte[] pair = send(card, "8050010000");
        String publicKey = HexFormat.of().formatHex(pair, 0, 65);
        String privateKey = HexFormat.of().formatHex(pair, 65, pair.length);
        byte[] signature = send(card, "8050020000");
        // SEQUENCE { INTEGER r, ... }: r comes from the nonce alone.
        String nonce = HexFormat.of().formatHex(signature, 4, 4 + signature[3]);
        return new Secrets(publicKey, privateKey, nonce, HexFormat.of().formatHex(send(card, "8060000000")));
    }

    private static List<Secrets> all(Supplier<SecureRandom> random) throws CardLostException {
        List<Secrets> all = new java.util.ArrayList<>();
        for (int i = 0; i < CARDS; i++) {
            Card card = card(random.get());
            all.add(secrets(card));
            all.add(secrets(card));
        }
        return all;
    }

    @Test
    void keysNoncesAndRandomDataAreDistinct() throws CardLostException {
        List<Secrets> all = all(SecureRandom::new);
        Set<String> seen = new HashSet<>();
        for (Secrets secrets : all) {
            assertTrue(seen.add(secrets.publicKey()), "a public key twice");
            assertTrue(seen.add(secrets.privateKey()), "a private key twice, or a nonce that equals one");
            assertTrue(seen.add(secrets.nonce()), "a nonce twice");
            assertTrue(seen.add(secrets.random()), "random data twice");
        }
        System.out.printf("distinct: %d values of %d cards%n", seen.size(), CARDS);
    }

    @Test
    void aSeedRepeatsARun() throws CardLostException {
        byte[] seed = {1, 2, 3};
        assertEquals(secrets(card(Card.seeded(seed))), secrets(card(Card.seeded(seed))));
    }

    @Test
    void staticFieldsBelongToOneCard() throws CardLostException {
        Card one = card(new SecureRandom());
        Card other = card(new SecureRandom());
        send(one, "80101100");
        assertEquals(0x11, send(one, "8020000000")[2]);
        assertEquals(0, send(other, "8020000000")[2]);
    }

    @Test
    void transientMemoryIsClearedAsDeclared() throws CardLostException {
        Card card = card(new SecureRandom());
        send(card, "80700055");
        assertArrayEquals(new byte[] {0x55, 0x55, 1}, send(card, "8070010000"));
        send(card, "00A40400");
        select(card);
        assertArrayEquals(new byte[] {0x55, 0, 1}, send(card, "8070010000"), "deselected");
        card.powerOn();
        select(card);
        assertArrayEquals(new byte[] {0, 0, 0}, send(card, "8070010000"), "reset");
    }

    @Test
    void anyBytesAreAnswered() throws CardLostException {
        Card card = card(Card.seeded(new byte[] {7}));
        SecureRandom random = Card.seeded(new byte[] {8});
        for (int i = 0; i < 20_000; i++) {
            byte[] command = new byte[1 + random.nextInt(300)];
            random.nextBytes(command);
            if (i % 4 != 0) {
                command[0] = (byte) (i % 2 == 0 ? 0x80 : 0x00);
            }
            byte[] answer = card.transmit(command);
            assertTrue(answer.length >= 2);
        }
        select(card);
    }

    @Test
    void selection() throws CardLostException {
        Card card = unselected(new SecureRandom());
        assertEquals("6D00", answer(card, "8020000000"), "the security domain is selected first");
        assertEquals("6A82", answer(card, "00A4040007F0435752545355"));
        assertEquals("6A86", answer(card, "00A4040107" + TestCards.AID));
        assertEquals("6A86", answer(card, "00A4040C08A000000151000000"));
        assertEquals("6A86", answer(card, "00A40000023F00"));
        assertEquals("6881", answer(card, "01A4040007" + TestCards.AID));
        assertEquals("6E00", answer(card, "20A4040007" + TestCards.AID));
        assertEquals("6E00", answer(card, "20A404000701"), "a class goes before a length");
        assertEquals("6884", answer(card, "90CA004200"));
        assertEquals("6700", answer(card, "00A404"));
        assertEquals("9000", answer(card, "00A4040007" + TestCards.AID + "00"));
        assertEquals("9000", answer(card, "80101100"));
        assertEquals("6A82", answer(card, "00A4040007F0435752545355"));
        assertEquals("9000", answer(card, "80102200"), "what was selected stays so");
        assertEquals("9000", answer(card, "00A4040005" + TestCards.AID.substring(0, 10)), "by the beginning of its AID");
    }

    @Test
    void sixteenCardsRunSideBySide() throws Exception {
        Card[] cards = new Card[CARDS];
        for (int i = 0; i < CARDS; i++) {
            cards[i] = card(new SecureRandom());
        }
        int[] wrong = new int[CARDS];
        Thread[] threads = IntStream.range(0, CARDS)
                .mapToObj(i -> new Thread(() -> {
                    try {
                        for (int round = 0; round < 50; round++) {
                            send(cards[i], String.format("8010%02X00", i + 1));
                            byte[] bulk = Arrays.copyOfRange(send(cards[i], "8020000000"), 8, 40);
                            wrong[i] += bulk[31] == i + 1 ? 0 : 1;
                        }
                    } catch (CardLostException e) {
                        wrong[i]++;
                    }
                }))
                .toArray(Thread[]::new);
        for (Thread thread : threads) {
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertArrayEquals(new int[CARDS], wrong);
    }
}
