package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import cardwright.simulator.Profile;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Boxes on a card, where power may go at every write. */
class BoxAppletTest {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final String AID = "F043574354455354";

    private static String transmit(Card card, String command) throws CardLostException {
        return HEX.formatHex(card.transmit(HEX.parseHex(command)));
    }

    /** Whatever was lost, the next command works. */
    @Test
    void tears() throws CardLostException {
        byte[] aid = HEX.parseHex(AID);
        Card card = Card.make(Profile.standard(new byte[] {1, 2, 3, 4}), new SecureRandom(),
                List.of(BoxApplet.class.getProtectionDomain().getCodeSource().getLocation(),
                        Sealing.class.getProtectionDomain().getCodeSource().getLocation()),
                List.of(new Card.Instance(aid, aid, BoxApplet.class.getName(), new byte[0])));
        assertEquals("9000", transmit(card, "00A4040008" + AID + "00"));
        assertEquals("9000", transmit(card, "80010000"));
        int torn = 0;
        for (boolean lost = true; lost; torn += lost ? 1 : 0) {
            card.tearAfter(torn);
            try {
                assertEquals("9000", transmit(card, "80010000"));
                lost = false;
            } catch (CardLostException e) {
                card.powerOn();
                assertEquals("9000", transmit(card, "00A4040008" + AID + "00"));
                assertEquals("9000", transmit(card, "80010000"));
            }
        }
        System.out.println("a pair and a box: power lost at " + torn + " writes");
        assertTrue(torn > 5, torn + " writes");
        assertEquals(0, card.faults());
    }
}
