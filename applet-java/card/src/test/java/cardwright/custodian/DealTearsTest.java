package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.security.KeyPair;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** "A tear" in the commands of dealing, storing, drilling and releasing: power is lost at every write in turn. */
class DealTearsTest {
    private static final byte[] NONE = {};

    /** A command, sent to a card that is in the state for it. */
    private interface Act {
        Seat seat();

        /** The status word. */
        String send() throws CardLostException;

        /** What the command wants and power does not outlast. */
        default void prepare() throws CardLostException {}

        /** What else is before or after. */
        default String also() throws CardLostException {
            return "";
        }
    }

    private interface Make {
        Act act() throws CardLostException;
    }

    /** Where the card is in the ceremony, without what is random. */
    private static String view(Act act) throws CardLostException {
        Seat seat = act.seat().atRest();
        StringBuilder view = new StringBuilder(seat.card.state().contains("840102") ? "share" : "none");
        for (int tag : new int[] {0x88, 0x89, 0x8B, 0x8C, 0x8D, 0x90}) {
            view.append(' ').append(seat.state(tag));
        }
        return view.append(seat.state(0x8E) == null ? " -" : " stated").append(act.also()).toString();
    }

    /** Nothing is left of what does not count. */
    private static void assertClean(Seat seat) throws CardLostException {
        String deal = seat.state(0x8B);
        if (deal != null && !deal.matches("0[123].*")) {
            assertArrayEquals(new byte[Pending.SECRETS], seat.secrets());
        }
        if (deal != null && deal.matches("0[23].*")) {
            byte[] secrets = seat.secrets();
            boolean first = Engines.isZero(secrets, (short) 0, Pending.UNIT);
            assertTrue(first != Engines.isZero(secrets, Pending.UNIT, Pending.UNIT), "a(n) alone");
        }
        assertEquals(seat.state(0x89).equals("01"), seat.card.hasPrivateKey("offer"));
        if (!seat.state(0x88).equals("01")) {
            assertArrayEquals(new byte[32], seat.card.place("contribution", "r"));
        }
        if (seat.card.state().contains("840100")) {
            assertArrayEquals(new byte[512], seat.card.sharePlace());
        }
    }

    /** Before or after, each whole; before, the command may be given again. */
    private static void tears(String name, Make make) throws CardLostException {
        Act whole = make.act();
        String before = view(whole);
        whole.prepare();
        assertEquals("9000", whole.send());
        String after = view(whole);
        int[] outcomes = new int[2];
        boolean torn = true;
        for (Act act = make.act(); torn; ) {
            act.prepare();
            torn = tearsAt(outcomes[0] + outcomes[1], act);
            String view = view(act);
            assertClean(act.seat());
            if (torn && view.equals(before)) {
                outcomes[0]++;
            } else {
                assertEquals(after, view, name + ", write " + (outcomes[0] + outcomes[1]));
                outcomes[1]++;
                act = torn ? make.act() : act;
            }
        }
        outcomes[1]--;
        assertTrue(outcomes[0] + outcomes[1] > 0, name);
        System.out.println(name + ": " + outcomes[0] + " tears left the state before, " + outcomes[1] + " that after");
    }

    private static boolean tearsAt(long write, Act act) throws CardLostException {
        act.seat().card.card.tearAfter(write);
        try {
            assertEquals("9000", act.send());
            act.seat().card.card.tearAfter(Long.MAX_VALUE);
            return false;
        } catch (CardLostException e) {
            act.seat().card.card.powerOn();
            return true;
        }
    }

    /** A dealer's command without anything to prepare. */
    private record Dealing(DealerScene scene, boolean pin, int ins, int p1, int p2, byte[] data) implements Act {
        @Override
        public Seat seat() {
            return scene.dealer;
        }

        @Override
        public void prepare() throws CardLostException {
            if (pin) {
                seat().pin();
            }
        }

