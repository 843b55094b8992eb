package cardwright.simulator.domain;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;

/** BER-TLV data objects of one level (ISO/IEC 7816-4 5.2.2). */
final class Tlv {
    private Tlv() {}

    /**
     * The value of the first object with this tag.
     *
     * @param tag as in the standards, one byte or two
     * @return null where there is none
     * @throws ISOException 6A80 for bytes on the way that are no data objects
     */
    static byte[] find(byte[] data, int tag) {
        int at = 0;
        while (at < data.length) {
            int tagEnd = tagEnd(data, at);
            int number = 0;
            for (int i = at; i < tagEnd; i++) {
                number = number << 8 | data[i] & 0xFF;
            }
            need(tagEnd < data.length);
            int first = data[tagEnd] & 0xFF;
            int more = first < 0x80 ? 0 : first & 0x7F;
            need(more <= 4 && first != 0x80 && tagEnd + more < data.length);
            long length = more == 0 ? first : 0;
            for (int i = 1; i <= more; i++) {
                length = length << 8 | data[tagEnd + i] & 0xFF;
            }
            int value = tagEnd + 1 + more;
            need(length <= data.length - value);
            at = value + (int) length;
            if (number == tag) {
                return Arrays.copyOfRange(data, value, at);
            }
        }
        return null;
    }

    /** Tags have one to three bytes. */
    private static int tagEnd(byte[] data, int at) {
        if ((data[at] & 0x1F) != 0x1F) {
            return at + 1;
        }
        for (int end = at + 2; end <= at + 3; end++) {
            need(end <= data.length);
            if (data[end - 1] >= 0) {
                return end;
            }
        }
        throw new ISOException(ISO7816.SW_WRONG_DATA);
    }

    private static void need(boolean sound) {
        if (!sound) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
    }

    /** Appends an object, its tag of one byte or two, its value under 65,536 bytes. */
    static void append(ByteArrayOutputStream out, int tag, byte[] value) {
        if (tag > 0xFF) {
            out.write(tag >> 8);
        }
        out.write(tag);
        if (value.length > 0xFF) {
            out.write(0x82);
            out.write(value.length >> 8);
        } else if (value.length > 0x7F) {
            out.write(0x81);
        }
        out.write(value.length);
        out.writeBytes(value);
    }
}
