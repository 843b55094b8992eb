package cardwright.custodian;

import cardwright.simulator.CardLostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One custodian's card, and nobody else who is a card. */
final class CustodianScene {
    final Party ca = new Party(Party.CA);
    final Party dealer = new Party(Party.DEALER);
    final Party combiner = new Party(Party.COMBINER);
    final Party hsm = new Party(Party.HSM);
    /** The combiner's one-time pair. */
    final Party oneTime = new Party(Party.COMBINER);
    final Seat custodian;
    final int x;
    final Terms terms;
    final Deal deal;
    byte[] q;
    byte[] box;
    /** Of the next manifest; above what tests choose themselves. */
    private int sequence = 100;

    /** Approved, with contribution and offer, and dealer and combiner as parties. The card is the last custodian. */
    CustodianScene(int m, int n, int scheme, int keyLength) throws CardLostException {
        custodian = Seat.enrol(ca, Party.CUSTODIAN);
        x = n;
        List<byte[]> hashes = new ArrayList<>();
        for (int i = 1; i < n; i++) {
            hashes.add(new Party(Party.CUSTODIAN).hash());
        }
        hashes.add(custodian.hash());
        terms = new Terms(m, hashes, combiner.hash(), dealer.hash());
        terms.scheme = scheme;
        terms.keyLength = keyLength;
        custodian.approve(terms);
        custodian.ok(0x44, 0, 0);
        q = Arrays.copyOf(custodian.offer(terms), 65);
        custodian.party(0x0D, ca.certify(dealer.body()));
        custodian.party(0x0C, ca.certify(combiner.body()));
        deal = new Deal(terms, dealer);
        box = deal.box(x, custodian.hash(), q);
    }

    static CustodianScene threeOfFive() throws CardLostException {
        return new CustodianScene(3, 5, 1, 16);
    }

    CustodianScene stated() throws CardLostException {
        custodian.okBlocks(0x58, deal.statement());
        return this;
    }

    CustodianScene stored() throws CardLostException {
        stated();
        custodian.okBlocks(0x5A, deal.list(), box);
        return this;
    }

    /** The next manifest is approved, and has its parties. */
    Terms next(int operation) throws CardLostException {
        byte[] partner = operation == Terms.RELEASE ? hsm.hash() : new byte[32];
        Terms next = terms.next(operation, combiner.hash(), partner);
        next.sequence = sequence++;
        return approve(next);
    }

    Terms approve(Terms next) throws CardLostException {
        custodian.approve(next);
        custodian.party(0x0C, ca.certify(combiner.body()));
        if (next.operation == Terms.RELEASE) {
            custodian.party(0x0E, ca.certify(hsm.body()));
        }
        return next;
    }

    /** The data of RELEASE SHARE. */
    byte[] offer(Terms now) {
        return Host.concat(oneTime.point(), combiner.signed(7, now.hash(), oneTime.point()));
    }
}
