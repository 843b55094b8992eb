package cardwright.simulator.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import org.junit.jupiter.api.Test;

/** What an applet gets from {@code org.globalplatform}. */
class GlobalPlatformApiTest {
    private static Rig selected() throws CardLostException {
        Rig rig = Rig.standard();
        assertEquals("9000", rig.plain("00A4040007" + Rig.APPLET));
        return rig;
    }

    /** Another instance with these privileges, selected. */
    private static Rig privileged(String privilege) throws CardLostException {
        Rig rig = Rig.standard();
        rig.open(0, 0x01);
        String fields = "00" + "07" + Rig.APPLET + "05F000000001" + "01" + privilege + "00" + "00";
        assertEquals("009000", rig.send(String.format("80E60C00%02X", fields.length() / 2) + fields));
        assertEquals("9000", rig.plain("00A4040005F000000001"));
        return rig;
    }

    @Test
    void opensTheDomainsChannel() throws CardLostException {
        for (int i : new int[] {0x60, 0x70, 0x61, 0x71}) {
            Rig rig = new Rig(Rig.profile(16, i, 0xFF));
            rig.plain("00A4040007" + Rig.APPLET);
            for (int level : new int[] {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}) {
                rig.open(0, level);
                assertEquals(String.format("0701%02X9000", 0x80 | level), rig.send("80100000"));
                assertEquals("AABBCC9000", rig.send("80EC000003AABBCC"));
                assertEquals("AABBCC6310", rig.send("80EC631003AABBCC"));
                if (level != 0) {
                    assertEquals("6A88", rig.send("80EC6A8803AABBCC"));
                }
            }
        }
    }

    @Test
    void theChallengeIsMadeForTheApplication() throws CardLostException {
        Rig one = selected();
        Rig two = Rig.standard();
        String applications = one.plain("80500000080102030405060708");
        String domains = two.plain("80500000080102030405060708");
        assertTrue(!applications.substring(26, 42).equals(domains.substring(26, 42)));
    }

    @Test
    void refusesWrongProtection() throws CardLostException {
        Rig rig = selected();
        rig.open(0, 0x01);
        assertEquals("6982", rig.plain("84EC000008" + "0102030405060708"));
        assertEquals("0701009000", rig.plain("80100000"));
        assertEquals("AA9000", rig.plain("80EC000001AA"));
        assertEquals("6300", wrongHost(rig));
        assertEquals("6985", rig.plain("8482010010" + "01020304050607080102030405060708"));
        assertEquals("6E00", rig.plain("00500000080102030405060708"));
        assertEquals("6882", rig.plain("84500000080102030405060708"));
        rig.open(0, 0x01);
        assertEquals("6985", rig.plain("84500000080102030405060708"));
    }

    private static String wrongHost(Rig rig) throws CardLostException {
        rig.initialize(0);
        return rig.fail();
    }

    @Test
    void encryptsUnderTheDek() throws CardLostException {
        Rig rig = selected();
        String data = "01".repeat(16);
        assertEquals("6985", rig.plain("80160100" + "10" + data));
        rig.open(0, 0x00);
        // The check value of the public test key is the beginning of this.
        String encrypted = rig.plain("80160100" + "10" + data);
        assertTrue(encrypted.startsWith("504A77") && encrypted.endsWith("9000"), encrypted);
        assertEquals(data + "9000", rig.plain("80160000" + "10" + encrypted.substring(0, 32)));
        assertEquals("6700", rig.plain("80160000" + "0F" + data.substring(2)));
    }

    @Test
    void raisesTheLevelAndNeverLowersIt() throws CardLostException {
        Rig rig = selected();
        assertEquals("6985", rig.plain("80181100"));
        rig.open(0, 0x01);
        assertEquals("6985", rig.send("80180000"));
        assertEquals("6985", rig.send("80180500"));
        assertEquals("9000", rig.plain(Rig.hex(rig.host.wrap(Rig.hex("80180300")))));
        assertEquals("0701839000", rig.plain(Rig.hex(rig.host.wrap(Rig.hex("80100000")))));
    }

    @Test
    void setsItsOwnState() throws CardLostException {
        Rig rig = selected();
        assertEquals("009000", rig.plain("80120300"));
        assertEquals("009000", rig.plain("80120800"));
        assertEquals("019000", rig.plain("80120F00"));
        assertEquals("0F01009000", rig.plain("80100000"));
        assertEquals("019000", rig.plain("80120700"), "and back");
        assertEquals("019000", rig.plain("80128000"));
        assertEquals("009000", rig.plain("80120700"), "a locked application does not unlock itself");
        assertEquals("870000009000", rig.plain("801C0000"));
        assertEquals("6A82", rig.plain("00A4040007" + Rig.APPLET));
    }

    @Test
    void locksAndTerminatesWithThePrivilege() throws CardLostException {
        assertEquals("009000", selected().plain("80140100"));
        assertEquals("009000", privileged("10").plain("80140100"));
        Rig rig = privileged("18");
        assertEquals("009000", rig.plain("80140000"), "the card is not SECURED");
        assertEquals("019000", rig.plain("80140100"));
        assertEquals("07FF009000", rig.plain("80100000"));
    }

    @Test
    void keepsACardWidePin() throws CardLostException {
        assertEquals("00009000", selected().plain("801A0000"));
        Rig rig = privileged("02");
        assertEquals("00009000", rig.plain("801A0202" + "021234"), "there is none");
        assertEquals("01039000", rig.plain("801A0000"));
        assertEquals("00039000", rig.plain("801A0102" + "02123A"), "no digit");
        assertEquals("01039000", rig.plain("801A0102" + "02123F"));
        assertEquals("01039000", rig.plain("801A0202" + "02123F"));
        assertEquals("01039000", rig.plain("801A0201" + "03313233"), "the same in ASCII");
        assertEquals("00029000", rig.plain("801A0203" + "02123F"), "another format");
        rig.card.powerOn();
        rig.plain("00A4040005F000000001");
        assertEquals("00019000", rig.plain("801A0202" + "021235"));
        assertEquals("00009000", rig.plain("801A0202" + "021235"));
        assertEquals("00009000", rig.plain("801A0202" + "02123F"), "blocked");
        assertEquals("01039000", rig.plain("801A0300"));
        assertEquals("01039000", rig.plain("801A0202" + "02123F"));
    }
}
