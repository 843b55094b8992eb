package cardwright.simulator.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import cardwright.simulator.scp.ScpHost;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** PUT KEY, DELETE of key sets, and the key information that tells what they did. */
class KeySetsTest {
    private static final String KEYS = "80CA00E000";
    private static final String INITIAL = "E012C00401FF8810C00402FF8810C00403FF88109000";

    private static byte[] filled(int length, int value) {
        byte[] key = new byte[length];
        Arrays.fill(key, (byte) value);
        return key;
    }

    private static String information(int kvn, int length) {
        return String.format("C00401%1$02X88%2$02XC00402%1$02X88%2$02XC00403%1$02X88%2$02X", kvn, length);
    }

    @Test
    void tellsItsData() throws CardLostException {
        Rig rig = Rig.standard();
        assertEquals("6F10" + "8408A000000151000000" + "A5049F6501FF9000", rig.plain("00A4040008" + Rig.DOMAIN));
        assertEquals(
                "9F7F2A435752540001000001000000" + "01020304" + "0001" + "00".repeat(24) + "9000",
                rig.plain("80CA9F7F00"));
        assertEquals("45084357525401020304" + "9000", rig.plain("00CA004500"));
        assertEquals("CF0A00112233445566778899" + "9000", rig.plain("80CA00CF00"));
        assertEquals(INITIAL, rig.plain(KEYS));
        assertEquals(
                "6631732F06072A864886FC6B01600C060A2A864886FC6B02020301630906072A864886FC6B03640B06092A864886FC6B040370"
                        + "9000",
                rig.plain("80CA006600"));
        assertEquals("6A88", rig.plain("80CA006700"));
    }

    @Test
    void addsInBothFormsAndAllSizes() throws CardLostException {
        for (int size : new int[] {16, 24, 32}) {
            for (boolean withLength : new boolean[] {true, false}) {
                Rig rig = new Rig(Rig.profile(size, 0x70, 0xFF));
                rig.open(0, 0x33);
                byte[] key = filled(size, 0x77);
                String answer = rig.send(rig.putKey(0, 0x30, key, withLength));
                assertTrue(answer.matches("30([0-9A-F]{6})\\1\\19000"), answer);
                assertEquals("E012" + information(0x30, size) + "9000", rig.plainAfterReset(KEYS));
                assertEquals("6A88", rig.initialize(0xFF), "the initial set is gone");
                rig.keys = key;
                rig.open(0x30, 0x33);
                assertTrue(rig.initialize(0).endsWith("0000029000"), "a new set's counter");
            }
        }
    }

    @Test
    void replacesUnderAnotherNumber() throws CardLostException {
        Rig rig = new Rig(Rig.profile(16, 0x70, 0x30));
        rig.open(0, 0x01);
        assertEquals("6A80", rig.send(rig.putKey(0x30, 0x31, filled(32, 1), true)), "another size");
        assertEquals("6A88", rig.send(rig.putKey(0x31, 0x31, filled(16, 1), true)));
        assertTrue(rig.send(rig.putKey(0x30, 0x31, filled(16, 1), true)).endsWith("9000"));
        // The session goes on, with the keys it began with.
        assertTrue(rig.send(rig.putKey(0, 0x32, filled(16, 2), true)).endsWith("9000"));
        assertEquals("6A80", rig.send(rig.putKey(0x31, 0x32, filled(16, 1), true)), "a number that is taken");
        assertEquals("6A80", rig.send(rig.putKey(0, 0x32, filled(16, 1), true)), "a number that is taken");
        assertEquals(
                "E024" + information(0x31, 16) + information(0x32, 16) + "9000", rig.plainAfterReset(KEYS));
        rig.keys = filled(16, 2);
        rig.open(0, 0x01);
        rig.keys = filled(16, 1);
        rig.open(0x31, 0x01);
    }

