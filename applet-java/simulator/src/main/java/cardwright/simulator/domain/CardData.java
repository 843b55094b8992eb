package cardwright.simulator.domain;

import cardwright.simulator.Profile;
import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import javacard.framework.ISOException;

/** What GET DATA tells of the card (CS 11.3, H.2), to anybody. */
final class CardData {
    private static final int CPLC = 0x9F7F;
    private static final int IIN = 0x42;
    private static final int CIN = 0x45;
    private static final int KDD = 0xCF;
    private static final int KEY_INFORMATION = 0xE0;
    private static final int RECOGNITION = 0x66;

    /** A card of nobody's. */
    private static final String IIN_VALUE = "99999F";
    /** "CWRT", before the serial. */
    private static final String CIN_START = "43575254";
    /**
     * Fabricator and type 4357 5254, operating system 0001 of level 0100, no dates; the serial and batch 0001 follow.
     */
    private static final String CPLC_START = "435752540001000001000000";
    private static final int CPLC_LENGTH = 42;

    private CardData() {}

    /** Appends the object with this tag; 6A88 where there is none. */
    static void append(ByteArrayOutputStream out, int tag, Profile profile, KeySets keySets) {
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        switch (tag) {
            case CPLC -> {
                value.writeBytes(hex(CPLC_START));
                value.writeBytes(profile.serial());
                value.writeBytes(hex("0001"));
                while (value.size() < CPLC_LENGTH) {
                    value.write(0);
                }
            }
            case IIN -> value.writeBytes(hex(IIN_VALUE));
            case CIN -> {
                value.writeBytes(hex(CIN_START));
                value.writeBytes(profile.serial());
            }
            case KDD -> value.writeBytes(profile.kdd());
            case KEY_INFORMATION -> keySets.describe(value);
            case RECOGNITION -> Tlv.append(value, 0x73, recognition(profile.i()));
            default -> throw new ISOException(Status.REFERENCE_NOT_FOUND);
        }
        Tlv.append(out, tag, value.toByteArray());
    }

    /** Card recognition data: GlobalPlatform 2.3.1, identified by it, SCP03 with this "i". */
    private static byte[] recognition(int i) {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        data.writeBytes(hex("06072A864886FC6B01"));
        data.writeBytes(hex("600C060A2A864886FC6B02020301"));
        data.writeBytes(hex("630906072A864886FC6B03"));
        data.writeBytes(hex("640B06092A864886FC6B0403"));
        data.write(i);
        return data.toByteArray();
    }

    private static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }
}
