package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.security.KeyPair;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A key is dealt, drilled and released, card to card: every part of it is a card. */
class CeremonyTest {
    private final Party ca = new Party(Party.CA);
    private final List<Seat> custodians = new ArrayList<>();
    private Seat dealer;
    private Seat combiner;
    private Terms terms;
    private byte[] statement;
    private byte[] kcv;

    private void enrol(int m, int n, int scheme, int keyType, int keyLength) throws CardLostException {
        dealer = Seat.enrol(ca, Party.DEALER);
        combiner = Seat.enrol(ca, Party.COMBINER);
        List<byte[]> hashes = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            custodians.add(Seat.enrol(ca, Party.CUSTODIAN));
            hashes.add(custodians.get(i).hash());
        }
        terms = new Terms(m, hashes, combiner.hash(), dealer.hash());
        terms.scheme = scheme;
        terms.keyType = keyType;
        terms.keyLength = keyLength;
    }

    private Seat custodian(int x) {
        return custodians.get(x - 1);
    }

    private void putCustodians(Seat seat) throws CardLostException {
        for (int x = 1; x <= terms.n; x++) {
            seat.party(x, ca.certify(custodian(x).body));
        }
    }

    /** From the approvals to the statement; what custodians are sent of it. */
    private void deal() throws CardLostException {
        byte[][][] admitted = new byte[terms.n][][];
        for (int x = 1; x <= terms.n; x++) {
            Seat seat = custodian(x);
            admitted[x - 1] = new byte[][] {
                seat.approve(terms), seat.ok(0x44, 0, 0, Terms.filled(x, 6)), seat.offer(terms)
            };
        }
        dealer.approve(terms);
        byte[] offer = dealer.offer(terms);
        putCustodians(dealer);
        dealer.pin();
        dealer.ok(0x4A, 0, 0);
        for (int x = 1; x <= terms.n; x++) {
            for (int p2 = 1; p2 <= 3; p2++) {
                dealer.ok(0x4E, x, p2, admitted[x - 1][p2 - 1]);
            }
        }
        for (int x = 1; x <= terms.n; x++) {
            custodian(x).party(0x0D, ca.certify(dealer.body));
            dealer.ok(0x52, x, 0, custodian(x).ok(0x48, 0, 0, offer));
        }
        byte[][] boxes = new byte[terms.n][];
        byte[][] commitments = new byte[terms.n][];
        byte[][] hashes = new byte[terms.n][];
        for (int x = 1; x <= terms.n; x++) {
            byte[] answer = dealer.ok(0x54, x, 0);
            assertEquals(161, answer.length);
            boxes[x - 1] = Arrays.copyOf(answer, 129);
            commitments[x - 1] = Arrays.copyOfRange(answer, 129, 161);
            hashes[x - 1] = Party.sha256(Party.tag(0x16), boxes[x - 1]);
        }
        byte[] stated = dealer.ok(0x56, 0, 0);
        kcv = Arrays.copyOf(stated, 3);
        byte[] fields = Host.concat(kcv, Host.concat(commitments), Deal.listHash(Host.concat(hashes)));
        byte[] signature = Arrays.copyOfRange(stated, 3, stated.length);
        dealer.verify(0x10, terms, fields, signature);
        byte[] message = Party.message(0x10, terms.hash(), dealer.hash(), fields);
        statement = Host.concat(message, signature);
        assertEquals(Seat.hex(Party.sha256(message)), dealer.state(0x8E));
        store(boxes, Host.concat(hashes), Party.sha256(message));
    }

    private void store(byte[][] boxes, byte[] list, byte[] statementHash) throws CardLostException {
        for (int x = 1; x <= terms.n; x++) {
            Seat seat = custodian(x);
            seat.okBlocks(0x58, statement);
            byte[] receipt = seat.okBlocks(0x5A, list, boxes[x - 1]);
            assertArrayEquals(Host.concat(new byte[] {(byte) x, 1}, statementHash), Arrays.copyOf(receipt, 34));
            seat.verify(0x11, terms, Host.concat(terms.set, Party.number(terms.generation), Arrays.copyOf(receipt, 34)),
                    Arrays.copyOfRange(receipt, 34, receipt.length));
            dealer.ok(0x5C, 1, x, Arrays.copyOfRange(receipt, 34, receipt.length));
            assertEquals("02", seat.state(0x89));
            assertEquals("02", seat.state(0x88));
        }
    }

    /** What the combiner has approved, with the shares of these custodians taken. */
    private void gather(Terms now, List<Integer> of, Party hsm) throws CardLostException {
        if (now != terms) {
            for (int x : of) {
                custodian(x).approve(now);
            }
        }
        combiner.approve(now);
        byte[] offer = combiner.offer(now);
        combiner.party(0x0D, ca.certify(dealer.body));
        combiner.okBlocks(0x58, statement);
        for (int x : of) {
            Seat seat = custodian(x);
            seat.party(0x0C, ca.certify(combiner.body));
            if (hsm != null) {
                seat.party(0x0E, ca.certify(hsm.body()));
            }
            seat.pin();
            byte[] release = seat.ok(0xA0, 0, 0, offer);
            combiner.party(x, ca.certify(seat.body));
            combiner.ok(0xA2, x, 0, release);
        }
    }

    private List<Integer> all() {
        List<Integer> all = new ArrayList<>();
        for (int x = 1; x <= terms.n; x++) {
            all.add(x);
        }
        return all;
    }

    /** Every subset gives the key; the dealer forgets. */
    private void drill() throws CardLostException {
        gather(terms, all(), null);
        List<Integer> subsets = SubsetsTest.all(terms.m, terms.n);
        for (int i = 0; i < subsets.size(); i++) {
            assertEquals("01", combiner.state(0x89));
            combiner.ok(0xA6, subsets.get(i) >> 8, subsets.get(i) & 0xFF);
            assertEquals(String.format("%02X", i + 1), combiner.state(0x8D));
        }
        assertEquals("02", combiner.state(0x89));
        byte[] verdict = combiner.ok(0xA8, 0, 0);
        byte[] hash = Party.sha256(Arrays.copyOf(statement, 103 + 32 * terms.n));
        byte[] bitmap = Arrays.copyOf(verdict, 32);
        assertArrayEquals(Deal.bitmap(terms), bitmap);
        byte[] signature = Arrays.copyOfRange(verdict, 32, verdict.length);
        combiner.verify(0x13, terms, Host.concat(hash, bitmap), signature);
        dealer.party(0x0C, ca.certify(combiner.body));
        assertEquals("6985", dealer.sw(0x5E, 0, 0));
        dealer.ok(0x5C, 2, 0, verdict);
        byte[] forgotten = dealer.ok(0x5E, 0, 0);
        dealer.verify(0x14, terms, Host.concat(hash, new byte[1]), forgotten);
        assertTrue(dealer.state(0x8B).startsWith("04"));
    }

    /** The key, as it comes to an HSM with a P-256 key. */
    private byte[] release(List<Integer> of, int sequence) throws CardLostException {
        Party hsm = new Party(Party.HSM);
        Terms now = terms.next(Terms.RELEASE, combiner.hash(), hsm.hash());
        now.sequence = sequence;
        gather(now, of, hsm);
        combiner.party(0x0E, ca.certify(hsm.body()));
        combiner.pin();
        combiner.okBlocks(0xAA, hsm.point());
        byte[] box = combiner.ok(0xAC, 0, 0);
        assertEquals(113, box.length);
        verifyExport(now, hsm.hash(), box);
        byte[] content = Party.open(0x0E, now.hash(), 0, combiner.hash(), hsm.hash(), hsm.pair, box);
        assertArrayEquals(new byte[32 - terms.keyLength], Arrays.copyOfRange(content, terms.keyLength, 32));
        return Arrays.copyOf(content, terms.keyLength);
    }

    private void verifyExport(Terms now, byte[] hsm, byte[] result) throws CardLostException {
        byte[] hash = Party.sha256(Arrays.copyOf(statement, 103 + 32 * terms.n));
        combiner.verify(0x15, now, Host.concat(hash, kcv, hsm, Party.sha256(result)), combiner.ok(0xAC, 1, 0));
        assertNull(combiner.state(0x8A));
        assertEquals("02", combiner.state(0x89));
        assertEquals("0000", combiner.state(0x8F));
    }

    private void assertNoFaults() {
        for (Seat seat : everyone()) {
            assertEquals(0, seat.card.card.faults());
        }
    }

    private List<Seat> everyone() {
        List<Seat> everyone = new ArrayList<>(custodians);
        everyone.add(dealer);
        everyone.add(combiner);
        return everyone;
    }

    /** 3 of 5, all ten subsets drilled, released to a P-256 key and to RSA; what it costs is printed. */
    @Test
    void threeOfFive() throws CardLostException {
        enrol(3, 5, 1, 0x88, 16);
        for (Seat seat : everyone()) {
            seat.commands = 0;
            seat.bytes = 0;
        }
        deal();
        drill();
        for (int i = 0; i < 7; i++) {
            Seat seat = everyone().get(i);
            String who = i < 5 ? "custodian " + (i + 1) : i == 5 ? "dealer" : "combiner";
            System.out.println("3 of 5, blind, with drill: " + who + ": " + seat.commands + " commands under secure"
                    + " messaging, " + seat.bytes + " bytes");
        }
        byte[] key = release(List.of(1, 3, 5), 2);
        assertArrayEquals(kcv, CheckValueTest.reference(0x88, key));
        assertArrayEquals(key, release(List.of(2, 3, 4), 3));
        assertArrayEquals(key, releaseRsa(List.of(5, 4, 1, 2), 4, 2048));
        assertArrayEquals(key, releaseRsa(List.of(1, 2, 3, 4, 5), 5, 3072));
        assertNoFaults();
    }

    private byte[] releaseRsa(List<Integer> of, int sequence, int bits) throws CardLostException {
        KeyPair pair = OaepTest.rsa(bits);
        byte[] modulus = OaepTest.modulus(pair);
        byte[] body = Party.body(new byte[8], Party.HSM, bits / 1024, Party.sha256(modulus));
        Terms now = terms.next(Terms.RELEASE, combiner.hash(), Party.sha256(body));
        now.sequence = sequence;
        for (int x : of) {
            custodian(x).approve(now);
        }
        combiner.approve(now);
        byte[] offer = combiner.offer(now);
        combiner.party(0x0D, ca.certify(dealer.body));
        combiner.okBlocks(0x58, statement);
        for (int x : of) {
            Seat seat = custodian(x);
            seat.party(0x0C, ca.certify(combiner.body));
            seat.party(0x0E, ca.certify(body));
            seat.pin();
            byte[] release = seat.ok(0xA0, 0, 0, offer);
            combiner.party(x, ca.certify(seat.body));
            combiner.ok(0xA2, x, 0, release);
        }
        combiner.party(0x0E, ca.certify(body));
        combiner.pin();
        combiner.okBlocks(0xAA, modulus);
        assertEquals(String.format("%04X", modulus.length), combiner.state(0x90));
        byte[] result = {};
        for (int block = 0; result.length < modulus.length; block++) {
            result = Host.concat(result, combiner.ok(0xAC, 0, block));
        }
        assertEquals("6A86", combiner.sw(0xAC, 0, (modulus.length + 191) / 192));
        verifyExport(now, Party.sha256(body), result);
        return OaepTest.decrypt(pair, result);
    }

    /** Other sizes; the share of every card counts. */
    @ParameterizedTest
    @CsvSource({"3, 3, 2, 88, 32", "2, 2, 1, 80, 16", "2, 4, 1, 80, 24", "4, 4, 1, 88, 24", "5, 6, 1, 88, 32"})
    void others(int m, int n, int scheme, String keyType, int keyLength) throws CardLostException {
        enrol(m, n, scheme, Integer.parseInt(keyType, 16), keyLength);
        deal();
        drill();
        List<Integer> last = all().subList(n - m, n);
        byte[] key = release(last, 2);
        assertArrayEquals(kcv, CheckValueTest.reference(terms.keyType, key));
        assertFalse(Arrays.equals(key, new byte[keyLength]));
        assertNoFaults();
    }
}
