package cardwright.simulator.scp;

import java.security.MessageDigest;
import java.util.Arrays;

/**
 * An SCP03 session on the card's side (AmdD 6), from the answer to INITIALIZE UPDATE to its end.
 *
 * <p>It knows nothing of key sets, tries and APDU objects. All of it is gone with the card's power.
 */
public final class CardSession {
    /** Bits of a security level (AmdD 7.1.2.1). */
    public static final int C_MAC = 0x01;
    public static final int C_DECRYPTION = 0x02;
    public static final int R_MAC = 0x10;
    public static final int R_ENCRYPTION = 0x20;

    /** What 8-byte MACs are good for. */
    private static final int MAX_COMMANDS = 1 << 20;

    private static final int BLOCK = AesCbc.BLOCK;
    private static final int SECURED = 0x04;
    private static final int MORE_CHANNELS = 0x40;
    private static final int MORE_CHANNELS_SECURED = 0x20;

    private final int kvn;
    private final int keyLength;
    private final int width;
    private final byte[] cardCryptogram;
    private final byte[] hostCryptogram;
    private final byte[] chain = new byte[BLOCK];
    private Cmac mac;
    private Cmac rmac;
    private AesCbc encryption;
    private AesCbc dek;
    private boolean open;
    private int agreed;
    private int level;
    private int counter;

    /**
     * Derives the session's keys and both cryptograms.
     *
     * @param kvn version number of the key set
     * @param keys Key-ENC, Key-MAC and Key-DEK, one behind the other, as they are now
     * @param keyLength bytes of each: 16, 24 or 32
     * @param hostChallenge 8 or 16 bytes, which tells S8 from S16
     * @param cardChallenge as many
     */
    public CardSession(int kvn, byte[] keys, int keyLength, byte[] hostChallenge, byte[] cardChallenge) {
        this.kvn = kvn;
        this.keyLength = keyLength;
        this.width = hostChallenge.length;
        byte[] keyEnc = Arrays.copyOfRange(keys, 0, keyLength);
        byte[] keyMac = Arrays.copyOfRange(keys, keyLength, 2 * keyLength);
        byte[] keyDek = Arrays.copyOfRange(keys, 2 * keyLength, 3 * keyLength);
        Cmac encPrf = new Cmac(keyEnc);
        Cmac macPrf = new Cmac(keyMac);
        byte[] sEnc = Kdf.derive(encPrf, Kdf.S_ENC, keyLength, hostChallenge, cardChallenge);
        byte[] sMac = Kdf.derive(macPrf, Kdf.S_MAC, keyLength, hostChallenge, cardChallenge);
        byte[] sRmac = Kdf.derive(macPrf, Kdf.S_RMAC, keyLength, hostChallenge, cardChallenge);
        encPrf.wipe();
        macPrf.wipe();
        encryption = new AesCbc(sEnc);
        mac = new Cmac(sMac);
        rmac = new Cmac(sRmac);
        dek = new AesCbc(keyDek);
        KeyBytes.wipe(keyEnc, keyMac, keyDek, sEnc, sMac, sRmac);
        cardCryptogram = Kdf.derive(mac, Kdf.CARD_CRYPTOGRAM, width, hostChallenge, cardChallenge);
        hostCryptogram = Kdf.derive(mac, Kdf.HOST_CRYPTOGRAM, width, hostChallenge, cardChallenge);
    }

    /** Whether there is such a level (AmdD table 7-4), and the "i" parameter offers it (AmdD table 5-1). */
    public static boolean offers(int i, int level) {
        return switch (level) {
            case 0x00, 0x01, 0x03 -> true;
            case 0x11, 0x13 -> (i & 0x20) != 0;
            case 0x33 -> (i & 0x60) == 0x60;
            default -> false;
        };
    }

    /** Version number of the key set, as it was when the session began. */
    public int kvn() {
        return kvn;
    }

    /** Bytes of each of the set's keys. */
    public int keyLength() {
        return keyLength;
    }

    /** The card's proof, 8 or 16 bytes. */
    public byte[] cardCryptogram() {
        return cardCryptogram.clone();
    }

