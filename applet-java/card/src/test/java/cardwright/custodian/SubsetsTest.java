package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SubsetsTest {
    /** All m-subsets of 1 to n, in ascending order of their masks. */
    static List<Integer> all(int m, int n) {
        return IntStream.range(0, 1 << n).filter(mask -> Integer.bitCount(mask) == m).boxed().toList();
    }

    /** The number of a subset is its place among all, and its bit that of the number. */
    @Test
    void bits() {
        for (int n = 2; n <= 10; n++) {
            for (int m = 2; m <= n; m++) {
                List<Integer> all = all(m, n);
                byte[] together = new byte[34];
                for (int number = 0; number < all.size(); number++) {
                    byte[] expected = new byte[34];
                    expected[1 + number / 8] = (byte) (0x80 >> number % 8);
                    byte[] bitmap = new byte[34];
                    short mask = all.get(number).shortValue();
                    Subsets.add(bitmap, (short) 1, mask);
                    assertArrayEquals(expected, bitmap, m + " of " + n + ", mask " + mask);
                    assertFalse(Subsets.areAll(together, (short) 1, (byte) m, (byte) n));
                    Subsets.add(together, (short) 1, mask);
                    Subsets.add(together, (short) 1, mask);
                    assertEquals(number + 1, Subsets.count(together, (short) 1));
                }
                assertTrue(Subsets.areAll(together, (short) 1, (byte) m, (byte) n));
                assertEquals(all.size(), Subsets.choose((short) n, (short) m));
            }
        }
    }

    /** Neither a bit less nor a bit more is all of them. */
    @Test
    void oneBitOff() {
        for (int m = 2; m <= 10; m++) {
            byte[] bitmap = new byte[32];
            all(m, 10).forEach(mask -> Subsets.add(bitmap, (short) 0, mask.shortValue()));
            for (int bit = 0; bit < 256; bit++) {
                bitmap[bit / 8] ^= (byte) (0x80 >> bit % 8);
                assertFalse(Subsets.areAll(bitmap, (short) 0, (byte) m, (byte) 10), m + " of 10, bit " + bit);
                bitmap[bit / 8] ^= (byte) (0x80 >> bit % 8);
            }
        }
    }

    @Test
    void masks() {
        for (int n = 2; n <= 10; n++) {
            for (int m = 2; m <= n; m++) {
                for (int mask = 0; mask < 0x10000; mask++) {
                    boolean expected = mask < 1 << n && Integer.bitCount(mask) == m;
                    assertEquals(expected, Subsets.isOne((short) mask, (byte) m, (byte) n));
                }
            }
        }
    }
}
