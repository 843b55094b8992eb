package cardwright.simulator.scp;

import static cardwright.simulator.scp.Vectors.hex;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The card's side of SCP03, against recorded sessions and against a host. */
class CardSessionTest {
    private static final byte[] HEADER = hex("80CA0066");

    @Test
    void answersRecordedSessions() throws SecureMessagingException {
        CardSession session = null;
        int commands = 0;
        for (String[] line : Vectors.read("scp03_sessions.txt")) {
            if (line[0].equals("session")) {
                session = recorded(line);
                continue;
            }
            assertNotNull(session);
            byte[] wrapped = withoutLe(hex(line[2]));
            int length = session.unwrap(wrapped, 0, wrapped.length);
            assertArrayEquals(withLc(hex(line[1])), Arrays.copyOf(wrapped, length));
            commands++;
            if (line[0].equals("exchange")) {
                byte[] plain = ScpHost.join(hex(line[4]), hex(line[5]));
                byte[] room = Arrays.copyOf(plain, plain.length + 32);
                int size = session.wrap(room, 0, plain.length);
                assertArrayEquals(hex(line[3]), Arrays.copyOf(room, size));
            }
        }
        assertTrue(commands > 10, "commands: " + commands);
    }

    /** Opens the session of a line, and checks the card's cryptogram on the way. */
    private static CardSession recorded(String[] line) {
        byte[] enc = hex(line[1]);
        byte[] keys = ScpHost.join(enc, hex(line[2]), new byte[enc.length]);
        byte[] answer = hex(line[5]);
        byte[] host = Arrays.copyOfRange(hex(line[4]), 5, 13);
        CardSession session = new CardSession(0x30, keys, enc.length, host, Arrays.copyOfRange(answer, 13, 21));
        assertArrayEquals(Arrays.copyOfRange(answer, 21, 29), session.cardCryptogram());
        byte[] authenticate = hex(line[6]);
        assertTrue(session.authenticate(
                Integer.parseInt(line[3], 16), Arrays.copyOfRange(authenticate, 5, authenticate.length)));
        return session;
    }

    private static byte[] withoutLe(byte[] command) {
        return Arrays.copyOf(command, 5 + (command[4] & 0xFF));
    }

    /** A plain command as unwrapped ones are: with Lc in any case, without Le; CLA has lost the bit. */
    private static byte[] withLc(byte[] command) {
        byte[] plain = Arrays.copyOf(command, 5 + (command.length > 5 ? command[4] & 0xFF : 0));
        plain[4] = (byte) (plain.length - 5);
        return plain;
    }

    private static byte[] key(int length) {
        byte[] key = new byte[length];
        for (int i = 0; i < length; i++) {
            key[i] = (byte) (0x40 + i);
        }
        return key;
    }

    private static CardSession begin(ScpHost host, byte[] key, int width) {
        byte[] keys = ScpHost.join(key, key, key);
        byte[] own = new byte[width];
        byte[] challenge = Arrays.copyOfRange(host.initializeUpdate(0), 5, 5 + width);
        CardSession session = new CardSession(0x30, keys, key.length, challenge, own);
        assertTrue(host.hello(ScpHost.join(new byte[13], own, session.cardCryptogram())));
        return session;
    }

    private static CardSession open(ScpHost host, byte[] key, int width, int level) {
        CardSession session = begin(host, key, width);
        byte[] command = host.externalAuthenticate(level);
        assertTrue(session.authenticate(level, Arrays.copyOfRange(command, 5, command.length)));
        return session;
    }

    @Test
    void carriesAnythingAtEveryLevelSizeAndMode() throws SecureMessagingException {
        for (int size : new int[] {16, 24, 32}) {
            for (int width : new int[] {8, 16}) {
                for (int level : new int[] {0x01, 0x03, 0x11, 0x13, 0x33}) {
                    ScpHost host = new ScpHost(key(size), width);
                    CardSession session = open(host, key(size), width, level);
                    for (int length = 0; length < 70; length++) {
                        exchange(host, session, length);
                    }
                }
            }
        }
    }