    /** Whether the host has been authenticated. */
    public boolean isOpen() {
        return open;
    }

    /** The level in force. */
    public int level() {
        return level;
    }

    /** Sets the level; it has to hold all bits that the host asked for. Whether it does. */
    public boolean raise(int wanted) {
        if ((agreed & ~wanted) != 0) {
            return false;
        }
        level = wanted;
        return true;
    }

    /**
     * EXTERNAL AUTHENTICATE: MACed and never encrypted, the chaining value before it zero.
     *
     * @param wanted P1
     * @param data host cryptogram and MAC
     * @return whether both are right; the session is open then
     */
    public boolean authenticate(int wanted, byte[] data) {
        if (open || data.length != 2 * width) {
            return false;
        }
        byte[] cryptogram = Arrays.copyOf(data, width);
        byte[] header = {(byte) 0x84, (byte) 0x82, (byte) wanted, 0, (byte) data.length};
        next(mac.mac(chain, header, cryptogram));
        boolean same = MessageDigest.isEqual(hostCryptogram, cryptogram);
        same &= MessageDigest.isEqual(Arrays.copyOf(chain, width), Arrays.copyOfRange(data, width, 2 * width));
        open = same;
        agreed = wanted;
        level = wanted;
        return same;
    }

    private void next(byte[] value) {
        System.arraycopy(value, 0, chain, 0, BLOCK);
    }

    /**
     * Checks and decrypts a command under secure messaging, in place. A block of nothing but padding is empty data: a
     * widely used host sends that.
     *
     * @param buffer header, Lc (one byte, or three of which the first is 00) and data
     * @param offset where CLA stands
     * @param length bytes of all of it
     * @return length of header, Lc in the form that came, and plain data; CLA says no more of secure messaging
     * @throws SecureMessagingException the caller ends the session
     */
    public int unwrap(byte[] buffer, int offset, int length) throws SecureMessagingException {
        if (counter >= MAX_COMMANDS) {
            throw new SecureMessagingException("too many commands");
        }
        counter++;
        int data = offset + dataOffset(buffer, offset, length);
        int body = offset + length - data - width;
        if (body < 0) {
            throw new SecureMessagingException("no MAC");
        }
        byte[] header = Arrays.copyOfRange(buffer, offset, data);
        byte cla = header[0];
        header[0] = (byte) (cla & 0x80 | SECURED);
        byte[] sent = Arrays.copyOfRange(buffer, data + body, data + body + width);
        next(mac.mac(chain, header, Arrays.copyOfRange(buffer, data, data + body)));
        if (!MessageDigest.isEqual(Arrays.copyOf(chain, width), sent)) {
            throw new SecureMessagingException("wrong MAC");
        }
        int plain = (level & C_DECRYPTION) != 0 && body > 0 ? decrypt(buffer, data, body) : body;
        Arrays.fill(buffer, data + plain, offset + length, (byte) 0);
        buffer[offset] = (byte) (cla & ~((cla & MORE_CHANNELS) == 0 ? SECURED : MORE_CHANNELS_SECURED));
        if (data - offset == 7) {
            buffer[offset + 5] = (byte) (plain >> 8);
            buffer[offset + 6] = (byte) plain;
        } else {
            buffer[offset + 4] = (byte) plain;
        }
        return data - offset + plain;
    }

    /** Where the data begins, 5 or 7; Lc has to tell the truth. */
    private static int dataOffset(byte[] buffer, int offset, int length) throws SecureMessagingException {
        if (length > 5 && (buffer[offset + 4] & 0xFF) == length - 5) {
            return 5;
        }
        boolean three = length > 7 && buffer[offset + 4] == 0;
        if (three && ((buffer[offset + 5] & 0xFF) << 8 | buffer[offset + 6] & 0xFF) == length - 7) {
            return 7;
        }
        throw new SecureMessagingException("no Lc");
    }

