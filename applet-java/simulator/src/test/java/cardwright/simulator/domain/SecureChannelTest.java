package cardwright.simulator.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.fixture.RoughApplet;
import cardwright.simulator.CardLostException;
import cardwright.simulator.Profile;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Sessions with the security domain: how they begin, what they ask for, how they end. */
class SecureChannelTest {
    private static final String STATUS = "80F28002024F00";

    @Test
    void opensAtEveryLevelThatTheParameterOffers() throws CardLostException {
        int opened = 0;
        for (int size : new int[] {16, 24, 32}) {
            for (int i : new int[] {0x00, 0x10, 0x20, 0x30, 0x60, 0x70, 0x01, 0x11, 0x21, 0x31, 0x61, 0x71}) {
                Rig rig = new Rig(Rig.profile(size, i, 0xFF));
                int highest = (i & 0x60) == 0x60 ? 0x33 : (i & 0x20) != 0 ? 0x13 : 0x03;
                for (int level : new int[] {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}) {
                    rig.initialize(0);
                    String answer = Rig.hex(rig.card.transmit(rig.host.externalAuthenticate(level)));
                    boolean offered = (level & ~highest) == 0;
                    assertEquals(offered ? "9000" : "6A86", answer, () -> String.format("i %02X level %02X", i, level));
                    if (offered) {
                        assertEquals("E3134F08A0000001510000009F700101C5039C00009000", rig.send(STATUS));
                        assertEquals("6A88", rig.send("80F21002024F00"));
                        assertEquals("E3134F08A0000001510000009F700101C5039C00009000", rig.send(STATUS));
                        opened++;
                    }
                }
            }
        }
        assertEquals(3 * 2 * (2 * 3 + 2 * 5 + 2 * 6), opened);
    }

    @Test
    void answersInitializeUpdate() throws CardLostException {
        Rig rig = new Rig(Rig.profile(16, 0x70, 0x30));
        String first = rig.initialize(0);
        assertTrue(first.startsWith("0011223344556677889930" + "0370"), first);
        assertTrue(first.endsWith("0000019000"), first);
        assertTrue(rig.initialize(0x30).endsWith("0000029000"));
        assertEquals(13 + 16 + 3 + 2, first.length() / 2);
        assertEquals("6A88", rig.initialize(0x31));
        assertEquals("6A86", rig.plain("80500001080102030405060708"));
        assertEquals("6700", rig.plain("805000000701020304050607"));
        assertEquals("6700", rig.plain("805000001001020304050607080102030405060708"));
        assertEquals("6E00", rig.plain("00500000080102030405060708"));
        assertEquals("6882", rig.plain("84500000080102030405060708"));
        // Refusals move no counter, and Le is taken.
        assertTrue(rig.plain("8050000008010203040506070800").endsWith("0000039000"));
        rig.card.powerOn();
        assertTrue(rig.initialize(0).endsWith("0000049000"));
    }

    @Test
    void randomChallengesDiffer() throws CardLostException {
        Rig rig = new Rig(Rig.profile(16, 0x60, 0xFF));
        String one = rig.initialize(0);
        assertTrue(!one.equals(rig.initialize(0)));
        assertEquals(31, one.length() / 2);
    }

    @Test
    void countsTries() throws CardLostException {
        Rig rig = Rig.standard();
        rig.initialize(0);
        assertEquals("6300", rig.fail());
        // The challenge is used up.
        assertEquals("6985", rig.fail());
        rig.initialize(0);
        assertEquals("6300", rig.fail());
        rig.open(0, 0x01);
        for (int left = 3; left > 0; left--) {
            rig.card.powerOn();
            rig.initialize(0);
            assertEquals("6300", rig.fail());
        }
        assertEquals("6983", rig.initialize(0));
        rig.card.powerOn();
        assertEquals("6983", rig.initialize(0));
    }

