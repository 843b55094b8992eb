package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The dealer's commands: each list in its order, and the attacks that end there. */
class DealerTest {
    private static final byte[] NONE = {};
    private static final byte[] ONE = {0};

    /** A command that a list wants to be refused in this step whatever is wrong further down. */
    private static void refused(Seat seat, String status, int ins, int p1, int p2, byte[]... data)
            throws CardLostException {
        String before = seat.state(0x8B) + seat.state(0x8C);
        assertEquals(status, seat.sw(ins, p1, p2, data));
        assertEquals(before, seat.state(0x8B) + seat.state(0x8C));
    }

    /** All of the dealer's commands where the card is no dealer, or in no manifest. */
    @Test
    void notTheDealer() throws CardLostException {
        Party ca = new Party(Party.CA);
        Seat seat = Seat.enrol(ca, Party.DEALER | Party.CUSTODIAN);
        int[][] commands = {{0x4A, 0, 0}, {0x4E, 1, 1}, {0x52, 1, 0}, {0x54, 1, 0}, {0x56, 0, 0}, {0x5C, 1, 1},
            {0x5E, 0, 0}, {0x5E, 1, 0}};
        for (int[] command : commands) {
            assertEquals("6985", seat.sw(command[0], command[1], command[2]));
        }
        Party other = new Party(Party.CUSTODIAN);
        Terms terms = new Terms(2, List.of(seat.hash(), other.hash()), new Party(Party.COMBINER).hash(),
                new Party(Party.DEALER).hash());
        seat.approve(terms);
        seat.pin();
        for (int[] command : commands) {
            assertEquals("6985", seat.sw(command[0], command[1], command[2]));
        }
        assertNull(seat.state(0x8B));
    }

