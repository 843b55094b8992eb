package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SharingTest {
    private static final short AT = 3;

    private final Random random = new Random(7);

    private byte[] random(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** The shares at 1 to n, one behind the other; the secret is behind three other bytes, and so is each share. */
    private byte[] split(int m, int n, byte[] secret, byte[] coefficients) {
        byte[] shares = new byte[n * secret.length];
        byte[] from = new byte[AT + secret.length];
        System.arraycopy(secret, 0, from, AT, secret.length);
        for (int x = 1; x <= n; x++) {
            byte[] share = random(secret.length + 2 * AT);
            byte[] before = share.clone();
            Sharing.evaluate((byte) x, (byte) m, from, AT, coefficients, (short) 0, (short) secret.length, share, AT);
            assertArrayEquals(Arrays.copyOf(before, AT), Arrays.copyOf(share, AT));
            assertArrayEquals(Arrays.copyOfRange(before, AT + secret.length, before.length),
                    Arrays.copyOfRange(share, AT + secret.length, share.length));
            System.arraycopy(share, AT, shares, (x - 1) * secret.length, secret.length);
        }
        return shares;
    }

    /** The polynomial's value, power by power. */
    private static int polynomial(int x, int m, byte[] secret, byte[] coefficients, int i) {
        int sum = secret[i] & 0xFF;
        int power = 1;
        for (int k = 1; k < m; k++) {
            power = FieldTest.product(power, x);
            sum ^= FieldTest.product(coefficients[(k - 1) * secret.length + i] & 0xFF, power);
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 24, 32})
    void sharesAreThePolynomial(int length) {
        for (int m = 2; m <= 16; m++) {
            byte[] secret = random(length);
            byte[] coefficients = random((m - 1) * length);
            byte[] shares = split(m, 16, secret, coefficients);
            for (int at = 0; at < shares.length; at++) {
                int expected = polynomial(at / length + 1, m, secret, coefficients, at % length);
                assertEquals(expected, shares[at] & 0xFF);
            }
        }
    }

    /** All m-subsets give the secret, all smaller ones something else. Some coefficients are zero. */
    @ParameterizedTest
    @ValueSource(ints = {16, 24, 32})
    void allSubsets(int length) {
        for (int n = 2; n <= 7; n++) {
            for (int m = 2; m <= n; m++) {
                byte[] secret = random(length);
                byte[] coefficients = random((m - 1) * length);
                coefficients[1] = 0;
                byte[] shares = split(m, n, secret, coefficients);
                for (int set = 1; set < 1 << n; set++) {
                    int size = Integer.bitCount(set);
                    byte[] found = interpolate(subset(set), 0, pick(set, shares, length), length);
                    assertEquals(size >= m, Arrays.equals(secret, found), m + " of " + n + ", " + set);
                }
            }
        }
    }

    private static byte[] subset(int set) {
        byte[] x = new byte[Integer.bitCount(set)];
        for (int i = 0, at = 0; at < x.length; i++) {
            if ((set >> i & 1) != 0) {
                x[at++] = (byte) (i + 1);
            }
        }
        return x;
    }

    private static byte[] pick(int set, byte[] shares, int length) {
        byte[] x = subset(set);
        byte[] picked = new byte[x.length * length];
        for (int i = 0; i < x.length; i++) {
            System.arraycopy(shares, (x[i] - 1) * length, picked, i * length, length);
        }
        return picked;
    }

    private static byte[] interpolate(byte[] x, int target, byte[] shares, int length) {
        byte[] value = new byte[length];
        Arrays.fill(value, (byte) 0x5A);
        boolean taken = Sharing.interpolate(x, (short) 0, (byte) x.length, (byte) target, shares, (short) 0,
                (short) length, value, (short) 0);
        return taken ? value : null;
    }

    /** Any place of the polynomial, from any places: what a card that is replaced gets, and SLIP-39's secret at 255. */
    @Test
    void anyTarget() {
        byte[] secret = random(16);
        byte[] coefficients = random(32);
        for (int target = 0; target < 256; target++) {
            byte[] x = {(byte) (target + 1), (byte) (target + 77), (byte) (target - 3)};
            byte[] shares = new byte[48];
            byte[] expected = new byte[16];
            for (int i = 0; i < 16; i++) {
                expected[i] = (byte) polynomial(target, 3, secret, coefficients, i);
                for (int k = 0; k < 3; k++) {
                    shares[k * 16 + i] = (byte) polynomial(x[k] & 0xFF, 3, secret, coefficients, i);
                }
            }
            assertArrayEquals(expected, interpolate(x, target, shares, 16), "at " + target);
        }
    }

    @Test
    void xAtTheTargetOrDoubled() {
        byte[] shares = random(48);
        byte[] value = random(16);
        byte[] before = value.clone();
        for (byte[] x : new byte[][] {{0, 1, 2}, {1, 0, 2}, {1, 2, 0}, {1, 1, 2}, {2, 1, 2}, {1, 2, 2}}) {
            assertFalse(Sharing.interpolate(x, (short) 0, (byte) 3, (byte) 0, shares, (short) 0, (short) 16, value,
                    (short) 0));
            assertArrayEquals(before, value);
        }
        assertTrue(Sharing.areDistinct(new byte[] {9, 1, 2, 3, 3}, (short) 1, (byte) 3, (byte) 0));
        assertFalse(Sharing.areDistinct(new byte[] {1, (byte) 255}, (short) 0, (byte) 2, (byte) 255));
    }

    /** Over all coefficients, m - 1 shares have all values equally often, whatever the secret. */
    @Test
    void lessThanMSharesSayNothing() {
        byte[] secret = {(byte) 0xC3, 0};
        for (int x = 1; x <= 7; x++) {
            int[] seen = new int[256];
            for (int c = 0; c < 256; c++) {
                seen[first(2, x, secret, c, 0)]++;
            }
            assertTrue(Arrays.stream(seen).allMatch(count -> count == 1), "2 of 7 at " + x);
        }
        for (int one = 1; one <= 7; one++) {
            for (int other = one + 1; other <= 7; other++) {
                int[] seen = new int[0x10000];
                for (int c = 0; c < 0x10000; c++) {
                    int pair = first(3, one, secret, c & 0xFF, c >> 8) << 8 | first(3, other, secret, c & 0xFF, c >> 8);
                    seen[pair]++;
                }
                assertTrue(Arrays.stream(seen).allMatch(count -> count == 1), "3 of 7 at " + one + ", " + other);
            }
        }
    }

    /** The first byte of the share at x, with these coefficients for it. */
    private static int first(int m, int x, byte[] secret, int linear, int square) {
        byte[] share = new byte[2];
        byte[] coefficients = {(byte) linear, 0, (byte) square, 0};
        Sharing.evaluate((byte) x, (byte) m, secret, (short) 0, coefficients, (short) 0, (short) 2, share, (short) 0);
        return share[0] & 0xFF;
    }

    @Test
    void xor() {
        byte[] secret = random(24);
        byte[] parts = random(4 * 24);
        byte[] last = secret.clone();
        for (int i = 0; i < 4; i++) {
            Sharing.xor(parts, (short) (i * 24), (short) 24, last, (short) 0);
        }
        byte[] sum = random(30);
        byte[] before = sum.clone();
        Arrays.fill(sum, 3, 27, (byte) 0);
        Sharing.xor(last, (short) 0, (short) 24, sum, AT);
        for (int i = 0; i < 4; i++) {
            assertFalse(Arrays.equals(secret, Arrays.copyOfRange(sum, 3, 27)));
            Sharing.xor(parts, (short) (i * 24), (short) 24, sum, AT);
        }
        System.arraycopy(secret, 0, before, AT, 24);
        assertArrayEquals(before, sum);
    }
}