    private static void exchange(ScpHost host, CardSession session, int length) throws SecureMessagingException {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) length);
        byte[] plain = ScpHost.join(HEADER, new byte[] {(byte) length}, data);
        byte[] wrapped = host.wrap(length == 0 ? HEADER : plain);
        int size = session.unwrap(wrapped, 0, wrapped.length);
        assertArrayEquals(plain, Arrays.copyOf(wrapped, size));
        for (String sw : new String[] {"9000", "6310", "6A88"}) {
            byte[] answer = ScpHost.join(sw.equals("6A88") ? new byte[0] : data, hex(sw));
            byte[] room = Arrays.copyOf(answer, answer.length + 32);
            int end = session.wrap(room, 0, answer.length);
            assertArrayEquals(answer, host.unwrap(ScpHost.join(Arrays.copyOf(room, end), hex(sw))));
        }
    }

    @Test
    void dropsTheDataOfAnError() throws SecureMessagingException {
        ScpHost host = new ScpHost(key(16), 8);
        CardSession session = open(host, key(16), 8, 0x11);
        byte[] wrapped = host.wrap(HEADER);
        session.unwrap(wrapped, 0, wrapped.length);
        assertEquals(0, session.wrap(hex("0102036A88"), 0, 5));
    }

    @Test
    void takesEmptyDataPaddedAndEncrypted() throws SecureMessagingException {
        ScpHost host = new ScpHost(key(16), 8);
        CardSession session = open(host, key(16), 8, 0x33);
        byte[] wrapped = host.wrapEmptyPadded(HEADER);
        assertEquals(5, session.unwrap(wrapped, 0, wrapped.length));
        assertArrayEquals(hex("80CA006600"), Arrays.copyOf(wrapped, 5));
    }

    @Test
    void unwrapsAnExtendedCommandAndKeepsItsChannel() throws SecureMessagingException {
        byte[] key = key(16);
        ScpHost host = new ScpHost(key, 8);
        CardSession session = begin(host, key, 8);
        byte[] authenticate = host.externalAuthenticate(0x01);
        assertTrue(session.authenticate(1, Arrays.copyOfRange(authenticate, 5, authenticate.length)));
        byte[] zeros = new byte[8];
        byte[] hostChallenge = Arrays.copyOfRange(host.initializeUpdate(0), 5, 13);
        Cmac mac = new Cmac(Kdf.derive(new Cmac(key), Kdf.S_MAC, 16, hostChallenge, zeros));
        byte[] chain = mac.mac(new byte[16], Arrays.copyOf(authenticate, 13));
        byte[] data = new byte[300];
        // The MAC is that of channel 0, whatever the channel; Lc has three bytes.
        byte[] value = mac.mac(chain, hex("84EC0000000134"), data);
        byte[] command = ScpHost.join(hex("E3EC0000000134"), data, Arrays.copyOf(value, 8));
        assertEquals(307, session.unwrap(command, 0, command.length));
        assertArrayEquals(hex("C3EC000000012C"), Arrays.copyOf(command, 7));
    }

    @Test
    void refusesEveryFlippedBit() {
        byte[] key = key(16);
        ScpHost host = new ScpHost(key, 8);
        open(host, key, 8, 0x33);
        byte[] wrapped = host.wrap(ScpHost.join(HEADER, hex("03010203")));
        for (int bit = 0; bit < 8 * wrapped.length; bit++) {
            byte[] wrong = wrapped.clone();
            wrong[bit / 8] ^= (byte) (1 << bit % 8);
            // The channel is not part of the MAC, and secure messaging goes into it as if it were on.
            boolean free = bit < 7;
            CardSession session = open(new ScpHost(key, 8), key, 8, 0x33);
            if (!free) {
                assertThrows(
                        SecureMessagingException.class, () -> session.unwrap(wrong, 0, wrong.length), "bit " + bit);
            }
        }
    }

    @Test
    void refusesWhatIsRepeatedCutOrBare() throws SecureMessagingException {
        byte[] key = key(16);
        ScpHost host = new ScpHost(key, 8);
        CardSession session = open(host, key, 8, 0x01);
        byte[] wrapped = host.wrap(HEADER);
        byte[] again = wrapped.clone();
        session.unwrap(wrapped, 0, wrapped.length);
        assertThrows(SecureMessagingException.class, () -> session.unwrap(again, 0, again.length));
        String[] bares = {"84CA006600", "84CA00660701020304050607", "84CA0066080102", "84CA006600000900"};
        for (String bare : bares) {
            byte[] command = hex(bare);
            assertThrows(SecureMessagingException.class, () -> session.unwrap(command, 0, command.length), bare);
        }
    }

    @Test
    void refusesAWrongCryptogramAndAWrongMac() {
        byte[] key = key(16);
        for (int at : new int[] {0, 7, 8, 15}) {
            ScpHost host = new ScpHost(key, 8);
            CardSession session = begin(host, key, 8);
            byte[] command = host.externalAuthenticate(0x01);
            byte[] data = Arrays.copyOfRange(command, 5, command.length);
            data[at] ^= 1;
            assertFalse(session.authenticate(1, data));
            assertFalse(session.isOpen());
        }
        ScpHost host = new ScpHost(key, 8);
        CardSession session = begin(host, key, 8);
        byte[] command = host.externalAuthenticate(0x01);
        // The level is under the MAC.
        assertFalse(session.authenticate(0x03, Arrays.copyOfRange(command, 5, command.length)));
    }

    @Test
    void anEndedSessionIsNoSession() {
        CardSession session = open(new ScpHost(key(16), 8), key(16), 8, 0x33);
        session.end();
        assertFalse(session.isOpen());
        assertEquals(0, session.level());
        assertThrows(NullPointerException.class, () -> session.encryptSensitive(new byte[16]));
    }

    @Test
    void offersWhatTheParameterSays() {
        assertTrue(CardSession.offers(0x00, 0x03));
        assertFalse(CardSession.offers(0x10, 0x11));
        assertTrue(CardSession.offers(0x20, 0x13));
        assertFalse(CardSession.offers(0x31, 0x33));
        assertTrue(CardSession.offers(0x61, 0x33));
        assertFalse(CardSession.offers(0x70, 0x02));
        assertFalse(CardSession.offers(0x70, 0x31));
    }
}