    @Test
    void refusesExternalAuthenticateInOrder() throws CardLostException {
        Rig rig = Rig.standard();
        assertEquals("6985", rig.plain("8482010010" + "01020304050607080102030405060708"));
        rig.initialize(0);
        assertEquals("6982", rig.plain("8082010010" + "01020304050607080102030405060708"));
        assertEquals("6985", rig.fail());
        rig.initialize(0);
        assertEquals("6A86", rig.plain("8482020010" + "01020304050607080102030405060708"));
        rig.initialize(0);
        assertEquals("6700", rig.plain("848201000F" + "010203040506070801020304050607"));
        // None of these has cost a try.
        for (int left = 3; left > 0; left--) {
            rig.initialize(0);
            assertEquals("6300", rig.fail());
        }
        assertEquals("6983", rig.initialize(0));
    }

    @Test
    void takesExternalAuthenticateWithLe() throws CardLostException {
        Rig rig = Rig.standard();
        rig.initialize(0);
        byte[] command = rig.host.externalAuthenticate(0x33);
        assertEquals("9000", rig.plain(Rig.hex(command) + "00"));
        assertEquals("6A88", rig.send("80F21002024F00"));
        byte[] empty = rig.host.wrapEmptyPadded(Rig.hex("80CA0042"));
        assertEquals("420399999F9000", Rig.hex(rig.host.unwrap(rig.card.transmit(empty))));
    }

    /** What is selected stays with a SELECT of nobody, and so does its session. */
    @Test
    void outlivesARefusedSelect() throws CardLostException {
        Rig rig = Rig.standard();
        rig.open(0, 0x33);
        assertEquals("6A82", rig.plain("00A4040007F043574E4F4E45"));
        assertEquals("6A88", rig.send("80F21002024F00"));
        assertTrue(rig.plain("00A4040008" + Rig.DOMAIN).endsWith("9000"));
        assertEquals("6882", rig.plain("84CA004200"));
    }

    @Test
    void asksForSecureMessaging() throws CardLostException {
        Rig rig = Rig.standard();
        assertEquals("6882", rig.plain("84CA004200"));
        assertEquals("6982", rig.plain(STATUS));
        rig.open(0, 0x01);
        assertEquals("6982", rig.plain("80CA004200"));
        assertEquals("420399999F9000", rig.plain("80CA004200"), "the session is over");
        rig.open(0, 0x01);
        assertEquals("6982", rig.plain("84CA004208" + "0102030405060708"));
        assertEquals("420399999F9000", rig.plain("80CA004200"));
        rig.open(0, 0x11);
        assertEquals("6985", rig.send("80500000080102030405060708"));
        assertEquals("6985", rig.send("8482010010" + "01020304050607080102030405060708"));
        assertEquals("6D00", rig.send("80AA0000"));
        assertEquals("6E00", rig.send("00F28002024F00"));
        assertEquals("420399999F9000", rig.send("80CA0042"), "errors leave the session open");
        rig.initialize(0);
        assertEquals("6882", rig.plain("84CA004200"), "it has been ended by INITIALIZE UPDATE");
    }

    @Test
    void endsWhatIsBegunWithASecurityError() throws CardLostException {
        Rig rig = Rig.standard();
        rig.initialize(0);
        assertEquals("6982", rig.plain(STATUS));
        assertEquals("6985", rig.fail());
        rig.open(0, 0x00);
        assertTrue(rig.plain(STATUS).endsWith("9000"));
        assertEquals("6982", rig.plain("80E4000003D20130"));
        assertEquals("6982", rig.plain(STATUS));
    }

    @Test
    void endsWithSelectionAndReset() throws CardLostException {
        Rig rig = Rig.standard();
        rig.open(0, 0x00);
        rig.plain("00A4040008" + Rig.DOMAIN);
        assertEquals("6982", rig.plain(STATUS));
        rig.open(0, 0x00);
        rig.card.powerOn();
        assertEquals("6982", rig.plain(STATUS));
        rig.open(0, 0x11);
        assertTrue(rig.send("00A4040008" + Rig.DOMAIN).endsWith("9000"));
        assertEquals("6982", rig.plain(STATUS));
        rig.open(0, 0x11);
        assertEquals("6A82", rig.send("00A4040005" + "F000000000"));
        assertEquals("6982", rig.plain(STATUS));
    }

