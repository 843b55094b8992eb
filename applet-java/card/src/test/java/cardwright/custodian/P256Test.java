package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Random;
import java.util.Set;
import javacard.framework.ISOException;
import javacard.security.ECPrivateKey;
import javacard.security.KeyAgreement;
import javacard.security.KeyBuilder;
import javacard.security.KeyPair;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class P256Test {
    private static final BigInteger P = new BigInteger(1, Point.P);
    private static final byte[] MESSAGE = {1, 2, 3};

    private final Random random = new Random(11);

    static ECPrivateKey privateKey(byte[] s) {
        ECPrivateKey key = (ECPrivateKey) KeyBuilder.buildKey(KeyBuilder.TYPE_EC_FP_PRIVATE,
                KeyBuilder.LENGTH_EC_FP_256, false);
        P256.setCurve(key);
        key.setS(s, (short) 0, (short) s.length);
        return key;
    }

    static byte[] bytes(BigInteger number) {
        byte[] bytes = number.toByteArray();
        byte[] fixed = new byte[32];
        int length = Math.min(32, bytes.length);
        System.arraycopy(bytes, bytes.length - length, fixed, 32 - length, length);
        return fixed;
    }

    static byte[] point(BigInteger x, BigInteger y) {
        return Host.concat(new byte[] {4}, bytes(x), bytes(y));
    }

    private static BigInteger squareOfY(BigInteger x) {
        BigInteger b = new BigInteger(1, Point.B);
        return x.pow(3).subtract(x.multiply(BigInteger.valueOf(3))).add(b).mod(P);
    }

    private static boolean isOnCurve(byte[] point) {
        BigInteger x = new BigInteger(1, Arrays.copyOfRange(point, 1, 33));
        BigInteger y = new BigInteger(1, Arrays.copyOfRange(point, 33, 65));
        return point[0] == 4 && x.compareTo(P) < 0 && y.compareTo(P) < 0 && squareOfY(x).equals(y.pow(2).mod(P));
    }

    /** The same answer as the big numbers of Java. */
    private static boolean same(Point point, byte[] bytes) {
        boolean expected = isOnCurve(bytes);
        byte[] behind = Host.concat(new byte[] {4, 9}, bytes);
        assertEquals(expected, point.isOnCurve(behind, (short) 2), HexFormat.of().formatHex(bytes));
        return expected;
    }

    /** A point whose x is this one or a little more. */
    private static byte[] pointFrom(BigInteger x) {
        BigInteger root = P.add(BigInteger.ONE).shiftRight(2);
        for (BigInteger at = x.mod(P); ; at = at.add(BigInteger.ONE).mod(P)) {
            BigInteger y = squareOfY(at).modPow(root, P);
            if (squareOfY(at).equals(y.pow(2).mod(P))) {
                return point(at, y);
            }
        }
    }

    @Test
    void equation() {
        Point point = new Point();
        assertTrue(same(point, Point.G));
        int on = 0;
        for (int i = 0; i < 2000; i++) {
            byte[] good = pointFrom(new BigInteger(256, random).mod(P).clearBit(255));
            on += same(point, good) ? 1 : 0;
            good[1 + random.nextInt(64)] ^= (byte) (1 << random.nextInt(8));
            assertFalse(same(point, good));
        }
        assertEquals(2000, on);
    }

    /** Numbers with many carries and borrows, at both ends of the field, beyond it, and other forms of points. */
    @Test
    void edges() {
        Point point = new Point();
        int on = 0;
        for (int bit = 0; bit < 256; bit++) {
            for (int less = -2; less <= 2; less++) {
                BigInteger x = BigInteger.ONE.shiftLeft(bit).add(BigInteger.valueOf(less)).mod(P);
                byte[] good = pointFrom(x);
                BigInteger y = new BigInteger(1, Arrays.copyOfRange(good, 33, 65));
                x = new BigInteger(1, Arrays.copyOfRange(good, 1, 33));
                on += same(point, good) ? 1 : 0;
                on += same(point, point(x, P.subtract(y))) ? 1 : 0;
                same(point, point(x, y.add(BigInteger.ONE)));
                same(point, point(x.add(P).mod(BigInteger.ONE.shiftLeft(256)), y));
            }
        }
        assertEquals(2 * 5 * 256, on);
        BigInteger five = BigInteger.valueOf(5);
        byte[] small = pointFrom(five);
        BigInteger y = new BigInteger(1, Arrays.copyOfRange(small, 33, 65));
        assertTrue(same(point, small));
        assertFalse(same(point, point(five.add(P), y)));
        byte[] yOf = pointFrom(P.subtract(BigInteger.valueOf(40)));
        assertTrue(same(point, yOf));
        for (byte form : new byte[] {0, 2, 3, 5, 6, 7}) {
            byte[] other = small.clone();
            other[0] = form;
            assertFalse(same(point, other));
        }
        byte[] zeros = new byte[65];
        assertFalse(same(point, zeros));
        zeros[0] = 4;
        assertFalse(same(point, zeros));
        byte[] all = new byte[65];
        Arrays.fill(all, (byte) 0xFF);
        all[0] = 4;
        assertFalse(same(point, all));
        assertFalse(same(point, point(P, P)));
        assertFalse(same(point, point(P.subtract(BigInteger.ONE), P.subtract(BigInteger.ONE))));
    }

    @Test
    void wycheproofAgreement() {
        int[] tried = new int[2];
        P256 curve = new P256();
        Point point = new Point();
        for (String[] test : Vectors.read("wycheproof_ecdh_p256.txt")) {
            boolean valid = test[4].equals("valid");
            byte[] secret = new byte[34];
            assertEquals(valid, same(point, Vectors.hex(test[1])));
            ECPrivateKey own = privateKey(Vectors.hex(test[2]));
            if (valid) {
                curve.agree(own, Vectors.hex(test[1]), (short) 0, secret, (short) 1);
                byte[] z = Vectors.hex(test[3]);
                assertArrayEquals(Host.concat(new byte[1], z, new byte[1]), secret, "case " + test[0]);
            }
            tried[valid ? 1 : 0]++;
        }
        assertArrayEquals(new int[] {16, 330}, tried);
    }

    @Test
    void wycheproofSignatures() {
        int[] tried = new int[2];
        P256 curve = new P256();
        for (String[] test : Vectors.read("wycheproof_ecdsa_p256_sha256.txt")) {
            boolean valid = test[4].equals("valid");
            byte[] message = Vectors.hex(test[2]);
            byte[] signed = Vectors.hex(test[3]);
            // Behind the signature is what else is in the buffer.
            byte[] buffer = Host.concat(signed, new byte[80]);
            curve.initVerify(Vectors.hex(test[1]), (short) 0);
            short half = (short) (message.length / 2);
            curve.update(message, (short) 0, half);
            assertEquals(valid, curve.verify(message, half, (short) (message.length - half), buffer, (short) 0,
                    (short) signed.length), "case " + test[0]);
            tried[valid ? 1 : 0]++;
        }
        assertArrayEquals(new int[] {310, 174}, tried);
    }

    /** Numbers of a signature in other forms than the shortest, and others that it cannot have. */
    @ParameterizedTest
    @ValueSource(strings = {"-", "30", "3000", "3003020101", "30060201010201", "30070201010201", "3006020101020101FF",
        "3006020100020101", "3006020101020100", "300702020001020101", "300702010102020001", "3006020181020101",
        "3006020101020181", "3106020101020101", "3006030101020101", "3006020101030101", "300502000202010100",
        "3006020101020201", "308106020101020101", "300702010102010100"})
    void notDer(String bytes) {
        byte[] signed = Vectors.hex(bytes);
        assertFalse(P256.isDer(Host.concat(signed, new byte[80]), (short) 0, (short) signed.length));
    }

    /** A number of 33 bytes has 00 first: whatever else has so many is above the order. */
    @ParameterizedTest
    @ValueSource(ints = {0x00, 0x01, 0x7F, 0x80})
    void numberOf33Bytes(int first) {
        byte[] number = new byte[33];
        Arrays.fill(number, (byte) 0xFF);
        number[0] = (byte) first;
        byte[] one = {2, 1, 1};
        byte[] long33 = Host.concat(new byte[] {2, 33}, number);
        for (byte[] body : new byte[][] {Host.concat(long33, one), Host.concat(one, long33)}) {
            byte[] signed = Host.concat(new byte[] {0x30, (byte) body.length}, body);
            assertEquals(first == 0, P256.isDer(signed, (short) 0, (short) signed.length));
        }
    }

    /** The simulator's platform refuses what is not DER by itself, so the form is tried without it. */
    @ParameterizedTest
    @ValueSource(strings = {"3006020101020101", "300602017F02017F", "300702020080020101", "3007020101020200FF"})
    void der(String bytes) {
        byte[] signed = Vectors.hex(bytes);
        assertTrue(P256.isDer(Host.concat(new byte[2], signed, new byte[80]), (short) 2, (short) signed.length));
        for (int length = 0; length < signed.length; length++) {
            assertFalse(P256.isDer(Host.concat(new byte[2], signed), (short) 2, (short) length), "cut at " + length);
        }
    }

    /** Under a key that is no point none is good, and the next key is none the worse for it. */
    @Test
    void keyThatIsNoPoint() {
        String[] valid = Vectors.read("wycheproof_ecdsa_p256_sha256.txt").stream()
                .filter(test -> test[4].equals("valid") && test[2].length() >= 6).findFirst().orElseThrow();
        byte[] key = Vectors.hex(valid[1]);
        byte[] message = Vectors.hex(valid[2]);
        byte[] signed = Vectors.hex(valid[3]);
        P256 curve = new P256();
        for (int bit : new int[] {-1, 512, 263, -1}) {
            byte[] tried = key.clone();
            if (bit >= 0) {
                tried[bit / 8] ^= (byte) (1 << bit % 8);
                ISOException refused = assertThrows(ISOException.class, () -> curve.initVerify(tried, (short) 0));
                assertEquals(0x6601, refused.getReason());
            } else {
                curve.initVerify(tried, (short) 0);
                assertTrue(curve.verify(message, (short) 0, (short) message.length, signed, (short) 0,
                        (short) signed.length));
            }
        }
    }

    /** The simulator's ECDH refuses points off the curve, with what no card would throw. What cards do, differs. */
    @Test
    void thePlatform() {
        KeyAgreement agreement = KeyAgreement.getInstance(KeyAgreement.ALG_EC_SVDP_DH_PLAIN, false);
        agreement.init(privateKey(bytes(BigInteger.valueOf(77))));
        byte[] off = Point.G.clone();
        off[64] ^= 1;
        assertThrows(IllegalArgumentException.class,
                () -> agreement.generateSecret(off, (short) 0, Point.SIZE, new byte[32], (short) 0));
        assertFalse(new P256().isPoint(off, (short) 0));
    }

    /** Java's own ECDSA takes our signature, and both sides of an ECDH agree; pairs differ, in both kinds of places. */
    @Test
    void generated() {
        OnCard.run(() -> {
            Set<String> points = new HashSet<>();
            P256 curve = new P256();
            KeyPair[] pairs = {P256.persistentPair(), P256.transientPair()};
            for (int i = 0; i < 4; i++) {
                byte[] own = new byte[66];
                byte[] other = new byte[65];
                assertEquals(66, P256.generate(pairs[0], own, (short) 1));
                own = Arrays.copyOfRange(own, 1, 66);
                P256.generate(pairs[1], other, (short) 0);
                assertTrue(curve.isPoint(own, (short) 0) && curve.isPoint(other, (short) 0));
                points.add(HexFormat.of().formatHex(own));
                points.add(HexFormat.of().formatHex(other));
                byte[] z = new byte[64];
                curve.agree(pairs[0].getPrivate(), other, (short) 0, z, (short) 0);
                curve.agree(pairs[1].getPrivate(), own, (short) 0, z, (short) 32);
                assertArrayEquals(Arrays.copyOf(z, 32), Arrays.copyOfRange(z, 32, 64));
                byte[] signed = new byte[80];
                curve.initSign(pairs[0].getPrivate());
                curve.update(MESSAGE, (short) 0, (short) 1);
                int end = curve.sign(MESSAGE, (short) 1, (short) 2, signed, (short) 3) - 3;
                assertTrue(isSigned(own, Arrays.copyOfRange(signed, 3, 3 + end)));
                assertTrue(verify(curve, own, MESSAGE, signed, end));
                assertFalse(verify(curve, other, MESSAGE, signed, end));
                assertFalse(verify(curve, own, new byte[3], signed, end));
                // A key that was cleared has lost its curve: the place takes another pair all the same.
                pairs[1].getPrivate().clearKey();
                assertFalse(pairs[1].getPrivate().isInitialized());
            }
            assertEquals(8, points.size());
        });
    }

    /** On a card that makes a transient private key and does not take it in a pair, the pair is a persistent one. */
    @Test
    void transientKeyThatNoPairTakes() {
        OnCard.run(() -> {
            try {
                Class<?> curve = new PickyPairs().loadClass(P256.class.getName());
                Method transientPair = curve.getDeclaredMethod("transientPair");
                transientPair.setAccessible(true);
                KeyPair pair = (KeyPair) transientPair.invoke(null);
                assertEquals(1, PickyPairs.takeRefused());
                assertTrue(new P256().isPoint(generated(pair), (short) 0));
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    private static byte[] generated(KeyPair pair) {
        byte[] point = new byte[65];
        P256.generate(pair, point, (short) 0);
        return point;
    }

    private static boolean verify(P256 curve, byte[] key, byte[] message, byte[] signed, int length) {
        curve.initVerify(key, (short) 0);
        return curve.verify(message, (short) 0, (short) 3, signed, (short) 3, (short) length);
    }

    private static boolean isSigned(byte[] point, byte[] signed) {
        try {
            AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
            curve.init(new ECGenParameterSpec("secp256r1"));
            ECPoint w = new ECPoint(new BigInteger(1, Arrays.copyOfRange(point, 1, 33)),
                    new BigInteger(1, Arrays.copyOfRange(point, 33, 65)));
            ECParameterSpec parameters = curve.getParameterSpec(ECParameterSpec.class);
            java.security.Signature verifier = java.security.Signature.getInstance("SHA256withECDSA");
            verifier.initVerify(KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(w, parameters)));
            verifier.update(MESSAGE);
            return verifier.verify(signed);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