    private int decrypt(byte[] buffer, int data, int body) throws SecureMessagingException {
        if (body % BLOCK != 0) {
            throw new SecureMessagingException("no whole blocks");
        }
        // CBC with an IV is CBC with the IV as first block, whose own plain text is thrown away.
        byte[] icv = encryption.encrypt(counterBlock(0x00), 0, BLOCK);
        byte[] input = Arrays.copyOf(icv, BLOCK + body);
        System.arraycopy(buffer, data, input, BLOCK, body);
        byte[] plain = encryption.decrypt(input, 0, input.length);
        int end = plain.length - 1;
        while (end > BLOCK && plain[end] == 0) {
            end--;
        }
        if (plain[end] != (byte) 0x80 || plain.length - end > BLOCK) {
            throw new SecureMessagingException("no padding");
        }
        System.arraycopy(plain, BLOCK, buffer, data, end - BLOCK);
        Arrays.fill(plain, (byte) 0);
        return end - BLOCK;
    }

    /** The number of the command in hand; in its response the first byte is 80. */
    private byte[] counterBlock(int direction) {
        byte[] block = new byte[BLOCK];
        block[0] = (byte) direction;
        for (int i = 0; i < 4; i++) {
            block[BLOCK - 1 - i] = (byte) (counter >> 8 * i);
        }
        return block;
    }

    /**
     * Protects the response to the command unwrapped last, in place. R-MAC and R-ENC come with 9000, 62xx and 63xx;
     * with R-MAC in force, any other status word goes out without data.
     *
     * @param buffer plain data and the status word; with R-MAC there is room behind it
     * @param offset where the data begins
     * @param length bytes of data, and two
     * @return bytes of protected data, without status word
     * @throws ArrayIndexOutOfBoundsException without room
     */
    public int wrap(byte[] buffer, int offset, int length) {
        int data = length - 2;
        if ((level & R_MAC) == 0) {
            return data;
        }
        byte[] sw = Arrays.copyOfRange(buffer, offset + data, offset + length);
        if (!(sw[0] == (byte) 0x90 && sw[1] == 0 || sw[0] == 0x62 || sw[0] == 0x63)) {
            return 0;
        }
        byte[] protectedData = Arrays.copyOfRange(buffer, offset, offset + data);
        if ((level & R_ENCRYPTION) != 0 && data > 0) {
            protectedData = encrypt(protectedData);
        }
        byte[] value = rmac.mac(chain, protectedData, sw);
        int size = protectedData.length + width;
        if (offset + size > buffer.length) {
            throw new ArrayIndexOutOfBoundsException(offset + size);
        }
        System.arraycopy(protectedData, 0, buffer, offset, protectedData.length);
        System.arraycopy(value, 0, buffer, offset + protectedData.length, width);
        return size;
    }

    private byte[] encrypt(byte[] data) {
        // With the counter block in front, CBC makes the IV of it by itself.
        byte[] input = Arrays.copyOf(counterBlock(0x80), BLOCK + data.length / BLOCK * BLOCK + BLOCK);
        System.arraycopy(data, 0, input, BLOCK, data.length);
        input[BLOCK + data.length] = (byte) 0x80;
        return Arrays.copyOfRange(encryption.encrypt(input, 0, input.length), BLOCK, input.length);
    }

    /**
     * Decrypts sensitive data, whole blocks, under the static Key-DEK: SCP03 has no session key for that (AmdD 4.1.4).
     */
    public byte[] decryptSensitive(byte[] data) {
        return dek.decrypt(data, 0, data.length);
    }

    /** Encrypts sensitive data, whole blocks, under the static Key-DEK. */
    public byte[] encryptSensitive(byte[] data) {
        return dek.encrypt(data, 0, data.length);
    }

    /** Ends the session: its keys are dropped, and it never opens again. */
    public void end() {
        if (mac != null) {
            mac.wipe();
            rmac.wipe();
        }
        mac = null;
        rmac = null;
        encryption = null;
        dek = null;
        open = false;
        agreed = 0;
        level = 0;
        Arrays.fill(chain, (byte) 0);
        Arrays.fill(hostCryptogram, (byte) 0);
    }
}