    @Test
    void beginDeal() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive();
        Seat dealer = scene.dealer;
        assertEquals("0000" + "0000".repeat(4), dealer.state(0x8B));
        assertEquals("000000", dealer.state(0x8C));
        refused(dealer, "6A86", 0x4A, 1, 0, ONE);
        refused(dealer, "6A86", 0x4A, 0, 1, ONE);
        refused(dealer, "6700", 0x4A, 0, 0, ONE);
        assertEquals("6982", dealer.sw(0x4A, 0, 0));
        dealer.card.fresh();
        scene.begun();
        assertEquals("0101" + "0000".repeat(4), dealer.state(0x8B));
        dealer.pin();
        refused(dealer, "6985", 0x4A, 0, 0, ONE);
        // The PIN is still there, since the list did not come to it.
        dealer.ok(0x5E, 1, 0);
    }

    /** Without an offer there is no beginning. */
    @Test
    void beginWithoutAnOffer() throws CardLostException {
        Party ca = new Party(Party.CA);
        Seat seat = Seat.enrol(ca, Party.DEALER);
        seat.approve(new Terms(2, List.of(new Party(4).hash(), new Party(4).hash()), new Party(8).hash(),
                seat.hash()));
        seat.pin();
        refused(seat, "6985", 0x4A, 0, 0, ONE);
        seat.ok(0x46, 0, 0);
        seat.ok(0x4A, 0, 0);
        seat.pin();
        seat.ok(0x5E, 1, 0);
        // The offer is used, and the phase is 5.
        seat.pin();
        refused(seat, "6985", 0x4A, 0, 0);
        assertEquals("02", seat.state(0x89));
    }

    @Test
    void admit() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive();
        Seat dealer = scene.dealer;
        refused(dealer, "6985", 0x4E, 1, 1, scene.admission(1, 1));
        scene.begun();
        for (int[] p : new int[][] {{0, 1}, {11, 1}, {0x81, 1}, {1, 0}, {1, 4}, {1, 0x81}}) {
            refused(dealer, "6A86", 0x4E, p[0], p[1], NONE);
        }
        refused(dealer, "6985", 0x4E, 6, 1, NONE);
        int[] lengths = {4, 32, 65};
        for (int what = 1; what <= 3; what++) {
            byte[] right = scene.admission(2, what);
            int field = lengths[what - 1];
            refused(dealer, "6700", 0x4E, 2, what, new byte[field + 7]);
            refused(dealer, "6700", 0x4E, 2, what, new byte[field + 73]);
            refused(dealer, "6601", 0x4E, 2, what, new byte[field + 8]);
            refused(dealer, "6601", 0x4E, 2, what, Party.flipped(right, 0));
            refused(dealer, "6601", 0x4E, 2, what, Party.flipped(right, -1));
            refused(dealer, "6601", 0x4E, 2, what, scene.admission(3, what));
            dealer.ok(0x4E, 2, what, right);
            refused(dealer, "6985", 0x4E, 2, what, NONE);
        }
        assertEquals("0101" + "0002".repeat(3) + "0000", dealer.state(0x8B));
    }

    /** Missing party: an approval has nobody's key to be checked with. */
    @Test
    void admitWithoutTheParty() throws CardLostException {
        Party ca = new Party(Party.CA);
        Seat seat = Seat.enrol(ca, Party.DEALER);
        Party one = new Party(Party.CUSTODIAN);
        Terms terms = new Terms(2, List.of(one.hash(), new Party(4).hash()), new Party(8).hash(), seat.hash());
        seat.approve(terms);
        seat.offer(terms);
        seat.pin();
        seat.ok(0x4A, 0, 0);
        byte[] counter = Party.number(1);
        byte[] approval = Host.concat(counter, one.signed(4, terms.hash(), counter));
        refused(seat, "6985", 0x4E, 1, 1, NONE);
        seat.party(1, ca.certify(one.body()));
        seat.ok(0x4E, 1, 1, approval);
    }

    /** Attack: point not on the curve, in an offer that its custodian has signed. */
    @Test
    void pointNotOnTheCurve() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive().begun();
        byte[] q = Party.flipped(Party.point(scene.offers.get(0)), -1);
        byte[] signed = Host.concat(q, scene.custodian(1).signed(7, scene.terms.hash(), q));
        refused(scene.dealer, "6A80", 0x4E, 1, 3, signed);
    }

    /** Attack: swapped offer. */
    @Test
    void swappedOffer() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive().begun();
        byte[] q = Party.point(Party.pair());
        refused(scene.dealer, "6601", 0x4E, 1, 3, q, scene.custodian(2).signed(7, scene.terms.hash(), q));
        byte[] mine = scene.admission(1, 3);
        refused(scene.dealer, "6601", 0x4E, 1, 3, q, Arrays.copyOfRange(mine, 65, mine.length));
    }

    /** Attack: approval of another manifest, or missing; manifest changed after approval. */
    @Test
    void approvalOfAnotherManifestOrMissing() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive().begun();
        Terms other = scene.terms.next(Terms.DEAL, scene.terms.combiner, scene.terms.partner);
        other.sequence = scene.terms.sequence;
        other.usage++;
        byte[] counter = Party.number(101);
        byte[] changed = scene.custodian(1).signed(4, other.hash(), counter);
        refused(scene.dealer, "6601", 0x4E, 1, 1, counter, changed);
        for (int x = 1; x <= 5; x++) {
            for (int what = 1; what <= 3; what++) {
                if (x != 5 || what != 1) {
                    scene.dealer.ok(0x4E, x, what, scene.admission(x, what));
                }
            }
        }
        refused(scene.dealer, "6985", 0x52, 1, 0, scene.contribution(1, scene.contributions.get(0)));
        scene.dealer.ok(0x4E, 5, 1, scene.admission(5, 1));
        scene.dealer.ok(0x52, 1, 0, scene.contribution(1, scene.contributions.get(0)));
    }

    @Test
    void takeContribution() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive();
        Seat dealer = scene.dealer;
        byte[] right = scene.contribution(1, scene.contributions.get(0));
        refused(dealer, "6A86", 0x52, 0, 0, NONE);
        refused(dealer, "6A86", 0x52, 11, 0, NONE);
        refused(dealer, "6A86", 0x52, 1, 1, NONE);
        refused(dealer, "6985", 0x52, 1, 0, right);
        scene.admitted();
        refused(dealer, "6A86", 0x52, 2, 0, NONE);
        refused(dealer, "6A86", 0x52, 6, 0, NONE);
        refused(dealer, "6700", 0x52, 1, 0, new byte[112]);
        refused(dealer, "6700", 0x52, 1, 0, new byte[114]);
        refused(dealer, "6A80", 0x52, 1, 0, Party.flipped(right, 64));
        refused(dealer, "6607", 0x52, 1, 0, Party.flipped(right, 65));
        refused(dealer, "6607", 0x52, 1, 0, Party.flipped(right, -1));
        // Of another index; truncated data has its place above.
        refused(dealer, "6607", 0x52, 1, 0, scene.contribution(2, scene.contributions.get(1)));
        dealer.ok(0x52, 1, 0, right);
        refused(dealer, "6A86", 0x52, 1, 0, right);
        assertEquals("0102" + "001F".repeat(3) + "0000", dealer.state(0x8B));
        assertEquals("01", dealer.state(0x89));
        for (int x = 2; x <= 5; x++) {
            dealer.ok(0x52, x, 0, scene.contribution(x, scene.contributions.get(x - 1)));
        }
        assertEquals("0206" + "001F".repeat(3) + "0000", dealer.state(0x8B));
        assertEquals("02", dealer.state(0x89));
        refused(dealer, "6985", 0x52, 6, 0, NONE);
        refused(dealer, "6985", 0x4E, 1, 1, NONE);
    }

    /** Attack: contribution changed after the commitment. */
    @Test
    void contributionChangedAfterTheCommitment() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive().admitted();
        byte[] other = Party.flipped(scene.contributions.get(0), 31);
        refused(scene.dealer, "6608", 0x52, 1, 0, scene.contribution(1, other));
        refused(scene.dealer, "6608", 0x52, 1, 0, scene.contribution(1, scene.contributions.get(1)));
        scene.dealer.ok(0x52, 1, 0, scene.contribution(1, scene.contributions.get(0)));
    }

    @Test
    void dealBox() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive();
        Seat dealer = scene.dealer;
        refused(dealer, "6A86", 0x54, 0, 0, ONE);
        refused(dealer, "6A86", 0x54, 1, 1, ONE);
        scene.contributed(4);
        refused(dealer, "6985", 0x54, 1, 0, ONE);
        dealer.ok(0x52, 5, 0, scene.contribution(5, scene.contributions.get(4)));
        refused(dealer, "6985", 0x54, 6, 0, ONE);
        refused(dealer, "6700", 0x54, 1, 0, ONE);
        scene.deal(3);
        assertEquals("0206" + "001F".repeat(3) + "0004", dealer.state(0x8B));
        byte[] content = scene.content(3);
        byte[] box = scene.boxes[2];
        byte[] commitment = scene.commitments[2];
        scene.deal(3);
        // Another box of the same content.
        assertArrayEquals(content, scene.content(3));
        assertArrayEquals(commitment, scene.commitments[2]);
        assertFalse(Arrays.equals(box, scene.boxes[2]));
        refused(dealer, "6985", 0x56, 0, 0, ONE);
        for (int x : new int[] {5, 4, 2, 1}) {
            scene.deal(x);
        }
        refused(dealer, "6A86", 0x56, 1, 0, ONE);
        refused(dealer, "6700", 0x56, 0, 0, ONE);
        // The last box is the one that is stated.
        scene.checkStatement(dealer.ok(0x56, 0, 0));
        assertEquals(Seat.hex(scene.statementHash()), dealer.state(0x8E));
        byte[] kcv = scene.kcv;
        scene.checkStatement(dealer.ok(0x56, 0, 0));
        assertArrayEquals(kcv, scene.kcv);
        refused(dealer, "6985", 0x54, 1, 0, ONE);
    }

    /** All m-subsets give the key, and what m - 1 have in common is not it. */
    @ParameterizedTest
    @CsvSource({"2, 2, 1, 16", "2, 10, 1, 24", "5, 7, 1, 32", "10, 10, 1, 32", "3, 3, 2, 16", "10, 10, 2, 32"})
    void allSubsets(int m, int n, int scheme, int keyLength) throws CardLostException {
        DealerScene scene = new DealerScene(m, n, scheme, keyLength).stated();
        byte[] key = scene.key((1 << m) - 1);
        assertArrayEquals(scene.kcv, CheckValueTest.reference(0x88, key));
        for (int mask : SubsetsTest.all(m, n)) {
            assertArrayEquals(key, scene.key(mask), "mask " + mask);
        }
        for (int mask : SubsetsTest.all(m - 1, n)) {
            assertFalse(Arrays.equals(key, scene.key(mask)), "mask " + mask);
        }
        for (int x = 1; x <= n; x++) {
            assertArrayEquals(new byte[32 - keyLength], Arrays.copyOfRange(scene.content(x), keyLength, 32));
        }
        scene.dealer.pin();
        scene.dealer.ok(0x5E, 1, 0);
    }

    @Test
    void confirm() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive().dealt();
        Seat dealer = scene.dealer;
        for (int[] p : new int[][] {{0, 1}, {3, 0}, {1, 0}, {1, 11}, {2, 1}, {0x81, 1}}) {
            refused(dealer, "6A86", 0x5C, p[0], p[1], NONE);
        }
        refused(dealer, "6985", 0x5C, 1, 1, NONE);
        refused(dealer, "6985", 0x5C, 2, 0, NONE);
        scene.checkStatement(dealer.ok(0x56, 0, 0));
        refused(dealer, "6985", 0x5C, 1, 6, NONE);
        refused(dealer, "6700", 0x5C, 1, 1, new byte[7]);
        refused(dealer, "6700", 0x5C, 1, 1, new byte[73]);
        refused(dealer, "6601", 0x5C, 1, 1, Party.flipped(scene.receipt(1), -1));
        // Another one's, of another x, of nothing, of what is destroyed, of another generation.
        refused(dealer, "6601", 0x5C, 1, 1, scene.receipt(2));
        refused(dealer, "6601", 0x5C, 1, 1, scene.receipt(1, 2, 1, 1));
        refused(dealer, "6601", 0x5C, 1, 1, scene.receipt(1, 1, 0, 1));
        refused(dealer, "6601", 0x5C, 1, 1, scene.receipt(1, 1, 2, 1));
        refused(dealer, "6601", 0x5C, 1, 1, scene.receipt(1, 1, 1, 2));
        dealer.ok(0x5C, 1, 5, scene.receipt(5));
        assertEquals("001000", dealer.state(0x8C));
        dealer.ok(0x5C, 1, 5, scene.receipt(5));
        byte[] bitmap = Deal.bitmap(scene.terms);
        byte[] verdict = scene.verdict(bitmap);
        refused(dealer, "6700", 0x5C, 2, 0, new byte[39]);
        refused(dealer, "6700", 0x5C, 2, 0, new byte[105]);
        refused(dealer, "6601", 0x5C, 2, 0, Party.flipped(verdict, 0));
        refused(dealer, "6601", 0x5C, 2, 0, bitmap, scene.custodian(1).signed(0x13, scene.terms.hash(),
                scene.statementHash(), bitmap));
        refused(dealer, "6601", 0x5C, 2, 0, bitmap, scene.combiner.signed(0x13, scene.terms.hash(), new byte[32],
                bitmap));
        dealer.ok(0x5C, 2, 0, verdict);
        dealer.ok(0x5C, 2, 0, verdict);
        assertEquals("001001", dealer.state(0x8C));
    }

    /** Attack: drill verdict of fewer subsets. */
    @Test
    void drillVerdictOfFewerSubsets() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive().stated();
        byte[] bitmap = Deal.bitmap(scene.terms);
        for (int bit = 0; bit < 256; bit += bit < 16 ? 1 : 40) {
            byte[] other = bitmap.clone();
            other[bit / 8] ^= (byte) (0x80 >> bit % 8);
            refused(scene.dealer, "660E", 0x5C, 2, 0, scene.verdict(other));
        }
    }

    /** Attack: dealer made to forget early. */
    @Test
    void dealerMadeToForgetEarly() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive();
        Seat dealer = scene.dealer;
        Terms next = scene.terms.next(Terms.DEAL, scene.terms.combiner, scene.terms.partner);
        refused(dealer, "6A86", 0x5E, 2, 0, ONE);
        refused(dealer, "6A86", 0x5E, 0, 1, ONE);
        refused(dealer, "6985", 0x5E, 0, 0, ONE);
        refused(dealer, "6985", 0x5E, 1, 0, ONE);
        scene.split();
        dealer.pin();
        assertEquals("6985", dealer.swBlocks(0x42, next.bytes()));
        refused(dealer, "6985", 0x5E, 0, 0, ONE);
        refused(dealer, "6700", 0x5E, 1, 0, ONE);
        assertEquals("6982", dealer.sw(0x5E, 1, 0));
        dealer.card.fresh();
        for (int x = 1; x <= 5; x++) {
            scene.deal(x);
        }
        scene.checkStatement(dealer.ok(0x56, 0, 0));
        dealer.ok(0x5C, 2, 0, scene.verdict(Deal.bitmap(scene.terms)));
        for (int x = 1; x <= 5; x++) {
            refused(dealer, "6985", 0x5E, 0, 0, ONE);
            dealer.ok(0x5C, 1, x, scene.receipt(x));
        }
        refused(dealer, "6700", 0x5E, 0, 0, ONE);
        byte[] signed = dealer.ok(0x5E, 0, 0);
        byte[] fields = Host.concat(scene.statementHash(), new byte[] {0});
        dealer.verify(0x14, scene.terms, fields, signed);
        assertEquals("0406" + "001F".repeat(4), dealer.state(0x8B));
        assertEquals("001F01", dealer.state(0x8C));
        assertEquals(Seat.hex(scene.statementHash()), dealer.state(0x8E));
        assertTrue(Arrays.equals(new byte[Pending.SECRETS], dealer.secrets()));
        // It signs again, and nothing else goes on.
        dealer.verify(0x14, scene.terms, fields, dealer.ok(0x5E, 0, 0));
        refused(dealer, "6985", 0x5E, 1, 0, ONE);
        refused(dealer, "6985", 0x56, 0, 0);
        refused(dealer, "6985", 0x5C, 1, 1, scene.receipt(1));
        dealer.approve(next);
        assertEquals("0000" + "0000".repeat(4), dealer.state(0x8B));
        assertNull(dealer.state(0x8E));
    }

    /** A deal may be abandoned from the beginning until it is over; what it signs says whether it was stated. */
    @Test
    void abandon() throws CardLostException {
        DealerScene begun = DealerScene.threeOfFive().begun();
        begun.dealer.pin();
        byte[] zeros = new byte[32];
        byte[] status = {1};
        begun.dealer.verify(0x14, begun.terms, Host.concat(zeros, status), begun.dealer.ok(0x5E, 1, 0));
        assertEquals("0501" + "0000".repeat(4), begun.dealer.state(0x8B));
        assertNull(begun.dealer.state(0x8E));
        assertTrue(Arrays.equals(new byte[Pending.SECRETS], begun.dealer.secrets()));
        DealerScene stated = DealerScene.threeOfFive().stated();
        assertFalse(Arrays.equals(new byte[Pending.SECRETS], stated.dealer.secrets()));
        for (int i = 0; i < 2; i++) {
            stated.dealer.pin();
            byte[] signed = stated.dealer.ok(0x5E, 1, 0);
            stated.dealer.verify(0x14, stated.terms, Host.concat(stated.statementHash(), status), signed);
        }
        assertEquals(Seat.hex(stated.statementHash()), stated.dealer.state(0x8E));
        assertTrue(Arrays.equals(new byte[Pending.SECRETS], stated.dealer.secrets()));
        refused(stated.dealer, "6985", 0x5E, 0, 0, ONE);
    }

    /** WIPE of everything takes a pending deal with it. */
    @Test
    void wiped() throws CardLostException {
        DealerScene scene = DealerScene.threeOfFive().dealt();
        scene.dealer.ok(0x34, 1, 0);
        assertTrue(Arrays.equals(new byte[Pending.SECRETS], scene.dealer.secrets()));
        assertEquals("6985", scene.dealer.sw(0x56, 0, 0));
    }
}
