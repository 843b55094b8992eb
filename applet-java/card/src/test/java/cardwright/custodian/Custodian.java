package cardwright.custodian;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import cardwright.simulator.Profile;
import com.licel.jcardsim.base.SimulatorRuntime;
import java.lang.reflect.Field;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import javacard.framework.AID;

/** A new card with the custodian applet selected, and the commands a test sends it. Bytes are hex. */
final class Custodian {
    static final String AID = "F0435743555354";
    static final String PIN = "31323334";
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
        try {
            Field field = Card.class.getDeclaredField("runtime");
            field.setAccessible(true);
            SimulatorRuntime runtime = (SimulatorRuntime) field.get(card);
            byte[] aid = HEX.parseHex(AID);
            Object at = runtime.lookupApplet(new AID(aid, (short) 0, (byte) aid.length)).getApplet();
            for (String name : new String[] {"share", "object"}) {
                Field next = at.getClass().getDeclaredField(name);
                next.setAccessible(true);
                at = next.get(at);
            }
            return ((byte[]) at).clone();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The state without what identifies the card: tries, share, and the rest. */
    String shortState() throws CardLostException {
        return state().replaceAll("^E1..800201008101(..)8208.{16}", "$1 ");
    }
}
