package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** COMMIT CONTRIBUTION, MAKE OFFER and REVEAL CONTRIBUTION: checks in their order, worst command first. */
class ContributingTest {
    private static final int COMMIT = 0x44;
    private static final int OFFER = 0x46;
    private static final int REVEAL = 0x48;
    private static final byte[] BYTE = {0};

    private final Party ca = new Party(Party.CA);
    private final Party dealer = new Party(Party.DEALER);
    private final Party combiner = new Party(Party.COMBINER);
    private final Party other = new Party(Party.CUSTODIAN);
    private Seat seat;
    private Terms terms;

    @BeforeEach
    void enrol() throws CardLostException {
        seat = Seat.enrol(ca, Party.CUSTODIAN | Party.DEALER | Party.COMBINER);
        terms = new Terms(2, List.of(other.hash(), seat.hash()), combiner.hash(), dealer.hash());
    }

    /** This card in another place. */
    private Terms as(int operation, int place) {
        byte[] drillPartner = operation == Terms.DRILL ? new byte[32] : Party.random(32);
        byte[] partner = place == 0x0D ? seat.hash() : drillPartner;
        Terms moved = terms.next(operation, place == 0x0C ? seat.hash() : combiner.hash(), partner);
        moved.custodians.set(1, place == 2 ? seat.hash() : Party.random(32));
        terms.sequence = moved.sequence;
        return moved;
    }

    @Test
    void commitContribution() throws CardLostException {
        assertEquals("6A86", seat.sw(COMMIT, 0, 1));
        assertEquals("6A86", seat.sw(COMMIT, 1, 0));
        assertEquals("6985", seat.sw(COMMIT, 0, 0, new byte[33]));
        for (Terms elsewhere : List.of(as(Terms.DEAL, 0x0C), as(Terms.DEAL, 0x0D), as(Terms.DRILL, 2),
                as(Terms.RELEASE, 2))) {
            seat.approve(elsewhere);
            assertEquals("6985", seat.sw(COMMIT, 0, 0, new byte[33]));
        }
        terms.sequence++;
        seat.approve(terms);
        assertEquals("6700", seat.sw(COMMIT, 0, 0, new byte[33]));
        assertEquals("00", seat.state(0x88));
        byte[] first = commit(Terms.filled(32, 6));
        assertEquals("01", seat.state(0x88));
        // It stays, whatever the dice are now.
        seat.card.fresh();
        assertArrayEquals(first, commit());
        assertArrayEquals(first, commit(BYTE));
        byte[] r = seat.card.place("contribution", "r");
        assertArrayEquals(first, commitment(r));
        terms.sequence++;
        seat.approve(terms);
        assertFalse(Arrays.equals(r, contribution(Terms.filled(32, 6))), "dice decide nothing");
    }

    /** COMMIT CONTRIBUTION, and what it has made. */
    private byte[] contribution(byte[] dice) throws CardLostException {
        commit(dice);
        return seat.card.place("contribution", "r");
    }

    private byte[] commit(byte[]... dice) throws CardLostException {
        byte[] answer = seat.ok(COMMIT, 0, 0, dice);
        byte[] commitment = Arrays.copyOf(answer, 32);
        seat.verify(6, terms, commitment, Arrays.copyOfRange(answer, 32, answer.length));
        return commitment;
    }

    private byte[] commitment(byte[] r) {
        return Party.sha256(Party.tag(5), terms.hash(), new byte[] {2}, r);
    }

    @Test
    void makeOffer() throws CardLostException {
        assertEquals("6A86", seat.sw(OFFER, 0, 1));
        assertEquals("6A86", seat.sw(OFFER, 1, 0));
        assertEquals("6985", seat.sw(OFFER, 0, 0, BYTE));
        for (Terms elsewhere : List.of(as(Terms.DRILL, 2), as(Terms.RELEASE, 2))) {
            seat.approve(elsewhere);
            assertEquals("6985", seat.sw(OFFER, 0, 0, BYTE));
        }
        Set<String> points = new HashSet<>();
        for (Terms here : List.of(as(Terms.DEAL, 2), as(Terms.DEAL, 0x0C), as(Terms.DEAL, 0x0D),
                as(Terms.DRILL, 0x0C), as(Terms.RELEASE, 0x0C))) {
            seat.approve(here);
            assertEquals("6700", seat.sw(OFFER, 0, 0, BYTE));
            assertEquals("00", seat.state(0x89));
            String q = Seat.hex(Arrays.copyOf(seat.offer(here), 65));
            assertEquals("01", seat.state(0x89));
            assertEquals(q, seat.state(0x8A));
            seat.card.fresh();
            assertEquals(q, Seat.hex(Arrays.copyOf(seat.offer(here), 65)), "it stays");
            points.add(q);
        }
        assertEquals(5, points.size());
    }

    @Test
    void revealContribution() throws CardLostException {
        byte[] data = new byte[138];
        assertEquals("6A86", seat.sw(REVEAL, 0, 1, data));
        assertEquals("6A86", seat.sw(REVEAL, 1, 0, data));
        assertEquals("6985", seat.sw(REVEAL, 0, 0, data));
        seat.approve(terms);
        commit();
        assertEquals("6985", seat.sw(REVEAL, 0, 0, data), "no dealer");
        terms.sequence++;
        seat.approve(terms);
        seat.party(0x0D, ca.certify(dealer.body()));
        assertEquals("6985", seat.sw(REVEAL, 0, 0, data), "no contribution");
        byte[] commitment = commit();
        assertEquals("6700", seat.sw(REVEAL, 0, 0, data));
        assertEquals("6700", seat.sw(REVEAL, 0, 0, new byte[72]));
        java.security.KeyPair pair = Party.pair();
        byte[] q = Party.point(pair);
        byte[] noPoint = q.clone();
        noPoint[64] ^= 1;
        byte[] signature = dealer.signed(7, terms.hash(), q);
        assertEquals("6601", seat.sw(REVEAL, 0, 0, noPoint, signature));
        assertEquals("6601", seat.sw(REVEAL, 0, 0, q, dealer.signed(6, terms.hash(), q)));
        assertEquals("6601", seat.sw(REVEAL, 0, 0, q, dealer.signed(7, new byte[32], q)));
        assertEquals("6601", seat.sw(REVEAL, 0, 0, q, other.signed(7, terms.hash(), q)));
        byte[] asCombiner = Party.message(7, terms.hash(), combiner.hash(), q);
        assertEquals("6601", seat.sw(REVEAL, 0, 0, q, dealer.sign(asCombiner)));
        assertEquals("6A80", seat.sw(REVEAL, 0, 0, noPoint, dealer.signed(7, terms.hash(), noPoint)));
        byte[] box = seat.ok(REVEAL, 0, 0, q, signature);
        assertEquals(113, box.length);
        byte[] r = Party.open(0x0C, terms.hash(), 2, seat.hash(), dealer.hash(), pair, box);
        assertArrayEquals(commitment, commitment(r));
        byte[] again = seat.ok(REVEAL, 0, 0, q, signature);
        assertFalse(Arrays.equals(box, again));
        assertArrayEquals(r, Party.open(0x0C, terms.hash(), 2, seat.hash(), dealer.hash(), pair, again));
        assertEquals(0, seat.card.card.faults());
    }
}
