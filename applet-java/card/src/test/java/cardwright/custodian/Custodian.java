package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import cardwright.simulator.CardRuntime;
import cardwright.simulator.Domain;
import cardwright.simulator.Profile;
import cardwright.simulator.memory.TransientArrays;
import java.lang.reflect.Field;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import javacard.framework.AID;
import javacard.security.KeyPair;
import org.globalplatform.SecureChannelx;

/** A new card with the custodian applet selected, and the commands a test sends it. Bytes are hex. */
final class Custodian {
    static final String AID = "F0435743555354";
    static final String PIN = "31323334";
    static final byte[] SHARE = Shares.share(3, 16, true);
    private static final HexFormat HEX = HexFormat.of().withUpperCase();

    final Card card;
    final Host host;

    Custodian() throws CardLostException {
        byte[] aid = HEX.parseHex(AID);
        Card.Instance applet = new Card.Instance(aid, aid, CustodianApplet.class.getName(), new byte[0]);
        card = Card.make(Profile.standard(new byte[] {1, 2, 3, 4}), new SecureRandom(),
                List.of(CustodianApplet.class.getProtectionDomain().getCodeSource().getLocation()), List.of(applet));
        host = new Host(card);
        select();
    }

    /** A card with a PIN, a session of level 33, and the PIN verified. */
    static Custodian ready() throws CardLostException {
        Custodian card = new Custodian().fresh();
        assertEquals("9000", card.setPin());
        assertEquals("9000", card.verify(PIN));
        return card;
    }

    /** The same with a share, and the PIN used up. */
    static Custodian holding(int mode) throws CardLostException {
        Custodian card = ready();
        assertEquals("9000", card.store(mode, SHARE, 200));
        return card;
    }

    String select() throws CardLostException {
        return plain("00A40400" + "07" + AID + "00");
    }

    /** A command as it stands. */
    String plain(String command) throws CardLostException {
        return HEX.formatHex(card.transmit(HEX.parseHex(command)));
    }

    /** A proprietary command in the open session. */
    String secure(int ins, int p1, int p2, String data) throws CardLostException {
        return HEX.formatHex(host.send(0x80, ins, p1, p2, HEX.parseHex(data)));
    }

    /** Power off and on, the applet selected again, a session of level 33. */
    Custodian fresh() throws CardLostException {
        card.powerOff();
        card.powerOn();
        select();
        host.open(0x33);
        return this;
    }

    String setPin() throws CardLostException {
        return secure(0x24, 1, 0, PIN);
    }

    /** VERIFY in plain. */
    String verify(String pin) throws CardLostException {
        return plain(String.format("00200000%02X", pin.length() / 2) + pin);
    }

    /** STORE SHARE in blocks of {@code size} bytes; the first answer that is not 9000, or the last. */
    String store(int mode, byte[] object, int size) throws CardLostException {
        String answer = "";
        for (int at = 0, block = 0; at < object.length; at += size, block++) {
            int end = Math.min(at + size, object.length);
            int p1 = end == object.length ? mode | 0x80 : mode;
            answer = secure(0x30, p1, block, HEX.formatHex(Arrays.copyOfRange(object, at, end)));
            if (!answer.equals("9000")) {
                return answer;
            }
        }
        return answer;
    }

    String state() throws CardLostException {
        return plain("8036000000");
    }

    /** What is in the card's place for a share, read behind its back. */
    byte[] sharePlace() {
        return place("share", "object");
    }

    /** How many bytes other than 00 are in the place for a share that comes in blocks. */
    int storedSoFar() {
        int count = 0;
        for (byte b : place("blocks", "object")) {
            count += b == 0 ? 0 : 1;
        }
        return count;
    }

    /** A field of one of the card's parts, read behind its back. */
    byte[] place(String part, String name) {
        return ((byte[]) get(get(get(applet(), "parts"), part), name)).clone();
    }

    /** The values of taken shares. */
    byte[] combinersValues() {
        return ((byte[]) get(get(applet(), "combiner"), "values")).clone();
    }

    /** The private key of a pair among the card's parts is there. */
    boolean hasPrivateKey(String part) {
        return ((KeyPair) get(get(get(applet(), "parts"), part), "pair")).getPrivate().isInitialized();
    }

    /** Whether an array of the applet's is cleared by some event. */
    boolean isTransient(Object array) {
        return ((TransientArrays) get(get(runtime(), "memory"), "transients")).contains(array);
    }

    /** The applet itself. */
    Object applet() {
        byte[] aid = HEX.parseHex(AID);
        return runtime().lookupApplet(new AID(aid, (short) 0, (byte) aid.length)).getApplet();
    }

    /** The applet's life cycle state as the platform has it. */
    String registryState() {
        return String.format("%02X", runtime().domain().applicationState(HEX.parseHex(AID)));
    }

    /** From now on the card's security domain does one method in another way. */
    void instead(String method, Instead.Way way) {
        Domain domain = Instead.of(Domain.class, runtime().domain(), method, way);
        try {
            field(CardRuntime.class, "domain").set(runtime(), domain);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The same of its secure channel. */
    void insteadInChannel(String method, Instead.Way way) {
        instead("secureChannel", (original, arguments) ->
                Instead.of(SecureChannelx.class, (SecureChannelx) original.call(), method, way));
    }

    /** What the applet has at the end of a path of fields. */
    Object at(String... path) {
        Object at = applet();
        for (String name : path) {
            at = get(at, name);
        }
        return at;
    }

    /** From now on an object of the applet's has something else in a field. */
    static void set(Object of, String name, Object value) {
        try {
            field(of.getClass(), name).set(of, value);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private CardRuntime runtime() {
        return (CardRuntime) get(card, "runtime");
    }

    private static Object get(Object of, String name) {
        try {
            return field(of.getClass(), name).get(of);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Field field(Class<?> of, String name) throws ReflectiveOperationException {
        Field field = of.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }

    /** The state without what identifies the card: tries, share, and the rest. */
    String shortState() throws CardLostException {
        return state().replaceAll("^E1(81)?..800202008101(..)8208.{16}", "$2 ");
    }
}
