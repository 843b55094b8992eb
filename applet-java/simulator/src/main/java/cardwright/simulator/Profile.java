package cardwright.simulator;

import java.util.Arrays;

/**
 * What kind of card a simulated card is when it is new.
 *
 * @param keyLength bytes of each initial key: 16, 24 or 32
 * @param i the SCP03 "i" parameter (Amendment D, table 5-1): 00, 10, 20, 30, 60, 70, or with bit 01 the S16 forms
 * @param kvn key version number of the initial set: 01 to 7F, or FF
 * @param tries how many authentications may fail in a row, 1 to 255
 * @param kdd key diversification data, 10 bytes
 * @param serial the chip's serial in the CPLC data, 4 bytes
 */
public record Profile(int keyLength, int i, int kvn, int tries, byte[] kdd, byte[] serial) {
    public Profile {
        if (keyLength != 16 && keyLength != 24 && keyLength != 32) {
            throw new IllegalArgumentException("keys have 16, 24 or 32 bytes, not " + keyLength);
        }
        int options = i & ~1;
        if (options != 0x00 && options != 0x10 && options != 0x20 && options != 0x30 && options != 0x60 && options != 0x70) {
            throw new IllegalArgumentException(String.format("there is no i = %02X", i));
        }
        if (kvn != 0xFF && (kvn < 1 || kvn > 0x7F)) {
            throw new IllegalArgumentException(String.format("a KVN is 01 to 7F, or FF, not %02X", kvn));
        }
        if (tries < 1 || tries > 255) {
            throw new IllegalArgumentException("tries are 1 to 255, not " + tries);
        }
        if (kdd.length != 10 || serial.length != 4) {
            throw new IllegalArgumentException("the KDD has 10 bytes, the serial 4");
        }
        kdd = kdd.clone();
        serial = serial.clone();
    }

    /** AES-128, S8, i = 70, KVN FF, 10 tries, KDD "CWJC" 0000 and the serial. */
    public static Profile standard(byte[] serial) {
        byte[] kdd = Arrays.copyOf(new byte[] {'C', 'W', 'J', 'C'}, 10);
        System.arraycopy(serial, 0, kdd, 6, 4);
        return new Profile(16, 0x70, 0xFF, 10, kdd, serial);
    }

    /** Challenges, cryptograms and MACs have 16 bytes, not 8. */
    public boolean s16() {
        return (i & 1) != 0;
    }
}
