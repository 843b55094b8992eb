package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import java.util.HexFormat;

/** A card with a PIN and a session, which a test enrols step by step. */
final class Blank {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();

    final Custodian card;

    Blank() throws CardLostException {
        card = new Custodian().fresh();
        assertEquals("9000", card.setPin());
    }

    /** A card with an identity key. */
    static Blank withKey() throws CardLostException {
        Blank blank = new Blank();
        blank.withPin("9000", 0x38, 0, 0);
        return blank;
    }

    /** A card that is its own CA, so far without a certificate. */
    static Blank ca() throws CardLostException {
        Blank blank = withKey();
        blank.withPin("9000", 0x3C, 0, 0, blank.point());
        return blank;
    }

    /** A command's whole answer. */
    byte[] send(int ins, int p1, int p2, byte[]... data) throws CardLostException {
        return card.host.send(0x80, ins, p1, p2, Host.concat(data));
    }

    /** The status word that a command has to have. */
    void expect(String status, int ins, int p1, int p2, byte[]... data) throws CardLostException {
        assertEquals(status, Seat.status(send(ins, p1, p2, data)), String.format("INS %02X", ins));
    }

    /** The same with a PIN that has been verified. */
    byte[] withPin(String status, int ins, int p1, int p2, byte[]... data) throws CardLostException {
        assertEquals("9000", card.verify(Custodian.PIN));
        byte[] answer = send(ins, p1, p2, data);
        assertEquals(status, Seat.status(answer), String.format("INS %02X", ins));
        return Arrays.copyOf(answer, answer.length - 2);
    }

    /** A command that wants a PIN says so, and takes it. */
    void wantsPin(int ins, int p1, int p2, byte[]... data) throws CardLostException {
        card.fresh();
        expect("6982", ins, p1, p2, data);
        card.host.open(0x33);
        withPin("9000", ins, p1, p2, data);
        assertEquals("63C3", card.plain("00200000"), "used up");
    }

    byte[] identity() throws CardLostException {
        return HEX.parseHex(card.state().replaceAll("^E1..8002....8101..8208(.{16}).*", "$1"));
    }

    /** GET IDENTITY: possession is good, and this is the point. */
    byte[] point() throws CardLostException {
        byte[] possession = possession();
        byte[] point = Arrays.copyOf(possession, 65);
        assertTrue(Party.verify(point, Host.concat(Party.tag(2), identity(), point),
                Arrays.copyOfRange(possession, 65, possession.length)));
        return point;
    }

    private byte[] possession() throws CardLostException {
        byte[] answer = send(0x3A, 0, 0);
        assertEquals("9000", Seat.status(answer));
        return Arrays.copyOf(answer, answer.length - 2);
    }

    byte[] body(int roles) throws CardLostException {
        return Party.body(identity(), roles, 1, point());
    }

    /** The signature for SIGN CERTIFICATE. */
    byte[] signature() throws CardLostException {
        byte[] possession = possession();
        return Arrays.copyOfRange(possession, 65, possession.length);
    }
}
