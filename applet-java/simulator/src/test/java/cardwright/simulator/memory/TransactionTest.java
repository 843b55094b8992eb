package cardwright.simulator.memory;

import static cardwright.simulator.TestCards.answer;
import static cardwright.simulator.TestCards.card;
import static cardwright.simulator.TestCards.select;
import static cardwright.simulator.TestCards.send;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import cardwright.fixture.StateApplet;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Transactions that can be taken back, and power that goes, on every kind of state. */
class TransactionTest {
    private Card card;

    @BeforeEach
    void makeCard() throws CardLostException {
        card = card(new SecureRandom());
    }

    private String write(int value, byte end) throws CardLostException {
        return answer(card, String.format("8010%02X%02X", value, end));
    }

    private byte[] state() throws CardLostException {
        return send(card, "8020000000");
    }

    /** What {@link #state} gives where all was written with one value. */
    private static byte[] all(int value) {
        byte[] state = new byte[58];
        Arrays.fill(state, (byte) value);
        state[5] = (byte) (value & 1);
        state[6] = (byte) (value & 1);
        state[40] = 1;
        state[57] = 3;
        return state;
    }

    @Test
    void aCommittedTransactionStays() throws CardLostException {
        assertEquals("9000", write(0x11, StateApplet.COMMIT));
        assertArrayEquals(all(0x11), state());
        card.powerOn();
        select(card);
        assertArrayEquals(all(0x11), state());
    }

    @ParameterizedTest
    @ValueSource(bytes = {StateApplet.ABORT, StateApplet.OPEN, StateApplet.THROW})
    void anythingElseIsTakenBack(byte end) throws CardLostException {
        write(0x11, StateApplet.COMMIT);
        assertEquals(end == StateApplet.THROW ? "6A80" : "9000", write(0x22, end));
        assertArrayEquals(all(0x11), state());
        assertEquals("9000", write(0x33, StateApplet.COMMIT), "a transaction is open still");
    }

    @Test
    void aTransactionIsTakenBackToUninitializedKeys() throws CardLostException {
        byte[] fresh = state();
        write(0x22, StateApplet.ABORT);
        assertArrayEquals(fresh, state());
        assertEquals(0, fresh[40]);
    }

    @Test
    void aTearAnywhereInATransactionLeavesOldOrNew() throws CardLostException {
        write(0x11, StateApplet.COMMIT);
        int old = 0;
        int fresh = 0;
        for (int n = 0; ; n++) {
            card.tearAfter(n);
            boolean lost = lost(String.format("8010%02X%02X", 0x22, StateApplet.COMMIT));
            card.powerOn();
            select(card);
            byte[] state = state();
            if (Arrays.equals(state, all(0x11))) {
                old++;
                assertTrue(lost);
            } else {
                assertArrayEquals(all(0x22), state, "tear point " + n);
                fresh++;
                if (!lost) {
                    break;
                }
                write(0x11, StateApplet.COMMIT);
            }
        }
        System.out.printf("transaction torn: %d old / %d new / 0 other%n", old, fresh);
        assertEquals(14, old, "one write each, and the commit");
        assertEquals(2, fresh, "behind the last write, and not at all");
    }

    @Test
    void withoutATransactionATearShowsEveryStep() throws CardLostException {
        Set<String> states = new HashSet<>();
        boolean lost = true;
        for (int n = 0; lost; n++) {
            write(0x11, StateApplet.COMMIT);
            card.tearAfter(n);
            lost = lost(String.format("8010%02X%02X", 0x22, StateApplet.BARE));
            card.powerOn();
            select(card);
            states.add(Arrays.toString(state()));
        }
        // The PIN's value does not show, nor does its length, and its tries are the same as before.
        assertEquals(11, states.size(), "one for each write that shows, and the old one");
    }

    /** Atomic writes are whole or absent; the others may stay half done. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4})
    void aTornBulkWrite(int way) throws CardLostException {
        byte[] old = Arrays.copyOfRange(state(), 8, 40);
        boolean torn = false;
        byte[] written = null;
        for (int n = 0; ; n++) {
            card.tearAfter(n);
            boolean lost = lost(String.format("803077%02X", way));
            card.powerOn();
            select(card);
            byte[] now = Arrays.copyOfRange(state(), 8, 40);
            if (!lost) {
                written = now;
                break;
            }
            boolean whole = Arrays.equals(now, old) || n > 0 && isWritten(now, way);
            torn |= !whole;
            send(card, "80300000");
        }
        assertTrue(isWritten(written, way));
        assertEquals(way == 1 || way == 2 || way == 4, torn, "may stay half done");
    }

    private static boolean isWritten(byte[] bulk, int way) {
        byte[] expected = new byte[32];
        if (way == 4) {
            byte[] data = new byte[32];
            Arrays.fill(data, (byte) 0x77);
            expected = sha256(data);
        } else {
            Arrays.fill(expected, 0, way == 3 ? 2 : 32, (byte) 0x77);
        }
        return Arrays.equals(expected, bulk);
    }

    private static byte[] sha256(byte[] data) {
        try {
            return java.security.MessageDigest.getInstance("SHA-256").digest(data);
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void anAppletThatCatchesEverythingGetsNoFurther() throws CardLostException {
        card.tearAfter(1);
        assertTrue(lost("80802200"));
        assertThrows(CardLostException.class, () -> state(), "it has no power");
        card.powerOn();
        select(card);
        byte[] state = state();
        assertEquals(0x22, state[3]);
        assertEquals(0, state[0]);
        assertEquals(0, card.faults());
    }

    @Test
    void triesAreNoPartOfATransaction() throws CardLostException {
        assertEquals("63C2", answer(card, "804000010401020305"));
        assertEquals("63C1", answer(card, "804000000401020305"));
        assertEquals("9000", answer(card, "804000010401020304"));
        assertEquals(3, state()[57], "given back, though the transaction was aborted");
    }

    @Test
    void aTearAroundACheckNeverGivesATryBack() throws CardLostException {
        for (int n = 0; ; n++) {
            send(card, "80400000" + "04" + "01020304");
            card.tearAfter(n);
            boolean lost = lost("80400000" + "04" + "01020305");
            card.powerOn();
            select(card);
            assertEquals(lost && n == 0 ? 3 : 2, state()[57], "tear point " + n);
            if (!lost) {
                break;
            }
        }
    }

    @Test
    void aTornKeyPair() throws CardLostException {
        send(card, "80500000");
        byte[] pair = send(card, "8050010000");
        card.tearAfter(0);
        assertTrue(lost("80500000"));
        card.powerOn();
        select(card);
        assertArrayEquals(pair, send(card, "8050010000"), "before the first key");
        card.tearAfter(1);
        assertTrue(lost("80500000"));
        card.powerOn();
        select(card);
        byte[] half = send(card, "8050010000");
        assertArrayEquals(Arrays.copyOf(pair, 65), Arrays.copyOf(half, 65), "the public key is the old one");
        assertNotEquals(Arrays.toString(pair), Arrays.toString(half), "the private key is new");
    }

    private boolean lost(String command) {
        try {
            answer(card, command);
            return false;
        } catch (CardLostException e) {
            return true;
        }
    }
}
