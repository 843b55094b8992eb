package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.security.KeyPair;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** From a bare card to one with a certificate: each list's checks in their order, worst command first. */
class EnrollingTest {
    private static final byte[] BYTE = {0};

    private final Party ca = new Party(Party.CA);

    private static byte[] flipped(byte[] bytes, int at) {
        byte[] changed = bytes.clone();
        changed[at] ^= 1;
        return changed;
    }

    /** What GET STATE with P1 = 01 says of identity key, CA's key and certificate. */
    private static String flags(Blank blank) throws CardLostException {
        return blank.card.plain("8036010000").substring(8, 10);
    }

    @Test
    void generateIdentity() throws CardLostException {
        Custodian bare = new Custodian().fresh();
        assertEquals("6A86", bare.secure(0x38, 0, 1, "00"));
        assertEquals("6A86", bare.secure(0x38, 1, 0, "00"));
        assertEquals("6985", bare.secure(0x38, 0, 0, "00"));
        Blank blank = new Blank();
        assertEquals("00", flags(blank));
        blank.expect("6700", 0x38, 0, 0, BYTE);
        blank.wantsPin(0x38, 0, 0);
        assertEquals("01", flags(blank));
        byte[] point = blank.point();
        blank.expect("6985", 0x38, 0, 0, BYTE);
        blank.card.fresh();
        assertArrayEquals(point, blank.point());
        assertFalse(Arrays.equals(point, Blank.withKey().point()));
    }

    @Test
    void getIdentity() throws CardLostException {
        Blank blank = new Blank();
        blank.expect("6A86", 0x3A, 0, 1, BYTE);
        blank.expect("6A86", 0x3A, 2, 0, BYTE);
        blank.expect("6700", 0x3A, 0, 0, BYTE);
        blank.expect("6A88", 0x3A, 0, 0);
        blank.withPin("9000", 0x38, 0, 0);
        blank.point();
        blank.expect("6A88", 0x3A, 1, 0);
        blank.withPin("9000", 0x3C, 0, 0, ca.point());
        byte[] certificate = ca.certify(blank.body(Party.CUSTODIAN));
        blank.expect("9000", 0x40, 0, 0, certificate);
        assertArrayEquals(Host.concat(certificate, new byte[] {(byte) 0x90, 0}), blank.send(0x3A, 1, 0));
    }

    @Test
    void putCaKey() throws CardLostException {
        Blank blank = new Blank();
        blank.expect("6A86", 0x3C, 0, 1);
        blank.expect("6A86", 0x3C, 1, 0);
        blank.expect("6985", 0x3C, 0, 0);
        blank.withPin("9000", 0x38, 0, 0);
        blank.expect("6700", 0x3C, 0, 0, new byte[64]);
        blank.expect("6700", 0x3C, 0, 0, new byte[66]);
        blank.expect("6982", 0x3C, 0, 0, new byte[65]);
        blank.card.host.open(0x33);
        blank.withPin("6A80", 0x3C, 0, 0, new byte[65]);
        assertEquals("63C3", blank.card.plain("00200000"), "used up");
        blank.withPin("6A80", 0x3C, 0, 0, flipped(ca.point(), 64));
        assertEquals("01", flags(blank));
        blank.wantsPin(0x3C, 0, 0, ca.point());
        assertEquals("03", flags(blank));
        blank.expect("6985", 0x3C, 0, 0);
        Blank own = Blank.ca();
        assertEquals("0B", flags(own));
    }

