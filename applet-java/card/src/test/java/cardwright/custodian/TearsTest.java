package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** "A tear": power is lost at every write in turn. */
class TearsTest {
    private static final String SHARE = HexFormat.of().withUpperCase().formatHex(Custodian.SHARE);

    /** A command; a card in the state for it; its answer. */
    private record Case(String ins, String p1, String data, String answer) {
        Custodian card() throws CardLostException {
            if (isFirstPin()) {
                return new Custodian().fresh();
            }
            Custodian card = ins.equals("30") ? Custodian.ready() : Custodian.holding(1);
            card.verify(Custodian.PIN);
            return card;
        }

        boolean isFirstPin() {
            return ins.equals("24") && p1.equals("01");
        }

        String send(Custodian card) throws CardLostException {
            String sent = ins.equals("30") ? SHARE : data;
            return card.secure(HexFormat.fromHexDigits(ins), HexFormat.fromHexDigits(p1), 0, sent);
        }

        /** Whether power was lost at this write, or the command came through; power is back. */
        boolean tearsAt(long write, Custodian card) throws CardLostException {
            card.card.tearAfter(write);
            try {
                assertEquals(answer, send(card));
                card.card.tearAfter(Long.MAX_VALUE);
                return false;
            } catch (CardLostException e) {
                card.card.powerOn();
                return true;
            }
        }
    }

    /** The card's state, the platform's life cycle state, and what VERIFY says to the old PIN. */
    private static String state(Custodian card) throws CardLostException {
        return card.fresh().shortState() + " " + card.registryState() + " " + card.verify(Custodian.PIN);
    }

    /** The card is as it was before the command, and repeating it does what it should; or as it is after it. */
    @ParameterizedTest
    @CsvSource({"30, 81, '', 9000", "34, 00, '', 9000", "34, 01, '', 9000", "24, 01, 31323334, 9000",
        "24, 00, 043030303035363738, 63C2", "24, 00, 043132333435363738, 9000"})
    void oldOrNew(String ins, String p1, String data, String answer) throws CardLostException {
        Case test = new Case(ins, p1, data, answer);
        String before = state(test.card());
        Custodian whole = test.card();
        assertEquals(answer, test.send(whole));
        String after = state(whole);
        // A try is gone before the old PIN is compared, and never comes back by a tear.
        boolean compares = ins.equals("24") && !test.isFirstPin();
        String tried = compares ? before.replace(" 830103", " 830102") : before;
        int old = 0;
        int fresh = 0;
        for (boolean torn = true; torn; ) {
            Custodian card = test.card();
            torn = test.tearsAt(old + fresh, card);
            String state = state(card);
            if (state.equals(after)) {
                fresh++;
                continue;
            }
            assertTrue(state.equals(before) || state.equals(tried), "at " + (old + fresh) + ": " + state);
            assertEquals(0, fresh, "old again");
            old++;
            assertEquals(answer, test.send(card), "repeated");
            assertEquals(after, state(card), "repeated");
        }
        assertTrue(old > 0 && fresh > 1, old + " old, " + fresh + " new");
    }

    /** The tries left where VERIFY is torn at its first write, its second and so on, and where it comes through. */
    @Test
    void triesOfVerify() throws CardLostException {
        assertEquals(List.of("63C3", "63C2", "63C2"), triesUnderTears("30303030"));
        assertEquals(List.of("63C2", "63C1", "63C3", "63C3"), triesUnderTears("30303030", Custodian.PIN));
        assertEquals(List.of("63C1", "6983", "6983"), triesUnderTears("30303030", "30303030", "30303030"));
    }

    /** The last PIN is presented under tears, those before it not. */
    private static List<String> triesUnderTears(String... pins) throws CardLostException {
        List<String> tries = new ArrayList<>();
        for (boolean torn = true; torn; ) {
            Custodian card = Custodian.holding(1);
            for (int i = 0; i < pins.length - 1; i++) {
                card.verify(pins[i]);
            }
            card.card.tearAfter(tries.size());
            try {
                card.verify(pins[pins.length - 1]);
                torn = false;
            } catch (CardLostException e) {
                // Power is back below.
            }
            tries.add(card.fresh().plain("00200000"));
        }
        return tries;
    }

    /** Nothing of a share stays behind, wherever storing or wiping it is cut off: the next command sees to that. */
    @ParameterizedTest
    @CsvSource({"30, 81", "34, 00", "34, 01"})
    void remains(String ins, String p1) throws CardLostException {
        Case test = new Case(ins, p1, "", "9000");
        boolean partly = false;
        boolean torn = true;
        for (long at = 0; torn; at++) {
            Custodian card = test.card();
            torn = test.tearsAt(at, card);
            boolean left = !isErased(card.sharePlace());
            card.select();
            if (card.state().contains("840100")) {
                partly |= left;
                assertTrue(isErased(card.sharePlace()), "left at " + at);
            }
        }
        assertTrue(partly, "there was nothing to overwrite");
    }

    private static boolean isErased(byte[] place) {
        assertEquals(512, place.length);
        return Arrays.equals(place, new byte[512]);
    }
}
