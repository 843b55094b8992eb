package cardwright.custodian;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import java.io.ByteArrayOutputStream;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** The host's side of SCP03 with AES-128 in S8 (AmdD), for tests, and apart from the simulator's own. */
final class Host {
    private static final byte[] KEY = HexFormat.of().parseHex("404142434445464748494A4B4C4D4E4F");
    private static final byte[] ZERO = new byte[16];

    private final Card card;
    private byte[] encKey;
    private byte[] macKey;
    private byte[] rmacKey;
    private byte[] chain = ZERO;
    private int level;
    private int counter;

    Host(Card card) {
        this.card = card;
    }

    /** Opens a session with the initial keys. */
    void open(int wanted) throws CardLostException {
        byte[] challenge = HexFormat.of().parseHex("0102030405060708");
        byte[] hello = ok(card.transmit(apdu(0x80, 0x50, 0, 0, challenge)));
        byte[] context = concat(challenge, Arrays.copyOfRange(hello, 13, 21));
        encKey = derive(KEY, 0x04, 16, context);
        macKey = derive(KEY, 0x06, 16, context);
        rmacKey = derive(KEY, 0x07, 16, context);
        if (!Arrays.equals(derive(macKey, 0, 8, context), Arrays.copyOfRange(hello, 21, 29))) {
            throw new AssertionError("card cryptogram");
        }
        level = 0x01;
        chain = ZERO;
        counter = 0;
        ok(card.transmit(wrap(0x80, 0x82, wanted, 0, derive(macKey, 1, 8, context))));
        level = wanted;
    }

    /** A command under the session's protection; its answer in clear, status word and all. */
    byte[] send(int cla, int ins, int p1, int p2, byte[] data) throws CardLostException {
        counter++;
        return unwrap(card.transmit(wrap(cla, ins, p1, p2, data)));
    }

    private byte[] wrap(int cla, int ins, int p1, int p2, byte[] data) {
        byte[] body = data;
        if ((level & 0x02) != 0 && data.length > 0) {
            body = cbc(Cipher.ENCRYPT_MODE, encKey, iv(0), pad(data));
        }
        byte[] header = {(byte) (cla | 4), (byte) ins, (byte) p1, (byte) p2, (byte) (body.length + 8)};
        chain = cmac(macKey, concat(chain, header, body));
        return apdu(cla | 4, ins, p1, p2, concat(body, Arrays.copyOf(chain, 8)));
    }

    private byte[] unwrap(byte[] answer) {
        int end = answer.length - 2;
        byte[] sw = Arrays.copyOfRange(answer, end, end + 2);
        boolean authentic = sw[0] == (byte) 0x90 || sw[0] == 0x62 || sw[0] == 0x63;
        if ((level & 0x10) == 0 || !authentic) {
            return answer;
        }
        if (end < 8) {
            throw new AssertionError("no R-MAC in " + HexFormat.of().formatHex(answer));
        }
        byte[] body = Arrays.copyOf(answer, end - 8);
        byte[] mac = cmac(rmacKey, concat(chain, body, sw));
        if (!Arrays.equals(Arrays.copyOf(mac, 8), Arrays.copyOfRange(answer, end - 8, end))) {
            throw new AssertionError("R-MAC");
        }
        if ((level & 0x20) != 0 && body.length > 0) {
            byte[] plain = cbc(Cipher.DECRYPT_MODE, encKey, iv(0x80), body);
            int padding = plain.length - 1;
            while (plain[padding] == 0) {
                padding--;
            }
            body = Arrays.copyOf(plain, padding);
        }
        return concat(body, sw);
    }

    static byte[] apdu(int cla, int ins, int p1, int p2, byte[] data) {
        byte[] header = {(byte) cla, (byte) ins, (byte) p1, (byte) p2};
        byte[] le = {0};
        return data.length == 0 ? concat(header, le) : concat(header, new byte[] {(byte) data.length}, data, le);
    }

    private static byte[] ok(byte[] answer) {
        String text = HexFormat.of().formatHex(answer);
        if (!text.endsWith("9000")) {
            throw new AssertionError(text);
        }
        return answer;
    }

    static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    private byte[] iv(int first) {
        byte[] block = new byte[16];
        block[0] = (byte) first;
        block[14] = (byte) (counter >> 8);
        block[15] = (byte) counter;
        return cbc(Cipher.ENCRYPT_MODE, encKey, ZERO, block);
    }

    private static byte[] pad(byte[] data) {
        byte[] padded = Arrays.copyOf(data, (data.length / 16 + 1) * 16);
        padded[data.length] = (byte) 0x80;
        return padded;
    }

    private static byte[] derive(byte[] key, int constant, int length, byte[] context) {
        byte[] fixed = new byte[16];
        fixed[11] = (byte) constant;
        fixed[14] = (byte) (length * 8);
        fixed[15] = 1;
        return Arrays.copyOf(cmac(key, concat(fixed, context)), length);
    }

    private static byte[] cbc(int mode, byte[] key, byte[] iv, byte[] data) {
        try {
            Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
            cipher.init(mode, new SecretKeySpec(key, "AES"), new IvParameterSpec(iv));
            return cipher.doFinal(data);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** SP 800-38B. */
    static byte[] cmac(byte[] key, byte[] message) {
        boolean whole = message.length > 0 && message.length % 16 == 0;
        byte[] subkey = twice(cbc(Cipher.ENCRYPT_MODE, key, ZERO, ZERO));
        byte[] last = whole ? message.clone() : pad(message);
        subkey = whole ? subkey : twice(subkey);
        for (int i = 0; i < 16; i++) {
            last[last.length - 16 + i] ^= subkey[i];
        }
        byte[] blocks = cbc(Cipher.ENCRYPT_MODE, key, ZERO, last);
        return Arrays.copyOfRange(blocks, blocks.length - 16, blocks.length);
    }

    private static byte[] twice(byte[] block) {
        byte[] doubled = new byte[16];
        for (int i = 0; i < 16; i++) {
            doubled[i] = (byte) (block[i] << 1 | (i < 15 ? (block[i + 1] & 0xFF) >> 7 : 0));
        }
        doubled[15] ^= block[0] < 0 ? (byte) 0x87 : 0;
        return doubled;
    }
}
