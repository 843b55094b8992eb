package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cardwright.example.EchoApplet;
import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import cardwright.simulator.Profile;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The example applet, with the same host. */
class EchoAppletTest {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final String SELECT = "00A4040007F043574543484F00";

    private final Card card;
    private final Host host;

    EchoAppletTest() throws CardLostException {
        byte[] aid = HEX.parseHex("F043574543484F");
        card = Card.make(Profile.standard(new byte[] {1, 2, 3, 4}), new SecureRandom(),
                List.of(EchoApplet.class.getProtectionDomain().getCodeSource().getLocation()),
                List.of(new Card.Instance(aid, aid, EchoApplet.class.getName(), new byte[0])));
        host = new Host(card);
        plain(SELECT);
    }

    private String plain(String command) throws CardLostException {
        return HEX.formatHex(card.transmit(HEX.parseHex(command)));
    }

    private String secure(int ins, int p1, int p2, String data) throws CardLostException {
        return HEX.formatHex(host.send(0x80, ins, p1, p2, HEX.parseHex(data)));
    }

    private static String pattern(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i % 251);
        }
        return HEX.formatHex(bytes);
    }

    @Test
    void inPlain() throws CardLostException {
        assertEquals("0102039000", plain("80EC000003010203"));
        assertEquals("AB".repeat(255) + "9000", plain("80EC0000FF" + "AB".repeat(255)));
        assertEquals("9000", plain("80EC0000"));
        assertEquals("0162F1", plain("80EC62F10101"));
        assertEquals("0163C1", plain("80EC63C10101"));
        assertEquals("6A80", plain("80EC6A800101"));
        assertEquals(pattern(256) + "9000", plain("80EE010000"));
        assertEquals(pattern(5) + "9000", plain("80EE000500"));
        assertEquals("6700", plain("80EE010100"));
        assertEquals("6700", plain("80EE800000"));
        assertEquals("6D00", plain("8001000000"));
        assertEquals("6E00", plain("00EC000000"));
        for (String cla : new String[] {"0C", "10", "90", "94", "A0", "A4"}) {
            assertEquals("6E00", plain(cla + "EC000000"), cla);
        }
        assertEquals("6882", plain("84EC000000"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x01, 0x03, 0x11, 0x13, 0x33})
    void underSecureMessaging(int level) throws CardLostException {
        host.open(level);
        for (int length = 0; length < 240; length++) {
            String data = pattern(length);
            assertEquals(data + "9000", secure(0xEC, 0, 0, data));
            assertEquals(data + "63C0", secure(0xEC, 0x63, 0xC0, data));
            assertEquals(data + "9000", secure(0xEE, 0, length, ""));
        }
        assertEquals("6700", secure(0xEE, 0, 240, ""));
        assertEquals("6A80", secure(0xEC, 0x6A, 0x80, "01"));
        assertEquals("019000", secure(0xEC, 0, 0, "01"));
        assertEquals("6985", secure(0x50, 0, 0, "0102030405060708"));
        assertEquals("6988", secure(0xEC, 0x69, 0x88, "01"));
        assertEquals("6882", secure(0xEC, 0, 0, "01"));
        host.open(level);
        assertEquals("6982", plain("80EC000000"));
        assertEquals("9000", plain("80EC000000"));
        assertEquals(0, card.faults());
    }
}