    @Test
    void putCertificate() throws CardLostException {
        Blank blank = Blank.withKey();
        blank.expect("6A86", 0x40, 0, 1);
        blank.expect("6A86", 0x40, 1, 0);
        blank.expect("6985", 0x40, 0, 0);
        blank.withPin("9000", 0x3C, 0, 0, ca.point());
        blank.expect("6700", 0x40, 0, 0, new byte[118]);
        blank.expect("6700", 0x40, 0, 0, new byte[184]);
        byte[] point = blank.point();
        byte[] identity = blank.identity();
        byte[] behind = new byte[72];
        for (int[] wrong : new int[][] {{0x00, 1}, {0x03, 1}, {0x05, 1}, {0x10, 1}, {0x12, 1}, {0x20, 1}, {0x84, 1},
            {0x04, 0}, {0x04, 2}, {0x04, 5}, {0x10, 2}}) {
            byte[] body = Party.body(identity, wrong[0], wrong[1], ca.point());
            blank.expect("6A80", 0x40, 0, 0, body, behind);
        }
        byte[] body = blank.body(Party.CUSTODIAN);
        for (int at = 0; at < 4; at++) {
            blank.expect("6A80", 0x40, 0, 0, flipped(body, at), behind);
        }
        blank.expect("6605", 0x40, 0, 0, Party.body(identity, Party.CA, 1, ca.point()), behind);
        blank.expect("6605", 0x40, 0, 0, Party.body(new byte[8], Party.CA, 1, point), behind);
        blank.expect("6603", 0x40, 0, 0, blank.body(Party.CA), behind);
        blank.expect("6602", 0x40, 0, 0, body, behind);
        blank.expect("6602", 0x40, 0, 0, new Party(Party.CA).certify(body));
        byte[] certificate = ca.certify(body);
        blank.expect("6602", 0x40, 0, 0, flipped(certificate, 20));
        assertEquals("03", flags(blank));
        blank.expect("9000", 0x40, 0, 0, certificate);
        String state = blank.card.plain("8036010000");
        String head = "E237800107" + "810400000000" + "820400000000" + "830400000000" + "8420";
        assertEquals(head + Seat.hex(Party.sha256(body)) + "9000", state);
        blank.expect("6985", 0x40, 0, 0);
        Blank own = Blank.ca();
        own.expect("6603", 0x40, 0, 0, own.body(Party.CUSTODIAN), behind);
    }

    /** The CA's card certifies itself and another one, and both take their certificates. */
    @Test
    void twoCards() throws CardLostException {
        Blank first = Blank.ca();
        Blank second = Blank.withKey();
        byte[] own = first.body(Party.CA);
        byte[] signature = first.withPin("9000", 0x3E, 0, 0, own, first.signature());
        assertTrue(Party.verify(first.point(), own, signature));
        first.expect("9000", 0x40, 0, 0, own, signature);
        assertEquals("0F", flags(first));
        byte[] body = second.body(Party.DEALER | Party.COMBINER);
        byte[] signed = first.withPin("9000", 0x3E, 0, 0, body, second.signature());
        second.withPin("9000", 0x3C, 0, 0, first.point());
        second.expect("6602", 0x40, 0, 0, body, signature);
        second.expect("9000", 0x40, 0, 0, body, signed);
        assertEquals("07", flags(second));
    }

    private static String count(Blank blank) throws CardLostException {
        return blank.card.plain("8036010000").replaceAll(".*8304(.{8})9000$", "$1");
    }

