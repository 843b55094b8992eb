package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** "The share object", column "well-formed". */
class ShareObjectTest {
    private static boolean isWellFormed(byte[] bytes) {
        // As in the card: behind the object stand other bytes.
        return ShareObject.isWellFormed(Arrays.copyOf(bytes, 512), (short) bytes.length);
    }

    @Test
    void allSizes() {
        for (int n = 2; n <= 16; n++) {
            for (int length : new int[] {16, 24, 32}) {
                assertTrue(isWellFormed(Shares.share(n, length, false)));
                assertEquals(n <= 10, isWellFormed(Shares.share(n, length, true)), "commitments of " + n);
            }
        }
        assertEquals(451, Shares.share(10, 32, true).length);
    }

    /** Where in the value of 3-of-16 or what is put there, whether it is well-formed then. */
    @ParameterizedTest
    @CsvSource({"02, 00, false", "02, 02, false", "05, 00, false", "05, 02, false", "05, 03, false", "08, FF, true",
        "2C, 00000000, false", "2C, 00010000, true", "2C, FFFFFFFF, true", "32, 00, false", "32, 03, true",
        "32, 04, false", "32, 80, false", "35, 01, false", "35, 00, false", "35, 03, true", "35, 04, false",
        "38, 01, false", "38, 11, false", "38, 10, true", "38, FF, false", "3B, 80, true", "3B, 00, false",
        "3B, 89, false", "3E, 18, false", "3E, 11, false", "41, FF, true", "00, 81, false", "01, 02, false",
        "47, 8D, false", "48, 0F, false", "39, 89, false"})
    void oneByte(String at, String bytes, boolean wellFormed) {
        byte[] value = Shares.value(Shares.share(3, 16, false));
        byte[] put = HexFormat.of().parseHex(bytes);
        System.arraycopy(put, 0, value, HexFormat.fromHexDigits(at), put.length);
        assertEquals(wellFormed, isWellFormed(Shares.template(value)));
    }

    @Test
    void xorWantsAll() {
        byte[] value = Shares.value(Shares.share(2, 16, false));
        value[5] = 2;
        assertTrue(isWellFormed(Shares.template(value)));
        value[56] = 3;
        assertFalse(isWellFormed(Shares.template(value)));
    }

    /** Cut anywhere, with the template's length right or as it was, and with more behind it. */
    @Test
    void truncated() {
        byte[][] shares = {Shares.share(3, 16, false), Shares.share(2, 24, true), Shares.share(10, 32, true)};
        for (byte[] whole : shares) {
            byte[] value = Shares.value(whole);
            for (int length = 0; length < whole.length; length++) {
                assertFalse(isWellFormed(Arrays.copyOf(whole, length)), "cut at " + length);
            }
            for (int length = 0; length < value.length; length++) {
                boolean bare = length == 71 + 2 + value[62];
                byte[] cut = Shares.template(Arrays.copyOf(value, length));
                assertEquals(bare, isWellFormed(cut), "value cut at " + length);
            }
            assertFalse(isWellFormed(Arrays.copyOf(whole, whole.length + 1)));
            assertFalse(isWellFormed(Shares.template(Arrays.copyOf(value, value.length + 1))));
        }
    }

    @Test
    void saltAloneOrCommitmentsAlone() {
        byte[] value = Shares.value(Shares.share(2, 16, true));
        assertFalse(isWellFormed(Shares.template(Arrays.copyOf(value, 89 + 18))));
        byte[] without = Host.concat(Arrays.copyOf(value, 89), Arrays.copyOfRange(value, 89 + 18, value.length));
        assertFalse(isWellFormed(Shares.template(without)));
    }

    /** Lengths in more bytes than they need, and in forms that there are not. */
    @Test
    void longLengths() {
        byte[] value = Shares.value(Shares.share(3, 16, false));
        for (String head : new String[] {"E08159", "E0820059", "E083000059", "E080", "E0FF"}) {
            assertFalse(isWellFormed(Host.concat(HexFormat.of().parseHex(head), value)), head);
        }
        byte[] medium = Shares.value(Shares.share(2, 16, true));
        assertTrue(isWellFormed(Host.concat(HexFormat.of().parseHex("E081AD"), medium)), medium.length + "");
        assertFalse(isWellFormed(Host.concat(HexFormat.of().parseHex("E08200AD"), medium)));
        byte[] long8e = Host.concat(Arrays.copyOf(medium, 89 + 18), HexFormat.of().parseHex("8E8140"), new byte[64]);
        assertFalse(isWellFormed(Shares.template(long8e)));
    }

    @Test
    void everySingleByteChangedIsJudgedWithoutAFault() {
        byte[] whole = Shares.share(8, 32, true);
        for (int at = 0; at < whole.length; at++) {
            for (int put = 0; put < 256; put++) {
                byte[] changed = whole.clone();
                changed[at] = (byte) put;
                isWellFormed(changed);
            }
        }
    }
}
