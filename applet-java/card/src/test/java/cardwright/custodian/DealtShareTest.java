package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javacard.framework.ISOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The share object of version 02, from a manifest, a statement and a box's content. */
class DealtShareTest {
    private final byte[] fields = Party.random(3 + 320 + 32);
    private final byte[] hash = Party.random(32);
    private final byte[] content = Party.random(48);

    private static Terms terms(int n, int keyLength) {
        List<byte[]> custodians = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            custodians.add(Party.random(32));
        }
        Terms terms = new Terms(2, custodians, Party.random(32), Party.random(32));
        terms.keyLength = keyLength;
        terms.ceremony = Party.random(16);
        terms.set = Party.random(16);
        return terms;
    }

    private static Manifest inHand(Terms terms, int x) {
        Manifest manifest = new Manifest();
        byte[] bytes = terms.bytes();
        manifest.prepare(bytes, (short) bytes.length, terms.hash(), (short) 0, (byte) x);
        manifest.turn();
        return manifest;
    }

    private Share share(Manifest manifest) {
        return OnCard.get(() -> {
            Share share = new Share();
            share.prepare(manifest, fields, (short) 0, hash, (short) 0, content, (short) 0);
            assertFalse(share.isThere());
            share.adopt();
            return share;
        });
    }

    private static void put(ByteArrayOutputStream out, int tag, byte... value) {
        out.write(tag);
        if (value.length > 0x7F) {
            out.write(value.length > 0xFF ? 0x82 : 0x81);
        }
        if (value.length > 0xFF) {
            out.write(value.length >> 8);
        }
        out.write(value.length);
        out.writeBytes(value);
    }

    /** The objects that GET STATE tells: up to 8B, and 8F. */
    private byte[][] known(Terms terms, int x) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        put(out, 0x80, (byte) 2);
        put(out, 0x81, (byte) terms.scheme);
        put(out, 0x82, terms.set);
        put(out, 0x83, terms.ceremony);
        put(out, 0x84, Party.number(terms.generation));
        put(out, 0x85, (byte) x);
        put(out, 0x86, (byte) terms.m);
        put(out, 0x87, (byte) terms.n);
        put(out, 0x88, (byte) terms.keyType);
        put(out, 0x89, (byte) terms.keyLength);
        put(out, 0x8A, (byte) terms.usage);
        put(out, 0x8B, Arrays.copyOf(fields, 3));
        ByteArrayOutputStream last = new ByteArrayOutputStream();
        put(last, 0x8F, hash);
        return new byte[][] {out.toByteArray(), last.toByteArray()};
    }

    @ParameterizedTest
    @CsvSource({"2, 16, 2", "3, 24, 1", "4, 32, 3", "7, 16, 7", "8, 16, 1", "10, 32, 10"})
    void object(int n, int keyLength, int x) {
        Terms terms = terms(n, keyLength);
        Share share = share(inHand(terms, x));
        byte[][] known = known(terms, x);
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        value.writeBytes(known[0]);
        put(value, 0x8C, Arrays.copyOf(content, keyLength));
        put(value, 0x8D, Arrays.copyOfRange(content, 32, 48));
        put(value, 0x8E, Arrays.copyOfRange(fields, 3, 3 + 32 * n));
        value.writeBytes(known[1]);
        byte[] expected = Shares.template(value.toByteArray());
        assertEquals(expected.length, share.length());
        byte[] object = new byte[expected.length];
        share.copy((short) 0, object, (short) 0, share.length());
        assertArrayEquals(expected, object);
        assertTrue(expected.length <= 485 && (n < 10 || expected.length == 485), expected.length + " bytes");
        byte[] told = new byte[200];
        int end = share.describe(told, (short) 1);
        assertArrayEquals(Shares.template(Host.concat(known)), Arrays.copyOfRange(told, 1, end));
        assertEquals(2, share.mode());
        // STORE SHARE does not take it.
        assertFalse(ShareObject.isWellFormed(object, (short) object.length));
        object[object[1] == (byte) 0x82 ? 6 : 5] = 1;
        assertFalse(ShareObject.isWellFormed(object, (short) object.length));
    }

    @Test
    void whatItTells() {
        Terms terms = terms(5, 16);
        Manifest manifest = inHand(terms, 4);
        Share share = share(manifest);
        assertTrue(share.isDealt() && share.fits(manifest) && share.isSetOf(manifest));
        assertEquals(4, share.x());
        byte[] box = new byte[49];
        assertEquals(49, share.copyContent(box, (short) 1));
        byte[] padded = content.clone();
        Arrays.fill(padded, 16, 32, (byte) 0);
        assertArrayEquals(padded, Arrays.copyOfRange(box, 1, 49));
        byte[] copy = new byte[32];
        share.copyStatementHash(copy, (short) 0);
        assertArrayEquals(hash, copy);
        byte[] set = new byte[20];
        share.copySet(set, (short) 0);
        assertArrayEquals(Host.concat(terms.set, Party.number(1)), set);
    }

    /** Every field that has to be the manifest's. */
    @Test
    void anotherManifest() {
        Terms terms = terms(5, 24);
        Share share = share(inHand(terms, 4));
        List<Runnable> changes = List.of(() -> terms.scheme ^= 1, () -> terms.m ^= 1, () -> terms.n ^= 1,
                () -> terms.keyType ^= 8, () -> terms.keyLength ^= 8, () -> terms.usage ^= 1);
        for (Runnable change : changes) {
            change.run();
            assertFalse(share.fits(inHand(terms, 4)));
            change.run();
            assertTrue(share.fits(inHand(terms, 4)));
        }
        assertFalse(share.fits(inHand(terms, 3)));
        terms.generation = 0x01000001;
        Manifest otherGeneration = inHand(terms, 4);
        assertEquals(0x660C, refusal(share, otherGeneration));
        terms.set[15] ^= 1;
        assertEquals(0x6A88, refusal(share, inHand(terms, 4)));
    }

    private static int refusal(Share share, Manifest manifest) {
        return assertThrows(ISOException.class, () -> share.requireSetOf(manifest)).getReason();
    }
}
