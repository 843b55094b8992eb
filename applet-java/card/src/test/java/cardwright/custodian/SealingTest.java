package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Random;
import javacard.framework.ISOException;
import javacard.security.AESKey;
import javacard.security.ECPrivateKey;
import javacard.security.KeyBuilder;
import javacard.security.KeyPair;
import javacard.security.MessageDigest;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

class SealingTest {
    private static final int OK = 0x9000;

    private final Random random = new Random(13);

    /** A sender, and a recipient with its pair. */
    private final class Cards {
        final P256 curve = new P256();
        final Sealing sealing = new Sealing(curve, MessageDigest.getInstance(MessageDigest.ALG_SHA_256, false));
        final KeyPair own = P256.persistentPair();
        final byte[] q = new byte[65];
        final byte[] context = random(Sealing.CONTEXT);
        int status;

        Cards() {
            P256.generate(own, q, (short) 0);
        }

        /** Everything stands behind two other bytes. */
        byte[] seal(byte[] content) {
            byte[] box = new byte[content.length + Sealing.OVERHEAD + 4];
            assertEquals(box.length - 2, sealing.seal(behind(q), (short) 2, behind(context), (short) 2, behind(content),
                    (short) 2, (short) content.length, box, (short) 2));
            assertEquals(0, box[0] | box[1] | box[box.length - 2] | box[box.length - 1]);
            return Arrays.copyOfRange(box, 2, box.length - 2);
        }

        /** The content, or null and what was refused in {@link #status}. */
        byte[] open(KeyPair pair, byte[] context, byte[] box) {
            byte[] content = new byte[box.length - Sealing.OVERHEAD];
            try {
                sealing.open(pair, behind(context), (short) 2, behind(box), (short) 2, content, (short) 0,
                        (short) content.length);
                status = OK;
                return content;
            } catch (ISOException e) {
                status = e.getReason() & 0xFFFF;
                assertArrayEquals(new byte[content.length], content);
                return null;
            }
        }

        int refusal(KeyPair pair, byte[] context, byte[] box) {
            open(pair, context, box);
            return status;
        }

        /** Nothing secret is left. */
        void assertClean() {
            assertArrayEquals(new byte[128], (byte[]) get(sealing, "secrets"));
            assertArrayEquals(new byte[33], (byte[]) get(get(sealing, "cmac"), "state"));
            assertFalse(((AESKey) get(sealing, "encryption")).isInitialized());
            assertFalse(((AESKey) get(sealing, "mac")).isInitialized());
            assertFalse(((KeyPair) get(sealing, "ephemeral")).getPrivate().isInitialized());
        }
    }

    private byte[] random(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] behind(byte[] bytes) {
        return Host.concat(new byte[] {7, 7}, bytes, new byte[] {7});
    }

