package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** APPROVE MANIFEST and PUT PARTY: each list's checks in their order, worst command first. */
class ApprovingTest {
    private static final int APPROVE = 0x42;
    private static final int PUT_PARTY = 0x4C;

    private final Party ca = new Party(Party.CA);
    private final Party dealer = new Party(Party.DEALER);
    private final Party combiner = new Party(Party.COMBINER);
    private final Party hsm = new Party(Party.HSM);
    private final Party second = new Party(Party.CUSTODIAN);
    private final Party third = new Party(Party.CUSTODIAN);

    /** 2 of 3, and the first of them is this. */
    private Terms deal(byte[] first) {
        return new Terms(2, List.of(first, second.hash(), third.hash()), combiner.hash(), dealer.hash());
    }

    /** A change of a manifest. */
    private static Terms changed(Terms terms, Consumer<Terms> change) {
        Terms changed = terms.next(terms.operation, terms.combiner, terms.partner);
        changed.sequence = terms.sequence;
        change.accept(changed);
        return changed;
    }

    private static Terms withN(Terms terms, int n) {
        return changed(terms, t -> {
            List<byte[]> more = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                more.add(i < t.custodians.size() ? t.custodians.get(i) : Party.random(32));
            }
            t.custodians = more;
            t.n = n;
        });
    }

    @Test
    void inBlocks() throws CardLostException {
        Blank blank = new Blank();
        byte[] block = new byte[200];
        blank.expect("6A86", APPROVE, 1, 0);
        blank.expect("6A86", APPROVE, 0x81, 0);
        blank.expect("6A86", APPROVE, 0, 1);
        blank.expect("6700", APPROVE, 0, 0);
        blank.expect("9000", APPROVE, 0, 0, block);
        blank.expect("6A86", APPROVE, 0, 2, block);
        blank.expect("6A86", APPROVE, 0, 1, block);
        blank.expect("9000", APPROVE, 0, 0, block);
        blank.expect("9000", APPROVE, 0, 1, block);
        blank.expect("6A84", APPROVE, 0x80, 2, new byte[113]);
        assertEquals(0, blank.card.storedSoFar());
        // One command's blocks are none of another's.
        blank.expect("9000", APPROVE, 0, 0, Terms.filled(200, 1));
        assertEquals(200, blank.card.storedSoFar());
        blank.expect("6A86", 0x58, 0x80, 1, block);
        assertEquals(0, blank.card.storedSoFar());
        blank.expect("9000", APPROVE, 0, 0, Terms.filled(200, 1));
        assertTrue(blank.card.state().endsWith("9000"));
        assertEquals(0, blank.card.storedSoFar());
        blank.expect("6A86", APPROVE, 0x80, 1, block);
        // The last block ends it, whatever comes of it.
        blank.expect("9000", APPROVE, 0, 0, Terms.filled(200, 1));
        blank.expect("6985", APPROVE, 0x80, 1, block);
        assertEquals(0, blank.card.storedSoFar());
        blank.expect("6A86", APPROVE, 0x80, 2, block);
        blank.expect("6985", APPROVE, 0x80, 0, block);
    }

    @Test
    void approveManifest() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN);
        Terms terms = deal(seat.hash());
        assertEquals(275, terms.bytes().length);
        for (int length : new int[] {1, 179, 179 + 32, 179 + 63, 274, 276, 512}) {
            assertEquals("6700", seat.swBlocks(APPROVE, new byte[length]), length + " bytes");
        }
        seat.card.fresh();
        assertEquals("6982", seat.swBlocks(APPROVE, new byte[275]));
        seat.card.host.open(0x33);
        seat.pin();
        assertEquals("6A80", seat.swBlocks(APPROVE, new byte[275]));
        assertEquals("63C3", seat.card.plain("00200000"), "used up");
        Terms foreign = deal(Party.random(32));
        foreign.sequence = 0;
        refused("660A", seat, foreign);
        foreign.sequence = 1;
        refused("6605", seat, foreign);
        refused("6603", seat, changed(foreign, t -> t.combiner = seat.hash()));
        refused("6603", seat, changed(foreign, t -> t.partner = seat.hash()));
        assertNull(seat.state(0x85));
        assertEquals("00000000", seat.state(0x82));
        byte[] answer = seat.approve(terms);
        assertArrayEquals(Party.number(1), Arrays.copyOf(answer, 4));
        assertEquals(0, seat.card.storedSoFar());
        assertEquals("6A86", seat.sw(APPROVE, 0x80, 2, new byte[1]));
        assertEquals(Seat.hex(terms.hash()), seat.state(0x85));
        assertEquals("0101", seat.state(0x86));
        assertEquals("00000001", seat.state(0x81));
        // Again: the same counter.
        assertArrayEquals(Party.number(1), Arrays.copyOf(seat.approve(terms), 4));
        seat.card.fresh();
        assertEquals("6982", seat.swBlocks(APPROVE, terms.bytes()));
        seat.card.host.open(0x33);
        refused("660A", seat, changed(terms, t -> t.usage = 9));
        refused("660A", seat, changed(terms, t -> t.sequence = -1));
        refused("660A", seat, changed(terms, t -> t.sequence = 0x00010002));
        Terms higher = changed(terms, t -> t.sequence = 0x00010001);
        assertArrayEquals(Party.number(2), Arrays.copyOf(seat.approve(higher), 4));
        refused("660A", seat, changed(terms, t -> t.sequence = 0x0000FFFF));
        refused("660A", seat, terms);
        seat.approve(changed(terms, t -> t.sequence = 0x00010100));
        refused("660A", seat, changed(terms, t -> t.sequence = 0x000100FF));
        assertEquals("00000003", seat.state(0x82));
        assertEquals("00010100", seat.state(0x81));
    }

    /** The next sequence is 1 to 65,536 above the highest one, wherever that is. */
    @Test
    void sequences() {
        long[] near = {-1, 0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 0x1000000, 0x80000000L, 0xFFFFFFFFL};
        int next = 0;
        for (long highest : near) {
            for (long base : new long[] {0, highest, -highest}) {
                for (long step : near) {
                    long own = highest & 0xFFFFFFFFL;
                    long other = (base + step) & 0xFFFFFFFFL;
                    boolean expected = other > own && other - own <= 65_536;
                    assertEquals(expected, isBefore(own, other), own + " before " + other);
                    next += expected ? 1 : 0;
                }
            }
        }
        assertTrue(next > 20);
    }

    private static boolean isBefore(long own, long other) {
        Manifest manifest = new Manifest();
        manifest.prepare(sequence(own), (short) 51, new byte[32], (short) 0, (byte) 1);
        if (own != 0) {
            manifest.turn();
        }
        return manifest.isBefore(sequence(other));
    }

    private static byte[] sequence(long sequence) {
        return Host.concat(new byte[47], Party.number((int) sequence));
    }

    private static void refused(String status, Seat seat, Terms terms) throws CardLostException {
        seat.pin();
        assertEquals(status, seat.swBlocks(APPROVE, terms.bytes()));
    }

    /** Column "well-formed", field by field, in manifests that have neither sequence nor place. */
    @Test
    void formOfManifest() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN);
        Terms deal = deal(Party.random(32));
        deal.sequence = 0;
        List<Consumer<Terms>> wrong = List.of(t -> t.operation = 0, t -> t.operation = 5, t -> t.operation = 0x81,
                t -> t.generation = 0, t -> t.generation = 2, t -> t.generation = 0x10001, t -> t.scheme = 0,
                t -> t.scheme = 3, t -> t.m = 1, t -> t.m = 4, t -> t.scheme = 2, t -> t.n = 2, t -> t.n = 4,
                t -> t.n = 1, t -> t.n = 0xFF, t -> t.keyType = 0x81, t -> t.keyLength = 8, t -> t.keyLength = 20,
                t -> t.keyLength = 33, t -> t.partner = new byte[32], t -> t.combiner = new byte[32],
                t -> t.custodians.set(0, new byte[32]), t -> t.custodians.set(0, second.hash()),
                t -> t.custodians.set(2, dealer.hash()), t -> t.custodians.set(1, combiner.hash()),
                t -> t.combiner = t.partner, t -> t.operation = Terms.DRILL, t -> t.operation = Terms.DESTROY,
                t -> {
                    t.keyType = 0x80;
                    t.keyLength = 32;
                });
        for (int i = 0; i < wrong.size(); i++) {
            seat.pin();
            assertEquals("6A80", seat.swBlocks(APPROVE, changed(deal, wrong.get(i)).bytes()), "change " + i);
        }
        for (int at = 0; at < 4; at++) {
            byte[] bytes = deal.bytes();
            bytes[at] ^= 1;
            seat.pin();
            assertEquals("6A80", seat.swBlocks(APPROVE, bytes), "tag " + at);
        }
        List<Consumer<Terms>> right = List.of(t -> { }, t -> t.operation = Terms.RELEASE, t -> t.m = 3,
                t -> t.keyLength = 24, t -> t.keyLength = 32, t -> t.keyType = 0x80, t -> {
                    t.operation = Terms.DRILL;
                    t.generation = 0x80000000;
                    t.partner = new byte[32];
                }, t -> {
                    t.operation = Terms.DESTROY;
                    t.generation = 0x10000;
                    t.partner = new byte[32];
                    t.combiner = new byte[32];
                }, t -> {
                    t.scheme = 2;
                    t.m = 3;
                });
        for (int i = 0; i < right.size(); i++) {
            refused("660A", seat, changed(deal, right.get(i)));
        }
        for (int n : new int[] {2, 10}) {
            refused("660A", seat, withN(deal, n));
        }
    }

    /** The largest manifest, and every place in it. */
    @Test
    void places() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN | Party.COMBINER | Party.DEALER);
        Terms terms = withN(deal(Party.random(32)), 10);
        assertEquals(499, terms.bytes().length);
        for (int x = 1; x <= 10; x++) {
            terms = changed(withN(deal(Party.random(32)), 10), t -> { });
            terms.sequence = x;
            terms.custodians.set(x - 1, seat.hash());
            seat.approve(terms);
            assertEquals(String.format("01%02X", x), seat.state(0x86));
        }
        seat.approve(changed(terms, t -> {
            t.sequence = 11;
            t.custodians.set(9, Party.random(32));
            t.combiner = seat.hash();
        }));
        assertEquals("010C", seat.state(0x86));
        Terms asDealer = changed(terms, t -> {
            t.sequence = 12;
            t.custodians.set(9, Party.random(32));
            t.partner = seat.hash();
        });
        seat.approve(asDealer);
        assertEquals("010D", seat.state(0x86));
        refused("6605", seat, changed(asDealer, t -> {
            t.sequence = 13;
            t.operation = Terms.RELEASE;
        }));
        assertEquals("0000000C", seat.state(0x82));
    }

    /** Where there is a share, no other one is dealt; to the combiner and in another operation it is none in the way. */
    @Test
    void shareInTheWay() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN | Party.COMBINER);
        seat.pin();
        assertEquals("9000", seat.card.store(1, Custodian.SHARE, 200));
        Terms terms = deal(seat.hash());
        refused("6985", seat, terms);
        seat.approve(changed(deal(Party.random(32)), t -> t.combiner = seat.hash()));
        Terms drill = terms.next(Terms.DRILL, combiner.hash(), new byte[32]);
        seat.approve(drill);
        assertEquals("0201", seat.state(0x86));
    }

    /** What went with a manifest goes with it. */
    @Test
    void nothingIsLeft() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN);
        Terms terms = deal(seat.hash());
        seat.approve(terms);
        seat.ok(0x44, 0, 0);
        seat.offer(terms);
        seat.party(0x0D, ca.certify(dealer.body()));
        assertEquals("0800 01 01", state(seat));
        // The same one again takes nothing away.
        seat.approve(terms);
        assertEquals("0800 01 01", state(seat));
        assertTrue(seat.card.hasPrivateKey("offer"));
        assertFalse(Arrays.equals(new byte[32], seat.card.place("contribution", "r")));
        seat.approve(changed(terms, t -> t.sequence = 2));
        assertEquals("0000 00 00", state(seat));
        assertFalse(seat.card.hasPrivateKey("offer"));
        assertArrayEquals(new byte[32], seat.card.place("contribution", "r"));
    }

    private static String state(Seat seat) throws CardLostException {
        return seat.state(0x87) + " " + seat.state(0x88) + " " + seat.state(0x89);
    }

    @Test
    void putParty() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN);
        for (int place : new int[] {0, 0x0B, 0x0F, 0x10, 0x81, 0xFF}) {
            assertEquals("6A86", seat.sw(PUT_PARTY, place, 0));
        }
        assertEquals("6A86", seat.sw(PUT_PARTY, 1, 1));
        for (int place : new int[] {1, 0x0A, 0x0C, 0x0D, 0x0E}) {
            assertEquals("6985", seat.sw(PUT_PARTY, place, 0));
        }
        Terms terms = deal(seat.hash());
        seat.approve(terms);
        assertEquals("6985", seat.sw(PUT_PARTY, 4, 0));
        assertEquals("6985", seat.sw(PUT_PARTY, 0x0E, 0));
        assertEquals("6700", seat.sw(PUT_PARTY, 3, 0, new byte[85]));
        assertEquals("6700", seat.sw(PUT_PARTY, 3, 0, new byte[184]));
        byte[] behind = new byte[72];
        byte[] wrongRole = new Party(Party.COMBINER).body();
        for (int at : new int[] {0, 1, 2, 3, 12, 13}) {
            byte[] body = wrongRole.clone();
            body[at] ^= 1;
            assertEquals("6A80", seat.sw(PUT_PARTY, 3, 0, body, behind), "changed at " + at);
        }
        assertEquals("6A80", seat.sw(PUT_PARTY, 3, 0, wrongRole, new byte[7]));
        byte[] rsa = Party.body(new byte[8], Party.HSM, 2, new byte[32]);
        assertEquals("6A80", seat.sw(PUT_PARTY, 3, 0, rsa, new byte[73]));
        assertEquals("6603", seat.sw(PUT_PARTY, 3, 0, rsa, behind));
        int[][] roles = {{1, 0x0A}, {2, 0x0A}, {0x0C, 0x06}, {0x0D, 0x0C}};
        for (int[] role : roles) {
            assertEquals("6603", seat.sw(PUT_PARTY, role[0], 0, new Party(role[1]).body(), behind));
        }
        assertEquals("6605", seat.sw(PUT_PARTY, 3, 0, second.body(), behind));
        assertEquals("6605", seat.sw(PUT_PARTY, 0x0C, 0, new Party(Party.COMBINER).body(), behind));
        assertEquals("6605", seat.sw(PUT_PARTY, 0x0D, 0, new Party(Party.DEALER).body(), behind));
        assertEquals("6602", seat.sw(PUT_PARTY, 3, 0, third.body(), behind));
        assertEquals("6602", seat.sw(PUT_PARTY, 3, 0, new Party(Party.CA).certify(third.body())));
        assertEquals("0000", seat.state(0x87));
        seat.party(3, ca.certify(third.body()));
        seat.party(0x0C, ca.certify(combiner.body()));
        seat.party(0x0D, ca.certify(dealer.body()));
        seat.party(1, ca.certify(seat.body));
        assertEquals("0C05", seat.state(0x87));
        // Again, signed once more.
        seat.party(3, ca.certify(third.body()));
        assertEquals("6605", seat.sw(PUT_PARTY, 0x0D, 0, ca.certify(new Party(Party.DEALER).body())));
        assertEquals("0C05", seat.state(0x87));
    }

    @Test
    void partiesOfOtherOperations() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN);
        Terms terms = deal(seat.hash());
        Terms release = terms.next(Terms.RELEASE, combiner.hash(), hsm.hash());
        seat.approve(release);
        assertEquals("6603", seat.sw(PUT_PARTY, 0x0E, 0, ca.certify(new Party(Party.DEALER).body())));
        assertEquals("6605", seat.sw(PUT_PARTY, 0x0E, 0, ca.certify(new Party(Party.HSM).body())));
        seat.party(0x0E, ca.certify(hsm.body()));
        // Any dealer, but the first one stays.
        seat.party(0x0D, ca.certify(dealer.body()));
        assertEquals("6605", seat.sw(PUT_PARTY, 0x0D, 0, new Party(Party.DEALER).body(), new byte[72]));
        assertEquals("6602", seat.sw(PUT_PARTY, 0x0D, 0, dealer.body(), new byte[72]));
        seat.party(0x0D, ca.certify(dealer.body()));
        assertEquals("1800", seat.state(0x87));
        Terms drill = release.next(Terms.DRILL, combiner.hash(), new byte[32]);
        seat.approve(drill);
        assertEquals("6985", seat.sw(PUT_PARTY, 0x0E, 0));
        seat.party(0x0C, ca.certify(combiner.body()));
        seat.party(0x0D, ca.certify(new Party(Party.DEALER).body()));
        assertEquals("0C00", seat.state(0x87));
        Terms destroy = drill.next(Terms.DESTROY, new byte[32], new byte[32]);
        seat.approve(destroy);
        for (int place : new int[] {0x0C, 0x0D, 0x0E}) {
            assertEquals("6985", seat.sw(PUT_PARTY, place, 0));
        }
        seat.party(2, ca.certify(second.body()));
        assertEquals("0002", seat.state(0x87));
    }

    /** An HSM's RSA key, of which the card gets the hash. */
    @Test
    void rsa() throws CardLostException {
        Seat seat = Seat.enrol(ca, Party.CUSTODIAN);
        byte[] body = Party.body(Party.random(8), Party.HSM, 4, Party.random(32));
        seat.approve(deal(seat.hash()).next(Terms.RELEASE, combiner.hash(), Party.sha256(body)));
        byte[] short1 = Arrays.copyOf(body, 78 + 8);
        assertEquals("6602", seat.sw(PUT_PARTY, 0x0E, 0, short1));
        seat.party(0x0E, ca.certify(body));
        assertEquals("1000", seat.state(0x87));
    }
}
