package cardwright.simulator.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.fixture.ChannelApplet;
import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import cardwright.simulator.Profile;
import cardwright.simulator.scp.ScpHost;
import java.net.URL;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** A card with one applet, and a host that talks to it in hex. */
final class Rig {
    static final String DOMAIN = "A000000151000000";
    static final String APPLET = "F043574543484F";
    static final byte[] KDD = HexFormat.of().parseHex("00112233445566778899");
    static final byte[] SERIAL = {1, 2, 3, 4};

    final Card card;
    final Profile profile;
    byte[] keys;
    ScpHost host;

    Rig(Profile profile) {
        this(profile, ChannelApplet.class);
    }

    Rig(Profile profile, Class<?> type) {
        this.profile = profile;
        keys = testKey(profile.keyLength());
        byte[] aid = hex(APPLET);
        URL classes = type.getProtectionDomain().getCodeSource().getLocation();
        Card.Instance applet = new Card.Instance(aid, aid, type.getName(), new byte[0]);
        card = Card.make(profile, Card.seeded(new byte[] {1}), List.of(classes), List.of(applet));
    }

    /** AES-128, i = 70, initial keys, three tries. */
    static Rig standard() {
        return new Rig(profile(16, 0x70, 0xFF));
    }

    static Profile profile(int keyLength, int i, int kvn) {
        return new Profile(keyLength, i, kvn, 3, KDD, SERIAL);
    }

    static byte[] testKey(int length) {
        byte[] key = new byte[length];
        for (int i = 0; i < length; i++) {
            key[i] = (byte) (0x40 + i);
        }
        return key;
    }

    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }

    static String hex(byte[] bytes) {
        return HexFormat.of().withUpperCase().formatHex(bytes);
    }

    /** Sends a command as it is; returns data and status word. */
    String plain(String command) throws CardLostException {
        return hex(card.transmit(hex(command)));
    }

    /** The same after a reset, outside of any session. */
    String plainAfterReset(String command) throws CardLostException {
        card.powerOn();
        return plain(command);
    }

    /** Sends a command under secure messaging; the answer's MAC has to be right. */
    String send(String command) throws CardLostException {
        byte[] answer = host.unwrap(card.transmit(host.wrap(hex(command))));
        assertNotNull(answer, "the R-MAC is wrong");
        return hex(answer);
    }

    /** INITIALIZE UPDATE; returns the whole answer. */
    String initialize(int kvn) throws CardLostException {
        host = new ScpHost(keys, profile.s16() ? 16 : 8);
        byte[] answer = card.transmit(host.initializeUpdate(kvn));
        if (answer.length > 2) {
            assertTrue(host.hello(Arrays.copyOf(answer, answer.length - 2)), "the card cryptogram is wrong");
        }
        return hex(answer);
    }

    /** EXTERNAL AUTHENTICATE with a wrong host cryptogram. */
    String fail() throws CardLostException {
        byte[] command = host.externalAuthenticate(0x01);
        command[5] ^= 1;
        return hex(card.transmit(command));
    }

    /** Opens a session. */
    void open(int kvn, int level) throws CardLostException {
        initialize(kvn);
        assertEquals("9000", hex(card.transmit(host.externalAuthenticate(level))));
    }

    /** PUT KEY of a set whose three keys are the same, plain. */
    String putKey(int old, int kvn, byte[] key, boolean withLength) {
        byte[] block = host.keyBlock(key, withLength, true);
        byte[] data = ScpHost.join(new byte[] {(byte) kvn}, block, block, block);
        return String.format("80D8%02X81%02X", old, data.length) + hex(data);
    }
}