    @Test
    void otherSelectsAndManageChannelLeaveTheSession() throws CardLostException {
        Rig rig = Rig.standard();
        rig.open(0, 0x00);
        assertEquals("6881", rig.plain("0070000001"));
        assertTrue(rig.plain(STATUS).endsWith("9000"));
        assertEquals("6A86", rig.plain("00A40000023F00"));
        assertTrue(rig.plain(STATUS).endsWith("9000"));
        rig.open(0, 0x11);
        assertEquals("6A86", rig.plain("00A40000023F00"));
        assertTrue(rig.send(STATUS).endsWith("9000"));
        assertEquals("6A82", rig.send("00A4040007" + Rig.APPLET));
        assertEquals("6881", rig.plain("0070000001"));
        assertEquals("6881", rig.send("00700000"));
        assertTrue(rig.send(STATUS).endsWith("9000"));
    }

    /** 255 bytes on the line, and Le behind them. */
    @Test
    void takesTheLongestCommandWithLe() throws CardLostException {
        Rig rig = Rig.standard();
        rig.plain("00A4040007" + Rig.APPLET);
        rig.open(0, 0x01);
        String data = "AA".repeat(247);
        byte[] command = rig.host.wrap(Rig.hex("80EC0000F7" + data));
        assertEquals(data + "9000", rig.plain(Rig.hex(command) + "00"));
    }

    /** An applet cannot give a try back, nor a sequence number, by aborting its transaction. */
    @Test
    void noTransactionHoldsTriesAndCounters() throws CardLostException {
        Rig rig = new Rig(Rig.profile(16, 0x70, 0x30), RoughApplet.class);
        rig.plain("00A4040007" + Rig.APPLET);
        for (int i = 1; i <= 3; i++) {
            assertTrue(rig.plain("80040000080102030405060708").endsWith(String.format("%06X9000", i)));
            assertEquals("6300", rig.plain("8004010110" + "00".repeat(16)));
        }
        assertEquals("6983", rig.plain("80040000080102030405060708"));
    }

    /** Its three bytes change in one step. */
    @Test
    void aTornSequenceCounterIsOldOrNew() throws CardLostException {
        Rig rig = new Rig(Rig.profile(16, 0x70, 0x30));
        for (int i = 0; i < 255; i++) {
            rig.initialize(0);
        }
        String update = "80500000080102030405060708";
        rig.card.tearAfter(0);
        assertThrows(CardLostException.class, () -> rig.plain(update));
        rig.card.powerOn();
        rig.card.tearAfter(1);
        assertThrows(CardLostException.class, () -> rig.plain(update));
        assertTrue(rig.plainAfterReset(update).endsWith("0001019000"));
    }

    /** Power lost anywhere in EXTERNAL AUTHENTICATE: the try goes first, and comes back with a match alone. */
    @Test
    void givesNoTryBackInATear() throws CardLostException {
        assertEquals("left gone", triesAfterTears(false));
        assertEquals("left gone left", triesAfterTears(true));
    }

    /** For each tear point of a card with one try, whether that is left. */
    private static String triesAfterTears(boolean right) throws CardLostException {
        Profile one = new Profile(16, 0x60, 0x30, 1, Rig.KDD, Rig.SERIAL);
        List<String> seen = new ArrayList<>();
        while (true) {
            Rig rig = new Rig(one);
            rig.initialize(0);
            byte[] command = rig.host.externalAuthenticate(0x01);
            command[5] ^= (byte) (right ? 0 : 1);
            rig.card.tearAfter(seen.size());
            try {
                assertEquals(right ? "9000" : "6300", Rig.hex(rig.card.transmit(command)));
                return String.join(" ", seen);
            } catch (CardLostException e) {
                rig.card.powerOn();
                seen.add(rig.initialize(0).equals("6983") ? "gone" : "left");
            }
        }
    }
}
