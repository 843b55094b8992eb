package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import cardwright.simulator.CardLostException;
import java.security.KeyPair;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A dealer's card, and nobody else who is a card. */
final class DealerScene {
    final Party ca = new Party(Party.CA);
    final Party combiner = new Party(Party.COMBINER);
    final Seat dealer;
    final Terms terms;
    /** By x - 1, as what follows. */
    final List<Party> custodians = new ArrayList<>();
    final List<KeyPair> offers = new ArrayList<>();
    final List<byte[]> contributions = new ArrayList<>();
    final byte[][] boxes;
    final byte[][] commitments;
    byte[] q;
    byte[] kcv;

    /** Approved, with an offer, and all as parties. */
    DealerScene(int m, int n, int scheme, int keyLength) throws CardLostException {
        dealer = Seat.enrol(ca, Party.DEALER);
        for (int i = 0; i < n; i++) {
            custodians.add(new Party(Party.CUSTODIAN));
            offers.add(Party.pair());
            contributions.add(Party.random(32));
        }
        terms = new Terms(m, custodians.stream().map(Party::hash).toList(), combiner.hash(), dealer.hash());
        terms.scheme = scheme;
        terms.keyLength = keyLength;
        boxes = new byte[n][];
        commitments = new byte[n][];
        dealer.approve(terms);
        q = Arrays.copyOf(dealer.offer(terms), 65);
        for (int x = 1; x <= n; x++) {
            dealer.party(x, ca.certify(custodian(x).body()));
        }
        dealer.party(0x0C, ca.certify(combiner.body()));
    }

    static DealerScene threeOfFive() throws CardLostException {
        return new DealerScene(3, 5, 1, 16);
    }

    Party custodian(int x) {
        return custodians.get(x - 1);
    }

    DealerScene begun() throws CardLostException {
        dealer.pin();
        dealer.ok(0x4A, 0, 0);
        return this;
    }

    /** The data of ADMIT. */
    byte[] admission(int x, int what) {
        Party party = custodian(x);
        byte[] field = switch (what) {
            case 1 -> Party.number(100 + x);
            case 2 -> commitment(x, contributions.get(x - 1));
            default -> Party.point(offers.get(x - 1));
        };
        return Host.concat(field, party.signed(new int[] {4, 6, 7}[what - 1], terms.hash(), field));
    }

    byte[] commitment(int x, byte[] contribution) {
        return Party.sha256(Party.tag(5), terms.hash(), new byte[] {(byte) x}, contribution);
    }

    DealerScene admitted() throws CardLostException {
        begun();
        for (int x = 1; x <= terms.n; x++) {
            for (int what = 1; what <= 3; what++) {
                dealer.ok(0x4E, x, what, admission(x, what));
            }
        }
        return this;
    }

    byte[] contribution(int x, byte[] r) {
        return Party.seal(0x0C, terms.hash(), x, custodian(x).hash(), dealer.hash(), q, r);
    }

    /** Those of 1 to {@code last}. */
    DealerScene contributed(int last) throws CardLostException {
        admitted();
        for (int x = 1; x <= last; x++) {
            dealer.ok(0x52, x, 0, contribution(x, contributions.get(x - 1)));
        }
        return this;
    }

    DealerScene split() throws CardLostException {
        return contributed(terms.n);
    }

    /** Another box to x. */
    void deal(int x) throws CardLostException {
        byte[] answer = dealer.ok(0x54, x, 0);
        boxes[x - 1] = Arrays.copyOf(answer, 129);
        commitments[x - 1] = Arrays.copyOfRange(answer, 129, 161);
        assertArrayEquals(terms.commitment(x, content(x)), commitments[x - 1]);
    }

    /** What the last box to x has in it. */
    byte[] content(int x) {
        return Party.open(0x0B, terms.hash(), x, dealer.hash(), custodian(x).hash(), offers.get(x - 1), boxes[x - 1]);
    }

    DealerScene dealt() throws CardLostException {
        split();
        for (int x = 1; x <= terms.n; x++) {
            deal(x);
        }
        return this;
    }

    DealerScene stated() throws CardLostException {
        dealt();
        checkStatement(dealer.ok(0x56, 0, 0));
        return this;
    }

    /** KCV, commitments and boxes are what the dealer signs. */
    void checkStatement(byte[] answer) {
        kcv = Arrays.copyOf(answer, 3);
        dealer.verify(0x10, terms, fields(), Arrays.copyOfRange(answer, 3, answer.length));
    }

    private byte[] fields() {
        byte[][] hashes = new byte[terms.n][];
        Arrays.setAll(hashes, i -> Party.sha256(Party.tag(0x16), boxes[i]));
        return Host.concat(kcv, Host.concat(commitments), Deal.listHash(Host.concat(hashes)));
    }

    byte[] statementHash() {
        return Party.sha256(Party.message(0x10, terms.hash(), dealer.hash(), fields()));
    }

    /** The data of CONFIRM for a receipt. */
    byte[] receipt(int x) {
        return receipt(x, x, 1, terms.generation);
    }

    byte[] receipt(int signer, int x, int status, int generation) {
        return custodian(signer).signed(0x11, terms.hash(), terms.set, Party.number(generation),
                new byte[] {(byte) x, (byte) status}, statementHash());
    }

    /** The data of CONFIRM for the drill. */
    byte[] verdict(byte[] bitmap) {
        return Host.concat(bitmap, combiner.signed(0x13, terms.hash(), statementHash(), bitmap));
    }

    DealerScene confirmed() throws CardLostException {
        stated();
        for (int x = 1; x <= terms.n; x++) {
            dealer.ok(0x5C, 1, x, receipt(x));
        }
        dealer.ok(0x5C, 2, 0, verdict(Deal.bitmap(terms)));
        return this;
    }

    /** The key, from what the boxes have. */
    byte[] key(int mask) {
        byte[][] contents = new byte[terms.n][];
        Arrays.setAll(contents, i -> content(i + 1));
        return Deal.combine(terms, mask, contents);
    }
}
