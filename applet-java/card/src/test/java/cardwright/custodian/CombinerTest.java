package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import cardwright.simulator.CardLostException;
import java.security.KeyPair;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The combiner's commands: each list in its order, and the attacks that end there. */
class CombinerTest {
    private static final byte[] NONE = {};
    private static final byte[] ONE = {0};

    private static void assertZero(byte[] bytes) {
        assertArrayEquals(new byte[bytes.length], bytes);
    }

    /** All of the combiner's commands where the card is none, or in another operation. */
    @Test
    void notTheCombiner() throws CardLostException {
        Party ca = new Party(Party.CA);
        Seat seat = Seat.enrol(ca, Party.COMBINER);
        assertNotTheCombiner(seat);
        assertEquals("6985", seat.swBlocks(0xAA, new byte[65]));
        CombinerScene drill = CombinerScene.threeOfFive().inDrill().stated();
        assertEquals("6985", drill.combiner.swBlocks(0xAA, new byte[65]));
        assertEquals("6985", drill.combiner.sw(0xAC, 0, 0));
        CombinerScene release = CombinerScene.threeOfFive().inRelease(new Party(Party.HSM).hash()).stated();
        assertEquals("6985", release.combiner.sw(0xA6, 0, 7));
        assertEquals("6985", release.combiner.sw(0xA8, 0, 0));
        assertEquals("6985", release.combiner.sw(0xAC, 0, 0));
    }

    private static void assertNotTheCombiner(Seat seat) throws CardLostException {
        int[][] commands = {{0xA2, 1, 0}, {0xA6, 0, 7}, {0xA8, 0, 0}, {0xAC, 0, 0}};
        for (int[] command : commands) {
            assertEquals("6985", seat.sw(command[0], command[1], command[2]));
        }
    }