        @Override
        public String send() throws CardLostException {
            return seat().sw(ins, p1, p2, data);
        }
    }

    private static DealerScene dealer() throws CardLostException {
        return new DealerScene(2, 2, 1, 16);
    }

    @Test
    void dealing() throws CardLostException {
        tears("BEGIN DEAL", () -> new Dealing(dealer(), true, 0x4A, 0, 0, NONE));
        for (int what = 1; what <= 3; what++) {
            int p2 = what;
            tears("ADMIT " + what, () -> {
                DealerScene scene = dealer().begun();
                return new Dealing(scene, false, 0x4E, 1, p2, scene.admission(1, p2));
            });
        }
        tears("TAKE CONTRIBUTION", () -> {
            DealerScene scene = dealer().admitted();
            return new Dealing(scene, false, 0x52, 1, 0, scene.contribution(1, scene.contributions.get(0)));
        });
        tears("TAKE CONTRIBUTION, the last", () -> {
            DealerScene scene = dealer().contributed(1);
            return new Dealing(scene, false, 0x52, 2, 0, scene.contribution(2, scene.contributions.get(1)));
        });
        tears("DEAL BOX", () -> new Dealing(dealer().split(), false, 0x54, 1, 0, NONE));
        tears("STATE DEAL", () -> new Dealing(dealer().dealt(), false, 0x56, 0, 0, NONE));
    }

    /** The dealer forgets after everything, or not at all. */
    @Test
    void forgetting() throws CardLostException {
        tears("CONFIRM a receipt", () -> {
            DealerScene scene = dealer().stated();
            return new Dealing(scene, false, 0x5C, 1, 1, scene.receipt(1));
        });
        tears("CONFIRM the drill", () -> {
            DealerScene scene = dealer().stated();
            return new Dealing(scene, false, 0x5C, 2, 0, scene.verdict(Deal.bitmap(scene.terms)));
        });
        tears("FORGET", () -> new Dealing(dealer().confirmed(), false, 0x5E, 0, 0, NONE));
        tears("FORGET, abandoned", () -> new Dealing(dealer().begun(), true, 0x5E, 1, 0, NONE));
        tears("FORGET, abandoned when split", () -> new Dealing(dealer().split(), true, 0x5E, 1, 0, NONE));
    }

    /** A box that is made again under a tear: the hash that the dealer states is that of a box that came out. */
    @Test
    void boxMadeAgain() throws CardLostException {
        DealerScene scene = dealer().dealt();
        int lost = 0;
        for (boolean torn = true; torn; ) {
            scene.dealer.card.card.tearAfter(lost);
            try {
                scene.deal(1);
                torn = false;
            } catch (CardLostException e) {
                lost++;
                scene.dealer.card.fresh();
            }
        }
        scene.dealer.card.card.tearAfter(Long.MAX_VALUE);
        assertTrue(lost > 2);
        scene.checkStatement(scene.dealer.ok(0x56, 0, 0));
    }

    private record Storing(CustodianScene scene, int ins, byte[] data) implements Act {
        @Override
        public Seat seat() {
            return scene.custodian;
        }

        @Override
        public String send() throws CardLostException {
            return seat().swBlocks(ins, data);
        }

        /** Which statement it is. */
        @Override
        public String also() throws CardLostException {
            String hash = seat().state(0x8E);
            return hash != null && hash.equals(Seat.hex(scene.deal.statementHash())) ? " this" : " another";
        }
    }

    @Test
    void storing() throws CardLostException {
        tears("TAKE STATEMENT", () -> {
            CustodianScene scene = new CustodianScene(2, 2, 1, 16);
            return new Storing(scene, 0x58, scene.deal.statement());
        });
        tears("TAKE STATEMENT in another's place", () -> {
            CustodianScene scene = new CustodianScene(2, 2, 1, 16);
            scene.custodian.okBlocks(0x58, new Deal(scene.terms, scene.dealer).statement());
            return new Storing(scene, 0x58, scene.deal.statement());
        });
        tears("STORE BOX", () -> {
            CustodianScene scene = new CustodianScene(2, 2, 1, 16).stated();
            return new Storing(scene, 0x5A, Host.concat(scene.deal.list(), scene.box));
        });
    }

