package cardwright.custodian;

/**
 * GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1 (11B), as AES has it (FIPS 197, 4.2).
 *
 * <p>A short holds two elements side by side. Steps and places in memory are the same for all values.
 */
final class Field {
    /** Without the bits that a shift brings from one element into the other. */
    private static final short SHIFTED = (short) 0xFEFE;
    private static final short EACH = 0x0101;
    private static final short POLYNOMIAL = 0x1B;

    private Field() {
    }

    /** Both elements times the factor. */
    static short multiply(short pair, byte factor) {
        short product = 0;
        for (short bit = 0; bit < 8; bit++) {
            product ^= (short) (pair & -(short) (factor >> bit & 1));
            pair = (short) ((short) (pair << 1) & SHIFTED ^ (pair >> 7 & EACH) * POLYNOMIAL);
        }
        return product;
    }

    static byte multiply(byte one, byte other) {
        return (byte) multiply((short) (one & 0xFF), other);
    }

    /** 00 of 00. */
    static byte inverse(byte element) {
        // element^254: the exponent's bits are seven ones and a zero.
        byte power = element;
        for (short bit = 0; bit < 6; bit++) {
            power = multiply(multiply(power, power), element);
        }
        return multiply(power, power);
    }
}
