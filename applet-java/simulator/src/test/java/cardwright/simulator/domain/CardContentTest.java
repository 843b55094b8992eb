package cardwright.simulator.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.fixture.RoughApplet;
import cardwright.simulator.CardLostException;
import org.junit.jupiter.api.Test;

/** GET STATUS, SET STATUS, INSTALL, DELETE of applications. */
class CardContentTest {
    private static final String LIST = "80F24002024F00";
    private static final String SECOND = "F0435745434850";
    private static final String FIRST_ENTRY = entry(Rig.APPLET, "07", "000000");

    private static String entry(String aid, String state, String privileges) {
        String value = tlv("4F", aid) + "9F7001" + state + "C503" + privileges;
        return tlv("E3", value);
    }

    private static String tlv(String tag, String value) {
        return tag + lv(value);
    }

    private static String lv(String value) {
        return String.format("%02X", value.length() / 2) + value;
    }

    /** INSTALL of the rig's class, load file A0000000010203. */
    private static String install(String p1, String instance, String privileges, String parameters) {
        return "80E6" + p1 + "00"
                + lv(lv("A0000000010203") + lv(Rig.APPLET) + lv(instance) + lv(privileges) + lv(parameters) + "00");
    }

    private static Rig open() throws CardLostException {
        Rig rig = Rig.standard();
        rig.open(0, 0x33);
        return rig;
    }

    @Test
    void listsApplicationsByAge() throws CardLostException {
        Rig rig = open();
        assertEquals(FIRST_ENTRY + "9000", rig.send(LIST));
        assertEquals("009000", rig.send(install("0C", "F000000001", "04", "C900")));
        assertEquals("009000", rig.send(install("0C", SECOND, "000000", "C9021122EF00")));
        String all = FIRST_ENTRY + entry("F000000001", "07", "040000") + entry(SECOND, "07", "000000");
        assertEquals(all + "9000", rig.send(LIST));
        assertEquals(FIRST_ENTRY + entry(SECOND, "07", "000000") + "9000", rig.send("80F24002044F02F043"));
        assertEquals("6A88", rig.send("80F24002034F01A0"));
        assertEquals("6A88", rig.send("80F24003024F00"));
        assertEquals("6A80", rig.send("80F2400203" + "4F02F0"));
        assertEquals("6A80", rig.send("80F24002025C00"));
        assertEquals("6A80", rig.send("80F24002"));
        assertEquals("6A86", rig.send("80F24000024F00"));
        assertEquals("6A86", rig.send("80F26002024F00"));
        assertEquals("6A88", rig.send("80F22002024F00"));
    }

    @Test
    void goesOnWithALongList() throws CardLostException {
        Rig rig = open();
        StringBuilder expected = new StringBuilder(FIRST_ENTRY);
        for (int i = 0; i < 31; i++) {
            String aid = String.format("F0000000000000000000000000%04X", i);
            assertEquals("009000", rig.send(install("0C", aid, "00", "C900")));
            expected.append(entry(aid, "07", "000000"));
        }
        assertEquals("6A84", rig.send(install("0C", SECOND, "00", "C900")));
        StringBuilder list = new StringBuilder();
        String answer = rig.send(LIST);
        while (answer.endsWith("6310")) {
            list.append(answer, 0, answer.length() - 4);
            answer = rig.send("80F24003024F00");
        }
        list.append(answer, 0, answer.length() - 4);
        assertTrue(answer.endsWith("9000"));
        assertEquals(expected.toString(), list.toString());
        assertEquals("6A88", rig.send("80F24003024F00"));
    }

    @Test
    void aListEndsWithItsSessionAndWithAChange() throws CardLostException {
        Rig rig = open();
        String more = "80F24003024F00";
        for (int i = 0; i < 12; i++) {
            String aid = String.format("F0000000000000000000000000%04X", i);
            assertEquals("009000", rig.send(install("0C", aid, "00", "C900")));
        }
        assertTrue(rig.send(LIST).endsWith("6310"));
        rig.open(0, 0x33);
        assertEquals("6A88", rig.send(more), "another session's");
        assertTrue(rig.send(LIST).endsWith("6310"));
        assertEquals("009000", rig.send("80E40000094F07" + Rig.APPLET));
        assertEquals("6A88", rig.send(more), "one is deleted");
        assertTrue(rig.send(LIST).endsWith("6310"));
        String unknown = lv("00" + lv(Rig.APPLET) + lv("F0FFFFFFFF") + "0100" + "02C900" + "00");
        assertEquals("009000", rig.send("80E60C00" + unknown));
        assertEquals("6A88", rig.send(more), "one is added");
    }