    /** The combiner's, with shares taken anew after each loss of power. */
    private record Combining(CombinerScene scene, int[] of, byte[] hsm, int mask) implements Act {
        @Override
        public Seat seat() {
            return scene.combiner;
        }

        @Override
        public void prepare() throws CardLostException {
            if (hsm != null) {
                seat().pin();
            }
            scene.taken(of);
        }

        @Override
        public String send() throws CardLostException {
            return hsm == null ? scene.drill(mask) : seat().swBlocks(0xAA, hsm);
        }
    }

    @Test
    void drilling() throws CardLostException {
        tears("DRILL", () -> {
            CombinerScene scene = new CombinerScene(2, 3, 1, 16).inDeal().stated();
            return new Combining(scene, new int[] {1, 2}, null, 3);
        });
        // After the last one no share can be taken.
        tears("DRILL, the last", () -> {
            CombinerScene scene = new CombinerScene(2, 3, 1, 16).inDeal().stated().taken(1, 2, 3);
            assertEquals("9000", scene.drill(3));
            assertEquals("9000", scene.drill(5));
            scene.combiner.card.fresh();
            return new Combining(scene, new int[] {2, 3}, null, 6);
        });
        tears("TAKE STATEMENT of a combiner that drilled", () -> {
            CombinerScene scene = new CombinerScene(2, 3, 1, 16).inDeal().stated().taken(1, 2);
            assertEquals("9000", scene.drill(3));
            byte[] another = new Deal(scene.terms, scene.dealer).statement();
            return new Act() {
                @Override
                public Seat seat() {
                    return scene.combiner;
                }

                @Override
                public String send() throws CardLostException {
                    return scene.combiner.swBlocks(0x58, another);
                }
            };
        });
    }

    @Test
    void releasing() throws CardLostException {
        Party hsm = new Party(Party.HSM);
        tears("EXPORT to P-256", () -> {
            CombinerScene scene = new CombinerScene(2, 2, 1, 16).inRelease(hsm.hash()).stated();
            scene.combiner.party(0x0E, scene.ca.certify(hsm.body()));
            return new Combining(scene, new int[] {1, 2}, hsm.point(), 0);
        });
        KeyPair pair = OaepTest.rsa(2048);
        byte[] modulus = OaepTest.modulus(pair);
        byte[] body = Party.body(new byte[8], Party.HSM, 2, Party.sha256(modulus));
        tears("EXPORT to RSA", () -> {
            CombinerScene scene = new CombinerScene(2, 2, 1, 16).inRelease(Party.sha256(body)).stated();
            scene.combiner.party(0x0E, scene.ca.certify(body));
            return new Combining(scene, new int[] {1, 2}, modulus, 0);
        });
    }

    /** A share leaves, and no write that power may be lost at makes it leave for good. */
    @Test
    void releaseOfAShare() throws CardLostException {
        CustodianScene scene = new CustodianScene(2, 2, 1, 16).stored();
        byte[] share = scene.custodian.card.sharePlace();
        int lost = 0;
        for (boolean torn = true; torn; ) {
            scene.custodian.pin();
            scene.custodian.card.card.tearAfter(lost);
            try {
                scene.custodian.ok(0xA0, 0, 0, scene.offer(scene.terms));
                torn = false;
            } catch (CardLostException e) {
                lost++;
                scene.custodian.card.fresh();
            }
            assertArrayEquals(share, scene.custodian.card.sharePlace());
        }
        assertFalse(Arrays.equals(new byte[512], share));
        System.out.println("RELEASE SHARE: " + lost + " tears, the share is there");
    }
}
