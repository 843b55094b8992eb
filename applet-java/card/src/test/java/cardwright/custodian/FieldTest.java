package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class FieldTest {
    /** Long multiplication, then long division by 11B. */
    static int product(int one, int other) {
        int product = 0;
        for (int bit = 0; bit < 8; bit++) {
            if ((other >> bit & 1) != 0) {
                product ^= one << bit;
            }
        }
        for (int bit = 14; bit >= 8; bit--) {
            if ((product >> bit & 1) != 0) {
                product ^= 0x11B << bit - 8;
            }
        }
        return product;
    }

    @Test
    void allProducts() {
        for (int one = 0; one < 256; one++) {
            for (int other = 0; other < 256; other++) {
                assertEquals(product(one, other), Field.multiply((byte) one, (byte) other) & 0xFF, one + " " + other);
            }
        }
    }

    /** Two elements in a short do not touch each other. */
    @Test
    void allPairs() {
        for (int pair = 0; pair < 0x10000; pair++) {
            for (int factor : new int[] {0, 1, 2, 5, 0x1B, 0x80, 0xFF, pair * 7 & 0xFF}) {
                int expected = product(pair >> 8, factor) << 8 | product(pair & 0xFF, factor);
                assertEquals(expected, Field.multiply((short) pair, (byte) factor) & 0xFFFF, pair + " " + factor);
            }
        }
    }

    @Test
    void allInverses() {
        assertEquals(0, Field.inverse((byte) 0));
        for (int element = 1; element < 256; element++) {
            assertEquals(1, product(element, Field.inverse((byte) element) & 0xFF), "of " + element);
        }
        // FIPS 197, 4.2: {57} * {83} = {C1}, and {02} * {8D} = {01}.
        assertEquals((byte) 0xC1, Field.multiply((byte) 0x57, (byte) 0x83));
        assertEquals((byte) 0x8D, Field.inverse((byte) 2));
    }
}