    @Test
    void signCertificate() throws CardLostException {
        Blank other = Blank.withKey();
        Blank blank = Blank.withKey();
        blank.expect("6A86", 0x3E, 0, 1);
        blank.expect("6A86", 0x3E, 1, 0);
        blank.expect("6985", 0x3E, 0, 0);
        blank.withPin("9000", 0x3C, 0, 0, ca.point());
        blank.expect("6985", 0x3E, 0, 0);
        blank = Blank.ca();
        for (int length : new int[] {0, 77, 79, 110, 112, 118, 184}) {
            blank.expect("6700", 0x3E, 0, 0, new byte[length]);
        }
        blank.expect("6982", 0x3E, 0, 0, new byte[111]);
        blank.card.host.open(0x33);
        byte[] point = other.point();
        byte[] signature = other.signature();
        byte[] rsa = Party.body(other.identity(), Party.HSM, 3, new byte[32]);
        blank.withPin("6A80", 0x3E, 0, 0, new byte[111]);
        assertEquals("63C3", blank.card.plain("00200000"), "used up");
        blank.withPin("6A80", 0x3E, 0, 0, Arrays.copyOf(rsa, 111));
        blank.withPin("6A80", 0x3E, 0, 0, Party.body(other.identity(), Party.CUSTODIAN, 2, new byte[32]));
        blank.withPin("6A80", 0x3E, 0, 0, Party.body(new byte[8], Party.HSM, 1, point), signature);
        blank.withPin("6A80", 0x3E, 0, 0, Party.body(other.identity(), Party.CUSTODIAN, 1, point));
        blank.withPin("6603", 0x3E, 0, 0, Party.body(other.identity(), Party.CA, 1, new byte[65]), signature);
        blank.withPin("6603", 0x3E, 0, 0, blank.body(Party.CUSTODIAN), signature);
        blank.withPin("6A80", 0x3E, 0, 0, Party.body(other.identity(), Party.CUSTODIAN, 1, new byte[65]), signature);
        blank.withPin("6A80", 0x3E, 0, 0, Party.body(new byte[8], Party.HSM, 1, new byte[65]));
        blank.withPin("6601", 0x3E, 0, 0, Party.body(new byte[8], Party.CUSTODIAN, 1, point), signature);
        assertEquals("00000000", count(blank));
        byte[] body = other.body(Party.CUSTODIAN);
        blank.wantsPin(0x3E, 0, 0, body, signature);
        // Asked for again, with possession signed once more.
        byte[] again = blank.withPin("9000", 0x3E, 0, 0, body, other.signature());
        assertTrue(Party.verify(blank.point(), body, again));
        assertEquals("00000001", count(blank));
        blank.withPin("660B", 0x3E, 0, 0, other.body(Party.DEALER), other.signature());
        assertTrue(Party.verify(blank.point(), rsa, blank.withPin("9000", 0x3E, 0, 0, rsa)));
        blank.withPin("660B", 0x3E, 0, 0, body, other.signature());
        assertEquals("00000002", count(blank));
    }

    /** 32 keys are remembered, and no more. */
    @Test
    void lastKeys() throws CardLostException {
        Blank blank = Blank.ca();
        for (int i = 1; i <= 70; i++) {
            blank.withPin("9000", 0x3E, 0, 0, rsa(2, i));
            if (i >= 32) {
                blank.withPin("660B", 0x3E, 0, 0, rsa(4, i - 31));
            }
        }
        assertEquals("00000046", count(blank));
        blank.withPin("9000", 0x3E, 0, 0, rsa(2, 38));
        assertEquals("00000047", count(blank));
        // Now the 39th is forgotten, and this makes it the youngest again.
        blank.withPin("9000", 0x3E, 0, 0, rsa(4, 39));
    }

    /** A body that stands alone, and has this algorithm and key. */
    private static byte[] rsa(int algorithm, int key) {
        return Party.body(new byte[8], Party.HSM, algorithm, Arrays.copyOf(Party.number(key), 32));
    }

    /** An HSM with P-256 has no possession to show. */
    @Test
    void hsm() throws CardLostException {
        Blank blank = Blank.ca();
        KeyPair pair = Party.pair();
        byte[] body = Party.body(new byte[8], Party.HSM, 1, Party.point(pair));
        assertTrue(Party.verify(blank.point(), body, blank.withPin("9000", 0x3E, 0, 0, body)));
    }

    /** Whatever a card has become, WIPE of everything makes it bare: the next identity key is another one. */
    @Test
    void wiped() throws CardLostException {
        Blank blank = Blank.ca();
        byte[] point = blank.point();
        byte[] identity = blank.identity();
        byte[] body = blank.body(Party.CA);
        byte[] signature = blank.withPin("9000", 0x3E, 0, 0, body, blank.signature());
        blank.expect("9000", 0x40, 0, 0, body, signature);
        blank.expect("9000", 0x34, 1, 0);
        assertEquals("E215" + "800100" + "810400000000" + "820400000000" + "830400000000" + "9000",
                blank.card.plain("8036010000"));
        assertFalse(blank.card.hasPrivateKey("identity"));
        blank.card.fresh();
        assertEquals("9000", blank.card.setPin());
        blank.expect("6A88", 0x3A, 0, 0);
        blank.expect("6A88", 0x3A, 1, 0);
        blank.withPin("9000", 0x38, 0, 0);
        assertFalse(Arrays.equals(point, blank.point()));
        assertArrayEquals(identity, blank.identity());
    }
}
