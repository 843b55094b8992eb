package cardwright.simulator.domain;

import cardwright.simulator.scp.CardSession;
import cardwright.simulator.scp.KeyBytes;
import cardwright.simulator.scp.KeyCheckValue;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;

/** PUT KEY for a whole AES set (CS 11.8, AmdD 7.2). */
final class PutKey {
    private static final int AES = 0x88;
    /** The first key is number 1, and more follow. */
    private static final int WHOLE_SET = 0x81;
    private static final int KEYS = 3;

    private PutKey() {}

    /**
     * Adds a set (P1 = 00), or replaces the set P1.
     *
     * @param data version number, then three key data fields
     * @param out version number and check values, as computed here
     * @throws ISOException 6A86 P1 or P2; 6A80 malformed, sizes that differ, a number that cannot be; 9485 a check
     *     value that is wrong, none at all being accepted; and what {@link KeySets} says
     */
    static void process(KeySets sets, CardSession session, int p1, int p2, byte[] data, ByteArrayOutputStream out) {
        if (p1 > 0x7F || p2 != WHOLE_SET) {
            throw new ISOException(ISO7816.SW_INCORRECT_P1P2);
        }
        int kvn = data.length == 0 ? 0 : data[0] & 0xFF;
        need(kvn >= 1 && kvn <= 0x7F);
        checkForm(data);
        int second = next(data, 1);
        int third = next(data, second);
        byte[] enc = key(session, data, 1);
        byte[] mac = key(session, data, second);
        byte[] dek = key(session, data, third);
        need(mac.length == enc.length && dek.length == enc.length);
        byte[] keys = KeyBytes.join(KeySetEntry.ROOM, enc, mac, dek);
        if (p1 == 0) {
            sets.add(kvn, enc.length, keys);
        } else {
            sets.replace(p1, kvn, enc.length, keys);
        }
        out.write(kvn);
        out.writeBytes(KeyCheckValue.of(enc));
        out.writeBytes(KeyCheckValue.of(mac));
        out.writeBytes(KeyCheckValue.of(dek));
        KeyBytes.wipe(enc, mac, dek, keys);
    }

    /** Three key data fields and nothing else, all of them AES. */
    private static void checkForm(byte[] data) {
        int at = 1;
        for (int i = 0; i < KEYS; i++) {
            need(at + 2 <= data.length && (data[at] & 0xFF) == AES);
            int kcv = at + 2 + (data[at + 1] & 0xFF);
            need(kcv < data.length && (data[kcv] == 0 || data[kcv] == KeyCheckValue.LENGTH));
            int room = ciphertextLength(data, at);
            need(room == 16 || room == 32);
            at = next(data, at);
            need(at <= data.length);
        }
        need(at == data.length);
    }

    /** Where the key data field behind this one begins. */
    private static int next(byte[] data, int at) {
        int kcv = at + 2 + (data[at + 1] & 0xFF);
        return kcv + 1 + (data[kcv] & 0xFF);
    }

    /**
     * AmdD table 7-10 puts the key's length in clear before the ciphertext, CS 11.8.2.3 does not: one byte tells them
     * apart.
     */
    private static boolean hasLength(byte[] data, int at) {
        int field = data[at + 1] & 0xFF;
        return field == 17 || field == 33;
    }

    private static int ciphertextLength(byte[] data, int at) {
        return (data[at + 1] & 0xFF) - (hasLength(data, at) ? 1 : 0);
    }

    /**
     * Decrypts a key and checks its check value. Without a length byte, 24-byte keys padded to 32 look like 32-byte
     * ones: in a session under 24-byte keys they are taken for 24.
     */
    private static byte[] key(CardSession session, byte[] data, int at) {
        int room = ciphertextLength(data, at);
        int start = at + 2 + (hasLength(data, at) ? 1 : 0);
        int length = room == 32 && session.keyLength() == 24 ? 24 : room;
        if (hasLength(data, at)) {
            length = data[at + 2] & 0xFF;
        }
        need(length == 16 && room == 16 || (length == 24 || length == 32) && room == 32);
        byte[] padded = session.decryptSensitive(Arrays.copyOfRange(data, start, start + room));
        byte[] key = Arrays.copyOf(padded, length);
        KeyBytes.wipe(padded);
        int sent = start + room;
        if (data[sent] != 0) {
            byte[] kcv = Arrays.copyOfRange(data, sent + 1, sent + 1 + KeyCheckValue.LENGTH);
            if (!Arrays.equals(kcv, KeyCheckValue.of(key))) {
                throw new ISOException(Status.WRONG_KCV);
            }
        }
        return key;
    }

    private static void need(boolean sound) {
        if (!sound) {
            throw new ISOException(ISO7816.SW_WRONG_DATA);
        }
    }
}
