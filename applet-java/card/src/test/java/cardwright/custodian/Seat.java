package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.util.Arrays;
import java.util.HexFormat;

/** A card that has been enrolled, and what a host does with it in a ceremony. */
final class Seat {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();
    private static final int BLOCK = 200;

    final Custodian card;
    final byte[] body;
    final byte[] point;
    /** What went over the line since the last time that somebody looked. */
    int commands;
    int bytes;

    private Seat(Custodian card, byte[] body, byte[] point) {
        this.card = card;
        this.body = body;
        this.point = point;
    }

    /** A new card with these roles, enrolled with a CA that is none. */
    static Seat enrol(Party ca, int roles) throws CardLostException {
        Custodian card = new Custodian().fresh();
        assertEquals("9000", card.setPin());
        Seat bare = new Seat(card, null, null);
        bare.pin();
        bare.ok(0x38, 0, 0);
        byte[] possession = bare.ok(0x3A, 0, 0);
        byte[] point = Arrays.copyOf(possession, 65);
        byte[] identity = HEX.parseHex(card.state().replaceAll("^E1..8002....8101..8208(.{16}).*", "$1"));
        byte[] signed = Host.concat(Party.tag(2), identity, point);
        assertTrue(Party.verify(point, signed, Arrays.copyOfRange(possession, 65, possession.length)));
        bare.pin();
        bare.ok(0x3C, 0, 0, ca.point());
        byte[] body = Party.body(identity, roles, 1, point);
        bare.pin();
        bare.ok(0x40, 0, 0, ca.certify(body));
        return new Seat(card, body, point);
    }

    byte[] hash() {
        return Party.sha256(body);
    }

    void pin() throws CardLostException {
        assertEquals("9000", card.verify(Custodian.PIN));
    }

    /** Power off and on, with a new session. */
    Seat atRest() throws CardLostException {
        card.fresh();
        return this;
    }

    /** A command and its whole answer. */
    byte[] send(int ins, int p1, int p2, byte[]... data) throws CardLostException {
        byte[] command = Host.concat(data);
        byte[] answer = card.host.send(0x80, ins, p1, p2, command);
        commands++;
        bytes += 5 + command.length + answer.length;
        return answer;
    }

    static String status(byte[] answer) {
        return HEX.formatHex(answer, answer.length - 2, answer.length);
    }

    /** The answer's data, where all is well. */
    byte[] ok(int ins, int p1, int p2, byte[]... data) throws CardLostException {
        byte[] answer = send(ins, p1, p2, data);
        assertEquals("9000", status(answer), String.format("INS %02X, P1 P2 %02X%02X", ins, p1, p2));
        return Arrays.copyOf(answer, answer.length - 2);
    }

    /** The status word of a command that has no data in its answer. */
    String sw(int ins, int p1, int p2, byte[]... data) throws CardLostException {
        return status(send(ins, p1, p2, data));
    }

    /** A command in blocks: the first answer that is not 9000, or the last. */
    byte[] sendBlocks(int ins, byte[]... data) throws CardLostException {
        byte[] all = Host.concat(data);
        byte[] answer = {};
        for (int at = 0, block = 0; at < all.length; at += BLOCK, block++) {
            int end = Math.min(all.length, at + BLOCK);
            answer = send(ins, end == all.length ? 0x80 : 0, block, Arrays.copyOfRange(all, at, end));
            if (!status(answer).equals("9000")) {
                return answer;
            }
        }
        return answer;
    }

    byte[] okBlocks(int ins, byte[]... data) throws CardLostException {
        byte[] answer = sendBlocks(ins, data);
        assertEquals("9000", status(answer), String.format("INS %02X", ins));
        return Arrays.copyOf(answer, answer.length - 2);
    }

    String swBlocks(int ins, byte[]... data) throws CardLostException {
        return status(sendBlocks(ins, data));
    }

    /** APPROVE MANIFEST, with a PIN: counter and signature. */
    byte[] approve(Terms terms) throws CardLostException {
        pin();
        byte[] answer = okBlocks(0x42, terms.bytes());
        verify(4, terms, Arrays.copyOf(answer, 4), Arrays.copyOfRange(answer, 4, answer.length));
        return answer;
    }

    /** MAKE OFFER: Q and signature. */
    byte[] offer(Terms terms) throws CardLostException {
        byte[] answer = ok(0x46, 0, 0);
        verify(7, terms, Arrays.copyOf(answer, 65), Arrays.copyOfRange(answer, 65, answer.length));
        return answer;
    }

    void party(int place, byte[] certificate) throws CardLostException {
        ok(0x4C, place, 0, certificate);
    }

    /** This card's signature of a message is good. */
    void verify(int kind, Terms terms, byte[] fields, byte[] signature) {
        assertTrue(Party.verify(point, Party.message(kind, terms.hash(), hash(), fields), signature), "kind " + kind);
    }

    /** GET STATE with P1 = 01: the value of one object, or null. */
    String state(int tag) throws CardLostException {
        byte[] answer = HEX.parseHex(card.plain("8036010000"));
        assertEquals("9000", status(answer));
        int at = (answer[1] & 0xFF) > 0x7F ? 3 : 2;
        while (at < answer.length - 2) {
            int end = at + 2 + (answer[at + 1] & 0xFF);
            if ((answer[at] & 0xFF) == tag) {
                return HEX.formatHex(answer, at + 2, end);
            }
            at = end;
        }
        return null;
    }

    /** What is in a dealer's place for secrets, read behind the card's back. */
    byte[] secrets() {
        return Arrays.copyOf(card.place("statement", "fields"), Pending.SECRETS);
    }

    static String hex(byte[] bytes) {
        return HEX.formatHex(bytes);
    }
}