    @Test
    void takeShare() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive();
        Seat card = scene.combiner;
        card.approve(scene.terms);
        scene.now = scene.terms;
        assertEquals("6A86", card.sw(0xA2, 1, 1, NONE));
        assertEquals("6A86", card.sw(0xA2, 11, 0, NONE));
        assertEquals("6985", card.sw(0xA2, 1, 0, NONE), "no offer");
        scene.q = Arrays.copyOf(card.offer(scene.terms), 65);
        card.party(0x0D, scene.ca.certify(scene.dealer.body()));
        assertEquals("6985", card.sw(0xA2, 1, 0, NONE), "no statement");
        scene.stated();
        assertEquals("6985", card.sw(0xA2, 1, 0, NONE), "no party");
        card.party(1, scene.ca.certify(scene.custodian(1).body()));
        assertEquals("6985", card.sw(0xA2, 6, 0, NONE));
        assertEquals("6700", card.sw(0xA2, 1, 0, new byte[136]));
        assertEquals("6700", card.sw(0xA2, 1, 0, new byte[202]));
        byte[] right = scene.release(1);
        assertEquals("6601", card.sw(0xA2, 1, 0, Party.flipped(right, 129 + 5)));
        assertEquals("0000", card.state(0x8F));
        scene.taken(1);
        assertEquals("0001", card.state(0x8F));
        card.card.fresh();
        assertEquals("0000", card.state(0x8F));
    }

    /** Attack: one bit of a share flipped: the signature, under a good one the tag, then the commitment. */
    @Test
    void oneBitFlipped() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal().stated();
        Party custodian = scene.custodian(2);
        byte[] right = scene.release(2);
        byte[] box = Arrays.copyOf(right, 129);
        for (int at : new int[] {0, 64, 65, 112, 113, 128}) {
            assertEquals("6601", scene.combiner.sw(0xA2, 2, 0, Party.flipped(right, at)), "byte " + at);
            byte[] changed = Party.flipped(box, at);
            byte[] signed = Host.concat(changed, scene.deal.releaseSignature(scene.now, 2, custodian, changed));
            String status = at < 65 ? "6A80" : "6607";
            assertEquals(status, scene.combiner.sw(0xA2, 2, 0, signed), "byte " + at);
        }
        for (int at : new int[] {0, 15, 16, 31, 32, 47}) {
            byte[] content = Party.flipped(scene.deal.contents[1], at);
            byte[] changed = scene.deal.release(scene.now, 2, custodian, scene.q, content);
            assertEquals("6608", scene.combiner.sw(0xA2, 2, 0, changed), "byte " + at);
        }
        assertEquals("0000", scene.combiner.state(0x8F));
        assertArrayEquals(new byte[320], scene.values());
        scene.taken(2);
    }

    /** Attack: wrong commitment: a dealer that states one and deals another. */
    @Test
    void wrongCommitment() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal();
        scene.deal.commitments[0] = Party.flipped(scene.deal.commitments[0], 31);
        scene.stated();
        assertEquals("6608", scene.combiner.sw(0xA2, 1, 0, scene.release(1)));
        scene.taken(2);
    }

    /** Attack: x = 0. */
    @Test
    void xZero() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal().stated();
        assertEquals("6A86", scene.combiner.sw(0xA2, 0, 0, scene.release(1)));
    }

    /** Attack: x doubled; one custodian's share as another's. */
    @Test
    void xDoubled() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal().stated().taken(1);
        assertEquals("6985", scene.combiner.sw(0xA2, 1, 0, scene.release(1)));
        assertEquals("6601", scene.combiner.sw(0xA2, 2, 0, scene.release(1)));
        byte[] box = Arrays.copyOf(scene.release(1), 129);
        byte[] signed = scene.deal.releaseSignature(scene.now, 2, scene.custodian(2), box);
        assertEquals("6607", scene.combiner.sw(0xA2, 2, 0, box, signed));
    }

    /** Attack: statement of another deal; mixed set, mixed generation: the statement's hash is in the release. */
    @Test
    void statementOfAnotherDeal() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDrill();
        Deal other = new Deal(scene.terms, scene.dealer);
        Terms terms = scene.terms.next(Terms.DEAL, scene.terms.combiner, scene.terms.partner);
        terms.set = Terms.filled(16, 0x66);
        Deal set = new Deal(terms, scene.dealer);
        for (Deal wrong : List.of(other, set)) {
            scene.combiner.okBlocks(0x58, wrong.statement());
            assertEquals("6601", scene.combiner.sw(0xA2, 1, 0, scene.release(1)));
        }
        // In a deal it has to be this manifest's.
        CombinerScene dealt = CombinerScene.threeOfFive().inDeal();
        Deal foreign = new Deal(dealt.terms.next(Terms.DEAL, dealt.terms.combiner, dealt.terms.partner), dealt.dealer);
        assertEquals("6604", dealt.combiner.swBlocks(0x58, foreign.statement()));
    }

    /** A statement of another set fits no share of the manifest's, though all signatures are good. */
    @Test
    void otherSetThanTheManifest() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive();
        Terms now = scene.terms.next(Terms.DRILL, scene.combiner.hash(), new byte[32]);
        now.generation = 2;
        scene.in(now).stated();
        assertEquals("6608", scene.combiner.sw(0xA2, 1, 0, scene.release(1)));
    }

    /** Another statement takes the drilled subsets and the taken shares with it; the same one does not. */
    @Test
    void anotherStatement() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal().stated().taken(1, 2, 3);
        assertEquals("9000", scene.drill(7));
        scene.stated();
        assertEquals("01", scene.combiner.state(0x8D));
        assertEquals("0007", scene.combiner.state(0x8F));
        Deal other = new Deal(scene.terms, scene.dealer);
        scene.combiner.okBlocks(0x58, other.statement());
        assertEquals("00", scene.combiner.state(0x8D));
        assertEquals("0000", scene.combiner.state(0x8F));
        assertArrayEquals(new byte[320], scene.values());
        assertArrayEquals(new byte[32], Arrays.copyOf(scene.combiner.ok(0xA8, 0, 0), 32));
    }

    @Test
    void drill() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal();
        Seat card = scene.combiner;
        assertEquals("6985", card.sw(0xA6, 0, 7, ONE));
        assertEquals("6985", card.sw(0xA8, 0, 0, ONE));
        scene.stated().taken(1, 2, 3, 5);
        assertEquals("6700", card.sw(0xA6, 0, 7, ONE));
        assertEquals("6A88", scene.drill(0b01011));
        assertEquals("6A86", card.sw(0xA8, 1, 0, ONE));
        assertEquals("6700", card.sw(0xA8, 0, 0, ONE));
        for (int mask : SubsetsTest.all(3, 5)) {
            assertEquals((mask & 8) == 0 ? "9000" : "6A88", scene.drill(mask));
            assertEquals((mask & 8) == 0 ? "9000" : "6A88", scene.drill(mask));
        }
        assertEquals("04", card.state(0x8D));
        assertEquals("01", card.state(0x89));
        byte[] verdict = card.ok(0xA8, 0, 0);
        byte[] bitmap = new byte[32];
        List<Integer> all = SubsetsTest.all(3, 5);
        for (int i = 0; i < all.size(); i++) {
            bitmap[i / 8] |= (byte) ((all.get(i) & 8) == 0 ? 0x80 >> i % 8 : 0);
        }
        assertArrayEquals(bitmap, Arrays.copyOf(verdict, 32));
        card.verify(0x13, scene.now, Host.concat(scene.deal.statementHash(), bitmap),
                Arrays.copyOfRange(verdict, 32, verdict.length));
        scene.taken(4);
        all.forEach(mask -> assertEquals("9000", drill(scene, mask)));
        assertEquals("0A", card.state(0x8D));
        // The one-time key is gone; taken shares stay until they end.
        assertEquals("02", card.state(0x89));
        assertEquals("9000", scene.drill(7));
        assertFalse(card.card.hasPrivateKey("offer"));
        assertEquals("6985", card.swBlocks(0x58, scene.deal.statement()));
    }

    private static String drill(CombinerScene scene, int mask) {
        try {
            return scene.drill(mask);
        } catch (CardLostException e) {
            throw new AssertionError(e);
        }
    }

    /** Attack: m - 1 shares, or one for an x that there is not. */
    @Test
    void tooFewShares() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal().stated().taken(1, 2);
        for (int mask : new int[] {0, 3, 1, 0xF, 0x1F, 0x23, 0x8003, 0x0403}) {
            assertEquals("6A86", scene.drill(mask));
        }
        assertEquals("6A88", scene.drill(7));
        assertEquals("00", scene.combiner.state(0x8D));
    }

    /** All subsets of other sizes, with XOR too; a drill under a manifest of its own. */
    @ParameterizedTest
    @CsvSource({"2, 2, 1, 24", "3, 3, 2, 32", "4, 6, 1, 32", "2, 10, 1, 16"})
    void allSubsets(int m, int n, int scheme, int keyLength) throws CardLostException {
        CombinerScene scene = new CombinerScene(m, n, scheme, keyLength).inDrill().stated();
        for (int x = 1; x <= n; x++) {
            scene.taken(x);
        }
        for (int mask : SubsetsTest.all(m, n)) {
            assertEquals("01", scene.combiner.state(0x89));
            assertEquals("9000", scene.drill(mask));
        }
        assertEquals("02", scene.combiner.state(0x89));
        assertArrayEquals(Deal.bitmap(scene.terms), Arrays.copyOf(scene.combiner.ok(0xA8, 0, 0), 32));
    }

    /** Each commitment fits, but together they give another key than the statement says. */
    @Test
    void otherCheckValue() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal();
        scene.deal.kcv = Party.flipped(scene.deal.kcv, 2);
        scene.stated().taken(1, 2, 3);
        assertEquals("6609", scene.drill(7));
        assertEquals("00", scene.combiner.state(0x8D));
        assertZero(scene.combiner.card.place("engines", "work"));
        Party hsm = new Party(Party.HSM);
        CombinerScene release = CombinerScene.threeOfFive().inRelease(hsm.hash());
        release.deal.kcv = Party.flipped(release.deal.kcv, 0);
        release.stated().taken(1, 2, 3);
        release.combiner.party(0x0E, release.ca.certify(hsm.body()));
        release.combiner.pin();
        assertEquals("6609", release.combiner.swBlocks(0xAA, hsm.point()));
        assertEquals("0007", release.combiner.state(0x8F));
        assertNull(release.combiner.state(0x90));
    }

    @Test
    void exportToACurve() throws CardLostException {
        Party hsm = new Party(Party.HSM);
        CombinerScene scene = CombinerScene.threeOfFive();
        Seat card = scene.combiner;
        byte[] point = hsm.point();
        scene.inRelease(hsm.hash());
        assertEquals("6985", card.swBlocks(0xAA, ONE), "no statement");
        scene.stated();
        assertEquals("6985", card.swBlocks(0xAA, ONE), "no party");
        card.party(0x0E, scene.ca.certify(hsm.body()));
        assertEquals("6700", card.swBlocks(0xAA, new byte[64]));
        assertEquals("6700", card.swBlocks(0xAA, new byte[256]));
        assertEquals("6982", card.swBlocks(0xAA, point));
        card.card.fresh();
        card.pin();
        assertEquals("6A80", card.swBlocks(0xAA, Party.flipped(point, 64)));
        card.pin();
        assertEquals("6605", card.swBlocks(0xAA, Party.point(Party.pair())));
        scene.taken(5, 2);
        card.pin();
        assertEquals("6A88", card.swBlocks(0xAA, point));
        assertEquals("6985", card.sw(0xAC, 0, 0, ONE));
        scene.taken(4);
        assertEquals("001A", card.state(0x8F));
        card.pin();
        card.okBlocks(0xAA, point);
        assertArrayEquals(new byte[320], scene.values());
        assertZero(card.card.place("engines", "work"));
        assertZero(card.card.place("blocks", "object"));
        assertEquals("0071", card.state(0x90));
        assertEquals("6A86", card.sw(0xAC, 2, 0, ONE));
        assertEquals("6A86", card.sw(0xAC, 1, 1, ONE));
        assertEquals("6700", card.sw(0xAC, 0, 1, ONE));
        assertEquals("6700", card.sw(0xAC, 1, 0, ONE));
        for (int block : new int[] {1, 2, 3, 0x7F, 0x80, 0xFF}) {
            assertEquals("6A86", card.sw(0xAC, 0, block));
        }
        byte[] content = Party.open(0x0E, scene.now.hash(), 0, card.hash(), hsm.hash(), hsm.pair, card.ok(0xAC, 0, 0));
        assertArrayEquals(Host.concat(scene.deal.secret, new byte[16]), content);
        card.pin();
        assertEquals("6985", card.swBlocks(0xAA, point), "once");
        // The next manifest leaves nothing of it.
        card.approve(scene.now.next(Terms.RELEASE, card.hash(), hsm.hash()));
        assertEquals("6985", card.sw(0xAC, 0, 0));
        assertNull(card.state(0x90));
    }

    @Test
    void exportToRsa() throws CardLostException {
        KeyPair pair = OaepTest.rsa(2048);
        byte[] modulus = OaepTest.modulus(pair);
        byte[] body = Party.body(new byte[8], Party.HSM, 2, Party.sha256(modulus));
        CombinerScene scene = CombinerScene.threeOfFive().inRelease(Party.sha256(body)).stated().taken(1, 2, 3, 4, 5);
        Seat card = scene.combiner;
        card.party(0x0E, scene.ca.certify(body));
        assertEquals("6700", card.swBlocks(0xAA, new byte[65]));
        assertEquals("6700", card.swBlocks(0xAA, new byte[384]));
        byte[] top = modulus.clone();
        top[0] &= 0x7F;
        card.pin();
        assertEquals("6A80", card.swBlocks(0xAA, top));
        card.pin();
        assertEquals("6A80", card.swBlocks(0xAA, Party.flipped(modulus, 255)));
        card.pin();
        assertEquals("6605", card.swBlocks(0xAA, Party.flipped(modulus, 100)));
        card.pin();
        card.okBlocks(0xAA, modulus);
        assertEquals("0100", card.state(0x90));
        // Blocks come in any order.
        byte[] second = card.ok(0xAC, 0, 1);
        byte[] result = Host.concat(card.ok(0xAC, 0, 0), second);
        assertEquals(256, result.length);
        assertArrayEquals(scene.deal.secret, OaepTest.decrypt(pair, result));
        byte[] fields = Host.concat(scene.deal.statementHash(), scene.deal.kcv, Party.sha256(body),
                Party.sha256(result));
        card.verify(0x15, scene.now, fields, card.ok(0xAC, 1, 0));
        assertArrayEquals(new byte[320], scene.values());
    }

    @ParameterizedTest
    @CsvSource({"3072,3", "4096,4"})
    void exportToLongerRsa(int bits, int algorithm) throws CardLostException {
        KeyPair pair = OaepTest.rsa(bits);
        byte[] modulus = OaepTest.modulus(pair);
        byte[] body = Party.body(new byte[8], Party.HSM, algorithm, Party.sha256(modulus));
        CombinerScene scene = CombinerScene.threeOfFive().inRelease(Party.sha256(body)).stated().taken(1, 2, 3);
        Seat card = scene.combiner;
        card.party(0x0E, scene.ca.certify(body));
        card.pin();
        card.okBlocks(0xAA, modulus);
        byte[] result = {};
        for (int block = 0; result.length < bits / 8; block++) {
            result = Host.concat(result, card.ok(0xAC, 0, block));
        }
        assertEquals(bits / 8, result.length);
        assertArrayEquals(scene.deal.secret, OaepTest.decrypt(pair, result));
    }

    /** A certified modulus that no platform would take: no result, nothing left but the shares, and another release goes. */
    @Test
    void modulusThatThePlatformRefuses() throws CardLostException {
        byte[] modulus = new byte[256];
        Arrays.fill(modulus, (byte) 0xFF);
        byte[] body = Party.body(new byte[8], Party.HSM, 2, Party.sha256(modulus));
        CombinerScene scene = CombinerScene.threeOfFive().inRelease(Party.sha256(body)).stated().taken(1, 2, 3);
        Seat card = scene.combiner;
        card.party(0x0E, scene.ca.certify(body));
        // The secret is not made for it: a key that would tell is not set.
        Object checkValue = card.card.at("parts", "checkValue");
        Object aes128 = card.card.at("parts", "checkValue", "aes128");
        Custodian.set(checkValue, "aes128", null);
        card.pin();
        assertEquals("6A81", card.swBlocks(0xAA, modulus));
        Custodian.set(checkValue, "aes128", aes128);
        assertEquals("0007", card.state(0x8F));
        assertNull(card.state(0x90));
        assertZero(card.card.place("engines", "work"));
        assertZero(card.card.place("blocks", "object"));
    }

    /** Attack: export in a drill, or of a drill's boxes. */
    @Test
    void exportOfADrill() throws CardLostException {
        Party hsm = new Party(Party.HSM);
        CombinerScene scene = CombinerScene.threeOfFive().inDrill().stated();
        byte[] drilled = scene.release(1);
        scene.taken(2, 3, 4);
        scene.combiner.pin();
        assertEquals("6985", scene.combiner.swBlocks(0xAA, hsm.point()));
        scene.combiner.card.fresh();
        Terms release = scene.now.next(Terms.RELEASE, scene.combiner.hash(), hsm.hash());
        scene.in(release).stated();
        assertEquals("0000", scene.combiner.state(0x8F));
        assertEquals("6601", scene.combiner.sw(0xA2, 1, 0, drilled));
    }

    /** Attack: import key without a certificate, other HSM key. */
    @Test
    void importKeyWithoutACertificate() throws CardLostException {
        Party hsm = new Party(Party.HSM);
        CombinerScene scene = CombinerScene.threeOfFive().inRelease(hsm.hash()).stated().taken(1, 2, 3);
        scene.combiner.pin();
        assertEquals("6985", scene.combiner.swBlocks(0xAA, hsm.point()));
        Party other = new Party(Party.HSM);
        assertEquals("6602", scene.combiner.sw(0x4C, 0x0E, 0, other.certify(hsm.body())));
        assertEquals("6605", scene.combiner.sw(0x4C, 0x0E, 0, scene.ca.certify(other.body())));
        scene.combiner.party(0x0E, scene.ca.certify(hsm.body()));
        assertEquals("6605", scene.combiner.swBlocks(0xAA, other.point()));
    }

    /** What a session took, no other one goes on with: another session, a wrong MAC, the next manifest, a wipe. */
    @Test
    void takenSharesEndWithTheSession() throws CardLostException {
        CombinerScene scene = CombinerScene.threeOfFive().inDeal().stated().taken(1, 2);
        // Commands in between leave them.
        scene.combiner.ok(0xA8, 0, 0);
        scene.combiner.pin();
        assertEquals("0003", scene.combiner.state(0x8F));
        scene.combiner.card.host.open(0x33);
        assertArrayEquals(new byte[320], scene.values());
        assertEquals("0000", scene.combiner.state(0x8F));
        scene.taken(1, 2);
        assertEquals("6982", scene.combiner.card.plain("84A8000008" + "00".repeat(8) + "00"));
        assertArrayEquals(new byte[320], scene.values());
        scene.combiner.card.host.open(0x33);
        scene.taken(1);
        scene.combiner.ok(0x34, 1, 0);
        assertArrayEquals(new byte[320], scene.values());
    }
}
