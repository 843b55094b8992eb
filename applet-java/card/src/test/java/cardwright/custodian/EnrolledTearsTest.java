package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** "A tear", of what cards have among each other: power is lost at every write of a command in turn. */
class EnrolledTearsTest {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final byte[] NONE = new byte[32];

    private static final Party CA = new Party(Party.CA);
    private static final Party DEALER = new Party(Party.DEALER);
    private static final Party OTHER = new Party(Party.CUSTODIAN);
    private static final Party COMBINER = new Party(Party.COMBINER);

    /** A command, as often as it is called; its status word. */
    private interface Act {
        String send() throws CardLostException;
    }

    /** A card in the state for a command, its PIN verified. */
    private record Scene(Custodian card, Act act) {
        static Scene of(Blank blank, int ins, byte[]... data) {
            return new Scene(blank.card, () -> Seat.status(blank.send(ins, 0, 0, data)));
        }

        static Scene of(Seat seat, int ins, int p1, byte[]... data) {
            return new Scene(seat.card, () -> seat.sw(ins, p1, 0, data));
        }

        static Scene approving(Seat seat, Terms terms) {
            return new Scene(seat.card, () -> seat.swBlocks(0x42, terms.bytes()));
        }
    }

    private static Terms deal(Seat seat) {
        return new Terms(2, List.of(seat.hash(), OTHER.hash()), COMBINER.hash(), DEALER.hash());
    }

    /** A custodian with all that a manifest brings, as far as it goes without a dealer's card. */
    private static Seat committed(Terms[] terms) throws CardLostException {
        Seat seat = Seat.enrol(CA, Party.CUSTODIAN);
        terms[0] = deal(seat);
        seat.approve(terms[0]);
        seat.ok(0x44, 0, 0);
        seat.offer(terms[0]);
        seat.party(0x0D, CA.certify(DEALER.body()));
        return seat;
    }

    private static Scene scene(String command) throws CardLostException {
        Terms[] terms = new Terms[1];
        switch (command) {
            case "GENERATE IDENTITY":
                return Scene.of(new Blank(), 0x38);
            case "PUT CA KEY":
                return Scene.of(Blank.withKey(), 0x3C, CA.point());
            case "SIGN CERTIFICATE": {
                Blank ca = Blank.ca();
                for (int key = 1; key <= 33; key++) {
                    ca.withPin("9000", 0x3E, 0, 0, rsa(2, key));
                }
                return Scene.of(ca, 0x3E, rsa(2, 34));
            }
            case "PUT CERTIFICATE": {
                Blank blank = Blank.withKey();
                blank.withPin("9000", 0x3C, 0, 0, CA.point());
                return Scene.of(blank, 0x40, CA.certify(blank.body(Party.CUSTODIAN)));
            }
            case "APPROVE MANIFEST": {
                Seat seat = Seat.enrol(CA, Party.CUSTODIAN);
                return Scene.approving(seat, deal(seat));
            }
            case "APPROVE the next MANIFEST": {
                Seat seat = committed(terms);
                return Scene.approving(seat, terms[0].next(Terms.DRILL, COMBINER.hash(), NONE));
            }
            case "PUT PARTY":
                return Scene.of(committed(terms), 0x4C, 2, CA.certify(OTHER.body()));
            case "PUT PARTY of a past dealer": {
                Seat seat = Seat.enrol(CA, Party.CUSTODIAN);
                seat.approve(deal(seat).next(Terms.DRILL, COMBINER.hash(), NONE));
                return Scene.of(seat, 0x4C, 0x0D, CA.certify(DEALER.body()));
            }
            case "COMMIT CONTRIBUTION":
            case "MAKE OFFER": {
                Seat seat = Seat.enrol(CA, Party.CUSTODIAN);
                seat.approve(deal(seat));
                return Scene.of(seat, command.startsWith("C") ? 0x44 : 0x46, 0);
            }
            case "WIPE of everything":
                return Scene.of(committed(terms), 0x34, 1);
            default:
                return wiping(command.equals("WIPE under a manifest") ? 2 : 0);
        }
    }

    /** A body that stands alone, and has this algorithm and key. */
    private static byte[] rsa(int algorithm, int key) {
        return Party.body(new byte[8], Party.HSM, algorithm, Arrays.copyOf(Party.number(key), 32));
    }

    /** Another share has been destroyed before. */
    private static Scene wiping(int p1) throws CardLostException {
        Seat seat = Seat.enrol(CA, Party.CUSTODIAN);
        byte[] before = Custodian.SHARE.clone();
        before[Custodian.SHARE.length - Shares.value(before).length + 8] ^= 1;
        for (byte[] share : new byte[][] {before, Custodian.SHARE}) {
            seat.pin();
            assertEquals("9000", seat.card.store(1, share, 200));
            seat.pin();
            if (share == before) {
                assertEquals("9000", seat.sw(0x34, 0, 0));
            }
        }
        Terms destroy = deal(seat).next(Terms.DESTROY, NONE, NONE);
        destroy.set = Terms.filled(16, 0x22);
        seat.approve(destroy);
        return Scene.of(seat, 0x34, p1);
    }

