package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The custodian's commands, one by one, as docs/protocol/custody.md has them. */
class CustodianAppletTest {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final byte[] SHARE = Shares.share(3, 16, true);

    /** A card with a PIN, a session of level 33, and the PIN verified. */
    private static Custodian ready() throws CardLostException {
        Custodian card = new Custodian().fresh();
        assertEquals("9000", card.setPin());
        assertEquals("9000", card.verify(Custodian.PIN));
        return card;
    }

    /** The same with a share. */
    private static Custodian holding(int mode) throws CardLostException {
        Custodian card = ready();
        assertEquals("9000", card.store(mode, SHARE, 200));
        return card;
    }

    @Test
    void whoItIs() throws CardLostException {
        Custodian card = new Custodian();
        String answer = card.select();
        String begin = "6F1C8407F0435743555354A51180020100810107" + "8208";
        assertEquals(begin, answer.substring(0, 44));
        assertEquals(44 + 16 + 4, answer.length());
        String identity = answer.substring(44, 60);
        assertEquals("E11780020100810107" + "8208" + identity + "8301038401009000", card.state());
        assertNotEquals(identity, new Custodian().select().substring(44, 60));
    }

    @Test
    void pin() throws CardLostException {
        Custodian card = new Custodian().fresh();
        assertEquals("6985", card.verify("31323334"));
        assertEquals("6985", card.secure(0x24, 0, 0, "04" + "31323334" + "35363738"));
        assertEquals("6700", card.secure(0x24, 1, 0, "313233"));
        assertEquals("6700", card.secure(0x24, 1, 0, "31323334353637383930313233"));
        assertEquals("6A80", card.secure(0x24, 1, 0, "3132333A"));
        assertEquals("6A86", card.secure(0x24, 2, 0, "31323334"));
        assertEquals("6A86", card.secure(0x24, 1, 1, "31323334"));
        assertEquals("07 8301038401009000", card.shortState());
        assertEquals("9000", card.setPin());
        assertEquals("0F 8301038401009000", card.shortState());
        assertEquals("6985", card.setPin());
        assertEquals("63C3", card.plain("00200000"));
        assertEquals("63C2", card.verify("31323335"));
        assertEquals("63C1", card.verify("313233343030"));
        assertEquals("9000", card.verify("31323334"));
        assertEquals("9000", card.plain("00200000"));
        // No try, and it stays verified.
        assertEquals("6700", card.verify("313233"));
        assertEquals("6A80", card.verify("2F323334"));
        assertEquals("6A86", card.plain("0020000104" + "31323334"));
        assertEquals("9000", card.plain("00200000"));
        assertEquals("63C2", card.verify("39393939"));
        assertEquals("63C2", card.plain("0020000000"));
    }

    @Test
    void pinUnderSecureMessaging() throws CardLostException {
        Custodian card = new Custodian().fresh();
        card.setPin();
        for (int level : new int[] {0x01, 0x03, 0x11, 0x13, 0x33}) {
            card.select();
            card.host.open(level);
            // Wrong: the R-MAC of a warning is checked by the host.
            assertEquals("63C2", HEX.formatHex(card.host.send(0, 0x20, 0, 0, HEX.parseHex("30303030"))));
            assertEquals("9000", HEX.formatHex(card.host.send(0, 0x20, 0, 0, HEX.parseHex(Custodian.PIN))));
            assertEquals(card.state(), card.secure(0x36, 0, 0, ""));
        }
    }

    @Test
    void changedPin() throws CardLostException {
        Custodian card = ready();
        assertEquals("6700", card.secure(0x24, 0, 0, ""));
        assertEquals("6700", card.secure(0x24, 0, 0, "04" + "31323334"));
        assertEquals("6700", card.secure(0x24, 0, 0, "84" + "31323334" + "35363738"));
        assertEquals("6A80", card.secure(0x24, 0, 0, "04" + "3132333A" + "35363738"));
        assertEquals("6A80", card.secure(0x24, 0, 0, "04" + "31323334" + "3536373A"));
        assertEquals("9000", card.plain("00200000"));
        assertEquals("63C2", card.secure(0x24, 0, 0, "04" + "31323335" + "35363738"));
        assertEquals("63C2", card.plain("00200000"));
        assertEquals("9000", card.secure(0x24, 0, 0, "04" + "31323334" + "353637383930313233343536"));
        assertEquals("63C3", card.plain("00200000"));
        assertEquals("63C2", card.verify("31323334"));
        assertEquals("9000", card.verify("353637383930313233343536"));
    }

