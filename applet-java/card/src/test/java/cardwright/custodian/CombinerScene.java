package cardwright.custodian;

import cardwright.simulator.CardLostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A combiner's card, and nobody else who is a card. */
final class CombinerScene {
    final Party ca = new Party(Party.CA);
    final Party dealer = new Party(Party.DEALER);
    final List<Party> custodians = new ArrayList<>();
    final Seat combiner;
    /** The deal's manifest; the one in hand. */
    final Terms terms;
    Terms now;
    final Deal deal;
    byte[] q;

    CombinerScene(int m, int n, int scheme, int keyLength) throws CardLostException {
        combiner = Seat.enrol(ca, Party.COMBINER);
        for (int i = 0; i < n; i++) {
            custodians.add(new Party(Party.CUSTODIAN));
        }
        terms = new Terms(m, custodians.stream().map(Party::hash).toList(), combiner.hash(), dealer.hash());
        terms.scheme = scheme;
        terms.keyLength = keyLength;
        deal = new Deal(terms, dealer);
    }

    static CombinerScene threeOfFive() throws CardLostException {
        return new CombinerScene(3, 5, 1, 16);
    }

    Party custodian(int x) {
        return custodians.get(x - 1);
    }

    /** Approved, with an offer, and all as parties; a release is to nobody that is a party yet. */
    CombinerScene in(Terms manifest) throws CardLostException {
        now = manifest;
        combiner.approve(now);
        q = Arrays.copyOf(combiner.offer(now), 65);
        combiner.party(0x0D, ca.certify(dealer.body()));
        for (int x = 1; x <= now.n; x++) {
            combiner.party(x, ca.certify(custodian(x).body()));
        }
        return this;
    }

    CombinerScene inDeal() throws CardLostException {
        return in(terms);
    }

    CombinerScene inDrill() throws CardLostException {
        return in(terms.next(Terms.DRILL, combiner.hash(), new byte[32]));
    }

    CombinerScene inRelease(byte[] hsm) throws CardLostException {
        return in(terms.next(Terms.RELEASE, combiner.hash(), hsm));
    }

    CombinerScene stated() throws CardLostException {
        combiner.okBlocks(0x58, deal.statement());
        return this;
    }

    byte[] release(int x) {
        return deal.release(now, x, custodian(x), q);
    }

    CombinerScene taken(int... of) throws CardLostException {
        for (int x : of) {
            combiner.ok(0xA2, x, 0, release(x));
        }
        return this;
    }

    String drill(int mask) throws CardLostException {
        return combiner.sw(0xA6, mask >> 8, mask & 0xFF);
    }

    /** The values of taken shares, read behind the card's back. */
    byte[] values() {
        return combiner.card.combinersValues();
    }
}