    /** Whatever an applet does in install and uninstall, the card's contents are as the commands say. */
    @Test
    void deletesWhatDoesNotWantToGo() throws CardLostException {
        for (byte kind : new byte[] {RoughApplet.OPEN, RoughApplet.STAYING, RoughApplet.HALF_GONE}) {
            Rig rig = new Rig(Rig.profile(16, 0x70, 0xFF), RoughApplet.class);
            rig.open(0, 0x33);
            assertEquals("009000", rig.send(install("0C", SECOND, "00", String.format("C901%02X", kind))));
            assertEquals("9000", rig.plain("00A4040007" + SECOND));
            rig.plain("00A40400");
            rig.open(0, 0x33);
            assertEquals("009000", rig.send("80E40000094F07" + SECOND), "kind " + kind);
            assertEquals(FIRST_ENTRY + "9000", rig.send(LIST));
            rig.card.powerOn();
            assertEquals("6A82", rig.plain("00A4040007" + SECOND));
            assertEquals("9000", rig.plain("00A4040007" + Rig.APPLET));
            assertEquals("00".repeat(16) + "9000", rig.plain("800A0000"));
        }
    }

    @Test
    void refusesInstallInOrder() throws CardLostException {
        Rig rig = open();
        assertEquals("6A86", rig.send(install("02", SECOND, "00", "C900")));
        assertEquals("6A86", rig.send(install("00", SECOND, "00", "C900")));
        assertEquals("6A80", rig.send("80E60C0003" + "050102"));
        assertEquals("6A80", rig.send(install("0C", "F0000000", "00", "C900")));
        assertEquals("6A80", rig.send(install("0C", SECOND, "0000", "C900")));
        assertEquals("6A80", rig.send(install("0C", SECOND, "80", "C900")));
        assertEquals("6A80", rig.send(install("0C", Rig.APPLET, "00", "C900")));
        assertEquals("6A80", rig.send(install("0C", Rig.DOMAIN, "00", "C900")));
        assertEquals("6A80", rig.send(install("0C", SECOND, "00", "C9")));
        String unknown = "00" + lv("F0FFFFFFFF") + lv(SECOND) + "0100" + "02C900" + "00";
        assertEquals("6A88", rig.send("80E60C00" + lv(unknown)));
        // The applet refuses: nothing is left of it.
        assertEquals("6984", rig.send(install("0C", SECOND, "00", "C90101")));
        assertEquals(FIRST_ENTRY + "9000", rig.send(LIST));
        assertEquals("6A82", rig.plainAfterReset("00A4040007" + SECOND));
        rig.open(0, 0x00);
        assertEquals("6982", rig.plain(install("0C", SECOND, "00", "C900")));
    }

    @Test
    void makesSelectable() throws CardLostException {
        Rig rig = open();
        assertEquals("009000", rig.send(install("04", SECOND, "00", "C900")));
        assertEquals(entry(SECOND, "03", "000000") + "9000", rig.send("80F24002094F07" + SECOND));
        assertEquals("6A82", rig.plain("00A4040007" + SECOND));
        rig.open(0, 0x33);
        String command = "80E60800" + lv("0000" + lv(SECOND) + "0100" + "00" + "00");
        assertEquals("009000", rig.send(command));
        assertEquals("6985", rig.send(command));
        assertEquals("6A88", rig.send("80E60800" + lv("0000" + lv("F000000000") + "0100" + "00" + "00")));
        assertEquals("9000", rig.plain("00A4040007" + SECOND));
    }

    @Test
    void deletesApplications() throws CardLostException {
        Rig rig = open();
        assertEquals("6A88", rig.send("80E40000094F07" + SECOND));
        assertEquals("6A80", rig.send("80E40000034F01F0"));
        assertEquals("6985", rig.send("80E400000A4F08" + Rig.DOMAIN));
        assertEquals("009000", rig.send(install("0C", SECOND, "00", "C900")));
        assertEquals("009000", rig.send("80E40080094F07" + Rig.APPLET));
        assertEquals(entry(SECOND, "07", "000000") + "9000", rig.send(LIST));
        assertEquals("6A82", rig.plain("00A4040007" + Rig.APPLET));
        assertEquals("9000", rig.plain("00A4040007" + SECOND));
    }