    @Test
    void blockedPin() throws CardLostException {
        Custodian card = holding(1);
        assertEquals("63C2", card.verify("30303030"));
        assertEquals("63C1", card.verify("30303030"));
        assertEquals("63C0", card.secure(0x24, 0, 0, "04" + "30303030" + "35363738"));
        assertEquals("6983", card.verify(Custodian.PIN));
        assertEquals("6983", card.plain("00200000"));
        assertEquals("6983", card.secure(0x24, 0, 0, "04" + "31323334" + "35363738"));
        assertEquals("9000", card.secure(0x34, 1, 0, ""));
        assertEquals("07 8301038401009000", card.shortState());
        assertEquals("6985", card.verify(Custodian.PIN));
        assertEquals("9000", card.setPin());
        assertEquals("9000", card.verify(Custodian.PIN));
    }

    @ParameterizedTest
    @CsvSource({"2, 16, false, 239", "3, 24, true, 100", "4, 16, true, 64", "8, 32, true, 239", "10, 32, true, 151",
        "16, 32, false, 1"})
    void shareThereAndBack(int n, int keyLength, boolean commitments, int block) throws CardLostException {
        byte[] share = Shares.share(n, keyLength, commitments);
        Custodian card = ready();
        assertEquals("9000", card.store(1, share, block));
        String known = HEX.formatHex(Shares.value(share), 0, 71);
        assertEquals("0F 830103840101E047" + known + "9000", card.fresh().shortState());
        assertEquals("9000", card.verify(Custodian.PIN));
        StringBuilder back = new StringBuilder();
        for (int number = 0; number * 192 < share.length; number++) {
            String answer = card.secure(0x32, 0, number, "");
            assertTrue(answer.endsWith("9000"), answer);
            assertTrue(answer.length() <= 388, answer);
            back.append(answer, 0, answer.length() - 4);
        }
        assertEquals(HEX.formatHex(share), back.toString());
        assertEquals("6A86", card.secure(0x32, 0, (share.length + 191) / 192, ""));
        assertEquals(0, card.card.faults());
    }

    @Test
    void storing() throws CardLostException {
        Custodian card = ready();
        String first = HEX.formatHex(SHARE, 0, 100);
        String rest = HEX.formatHex(SHARE, 100, SHARE.length);
        assertEquals("6A86", card.secure(0x30, 3, 0, first));
        assertEquals("6A86", card.secure(0x30, 1, 1, first));
        assertEquals("6700", card.secure(0x30, 1, 0, ""));
        assertEquals("9000", card.secure(0x30, 1, 0, first));
        assertEquals("6A86", card.secure(0x30, 0x82, 1, rest));
        assertEquals("6A86", card.secure(0x30, 0x81, 1, rest));
        assertEquals("9000", card.secure(0x30, 1, 0, first));
        // Another command ends it, one that does not get so far does not.
        card.state();
        assertEquals("6A86", card.secure(0x30, 0x81, 1, rest));
        assertEquals("9000", card.secure(0x30, 1, 0, first));
        assertEquals("6D00", card.secure(0x99, 0, 0, ""));
        assertEquals("9000", card.secure(0x30, 0x81, 1, rest));
        assertEquals("6985", card.secure(0x30, 1, 0, first));
    }