    private static Object get(Object of, String name) {
        try {
            Field field = of.getClass().getDeclaredField(name);
            field.setAccessible(true);
            return field.get(of);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** K(1) and K(2) as the specification has them, from the recipient's side, with Java's own SHA-256. */
    private static byte[] keys(Cards cards, byte[] box) {
        try {
            byte[] e = Arrays.copyOf(box, 65);
            byte[] z = new byte[32];
            cards.curve.agree(cards.own.getPrivate(), e, (short) 0, z, (short) 0);
            byte[] info = java.security.MessageDigest.getInstance("SHA-256")
                    .digest(Host.concat(cards.context, cards.q, e));
            return KdfTest.derive(z, info, 2);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] cbc(int mode, byte[] key, byte[] text) {
        try {
            javax.crypto.Cipher cipher = javax.crypto.Cipher.getInstance("AES/CBC/NoPadding");
            cipher.init(mode, new SecretKeySpec(key, "AES"), new IvParameterSpec(new byte[16]));
            return cipher.doFinal(text);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void opensWhatIsSealed() {
        OnCard.run(() -> {
            Cards cards = new Cards();
            for (int length = 16; length <= 96; length += 16) {
                byte[] content = random(length);
                byte[] box = cards.seal(content);
                cards.assertClean();
                assertArrayEquals(content, cards.open(cards.own, cards.context, box));
                cards.assertClean();
                assertFalse(Arrays.equals(Arrays.copyOf(box, 65), Arrays.copyOf(cards.seal(content), 65)));
            }
        });
    }

    /** The layout, by what the specification says and not by our own other half. */
    @Test
    void asTheReference() {
        OnCard.run(() -> {
            Cards cards = new Cards();
            byte[] content = random(48);
            byte[] box = cards.seal(content);
            byte[] keys = keys(cards, box);
            byte[] cryptogram = Arrays.copyOfRange(box, 65, 113);
            byte[] k1 = Arrays.copyOf(keys, 32);
            byte[] k2 = Arrays.copyOfRange(keys, 32, 64);
            assertEquals(129, box.length);
            assertArrayEquals(content, cbc(javax.crypto.Cipher.DECRYPT_MODE, k1, cryptogram));
            assertArrayEquals(Arrays.copyOfRange(box, 113, 129), cmac(k2, cryptogram));
        });
    }

    /** CmacTest has it from RFC 4493 and Wycheproof. */
    private static byte[] cmac(byte[] key, byte[] message) {
        AESKey aes = (AESKey) KeyBuilder.buildKey(KeyBuilder.TYPE_AES, (short) 256, false);
        aes.setKey(key, (short) 0);
        Cmac cmac = new Cmac(javacardx.crypto.Cipher.getInstance(
                javacardx.crypto.Cipher.ALG_AES_BLOCK_128_CBC_NOPAD, false));
        byte[] mac = new byte[16];
        cmac.init(aes);
        cmac.update(message, (short) 0, (short) message.length);
        cmac.sign(mac, (short) 0);
        return mac;
    }

    @Test
    void everyBitOfTheBox() {
        OnCard.run(() -> {
            Cards cards = new Cards();
            byte[] box = cards.seal(random(48));
            for (int bit = 0; bit < box.length * 8; bit++) {
                box[bit / 8] ^= (byte) (1 << bit % 8);
                int expected = bit / 8 < 65 ? 0x6A80 : 0x6607;
                assertEquals(expected, cards.refusal(cards.own, cards.context, box), "bit " + bit);
                box[bit / 8] ^= (byte) (1 << bit % 8);
            }
            cards.assertClean();
            assertEquals(OK, cards.refusal(cards.own, cards.context, box));
        });
    }

    @Test
    void everyByteOfTheContext() {
        OnCard.run(() -> {
            Cards cards = new Cards();
            byte[] box = cards.seal(random(32));
            for (int at = 0; at < Sealing.CONTEXT; at++) {
                byte[] other = cards.context.clone();
                other[at] ^= 0x10;
                assertEquals(0x6607, cards.refusal(cards.own, other, box), "byte " + at);
            }
        });
    }

    /** Another pair; the right private key with another's Q; the negative of E, which has the same Z. */
    @Test
    void otherPoints() {
        OnCard.run(() -> {
            Cards cards = new Cards();
            byte[] box = cards.seal(random(32));
            KeyPair other = P256.persistentPair();
            P256.generate(other, new byte[65], (short) 0);
            assertEquals(0x6607, cards.refusal(other, cards.context, box));
            KeyPair mixed = new KeyPair(other.getPublic(), cards.own.getPrivate());
            assertEquals(0x6607, cards.refusal(mixed, cards.context, box));
            byte[] negative = box.clone();
            BigInteger y = new BigInteger(1, Arrays.copyOfRange(box, 33, 65));
            byte[] minus = P256Test.bytes(new BigInteger(1, Point.P).subtract(y));
            System.arraycopy(minus, 0, negative, 33, 32);
            assertTrue(cards.curve.isPoint(negative, (short) 0));
            assertEquals(0x6607, cards.refusal(cards.own, cards.context, negative));
        });
    }

    /** The content over its own ciphertext. */
    @Test
    void inPlace() {
        OnCard.run(() -> {
            Cards cards = new Cards();
            byte[] content = random(48);
            byte[] box = cards.seal(content);
            cards.sealing.open(cards.own, cards.context, (short) 0, box, (short) 0, box, Point.SIZE, (short) 48);
            assertArrayEquals(content, Arrays.copyOfRange(box, 65, 113));
        });
    }

    /** An ephemeral key that a loss of power left is gone with the next command. */
    @Test
    void recovers() {
        OnCard.run(() -> {
            Cards cards = new Cards();
            KeyPair ephemeral = (KeyPair) get(cards.sealing, "ephemeral");
            P256.generate(ephemeral, new byte[65], (short) 0);
            byte[] s = new byte[32];
            ((ECPrivateKey) ephemeral.getPrivate()).getS(s, (short) 0);
            assertNotEquals(0, new BigInteger(s).signum());
            cards.sealing.recover();
            cards.assertClean();
            cards.sealing.recover();
        });
    }
}
