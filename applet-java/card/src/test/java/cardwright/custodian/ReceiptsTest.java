package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** RECEIPT, and WIPE under a manifest and without: checks in their order, worst command first. */
class ReceiptsTest {
    private static final int RECEIPT = 0xAE;
    private static final int WIPE = 0x34;
    private static final String ZEROS = "00".repeat(32);

    private final Party ca = new Party(Party.CA);
    private Seat seat;
    private Terms destroy;

    /** A custodian's card with a share that a host has stored, x = 1, of the manifest's set. */
    @BeforeEach
    void enrol() throws CardLostException {
        seat = Seat.enrol(ca, Party.CUSTODIAN | Party.COMBINER);
        byte[] none = new byte[32];
        destroy = new Terms(2, List.of(Party.random(32), seat.hash()), none, none);
        destroy.operation = Terms.DESTROY;
        destroy.set = Terms.filled(16, 0x22);
        store();
    }

    private void store() throws CardLostException {
        seat.pin();
        assertEquals("9000", seat.card.store(1, Custodian.SHARE, 200));
    }

    private Terms next() {
        Terms next = destroy.next(Terms.DESTROY, new byte[32], new byte[32]);
        destroy = next;
        return next;
    }

    /** The fields of a receipt, whose signature is good. */
    private String receipt(byte[] answer) {
        byte[] fields = Arrays.copyOf(answer, 34);
        byte[] signed = Host.concat(destroy.set, Party.number(destroy.generation), fields);
        seat.verify(0x11, destroy, signed, Arrays.copyOfRange(answer, 34, answer.length));
        return Seat.hex(fields);
    }

    @Test
    void receipts() throws CardLostException {
        assertEquals("6A86", seat.sw(RECEIPT, 0, 1));
        assertEquals("6A86", seat.sw(RECEIPT, 1, 0));
        assertEquals("6985", seat.sw(RECEIPT, 0, 0, new byte[1]));
        Terms combining = destroy.next(Terms.DRILL, seat.hash(), new byte[32]);
        combining.custodians.set(1, Party.random(32));
        seat.approve(combining);
        assertEquals("6985", seat.sw(RECEIPT, 0, 0, new byte[1]));
        next().sequence = 3;
        seat.approve(destroy);
        assertEquals("6700", seat.sw(RECEIPT, 0, 0, new byte[1]));
        assertEquals("0101" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
        assertEquals("9000", Seat.status(seat.send(RECEIPT, 0, 0)), "it may be asked for again");
        next().generation = 2;
        seat.approve(destroy);
        assertEquals("0000" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
        next().set = Terms.filled(16, 0x23);
        destroy.generation = 1;
        seat.approve(destroy);
        assertEquals("0000" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
    }

    /** WIPE with P1 = 02. */
    @Test
    void wipeUnderManifest() throws CardLostException {
        assertEquals("6A86", seat.sw(WIPE, 3, 0, new byte[1]));
        assertEquals("6A86", seat.sw(WIPE, 2, 1, new byte[1]));
        assertEquals("6700", seat.sw(WIPE, 2, 0, new byte[1]));
        assertEquals("6985", seat.sw(WIPE, 2, 0));
        Terms drill = destroy.next(Terms.DRILL, Party.random(32), new byte[32]);
        seat.approve(drill);
        assertEquals("6985", seat.sw(WIPE, 2, 0));
        destroy.sequence = 3;
        destroy.set = Terms.filled(16, 0x23);
        destroy.generation = 2;
        seat.approve(destroy);
        assertEquals("6A88", seat.sw(WIPE, 2, 0));
        next().set = Terms.filled(16, 0x22);
        seat.approve(destroy);
        assertEquals("660C", seat.sw(WIPE, 2, 0));
        next().generation = 1;
        seat.approve(destroy);
        assertEquals("6982", seat.sw(WIPE, 2, 0));
        seat.card.host.open(0x33);
        seat.pin();
        assertEquals("0102" + ZEROS, receipt(seat.ok(WIPE, 2, 0)));
        assertEquals("63C3", seat.card.plain("00200000"), "used up");
        assertTrue(seat.card.state().contains("840100"));
        assertEquals("6A88", seat.sw(WIPE, 2, 0));
        assertEquals("0102" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
        next().generation = 2;
        seat.approve(destroy);
        assertEquals("0000" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
    }

    /** A share that is there comes before one that is noted, also of the same set. */
    @Test
    void storedAgain() throws CardLostException {
        seat.pin();
        assertEquals("9000", seat.sw(WIPE, 0, 0));
        seat.approve(destroy);
        assertEquals("0102" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
        store();
        assertEquals("0101" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
        byte[] other = Custodian.SHARE.clone();
        seat.pin();
        assertEquals("9000", seat.sw(WIPE, 0, 0));
        // Set id: behind the template's head and the objects 80 and 81.
        other[Custodian.SHARE.length - Shares.value(other).length + 8] ^= 1;
        seat.pin();
        assertEquals("9000", seat.card.store(1, other, 200));
        assertEquals("0102" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)));
        seat.pin();
        assertEquals("9000", seat.sw(WIPE, 0, 0));
        assertEquals("0000" + ZEROS, receipt(seat.ok(RECEIPT, 0, 0)), "the last one alone is noted");
    }

    /** WIPE of everything forgets what was destroyed: the card enrolled again knows of no such set. */
    @Test
    void forgotten() throws CardLostException {
        seat.pin();
        assertEquals("9000", seat.sw(WIPE, 0, 0));
        seat.ok(WIPE, 1, 0);
        assertEquals("9000", seat.card.setPin());
        seat.pin();
        seat.ok(0x38, 0, 0);
        byte[] point = Arrays.copyOf(seat.ok(0x3A, 0, 0), 65);
        seat.pin();
        seat.ok(0x3C, 0, 0, ca.point());
        byte[] body = Party.body(Arrays.copyOfRange(seat.body, 4, 12), Party.CUSTODIAN, 1, point);
        seat.ok(0x40, 0, 0, ca.certify(body));
        destroy.custodians.set(1, Party.sha256(body));
        seat.pin();
        assertEquals("9000", seat.swBlocks(0x42, destroy.bytes()));
        assertEquals("0000" + ZEROS, Seat.hex(Arrays.copyOf(seat.ok(RECEIPT, 0, 0), 34)));
    }
}