    @Test
    void storingTooMuch() throws CardLostException {
        Custodian card = ready();
        for (int block = 0; block < 2; block++) {
            assertEquals("9000", card.secure(0x30, 1, block, "E0".repeat(239)));
        }
        assertEquals("9000", card.secure(0x30, 1, 2, "E0".repeat(34)));
        assertEquals("6A84", card.secure(0x30, 1, 3, "E0"));
        assertEquals("6A86", card.secure(0x30, 1, 3, "E0"));
        // The PIN is not used up yet.
        assertEquals("6A80", card.secure(0x30, 0x81, 0, "E000"));
        assertEquals("6982", card.secure(0x30, 0x81, 0, "E000"));
    }

    @Test
    void pinIsGoodForOneOperation() throws CardLostException {
        Custodian card = holding(1);
        assertEquals("6982", card.secure(0x32, 0, 0, ""));
        card.fresh().verify(Custodian.PIN);
        card.secure(0x32, 0, 0, "");
        assertEquals("6982", card.secure(0x34, 0, 0, ""));
    }

    @Test
    void reading() throws CardLostException {
        Custodian card = ready();
        assertEquals("6A88", card.secure(0x32, 0, 0, ""));
        assertEquals("9000", card.store(1, SHARE, 200));
        card.verify(Custodian.PIN);
        assertEquals("6A86", card.secure(0x32, 1, 0, ""));
        assertEquals("6700", card.secure(0x32, 0, 0, "00"));
        assertEquals("6A86", card.secure(0x32, 0, 1, ""));
        assertTrue(card.secure(0x32, 0, 0, "").endsWith("9000"));
        card.state();
        assertEquals("6A86", card.secure(0x32, 0, 1, ""));
    }

    @Test
    void blindShare() throws CardLostException {
        Custodian card = holding(2);
        card.verify(Custodian.PIN);
        assertEquals("6985", card.secure(0x32, 0, 0, ""));
        assertTrue(card.state().contains("840102E047"));
        assertEquals("9000", card.plain("00200000"));
        assertEquals("9000", card.secure(0x34, 0, 0, ""));
        assertEquals("6A88", card.secure(0x34, 0, 0, ""));
        assertEquals("0F 8301038401009000", card.shortState());
    }

    @Test
    void wiping() throws CardLostException {
        Custodian card = holding(1);
        assertEquals("6A86", card.secure(0x34, 2, 0, ""));
        assertEquals("6A86", card.secure(0x34, 0, 1, ""));
        assertEquals("6700", card.secure(0x34, 0, 0, "00"));
        assertEquals("6982", card.secure(0x34, 0, 0, ""));
        assertEquals("9000", card.fresh().secure(0x34, 1, 0, ""));
        assertEquals("07 8301038401009000", card.shortState());
    }

    @ParameterizedTest
    @ValueSource(ints = {0x01, 0x03, 0x11, 0x13})
    void lowerLevels(int level) throws CardLostException {
        for (int ins : new int[] {0x24, 0x30, 0x32, 0x34}) {
            Custodian card = holding(1);
            card.select();
            card.host.open(level);
            assertEquals("6982", card.secure(ins, 0, 0, ""));
            // The session has ended.
            assertEquals("6882", card.secure(0x36, 0, 0, ""));
        }
    }

    @Test
    void classes() throws CardLostException {
        Custodian card = new Custodian();
        assertEquals("6E00", card.plain("80A4040007" + Custodian.AID));
        assertEquals("6E00", card.plain("0050000008" + "0102030405060708"));
        assertEquals("6E00", card.plain("8020000004" + Custodian.PIN));
        assertEquals("6E00", card.plain("0036000000"));
        assertEquals("6D00", card.plain("8099000000"));
        assertEquals("6882", card.plain("8436000000"));
        assertEquals("6882", card.plain("8499000000"));
        assertEquals("6985", card.plain("8482330000"));
        assertEquals("6982", card.plain("8034010000"));
        assertEquals("6A86", card.plain("8036000100"));
        assertEquals("6700", card.plain("803600000100"));
        card.host.open(0x33);
        assertEquals("6985", card.secure(0x50, 0, 0, "0102030405060708"));
        assertEquals("6985", card.secure(0x82, 0x33, 0, "0102"));
        assertEquals("9000", card.setPin());
        card.state();
        assertEquals("6982", card.plain("8034010000"));
        assertEquals("6882", card.plain("8434010000"));
        card.host.open(0x33);
        assertEquals("6982", card.plain("84360000080102030405060708"));
        assertEquals("6882", card.secure(0x36, 0, 0, ""));
    }

