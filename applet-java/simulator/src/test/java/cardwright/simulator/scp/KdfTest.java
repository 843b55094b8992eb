package cardwright.simulator.scp;

import static cardwright.simulator.scp.Vectors.hex;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Key derivation against test data of other people. */
class KdfTest {
    @Test
    void derivesAsOthersDo() {
        List<String[]> rows = Vectors.read("scp03_kdf.txt");
        assertEquals(40, rows.size());
        for (String[] row : rows) {
            byte[] expected = hex(row[3]);
            byte[] derived = Kdf.derive(
                    new Cmac(hex(row[0])), Integer.parseInt(row[1], 16), expected.length, hex(row[2]));
            assertArrayEquals(expected, derived, () -> String.join(" ", row));
        }
    }

    /** miketlk/omfgp, tests (facts only). */
    @Test
    void derivesThePseudoRandomChallenge() {
        byte[] challenge = Kdf.cardChallenge(
                hex("404142434445464748494A4B4C4D4E4F"), 0x2A, hex("A000000018434D08090A0B0C000000"), 8);
        assertArrayEquals(hex("A3F5F144D19BE66E"), challenge);
    }

    /** RFC 4493, section 4: messages of 0, 16, 40 and 64 bytes. */
    @Test
    void macsAsTheStandardDoes() {
        Cmac cmac = new Cmac(hex("2B7E151628AED2A6ABF7158809CF4F3C"));
        byte[] first = hex("6BC1BEE22E409F96E93D7E117393172A");
        byte[] more = hex("AE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411");
        byte[] rest = hex("E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710");
        assertArrayEquals(hex("BB1D6929E95937287FA37D129B756746"), cmac.mac());
        assertArrayEquals(hex("070A16B46B4D4144F79BDD9DD04A287C"), cmac.mac(first));
        assertArrayEquals(hex("DFA66747DE9AE63030CA32611497C827"), cmac.mac(first, more));
        assertArrayEquals(hex("51F0BEBF7E3B9D92FC49741779363CFE"), cmac.mac(first, more, rest));
    }

    /** The check value that every card with the public test key answers. */
    @Test
    void checkValueOfThePublicTestKey() {
        assertArrayEquals(hex("504A77"), KeyCheckValue.of(hex("404142434445464748494A4B4C4D4E4F")));
    }
}
