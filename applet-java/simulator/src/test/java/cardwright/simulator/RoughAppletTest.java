package cardwright.simulator;

import static cardwright.simulator.TestCards.answer;
import static cardwright.simulator.TestCards.rough;
import static cardwright.simulator.TestCards.select;
import static cardwright.simulator.TestCards.send;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.fixture.RoughApplet;
import cardwright.fixture.StateApplet;
import java.net.URL;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the runtime hands to an applet, and what it makes of an applet's manners. */
class RoughAppletTest {
    private static Card selected(int kind) throws CardLostException {
        Card card = rough(kind);
        select(card);
        return card;
    }

    @Test
    void anyClassOfTheBasicChannelReachesTheApplet() throws CardLostException {
        Card card = selected(0);
        for (String cla : new String[] {"00", "80", "90", "10", "84", "A0", "B0", "0C", "08", "20", "8C", "A3"}) {
            assertEquals(cla + "0100009000", answer(card, cla + "010000"));
        }
        for (String cla : new String[] {"01", "83", "91", "40", "60", "C0", "E0"}) {
            assertEquals("6881", answer(card, cla + "010000"), cla);
        }
        assertEquals("6E00", answer(card, "FF010000"));
        assertEquals("6881", answer(card, "0070000001"));
    }

    @Test
    void theLongestShortCommands() throws CardLostException {
        Card card = selected(0);
        assertEquals("800100FF9000", answer(card, "80010000FF" + "AA".repeat(255)));
        assertEquals("800100FF9000", answer(card, "80010000FF" + "AA".repeat(255) + "00"));
        assertEquals("6700", answer(card, "80010000" + "00FFFF" + "00"), "a length and no data");
        assertEquals("6700", answer(card, "80010000" + "000000" + "0000"));
        assertEquals(0, card.faults());
    }

    @Test
    void onlySelectionByAidIsTheRuntimes() throws CardLostException {
        Card card = selected(0);
        assertEquals("00A400029000", answer(card, "00A40000023F00"));
        assertEquals("00A400029000", answer(card, "00A4020C023F00"));
        assertEquals("00A400079000", answer(card, "00A4040207" + TestCards.AID));
        assertEquals("80A400079000", answer(card, "80A4040007" + TestCards.AID));
        assertEquals("9000", answer(card, "00A4040C07" + TestCards.AID));
        assertEquals("6A82", answer(card, "00A4040007F0435752545355"));
    }

    @Test
    void aRefusedSelectionLeavesNothingSelected() throws CardLostException {
        Card card = rough(RoughApplet.REFUSING);
        assertEquals("6999", answer(card, "00A4040007" + TestCards.AID));
        assertEquals("6999", answer(card, "80010000"));
        assertEquals("6999", answer(card, "80CA004200"));
        assertTrue(answer(card, "00A40400").endsWith("9000"));
        assertEquals("420399999F9000", answer(card, "80CA004200"));
        assertEquals(0, card.faults());
    }

    @Test
    void dataGoesWithWarningsAndNinesAlone() throws CardLostException {
        Card card = selected(0);
        for (String sw : new String[] {"91AF", "9F02", "6110", "6282", "63C2"}) {
            assertEquals(sw + sw, answer(card, "8006" + sw));
        }
        assertEquals("6A80", answer(card, "80066A80"));
    }

    @Test
    void theProtocolIsThatOfTheAtr() throws CardLostException {
        assertArrayEquals(new byte[] {1}, send(selected(0), "80070000"));
    }

    @Test
    void staticFieldsHaveTheirFirstValuesBeforeAnyCommand() throws CardLostException {
        Card card = selected(0);
        assertArrayEquals(new byte[] {17}, send(card, "80020000"));
        assertArrayEquals(new byte[] {17}, send(card, "80020000"));
        Card torn = selected(0);
        torn.tearAfter(0);
        assertEquals("119000", answer(torn, "80020000"), "there is nothing to tear");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void readingAnArrayDoesNotTakeWritesBack(int way) throws CardLostException {
        assertArrayEquals(new byte[] {2}, send(selected(0), String.format("8003%02X00", way)));
    }

    @Test
    void aLibraryCallThatThrowsIsTakenBack() throws CardLostException {
        assertArrayEquals(new byte[] {1}, send(selected(0), "80090000"));
    }

    @Test
    void overlappingCopies() throws CardLostException {
        String copied = "00" + "000102030405060708090A0B" + "0D0E0F";
        assertEquals(copied + "9000", answer(selected(0), "80080000"));
    }

    @Test
    void whatAnAppletThrowsIs6F00AndCounted() throws CardLostException {
        Card card = selected(RoughApplet.ENDLESS);
        List<Throwable> told = new ArrayList<>();
        card.onFault(told::add);
        assertEquals("6F00", answer(card, "80057F00"));
        assertInstanceOf(ArrayIndexOutOfBoundsException.class, card.lastFault());
        assertTrue(answer(card, "00A40400").endsWith("9000"), "deselect is not asked");
        assertInstanceOf(StackOverflowError.class, card.lastFault());
        assertEquals(2, card.faults());
        assertEquals(2, told.size());
        assertEquals("420399999F9000", answer(card, "80CA004200"));
    }

    @Test
    void installRunsAsTheInstance() throws CardLostException {
        String expected = "00" + "07" + TestCards.AID + "00".repeat(7) + "9000";
        assertEquals(expected, answer(selected(RoughApplet.ASKING), "800A0000"));
    }

    @Test
    void installMayLeaveATransactionOpen() throws CardLostException {
        Card card = selected(RoughApplet.OPEN);
        assertEquals("00".repeat(16) + "9000", answer(card, "800A0000"), "it is taken back");
        assertArrayEquals(new byte[] {17}, send(card, "80020000"));
    }

    @Test
    void theParametersAreNotPersistent() throws CardLostException {
        assertEquals(0x55, send(selected(RoughApplet.WRITING), "800A0000")[0]);
    }

    @Test
    void refusesCardsThatCannotBe() {
        byte[] aid = HexFormat.of().parseHex(TestCards.AID);
        List<URL> classes = List.of(StateApplet.class.getProtectionDomain().getCodeSource().getLocation());
        Card.Instance applet = new Card.Instance(aid, aid, RoughApplet.class.getName(), new byte[0]);
        byte[] domain = HexFormat.of().parseHex("A000000151000000");
        refuses("taken", classes, List.of(new Card.Instance(domain, aid, RoughApplet.class.getName(), new byte[0])));
        refuses("taken", classes, List.of(applet, applet));
        List<Card.Instance> many = new ArrayList<>();
        for (int i = 0; i < 33; i++) {
            byte[] own = aid.clone();
            own[6] = (byte) i;
            many.add(new Card.Instance(own, own, RoughApplet.class.getName(), new byte[0]));
        }
        refuses("room for 32", classes, many);
        refuses("class path", List.of(), List.of(applet));
        String own = "com.licel.jcardsim.samples.HelloWorldApplet";
        refuses("runtime's own", classes, List.of(new Card.Instance(aid, aid, own, new byte[0])));
        byte[] throwing = {RoughApplet.THROWING};
        applet = new Card.Instance(aid, aid, RoughApplet.class.getName(), throwing);
        refuses("CryptoException", classes, List.of(applet));
    }

    private static void refuses(String words, List<URL> classes, List<Card.Instance> applets) {
        Profile profile = Profile.standard(new byte[4]);
        String said = assertThrows(
                        IllegalArgumentException.class,
                        () -> Card.make(profile, new SecureRandom(), classes, applets))
                .getMessage();
        assertTrue(said.contains(words), said);
    }
}
