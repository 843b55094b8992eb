package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** TAKE STATEMENT, STORE BOX and RELEASE SHARE of a custodian: each list in its order, and the attacks. */
class ReceivingTest {
    private static final byte[] NONE = {};

    private static void assertNothingStored(CustodianScene scene) throws CardLostException {
        assertTrue(scene.custodian.card.state().contains("840100"));
        assertEquals("01", scene.custodian.state(0x89));
        assertEquals("01", scene.custodian.state(0x88));
        assertArrayEquals(new byte[512], scene.custodian.card.sharePlace());
    }

    @Test
    void takeStatement() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive();
        Seat card = scene.custodian;
        byte[] right = scene.deal.statement();
        int message = 103 + 5 * 32;
        assertEquals("6A86", card.sw(0x58, 0x81, 0, new byte[1]));
        assertEquals("6A86", card.sw(0x58, 0, 1, new byte[1]));
        assertEquals("6700", card.sw(0x58, 0x80, 0));
        assertEquals("6700", card.swBlocks(0x58, new byte[message + 7]));
        assertEquals("6700", card.swBlocks(0x58, new byte[message + 73]));
        assertEquals("6A80", card.swBlocks(0x58, Party.flipped(right, 3)));
        assertEquals("6604", card.swBlocks(0x58, Party.flipped(right, 4)));
        assertEquals("6605", card.swBlocks(0x58, Party.flipped(right, 36)));
        assertEquals("6601", card.swBlocks(0x58, Party.flipped(right, 68)));
        assertEquals("6601", card.swBlocks(0x58, Party.flipped(right, message - 1)));
        assertEquals("6601", card.swBlocks(0x58, Party.flipped(right, -1)));
        assertNull(card.state(0x8E));
        card.okBlocks(0x58, right);
        assertEquals(Seat.hex(scene.deal.statementHash()), card.state(0x8E));
        // The same, with another signature; and another one of the same dealer's.
        card.okBlocks(0x58, scene.deal.statement());
        assertEquals(Seat.hex(scene.deal.statementHash()), card.state(0x8E));
        Deal other = new Deal(scene.terms, scene.dealer);
        card.okBlocks(0x58, other.statement());
        assertEquals(Seat.hex(other.statementHash()), card.state(0x8E));
        card.okBlocks(0x58, right);
        card.okBlocks(0x5A, scene.deal.list(), scene.box);
        assertEquals("6985", card.swBlocks(0x58, right));
    }

    /** What has to be there first. */
    @Test
    void takeStatementTooEarly() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive();
        Terms next = scene.terms.next(Terms.DEAL, scene.terms.combiner, scene.terms.partner);
        Deal deal = new Deal(next, scene.dealer);
        scene.custodian.approve(next);
        assertEquals("6985", scene.custodian.swBlocks(0x58, deal.statement()));
        scene.custodian.offer(next);
        assertEquals("6985", scene.custodian.swBlocks(0x58, deal.statement()));
        scene.custodian.party(0x0D, scene.ca.certify(scene.dealer.body()));
        scene.custodian.okBlocks(0x58, deal.statement());
        // A custodian takes none in a drill.
        scene.next(Terms.DRILL);
        assertEquals("6985", scene.custodian.swBlocks(0x58, deal.statement()));
        assertEquals("6985", scene.custodian.swBlocks(0x5A, deal.list(), scene.box));
    }

    /** Attack: statement of another deal. */
    @Test
    void statementOfAnotherDeal() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive();
        Deal other = new Deal(scene.terms.next(Terms.DEAL, scene.terms.combiner, scene.terms.partner), scene.dealer);
        assertEquals("6604", scene.custodian.swBlocks(0x58, other.statement()));
    }

    @ParameterizedTest
    @CsvSource({"3, 5, 1, 16", "10, 10, 2, 32", "2, 10, 1, 24"})
    void storeBox(int m, int n, int scheme, int keyLength) throws CardLostException {
        CustodianScene scene = new CustodianScene(m, n, scheme, keyLength);
        Seat card = scene.custodian;
        byte[] data = Host.concat(scene.deal.list(), scene.box);
        assertEquals("6A86", card.sw(0x5A, 1, 0, new byte[1]));
        assertEquals("6985", card.swBlocks(0x5A, data));
        scene.stated();
        assertEquals("6700", card.swBlocks(0x5A, Arrays.copyOf(data, data.length - 1)));
        assertEquals("6700", card.swBlocks(0x5A, Host.concat(data, new byte[1])));
        assertEquals("6606", card.swBlocks(0x5A, Party.flipped(data, 0)));
        assertNothingStored(scene);
        byte[] receipt = card.okBlocks(0x5A, data);
        byte[] fields = Host.concat(new byte[] {(byte) scene.x, 1}, scene.deal.statementHash());
        assertArrayEquals(fields, Arrays.copyOf(receipt, 34));
        card.verify(0x11, scene.terms, Host.concat(scene.terms.set, Party.number(1), fields),
                Arrays.copyOfRange(receipt, 34, receipt.length));
        assertTrue(card.card.state().contains("840102"), "blind");
        // Everything in the object, in its place.
        byte[] content = scene.deal.contents[scene.x - 1];
        byte[] object = card.card.sharePlace();
        String text = Seat.hex(object);
        String y = Seat.hex(Arrays.copyOf(content, keyLength));
        String expected = String.format("8001028101%02X8210%s8310%s8404%s8501%02X8601%02X8701%02X8801888901%02X8A01%02X"
                        + "8B03%s8C%02X%s8D10%s8E", scheme,
                Seat.hex(scene.terms.set), Seat.hex(scene.terms.ceremony), "00000001", scene.x, m, n, keyLength,
                scene.terms.usage, Seat.hex(scene.deal.kcv), keyLength, y,
                Seat.hex(Arrays.copyOfRange(content, 32, 48)));
        assertTrue(text.contains(expected), text);
        assertTrue(text.contains(Seat.hex(Host.concat(scene.deal.commitments)) + "8F20"
                + Seat.hex(scene.deal.statementHash())));
        // The PIN is not needed; reading is refused for ever.
        card.pin();
        assertEquals("6985", card.sw(0x32, 0, 0));
        assertEquals("6985", card.swBlocks(0x5A, data));
    }

    /** Attack: one bit of a share flipped, on its way from the dealer. */
    @Test
    void oneBitFlippedOnTheWay() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stated();
        for (int at : new int[] {0, 64, 65, 80, 112, 113, 128}) {
            byte[] data = Host.concat(scene.deal.list(), Party.flipped(scene.box, at));
            assertEquals("6606", scene.custodian.swBlocks(0x5A, data), "byte " + at);
        }
        assertNothingStored(scene);
    }

    /** Attack: box of another ceremony or index; where it is the statement's all the same, info refuses it. */
    @Test
    void boxOfAnotherCeremonyOrIndex() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive();
        byte[] m = scene.terms.hash();
        byte[] dealer = scene.dealer.hash();
        byte[] own = scene.custodian.hash();
        byte[] content = scene.deal.contents[4];
        byte[][] boxes = {
            Party.seal(0x0B, new byte[32], 5, dealer, own, scene.q, content),
            Party.seal(0x0B, m, 4, dealer, own, scene.q, content),
            Party.seal(0x0D, m, 5, dealer, own, scene.q, content),
            Party.seal(0x0B, m, 5, own, own, scene.q, content),
            Party.seal(0x0B, m, 5, dealer, dealer, scene.q, content),
            Party.seal(0x0B, m, 5, dealer, own, Party.point(Party.pair()), content),
        };
        for (byte[] box : boxes) {
            scene.stated();
            assertEquals("6606", scene.custodian.swBlocks(0x5A, scene.deal.list(), box));
            stateWith(scene, box);
            assertEquals("6607", scene.custodian.swBlocks(0x5A, scene.deal.list(), box));
            assertNothingStored(scene);
            scene.box = scene.deal.box(5, own, scene.q);
        }
        byte[] noPoint = Party.flipped(scene.box, 64);
        stateWith(scene, noPoint);
        assertEquals("6A80", scene.custodian.swBlocks(0x5A, scene.deal.list(), noPoint));
        assertNothingStored(scene);
    }

    private static void stateWith(CustodianScene scene, byte[] box) throws CardLostException {
        scene.deal.boxHashes[scene.x - 1] = Party.sha256(Party.tag(0x16), box);
        scene.stated();
    }

    /** Attack: wrong commitment; zeros behind y that are none. */
    @Test
    void wrongCommitment() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive();
        byte[] right = scene.deal.contents[4];
        for (int at : new int[] {0, 15, 16, 31, 32, 47}) {
            scene.deal.contents[4] = Party.flipped(right, at);
            byte[] box = scene.deal.box(5, scene.custodian.hash(), scene.q);
            scene.stated();
            assertEquals("6608", scene.custodian.swBlocks(0x5A, scene.deal.list(), box), "byte " + at);
            assertNothingStored(scene);
        }
    }

    /** Attack: replayed box. */
    @Test
    void replayedBox() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stored();
        byte[] data = Host.concat(scene.deal.list(), scene.box);
        assertEquals("6985", scene.custodian.swBlocks(0x5A, data));
        scene.custodian.pin();
        scene.custodian.ok(0x34, 0, 0);
        // The one-time key is gone, with the share and without it.
        assertEquals("6985", scene.custodian.swBlocks(0x5A, data));
        Terms next = scene.terms.next(Terms.DEAL, scene.terms.combiner, scene.terms.partner);
        scene.custodian.approve(next);
        scene.custodian.offer(next);
        scene.custodian.party(0x0D, scene.ca.certify(scene.dealer.body()));
        assertEquals("6604", scene.custodian.swBlocks(0x58, scene.deal.statement()));
        Deal deal = new Deal(next, scene.dealer);
        scene.custodian.okBlocks(0x58, deal.statement());
        assertEquals("6606", scene.custodian.swBlocks(0x5A, data));
    }

    @Test
    void releaseShare() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive();
        Seat card = scene.custodian;
        byte[] offer = scene.offer(scene.terms);
        assertEquals("6A86", card.sw(0xA0, 1, 0, NONE));
        assertEquals("6A86", card.sw(0xA0, 0, 1, NONE));
        assertEquals("6700", card.sw(0xA0, 0, 0, new byte[72]));
        assertEquals("6700", card.sw(0xA0, 0, 0, new byte[138]));
        assertEquals("6A88", card.sw(0xA0, 0, 0, offer));
        scene.stored();
        assertEquals("6982", card.sw(0xA0, 0, 0, offer));
        card.card.fresh();
        card.pin();
        assertEquals("6601", card.sw(0xA0, 0, 0, Party.flipped(offer, 64)));
        assertEquals("6982", card.sw(0xA0, 0, 0, offer), "the PIN is used up");
        card.card.fresh();
        released(scene, scene.terms);
        released(scene, scene.next(Terms.DRILL));
        released(scene, scene.next(Terms.RELEASE));
        assertEquals("9000", card.card.fresh().verify(Custodian.PIN));
    }

    /** It is released, to whom it should be, and stays. */
    private static void released(CustodianScene scene, Terms now) throws CardLostException {
        scene.custodian.pin();
        byte[] answer = scene.custodian.ok(0xA0, 0, 0, scene.offer(now));
        byte[] box = Arrays.copyOf(answer, 129);
        byte[] opened = Party.open(0x0D, now.hash(), scene.x, scene.custodian.hash(), scene.combiner.hash(),
                scene.oneTime.pair, box);
        assertArrayEquals(scene.deal.contents[scene.x - 1], opened);
        byte[] fields = Host.concat(new byte[] {(byte) scene.x}, scene.deal.statementHash(),
                Party.sha256(Party.tag(0x16), box));
        scene.custodian.verify(0x12, now, fields, Arrays.copyOfRange(answer, 129, answer.length));
        assertTrue(scene.custodian.card.state().contains("840102"));
    }

    /** Attack: swapped offer; point not on the curve. */
    @Test
    void swappedOffer() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stored();
        byte[] q = Party.point(Party.pair());
        byte[] offer = scene.offer(scene.terms);
        Seat card = scene.custodian;
        byte[][] swapped = {
            Host.concat(q, Arrays.copyOfRange(offer, 65, offer.length)),
            Host.concat(q, scene.dealer.signed(7, scene.terms.hash(), q)),
            Host.concat(q, scene.combiner.signed(7, new byte[32], q)),
        };
        for (byte[] data : swapped) {
            card.pin();
            assertEquals("6601", card.sw(0xA0, 0, 0, data));
        }
        byte[] off = Party.flipped(q, 64);
        card.pin();
        assertEquals("6A80", card.sw(0xA0, 0, 0, off, scene.combiner.signed(7, scene.terms.hash(), off)));
    }

    /** Attack: PIN used twice. */
    @Test
    void pinUsedTwice() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stored();
        released(scene, scene.terms);
        assertEquals("6982", scene.custodian.sw(0xA0, 0, 0, scene.offer(scene.terms)));
    }

    /** Attack: mixed set, mixed generation; other m, n, key type. */
    @Test
    void mixedSetOrGeneration() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stored();
        Terms set = scene.terms.next(Terms.DRILL, scene.combiner.hash(), new byte[32]);
        set.set = Terms.filled(16, 0x77);
        assertReleaseRefused(scene, set, "6A88");
        Terms generation = set.next(Terms.DRILL, scene.combiner.hash(), new byte[32]);
        generation.set = scene.terms.set;
        generation.generation = 2;
        assertReleaseRefused(scene, generation, "660C");
    }

    private static void assertReleaseRefused(CustodianScene scene, Terms now, String status) throws CardLostException {
        scene.approve(now);
        scene.custodian.pin();
        assertEquals(status, scene.custodian.sw(0xA0, 0, 0, scene.offer(now)));
        // The PIN was not used up.
        assertEquals("9000", scene.custodian.card.plain("00200000"));
    }

    /** Attack: other m, n, key type, x. */
    @Test
    void manifestThatDoesNotFitTheShare() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stored();
        for (int what = 0; what < 7; what++) {
            Terms now = scene.terms.next(Terms.DRILL, scene.combiner.hash(), new byte[32]);
            now.sequence = 10 + what;
            switch (what) {
                case 0 -> {
                    now.scheme = 2;
                    now.m = 5;
                }
                case 1 -> now.m = 2;
                case 2 -> {
                    now.custodians.remove(0);
                    now.custodians.add(0, scene.custodian.hash());
                    now.custodians.remove(4);
                    now.custodians.add(new Party(Party.CUSTODIAN).hash());
                }
                case 3 -> {
                    now.custodians.add(new Party(Party.CUSTODIAN).hash());
                    now.n = 6;
                }
                case 4 -> now.keyType = 0x80;
                case 5 -> now.keyLength = 24;
                default -> now.usage ^= 1;
            }
            assertReleaseRefused(scene, now, "660D");
        }
    }

    /** Attack: import key without a certificate: a release wants the HSM as a party. */
    @Test
    void importKeyWithoutACertificate() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stored();
        Terms now = scene.terms.next(Terms.RELEASE, scene.combiner.hash(), scene.hsm.hash());
        scene.custodian.approve(now);
        scene.custodian.pin();
        assertEquals("6985", scene.custodian.sw(0xA0, 0, 0, scene.offer(now)));
        scene.custodian.party(0x0C, scene.ca.certify(scene.combiner.body()));
        assertEquals("6985", scene.custodian.sw(0xA0, 0, 0, scene.offer(now)));
        assertEquals("6602", scene.custodian.sw(0x4C, 0x0E, 0, scene.dealer.certify(scene.hsm.body())));
        assertEquals("6605", scene.custodian.sw(0x4C, 0x0E, 0, scene.ca.certify(new Party(Party.HSM).body())));
        scene.custodian.party(0x0E, scene.ca.certify(scene.hsm.body()));
        released(scene, now);
    }

    /** A share that came from a host is released to nobody. */
    @Test
    void notDealt() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive();
        scene.custodian.pin();
        assertEquals("9000", scene.custodian.card.store(2, Custodian.SHARE, 200));
        Terms now = scene.terms.next(Terms.DRILL, scene.combiner.hash(), new byte[32]);
        now.set = Terms.filled(16, 0x22);
        assertReleaseRefused(scene, now, "6985");
    }

    /** Attack: share used after destruction. */
    @Test
    void shareUsedAfterDestruction() throws CardLostException {
        CustodianScene scene = CustodianScene.threeOfFive().stored();
        Terms destroy = scene.terms.next(Terms.DESTROY, new byte[32], new byte[32]);
        scene.custodian.approve(destroy);
        assertEquals("6985", scene.custodian.sw(0xA0, 0, 0, new byte[73]));
        scene.custodian.pin();
        byte[] receipt = scene.custodian.ok(0x34, 2, 0);
        assertArrayEquals(Host.concat(new byte[] {5, 2}, scene.deal.statementHash()), Arrays.copyOf(receipt, 34));
        Terms drill = destroy.next(Terms.DRILL, scene.combiner.hash(), new byte[32]);
        scene.approve(drill);
        scene.custodian.pin();
        assertEquals("6A88", scene.custodian.sw(0xA0, 0, 0, scene.offer(drill)));
        assertEquals(2, scene.custodian.ok(0xAE, 0, 0)[1]);
    }
}
