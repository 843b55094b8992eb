package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** How many bytes a command writes in one transaction: what a commit buffer holds, and a platform may keep in its log. */
class TransactionsTest {
    private final Map<String, Integer> largest = new TreeMap<>();

    private void note(String command, Card card) {
        largest.merge(command, card.takeLargestTransaction(), Math::max);
    }

    private void dealing() throws CardLostException {
        DealerScene scene = new DealerScene(2, 2, 1, 16);
        Card card = scene.dealer.card.card;
        card.takeLargestTransaction();
        scene.begun();
        note("BEGIN DEAL", card);
        for (int x = 1; x <= 2; x++) {
            for (int what = 1; what <= 3; what++) {
                scene.dealer.ok(0x4E, x, what, scene.admission(x, what));
                note("ADMIT " + what, card);
            }
        }
        for (int x = 1; x <= 2; x++) {
            scene.dealer.ok(0x52, x, 0, scene.contribution(x, scene.contributions.get(x - 1)));
            note("TAKE CONTRIBUTION", card);
        }
        for (int x = 1; x <= 2; x++) {
            scene.deal(x);
            note("DEAL BOX", card);
        }
        scene.checkStatement(scene.dealer.ok(0x56, 0, 0));
        note("STATE DEAL", card);
        scene.dealer.pin();
        scene.dealer.ok(0x5E, 1, 0);
        note("FORGET", card);
    }

    private void holding() throws CardLostException {
        CustodianScene scene = new CustodianScene(2, 2, 1, 16);
        Seat seat = scene.custodian;
        Card card = seat.card.card;
        card.takeLargestTransaction();
        scene.stated();
        note("TAKE STATEMENT", card);
        seat.okBlocks(0x5A, scene.deal.list(), scene.box);
        note("STORE BOX", card);
        seat.approve(scene.terms.next(Terms.DESTROY, new byte[32], new byte[32]));
        note("APPROVE MANIFEST", card);
        seat.pin();
        seat.ok(0x34, 2, 0);
        note("WIPE under a manifest", card);
        assertEquals("9000", seat.card.secure(0x24, 0, 0, "04" + Custodian.PIN + "393939393939393939393939"));
        note("CHANGE PIN", card);
        seat.ok(0x34, 1, 0);
        note("WIPE of everything", card);
    }

    private void combining() throws CardLostException {
        CombinerScene scene = new CombinerScene(2, 2, 1, 16).inDeal().stated().taken(1, 2);
        Card card = scene.combiner.card.card;
        card.takeLargestTransaction();
        assertEquals("9000", scene.drill(3));
        note("DRILL", card);
        Party hsm = new Party(Party.HSM);
        scene.in(scene.terms.next(Terms.RELEASE, scene.combiner.hash(), hsm.hash())).stated().taken(1, 2);
        scene.combiner.party(0x0E, scene.ca.certify(hsm.body()));
        scene.combiner.pin();
        card.takeLargestTransaction();
        scene.combiner.okBlocks(0xAA, hsm.point());
        note("EXPORT", card);
    }

    private void signing() throws CardLostException {
        Blank ca = Blank.ca();
        ca.card.card.takeLargestTransaction();
        for (int key = 0; key <= 255; key++) {
            byte[] body = Party.body(new byte[8], Party.HSM, 2, Party.sha256(new byte[] {(byte) key}));
            ca.withPin("9000", 0x3E, 0, 0, body);
        }
        note("SIGN CERTIFICATE", ca.card.card);
    }

    /** The figures of the README; and nothing secret but the PIN has room in a transaction where it is made or used. */
    @Test
    void sizes() throws CardLostException {
        dealing();
        holding();
        combining();
        signing();
        System.out.println("bytes in the largest transaction: " + largest);
        for (String command : new String[] {"BEGIN DEAL", "TAKE CONTRIBUTION", "FORGET", "STORE BOX", "EXPORT"}) {
            assertTrue(largest.get(command) < 16, command + ": " + largest);
        }
        assertEquals(Map.ofEntries(Map.entry("ADMIT 1", 0), Map.entry("ADMIT 2", 34), Map.entry("ADMIT 3", 67),
                Map.entry("APPROVE MANIFEST", 10), Map.entry("BEGIN DEAL", 13), Map.entry("CHANGE PIN", 15),
                Map.entry("DEAL BOX", 34), Map.entry("DRILL", 2), Map.entry("EXPORT", 3), Map.entry("FORGET", 2),
                Map.entry("SIGN CERTIFICATE", 4), Map.entry("STATE DEAL", 2), Map.entry("STORE BOX", 6),
                Map.entry("TAKE CONTRIBUTION", 3), Map.entry("TAKE STATEMENT", 33),
                Map.entry("WIPE of everything", 33), Map.entry("WIPE under a manifest", 2)), largest);
    }
}