    @Test
    void locksApplications() throws CardLostException {
        Rig rig = open();
        assertEquals("6985", rig.send("80F0400007" + Rig.APPLET));
        assertEquals("9000", rig.send("80F0408007" + Rig.APPLET));
        assertEquals("6985", rig.send("80F0408007" + Rig.APPLET));
        assertEquals(entry(Rig.APPLET, "87", "000000") + "9000", rig.send(LIST));
        assertEquals("6A82", rig.plain("00A4040007" + Rig.APPLET));
        rig.open(0, 0x33);
        assertEquals("9000", rig.send("80F0400007" + Rig.APPLET));
        assertEquals("6A88", rig.send("80F0408007" + SECOND));
        assertEquals("6A80", rig.send("80F0408001F0"));
        assertEquals("6A86", rig.send("80F0608007" + Rig.APPLET));
        assertEquals("9000", rig.plain("00A4040007" + Rig.APPLET));
    }

    @Test
    void movesTheCardThroughItsLife() throws CardLostException {
        Rig rig = open();
        assertEquals("6A86", rig.send("80F08001"));
        assertEquals("6985", rig.send("80F0800F"));
        assertEquals("6985", rig.send("80F0807F"));
        assertEquals("9000", rig.send("80F08007"));
        assertEquals("9000", rig.send("80F0800F"));
        assertEquals("6985", rig.send("80F08007"));
        assertEquals("9000", rig.send("80F0807F"));
        assertEquals("6985", rig.send(install("0C", SECOND, "00", "C900")));
        assertEquals("6985", rig.send("80D8008100"));
        assertEquals(entry(Rig.DOMAIN, "7F", "9C0000") + "9000", rig.send("80F28002024F00"));
        assertEquals("6A82", rig.plain("00A4040007" + Rig.APPLET));
        assertTrue(rig.plain("00A4040008" + Rig.DOMAIN).endsWith("6283"));
        rig.open(0, 0x33);
        assertEquals("9000", rig.send("80F0800F"));
        assertEquals("9000", rig.send("80F080FF"));
        assertEquals("420399999F9000", rig.send("80CA0042"));
        assertEquals("6985", rig.initialize(0));
        assertEquals("420399999F9000", rig.plainAfterReset("80CA004200"));
    }

    private interface Step {
        String command();
    }

    /** At any tear point the list is the old one or the new one, and agrees with what can be selected. */
    @Test
    void changesWholeOrNotAtAll() throws CardLostException {
        String second = entry(SECOND, "07", "000000");
        tear(() -> install("0C", SECOND, "00", "C900"), FIRST_ENTRY + "9000", FIRST_ENTRY + second + "9000");
        tear(() -> "80E40000094F07" + Rig.APPLET, FIRST_ENTRY + "9000", "6A88");
        tear(() -> "80F0408007" + Rig.APPLET, FIRST_ENTRY + "9000", entry(Rig.APPLET, "87", "000000") + "9000");
    }

    private static void tear(Step step, String before, String after) throws CardLostException {
        int torn = 0;
        int changed = 0;
        while (true) {
            Rig rig = open();
            String wrapped = Rig.hex(rig.host.wrap(Rig.hex(step.command())));
            rig.card.tearAfter(torn);
            boolean answered = true;
            try {
                rig.plain(wrapped);
            } catch (CardLostException e) {
                answered = false;
            }
            rig.card.powerOn();
            rig.open(0, 0x33);
            String list = rig.send(LIST);
            assertTrue(list.equals(after) || list.equals(before) && !answered, list);
            for (String aid : new String[] {Rig.APPLET, SECOND}) {
                boolean listed = list.contains(entry(aid, "07", "000000"));
                assertEquals(listed ? "9000" : "6A82", rig.plain("00A4040007" + aid), "tear point " + torn);
            }
            changed += list.equals(after) ? 1 : 0;
            if (answered) {
                break;
            }
            torn++;
        }
        assertTrue(torn >= 2 && changed > 0, torn + " torn, " + changed + " changed");
    }
}