    /** Power is lost at every write in turn; the card is as it was before the command, or after it. */
    @ParameterizedTest
    @CsvSource({"30, 81, ''", "34, 00, ''", "34, 01, ''", "24, 00, 043030303035363738",
        "24, 00, 043132333435363738"})
    void tears(String ins, String p1, String data) throws CardLostException {
        String after = stateAfter(ins, p1, data, Long.MAX_VALUE).replace("survived ", "");
        String before = ins.equals("30") ? "0F 8301038401009000" : "0F 830103840101E047";
        String tried = before.replace("830103", "830102");
        long old = 0;
        long fresh = 0;
        for (String state = ""; !state.startsWith("survived"); ) {
            state = stateAfter(ins, p1, data, old + fresh);
            if (state.endsWith(after)) {
                fresh++;
            } else {
                // A try is gone before the PIN is compared, and never comes back by a tear.
                boolean same = state.startsWith(before) || ins.equals("24") && state.startsWith(tried);
                assertTrue(same, "at " + (old + fresh) + ": " + state);
                old++;
            }
        }
        assertTrue(old > 0 && fresh > 1 && old + fresh > 2, old + " old, " + fresh + " new");
    }

    /**
     * What is there after a command in which power was lost at the n-th write: state, and whether the PIN is the old
     * one.
     */
    private static String stateAfter(String ins, String p1, String data, long tear) throws CardLostException {
        Custodian card = ins.equals("30") ? ready() : holding(1);
        card.verify(Custodian.PIN);
        card.card.tearAfter(tear);
        String survived = "";
        try {
            String sent = ins.equals("30") ? HEX.formatHex(SHARE) : data;
            card.secure(HexFormat.fromHexDigits(ins), HexFormat.fromHexDigits(p1), 0, sent);
            survived = "survived ";
        } catch (CardLostException e) {
            // Power is back below.
        }
        card.card.tearAfter(Long.MAX_VALUE);
        String state = card.fresh().shortState();
        return survived + state + card.verify(Custodian.PIN);
    }

    /** A try taken by a wrong PIN stays taken wherever power is lost; none is taken where nothing was compared. */
    @Test
    void triesUnderTears() throws CardLostException {
        boolean[] taken = new boolean[2];
        for (int at = 0; at < 3; at++) {
            Custodian card = holding(1);
            card.card.tearAfter(at);
            try {
                card.verify("30303030");
            } catch (CardLostException e) {
                // Power is back below.
            }
            String tries = card.fresh().plain("00200000");
            assertTrue(tries.equals("63C3") || tries.equals("63C2"), tries);
            taken[tries.equals("63C2") ? 1 : 0] = true;
        }
        assertTrue(taken[0] && taken[1]);
    }

    /** Nothing of a share stays behind, wherever storing or wiping it is cut off: the next command sees to that. */
    @ParameterizedTest
    @CsvSource({"30, 81", "34, 00", "34, 01"})
    void remains(String ins, String p1) throws CardLostException {
        boolean partly = false;
        boolean survived = false;
        for (long at = 0; !survived; at++) {
            Custodian card = ins.equals("30") ? ready() : holding(1);
            card.verify(Custodian.PIN);
            card.card.tearAfter(at);
            try {
                card.secure(HexFormat.fromHexDigits(ins), HexFormat.fromHexDigits(p1), 0,
                        ins.equals("30") ? HEX.formatHex(SHARE) : "");
                survived = true;
            } catch (CardLostException e) {
                card.card.powerOn();
            }
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

    @Test
    void aNewPinIsNotVerified() throws CardLostException {
        Custodian card = ready();
        assertEquals("9000", card.secure(0x34, 1, 0, ""));
        assertEquals("9000", card.setPin());
        assertEquals("63C3", card.plain("00200000"));
    }
}
