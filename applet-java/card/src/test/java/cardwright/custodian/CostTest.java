package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import javacard.security.KeyPair;
import javacard.security.MessageDigest;
import org.junit.jupiter.api.Test;

/** What the parts of a 3-of-5 deal of a 128-bit key cost a card. */
class CostTest {
    private static final byte[] CONTENT = new byte[48];
    private static final byte[] CONTEXT = new byte[Sealing.CONTEXT];

    /** Five shares from two strings of coefficients. */
    public static final class Split implements Counted.Work {
        @Override
        public void run() {
            for (byte x = 1; x <= 5; x++) {
                Sharing.evaluate(x, (byte) 3, new byte[16], (short) 0, new byte[32], (short) 0, (short) 16,
                        new byte[16], (short) 0);
            }
        }
    }

    /** The secret from three of them. */
    public static final class Combine implements Counted.Work {
        @Override
        public void run() {
            byte[] x = {1, 3, 5};
            assertTrue(Sharing.interpolate(x, (short) 0, (byte) 3, (byte) 0, CONTENT, (short) 0, (short) 16,
                    new byte[16], (short) 0));
        }
    }

    /** The check of one point. */
    public static final class CheckPoint implements Counted.Work {
        @Override
        public void run() {
            assertTrue(new Point().isOnCurve(Point.G, (short) 0));
        }
    }

    /** From the secret on: shares, commitments, boxes, their hashes and the list's, the statement's signature. */
    public static final class Deal implements Counted.Work {
        @Override
        public void run() {
            P256 curve = new P256();
            MessageDigest digest = MessageDigest.getInstance(MessageDigest.ALG_SHA_256, false);
            Sealing sealing = new Sealing(curve, digest);
            KeyPair identity = P256.persistentPair();
            byte[] buffer = new byte[512];
            P256.generate(identity, buffer, (short) 0);
            Counted.take();
            new Split().run();
            for (short x = 1; x <= 5; x++) {
                digest.doFinal(buffer, (short) 0, (short) (4 + 16 + 4 + 1 + 16 + 16), buffer, (short) 200);
                short end = sealing.seal(Point.G, (short) 0, CONTEXT, (short) 0, CONTENT, (short) 0, (short) 48, buffer,
                        (short) 4);
                digest.doFinal(buffer, (short) 0, end, buffer, (short) 200);
            }
            digest.doFinal(buffer, (short) 0, (short) (4 + 5 * 32), buffer, (short) 200);
            curve.initSign(identity.getPrivate());
            curve.sign(buffer, (short) 0, (short) (68 + 3 + 6 * 32), buffer, (short) 300);
        }
    }

    /** One box with a share. */
    public static final class Open implements Counted.Work {
        @Override
        public void run() {
            MessageDigest digest = MessageDigest.getInstance(MessageDigest.ALG_SHA_256, false);
            Sealing sealing = new Sealing(new P256(), digest);
            KeyPair own = P256.persistentPair();
            byte[] q = new byte[65];
            byte[] box = new byte[129];
            P256.generate(own, q, (short) 0);
            sealing.seal(q, (short) 0, CONTEXT, (short) 0, CONTENT, (short) 0, (short) 48, box, (short) 0);
            Counted.take();
            sealing.open(own, CONTEXT, (short) 0, box, (short) 0, new byte[48], (short) 0, (short) 48);
        }
    }

    private static Map<String, Long> count(Class<? extends Counted.Work> work) {
        return OnCard.get(() -> {
            try {
                Counted.take();
                Object counted = new Counted.Loader().loadClass(work.getName()).getConstructor().newInstance();
                ((Counted.Work) counted).run();
                Map<String, Long> counts = Counted.take();
                System.out.println(work.getSimpleName() + ": " + counts);
                return counts;
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    @Test
    void shares() {
        // 5 shares * 8 pairs of bytes * 2 powers.
        Map<String, Long> split = count(Split.class);
        assertEquals(80, split.get("field products, two by two"));
        // 3 weights: 2 * 2 + 1 products and an inverse of 13; then 3 * 8 pairs.
        assertEquals(3 * (5 + 13) + 24, count(Combine.class).get("field products, two by two"));
    }

    @Test
    void deal() {
        Map<String, Long> deal = count(Deal.class);
        assertEquals(80, deal.get("field products, two by two"));
        // A box: 3 blocks, then as many under the MAC and one for its subkeys.
        assertEquals(5 * 7, deal.get("AES blocks"));
        // A share: commitment, info, K(1), K(2), box hash; and the list.
        assertEquals(5 * 5 + 1, deal.get("SHA-256"));
        assertEquals(5, deal.get("EC key pairs"));
        assertEquals(5, deal.get("ECDH"));
        assertEquals(1, deal.get("ECDSA signatures"));
    }

    @Test
    void receive() {
        Map<String, Long> open = count(Open.class);
        assertEquals(7, open.get("AES blocks"));
        assertEquals(3, open.get("SHA-256"));
        assertEquals(1, open.get("ECDH"));
        assertTrue(count(CheckPoint.class).get("bytecodes") < 200_000);
    }
}
