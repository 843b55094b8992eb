package cardwright.simulator.scp;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** The host's side of SCP03, for tests: keys are equal for ENC, MAC and DEK, and nothing is checked but MACs. */
public final class ScpHost {
    private final byte[] key;
    private final byte[] hostChallenge;
    private final int width;
    private byte[] chain = new byte[16];
    private Cmac mac;
    private Cmac rmac;
    private AesCbc encryption;
    private byte[] hostCryptogram;
    private int level;
    private int counter;

    /**
     * @param key all three static keys
     * @param width 8 or 16
     */
    public ScpHost(byte[] key, int width) {
        this.key = key.clone();
        this.width = width;
        hostChallenge = new byte[width];
        Arrays.fill(hostChallenge, (byte) 0x5A);
    }

    /** INITIALIZE UPDATE without Le. */
    public byte[] initializeUpdate(int kvn) {
        return join(new byte[] {(byte) 0x80, 0x50, (byte) kvn, 0, (byte) width}, hostChallenge);
    }

    /** Takes the answer's data; whether the card's cryptogram is right. */
    public boolean hello(byte[] answer) {
        byte[] card = Arrays.copyOfRange(answer, 13, 13 + width);
        Cmac prf = new Cmac(key);
        encryption = new AesCbc(Kdf.derive(prf, 0x04, key.length, hostChallenge, card));
        mac = new Cmac(Kdf.derive(prf, 0x06, key.length, hostChallenge, card));
        rmac = new Cmac(Kdf.derive(prf, 0x07, key.length, hostChallenge, card));
        hostCryptogram = Kdf.derive(mac, 0x01, width, hostChallenge, card);
        byte[] cardCryptogram = Kdf.derive(mac, 0x00, width, hostChallenge, card);
        return Arrays.equals(cardCryptogram, Arrays.copyOfRange(answer, 13 + width, 13 + 2 * width));
    }

    /** EXTERNAL AUTHENTICATE. */
    public byte[] externalAuthenticate(int wanted) {
        level = 1;
        byte[] header = {(byte) 0x84, (byte) 0x82, (byte) wanted, 0, (byte) width};
        byte[] command = wrap(join(header, hostCryptogram));
        level = wanted;
        counter = 0;
        return command;
    }

    /** Protects a short command of header, Lc and data, or of a header alone. */
    public byte[] wrap(byte[] plain) {
        counter++;
        if ((level & 1) == 0) {
            return plain;
        }
        byte[] data = plain.length > 5 ? Arrays.copyOfRange(plain, 5, plain.length) : new byte[0];
        if ((level & 2) != 0 && data.length > 0) {
            data = crypt(0, pad(data));
        }
        return seal(plain, data);
    }

    /** As one widely used host does: empty data is padded and encrypted as well. */
    public byte[] wrapEmptyPadded(byte[] header) {
        counter++;
        return seal(header, crypt(0, pad(new byte[0])));
    }

    private byte[] seal(byte[] plain, byte[] data) {
        byte[] header = Arrays.copyOf(plain, 5);
        header[0] |= 4;
        header[4] = (byte) (data.length + width);
        chain = mac.mac(chain, header, data);
        return join(header, data, Arrays.copyOf(chain, width));
    }

    /** Checks and decrypts an answer of data and status word; null where the MAC is wrong. */
    public byte[] unwrap(byte[] answer) {
        int sw = (answer[answer.length - 2] & 0xFF) << 8 | answer[answer.length - 1] & 0xFF;
        boolean macked = sw == 0x9000 || sw >> 8 == 0x62 || sw >> 8 == 0x63;
        if ((level & 0x10) == 0 || !macked) {
            return answer;
        }
        int end = answer.length - 2 - width;
        byte[] data = Arrays.copyOf(answer, end);
        byte[] status = {(byte) (sw >> 8), (byte) sw};
        byte[] expected = Arrays.copyOf(rmac.mac(chain, data, status), width);
        if (!Arrays.equals(expected, Arrays.copyOfRange(answer, end, end + width))) {
            return null;
        }
        if ((level & 0x20) != 0 && data.length > 0) {
            byte[] icv = encryption.encrypt(block(0x80), 0, 16);
            byte[] plain = encryption.decrypt(join(icv, data), 0, data.length + 16);
            int last = plain.length - 1;
            while (plain[last] == 0) {
                last--;
            }
            data = Arrays.copyOfRange(plain, 16, last);
        }
        return join(data, status);
    }

    private byte[] block(int direction) {
        byte[] block = new byte[16];
        block[0] = (byte) direction;
        block[14] = (byte) (counter >> 8);
        block[15] = (byte) counter;
        return block;
    }

    private byte[] crypt(int direction, byte[] padded) {
        return Arrays.copyOfRange(
                encryption.encrypt(join(block(direction), padded), 0, padded.length + 16), 16, padded.length + 16);
    }

    private static byte[] pad(byte[] data) {
        byte[] padded = Arrays.copyOf(data, data.length / 16 * 16 + 16);
        padded[data.length] = (byte) 0x80;
        return padded;
    }

    /** A key data field of PUT KEY, encrypted under these keys' Key-DEK. */
    public byte[] keyBlock(byte[] newKey, boolean withLength, boolean withKcv) {
        byte[] padded = Arrays.copyOf(newKey, newKey.length == 16 ? 16 : 32);
        byte[] encrypted = new AesCbc(key).encrypt(padded, 0, padded.length);
        byte[] length = withLength ? new byte[] {(byte) newKey.length} : new byte[0];
        byte[] head = {(byte) 0x88, (byte) (length.length + encrypted.length)};
        byte[] kcv = withKcv ? join(new byte[] {3}, KeyCheckValue.of(newKey)) : new byte[1];
        return join(head, length, encrypted, kcv);
    }

    /** One behind the other. */
    public static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }
}
