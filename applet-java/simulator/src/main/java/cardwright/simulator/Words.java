package cardwright.simulator;

import java.math.BigInteger;
import java.security.SecureRandom;

/** A profile as the command line has it; what is not said is decided for each card. */
record Words(int keyLength, boolean s16, Integer i, int kvn, int tries, byte[] kdd, byte[] serial) {

    static Words parse(String text) {
        int keyLength = 16;
        boolean s16 = false;
        Integer i = null;
        int kvn = 0xFF;
        int tries = 10;
        byte[] kdd = null;
        byte[] serial = null;
        for (String word : text.isEmpty() ? new String[0] : text.split(",")) {
            String[] pair = word.split("=", 2);
            String value = pair.length > 1 ? pair[1] : "";
            switch (pair[0]) {
                case "aes128" -> keyLength = 16;
                case "aes192" -> keyLength = 24;
                case "aes256" -> keyLength = 32;
                case "s8" -> s16 = false;
                case "s16" -> s16 = true;
                case "i" -> i = Options.number("0x" + value, 0, 0x7F, "i=");
                case "kvn" -> kvn = Options.number(value, 1, 0xFF, "kvn=");
                case "tries" -> tries = Options.number(value, 1, 255, "tries=");
                case "kdd" -> kdd = Options.hex(value, "kdd=");
                case "serial" -> serial = Options.hex(value, "serial=");
                default -> throw new IllegalArgumentException("--profile has no word " + word);
            }
        }
        Words words = new Words(keyLength, s16, i, kvn, tries, kdd, serial);
        // What cannot be is said now and not by each card.
        words.card(0, new SecureRandom());
        return words;
    }

    /** The profile of card number {@code index}, from 0. */
    Profile card(int index, SecureRandom random) {
        byte[] own = new byte[4];
        if (serial == null) {
            random.nextBytes(own);
        } else if (serial.length == 4) {
            BigInteger counted = new BigInteger(1, serial).add(BigInteger.valueOf(index));
            for (int at = 0; at < 4; at++) {
                own[at] = counted.shiftRight(8 * (3 - at)).byteValue();
            }
        } else {
            throw new IllegalArgumentException("serial= wants 4 bytes");
        }
        Profile standard = Profile.standard(own);
        int parameter = i == null ? 0x70 | (s16 ? 1 : 0) : i;
        if (s16 && (parameter & 1) == 0) {
            throw new IllegalArgumentException("s16 and an i without bit 01 do not fit");
        }
        return new Profile(keyLength, parameter, kvn, tries, kdd == null ? standard.kdd() : kdd, own);
    }
}
