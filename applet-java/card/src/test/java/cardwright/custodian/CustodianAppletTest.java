package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The custodian's commands, one by one, as docs/protocol/custody.md has them. */
class CustodianAppletTest {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final byte[] SHARE = Custodian.SHARE;

    @Test
    void whoItIs() throws CardLostException {
        Custodian card = new Custodian();
        String answer = card.select();
        String begin = "6F1C8407F0435743555354A51180020200810107" + "8208";
        assertEquals(begin, answer.substring(0, 44));
        assertEquals(44 + 16 + 4, answer.length());
        String identity = answer.substring(44, 60);
        assertEquals("E11780020200810107" + "8208" + identity + "8301038401009000", card.state());
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
        Custodian card = Custodian.ready();
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
        Custodian card = Custodian.holding(1);
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
        Custodian card = Custodian.ready();
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
        Custodian card = Custodian.ready();
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
        Custodian card = Custodian.ready();
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
        Custodian card = Custodian.holding(1);
        assertEquals("6982", card.secure(0x32, 0, 0, ""));
        card.fresh().verify(Custodian.PIN);
        card.secure(0x32, 0, 0, "");
        assertEquals("6982", card.secure(0x34, 0, 0, ""));
    }

    @Test
    void reading() throws CardLostException {
        Custodian card = Custodian.ready();
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

    /** Whoever opens the next session goes on with nothing that a PIN allowed in this one. */
    @Test
    void readingEndsWithTheSession() throws CardLostException {
        Custodian card = Custodian.holding(1);
        card.verify(Custodian.PIN);
        assertTrue(card.secure(0x32, 0, 0, "").endsWith("9000"));
        card.host.open(0x33);
        assertEquals("6A86", card.secure(0x32, 0, 1, ""));
    }

    /** INITIALIZE UPDATE accepted, refused, and answers 6982: to a plain command, and to a wrong MAC. */
    @ParameterizedTest
    @CsvSource({"80500000080102030405060708, 9000", "80509900080102030405060708, 6A88", "8050000000, 6700",
        "8034000000, 6982", "84360000080102030405060708, 6982"})
    void storingEndsWithTheSession(String command, String status) throws CardLostException {
        Custodian card = Custodian.ready();
        assertEquals("9000", card.secure(0x30, 1, 0, HEX.formatHex(SHARE, 0, 100)));
        assertTrue(card.storedSoFar() > 0);
        String answer = card.plain(command);
        assertTrue(answer.endsWith(status), answer);
        assertEquals(0, card.storedSoFar());
        card.host.open(0x33);
        assertEquals("6A86", card.secure(0x30, 0x81, 1, HEX.formatHex(SHARE, 100, SHARE.length)));
        assertEquals("9000", card.plain("00200000"));
    }

    @Test
    void blindShare() throws CardLostException {
        Custodian card = Custodian.holding(2);
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
        Custodian card = Custodian.holding(1);
        assertEquals("6985", card.secure(0x34, 2, 0, ""));
        assertEquals("6A86", card.secure(0x34, 3, 0, ""));
        assertEquals("6A86", card.secure(0x34, 0, 1, ""));
        assertEquals("6700", card.secure(0x34, 0, 0, "00"));
        assertEquals("6982", card.secure(0x34, 0, 0, ""));
        assertEquals("9000", card.fresh().secure(0x34, 1, 0, ""));
        assertEquals("07 8301038401009000", card.shortState());
    }

    @ParameterizedTest
    @ValueSource(ints = {0x01, 0x03, 0x11, 0x13})
    void lowerLevels(int level) throws CardLostException {
        Custodian card = Custodian.holding(1);
        for (int ins = 0x20; ins <= 0xAE; ins += 2) {
            boolean known = ins == 0x24 || (ins >= 0x30 && ins <= 0x5E) || ins >= 0xA0;
            if (!known || ins == 0x36 || ins == 0x50 || ins == 0xA4) {
                continue;
            }
            card.select();
            card.host.open(level);
            assertEquals("6982", card.secure(ins, 0, 0, ""), String.format("INS %02X", ins));
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
        for (int ins = 0; ins <= 0xFF; ins++) {
            boolean known = ins == 0x20 || ins == 0x24 || (ins >= 0x30 && ins <= 0x5E) || (ins >= 0xA0 && ins <= 0xAE);
            boolean other = ins % 2 != 0 || !known;
            if (other && ins != 0x82 && ins >> 4 != 6 && ins >> 4 != 9) {
                assertEquals("6D00", card.plain(String.format("80%02X000000", ins)));
            }
        }
        assertEquals("6D00", card.plain("8099000000"));
        assertEquals("6882", card.plain("8436000000"));
        assertEquals("6882", card.plain("8499000000"));
        assertEquals("6985", card.plain("8482330000"));
        assertEquals("6982", card.plain("8034010000"));
        assertEquals("6A86", card.plain("8036000100"));
        assertEquals("6A86", card.plain("803602000100"));
        assertEquals("6700", card.plain("803600000100"));
        assertEquals("6700", card.plain("803601000100"));
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

    /** Other classes than 00, 04, 80, 84; further logical channels do not get here. */
    @ParameterizedTest
    @ValueSource(strings = {"08", "0C", "10", "14", "88", "8C", "90", "94", "A0", "A4"})
    void otherClasses(String cla) throws CardLostException {
        Custodian card = Custodian.ready();
        for (String ins : new String[] {"20", "36", "34", "50", "82", "A4", "99"}) {
            assertEquals("6E00", card.plain(cla + ins + "000000"), ins);
        }
        // The session goes on.
        assertEquals("9000", card.plain("00200000"));
        assertTrue(card.secure(0x36, 0, 0, "").endsWith("9000"));
        assertEquals(0, card.card.faults());
    }

    /** A SELECT that selects no applet gets here, as it is and in a session: 6A86. */
    @Test
    void otherSelects() throws CardLostException {
        Custodian card = Custodian.ready();
        assertEquals("6A86", card.plain("00A40000023F00"));
        assertEquals("6A86", card.plain("00A4020C023F00"));
        assertEquals("6E00", card.plain("80A40000023F00"));
    }

    /** The longest command there is: 255 bytes of data and Le. */
    @Test
    void longestCommand() throws CardLostException {
        Custodian card = Custodian.ready();
        String data = "31".repeat(255);
        for (String le : new String[] {"", "00", "FF"}) {
            assertEquals("6700", card.plain("00200000FF" + data + le));
            assertEquals("6700", card.plain("80360000FF" + data + le));
            assertEquals("9000", card.plain("00200000"));
        }
        assertEquals("6982", card.plain("84360000FF" + data + "00"));
        assertEquals(0, card.card.faults());
    }

    @Test
    void aNewPinIsNotVerified() throws CardLostException {
        Custodian card = Custodian.ready();
        assertEquals("9000", card.secure(0x34, 1, 0, ""));
        assertEquals("9000", card.setPin());
        assertEquals("63C3", card.plain("00200000"));
    }
}