    /** What the card tells, but for hashes and points that are another card's on the next one. */
    private static String state(Custodian card) throws CardLostException {
        StringBuilder state = new StringBuilder(card.fresh().shortState());
        byte[] answer = HEX.parseHex(card.plain("8036010000"));
        byte[] objects = Arrays.copyOfRange(answer, answer[1] == (byte) 0x81 ? 3 : 2, answer.length - 2);
        String offer = "";
        String contribution = "";
        for (int at = 0; at < objects.length; at += 2 + objects[at + 1]) {
            int tag = objects[at] & 0xFF;
            String value = HEX.formatHex(objects, at + 2, at + 2 + objects[at + 1]);
            boolean own = tag == 0x84 || tag == 0x85 || tag == 0x8A;
            state.append(String.format(" %02X", tag)).append(own ? "" : value);
            offer = tag == 0x89 ? value : offer;
            contribution = tag == 0x88 ? value : contribution;
        }
        boolean identity = (objects[2] & 1) != 0;
        assertEquals(identity, card.hasPrivateKey("identity"), "identity key");
        assertEquals(offer.equals("01"), card.hasPrivateKey("offer"), "one-time key");
        boolean erased = Arrays.equals(NONE, card.place("contribution", "r"));
        assertEquals(contribution.equals("01"), !erased, "contribution");
        // A receipt tells what is noted as destroyed.
        String receipt = card.secure(0xAE, 0, 0, "");
        return state + (receipt.length() > 72 ? " " + receipt.substring(0, 68) : "");
    }

    /** Whether power was lost at this write, or the command came through; power is back. */
    private static boolean tearsAt(long write, Scene scene) throws CardLostException {
        scene.card.card.tearAfter(write);
        try {
            assertEquals("9000", scene.act.send());
            scene.card.card.tearAfter(Long.MAX_VALUE);
            return false;
        } catch (CardLostException e) {
            scene.card.card.powerOn();
            return true;
        }
    }

    private static Scene ready(String command) throws CardLostException {
        Scene scene = scene(command);
        scene.card.fresh();
        assertEquals("9000", scene.card.verify(Custodian.PIN));
        return scene;
    }

    @ParameterizedTest
    @ValueSource(strings = {"GENERATE IDENTITY", "PUT CA KEY", "SIGN CERTIFICATE", "PUT CERTIFICATE",
        "APPROVE MANIFEST", "APPROVE the next MANIFEST", "PUT PARTY", "PUT PARTY of a past dealer",
        "COMMIT CONTRIBUTION", "MAKE OFFER", "WIPE of everything", "WIPE under a manifest", "WIPE of a share"})
    void oldOrNew(String command) throws CardLostException {
        String before = state(scene(command).card);
        Scene whole = ready(command);
        assertEquals("9000", whole.act.send());
        String after = state(whole.card);
        int old = 0;
        int fresh = 0;
        for (boolean torn = true; torn; ) {
            Scene scene = ready(command);
            torn = tearsAt(old + fresh, scene);
            String state = state(scene.card);
            if (state.equals(after)) {
                fresh++;
                continue;
            }
            assertEquals(before, state, "at " + (old + fresh));
            assertEquals(0, fresh, "old again");
            old++;
            assertEquals("9000", scene.card.verify(Custodian.PIN));
            assertEquals("9000", scene.act.send(), "repeated");
            assertEquals(after, state(scene.card), "repeated");
        }
        System.out.println(command + ": " + old + " tears leave the state before, " + (fresh - 1) + " that after");
        assertTrue(old > 0 && fresh > 0, old + " old, " + fresh + " new");
    }

    /** A command whose answer was lost is asked for again: all is as it was, the signed bytes among it. */
    @ParameterizedTest
    @ValueSource(strings = {"SIGN CERTIFICATE", "APPROVE MANIFEST", "COMMIT CONTRIBUTION", "MAKE OFFER"})
    void answerLost(String command) throws CardLostException {
        Scene scene = ready(command);
        assertEquals("9000", scene.act.send());
        String state = scene.card.fresh().plain("8036010000");
        byte[] contribution = scene.card.place("contribution", "r");
        assertEquals("9000", scene.card.verify(Custodian.PIN));
        assertEquals("9000", scene.act.send());
        assertEquals(state, scene.card.fresh().plain("8036010000"));
        assertArrayEquals(contribution, scene.card.place("contribution", "r"));
    }

    /** A CA that has not signed yet has forgotten none of the 32 keys, nor the body that it signed last. */
    @Test
    void memoryOfACa() throws CardLostException {
        boolean torn = true;
        for (long at = 0; torn; at++) {
            Scene scene = ready("SIGN CERTIFICATE");
            torn = tearsAt(at, scene);
            boolean signed = state(scene.card).contains(" 8300000022");
            assertEquals(signed ? "660B" : "9000", sign(scene.card, rsa(2, 33)), "last body, at " + at);
            assertEquals(signed ? "9000" : "660B", sign(scene.card, rsa(4, 2)), "oldest key, at " + at);
        }
    }

    private static String sign(Custodian card, byte[] body) throws CardLostException {
        assertEquals("9000", card.verify(Custodian.PIN));
        return Seat.status(card.host.send(0x80, 0x3E, 0, 0, body));
    }
}