    @Test
    void refusesPutKeyInOrder() throws CardLostException {
        Rig rig = Rig.standard();
        rig.open(0, 0x01);
        String good = rig.putKey(0, 0x30, filled(16, 1), true);
        assertEquals("6A86", rig.send("80D88081" + good.substring(8)));
        assertEquals("6A86", rig.send("80D80001" + good.substring(8)));
        assertEquals("6A80", rig.send("80D80081"));
        assertEquals("6A80", rig.send("80D8008101" + "30"));
        for (int kvn : new int[] {0x00, 0x80, 0xFF}) {
            assertEquals("6A80", rig.send(rig.putKey(0, kvn, filled(16, 1), true)));
        }
        byte[] block = rig.host.keyBlock(filled(16, 1), true, true);
        byte[] bare = rig.host.keyBlock(filled(16, 1), false, false);
        byte[] wrong = block.clone();
        wrong[wrong.length - 1] ^= 1;
        byte[] otherSize = rig.host.keyBlock(filled(32, 1), true, true);
        byte[] kind = block.clone();
        kind[0] = (byte) 0x80;
        byte[] length = block.clone();
        length[2] = 24;
        assertEquals("9485", rig.send(put(block, wrong, block)));
        assertEquals("6A80", rig.send(put(block, wrong, kind)), "the form comes before the check values");
        assertEquals("6A80", rig.send(put(block, length, wrong)));
        assertEquals("6A80", rig.send(put(block, block, otherSize)));
        assertEquals("6A80", rig.send(put(block, block)));
        assertEquals("6A80", rig.send(put(block, block, block, block)));
        assertEquals("6A80", rig.send(put(block, block, Arrays.copyOf(block, block.length - 1))));
        assertEquals(INITIAL, rig.send("80CA00E0"));
        assertTrue(rig.send(put(block, bare, block)).endsWith("9000"), "a check value may be missing");
    }

    private static String put(byte[]... blocks) {
        byte[] data = ScpHost.join(new byte[] {0x30}, ScpHost.join(blocks));
        return String.format("80D80081%02X", data.length) + Rig.hex(data);
    }

    @Test
    void holdsSixteenSets() throws CardLostException {
        Rig rig = Rig.standard();
        rig.open(0, 0x03);
        StringBuilder all = new StringBuilder();
        for (int kvn = 1; kvn <= 16; kvn++) {
            assertTrue(rig.send(rig.putKey(0, kvn, filled(16, kvn), true)).endsWith("9000"));
        }
        assertEquals("6A84", rig.send(rig.putKey(0, 17, filled(16, 17), true)));
        // The first stands behind the place of the initial set, which the second took.
        for (int kvn : new int[] {2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}) {
            all.append(information(kvn, 16));
        }
        String whole = "E0820120" + all;
        String first = rig.plainAfterReset(KEYS);
        assertEquals(whole.substring(0, 512) + "6124", first);
        assertEquals("6A86", rig.plain("00C0010000"));
        assertEquals(whole.substring(512, 512 + 32) + "6114", rig.plain("00C0000010"));
        assertEquals(whole.substring(512 + 32) + "9000", rig.plain("00C0000000"));
        assertEquals("6985", rig.plain("00C0000000"));
        assertEquals("E08201" + "6100", rig.plain("80CA00E003"), "Le counts");
    }

    @Test
    void deletesSets() throws CardLostException {
        Rig rig = new Rig(Rig.profile(16, 0x70, 0x30));
        rig.open(0, 0x01);
        assertEquals("6985", rig.send("80E4000003D20130"), "the last one");
        assertTrue(rig.send(rig.putKey(0, 0x31, filled(16, 1), true)).endsWith("9000"));
        assertEquals("6985", rig.send("80E4000003D20130"), "its own");
        assertEquals("6A88", rig.send("80E4000003D20132"));
        assertEquals("6A80", rig.send("80E4000003D30131"));
        assertEquals("6A80", rig.send("80E4000006D20131D00101"));
        assertEquals("6A86", rig.send("80E4008003D20131"));
        assertEquals("6A86", rig.send("80E4010003D20131"));
        assertEquals("9000", rig.send("80E4000003D20131"));
        assertEquals("E012" + information(0x30, 16) + "9000", rig.plainAfterReset(KEYS));
    }

    /** At any tear point of PUT KEY, the old sets or the new ones, whole. */
    @Test
    void changesWholeOrNotAtAll() throws CardLostException {
        int[] seen = new int[2];
        for (int point = 0; ; point++) {
            Rig rig = Rig.standard();
            rig.open(0, 0x01);
            String command = Rig.hex(rig.host.wrap(Rig.hex(rig.putKey(0, 0x30, filled(16, 1), true))));
            rig.card.tearAfter(point);
            boolean answered = true;
            try {
                rig.plain(command);
            } catch (CardLostException e) {
                answered = false;
            }
            String information = rig.plainAfterReset(KEYS);
            boolean added = information.equals("E012" + information(0x30, 16) + "9000");
            assertTrue(added || information.equals(INITIAL) && !answered, information);
            rig.keys = added ? filled(16, 1) : rig.keys;
            rig.open(0, 0x33);
            seen[added ? 1 : 0]++;
            if (answered) {
                break;
            }
        }
        assertTrue(seen[0] > 10 && seen[1] > 0, Arrays.toString(seen));
    }
}
