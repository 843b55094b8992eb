package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cardwright.simulator.CardLostException;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Cards that do what the specifications leave open in another way than the simulator. */
class PlatformsTest {
    private static final String NO_PIN = "07 8301038401009000";
    private static final String WITH_PIN = "0F 8301038401009000";

    private final Custodian card = new Custodian().fresh();

    PlatformsTest() throws CardLostException {
    }

    /** The life cycle state is set in a transaction of the platform's own. */
    @Test
    void lifeCycleInATransaction() throws CardLostException {
        card.instead("setApplicationState", (original, arguments) -> {
            JCSystem.beginTransaction();
            Object done = original.call();
            JCSystem.commitTransaction();
            return done;
        });
        assertEquals("9000", card.setPin());
        assertEquals(WITH_PIN, card.shortState());
        assertEquals("9000", card.secure(0x34, 1, 0, ""));
        assertEquals(NO_PIN, card.shortState());
        assertEquals(0, card.card.faults());
    }

    /** The life cycle state is not set, as if power had been lost before: the applet's answers do not depend on it. */
    @Test
    void lifeCycleBehind() throws CardLostException {
        boolean[] refuses = {true};
        card.instead("setApplicationState", (original, arguments) -> refuses[0] ? false : original.call());
        assertEquals("9000", card.setPin());
        assertEquals(WITH_PIN, card.shortState());
        assertEquals("07", card.registryState());
        assertEquals("6985", card.setPin());
        assertEquals("9000", card.verify(Custodian.PIN));
        refuses[0] = false;
        card.select();
        assertEquals("0F", card.registryState());
        refuses[0] = true;
        card.host.open(0x33);
        assertEquals("9000", card.secure(0x34, 1, 0, ""));
        assertEquals(NO_PIN, card.shortState());
        assertEquals("6985", card.verify(Custodian.PIN));
        assertEquals("0F", card.registryState());
        refuses[0] = false;
        card.select();
        assertEquals("07", card.registryState());
    }

    /** The channel's return value tells how long the command is now, and nothing else. */
    @Test
    void lengthOfTheCommand() throws CardLostException {
        card.insteadInChannel("unwrap", (original, arguments) -> {
            Object end = original.call();
            ((byte[]) arguments[0])[ISO7816.OFFSET_LC] = 0x55;
            return end;
        });
        assertEquals("9000", card.setPin());
        assertEquals("9000", card.verify(Custodian.PIN));
        byte[] share = Shares.share(3, 16, true);
        assertEquals("9000", card.store(1, share, 200));
        assertEquals("9000", card.verify(Custodian.PIN));
        assertEquals("9000", card.secure(0x34, 0, 0, ""));
    }

    /** The level's bits, but a host that has not authenticated itself. */
    @Test
    void levelWithoutAuthentication() throws CardLostException {
        card.insteadInChannel("getSecurityLevel", (original, arguments) -> (byte) ((Byte) original.call() & 0x7F));
        assertEquals("6982", card.setPin());
        assertEquals(NO_PIN, card.shortState());
    }

    /** A command that came in plain is not made good by what the channel says afterwards. */
    @Test
    void levelOfAPlainCommand() throws CardLostException {
        card.setPin();
        int[] asked = new int[1];
        card.insteadInChannel("getSecurityLevel", (original, arguments) -> asked[0]++ == 0 ? (byte) 0 : (byte) 0xB3);
        assertEquals("6982", card.plain("8034010000"));
        card.insteadInChannel("getSecurityLevel", (original, arguments) -> original.call());
        assertEquals(WITH_PIN, card.shortState());
    }

    /** A card has one ISOException for all: what is refused last, within the channel, is not what is answered. */
    @ParameterizedTest
    @ValueSource(shorts = {0x6982, 0x6987, 0x6988})
    void oneExceptionForAll(short status) throws CardLostException {
        card.setPin();
        card.verify(Custodian.PIN);
        assertEquals("9000", card.secure(0x30, 1, 0, "E0".repeat(100)));
        ISOException shared = new ISOException((short) 0);
        card.insteadInChannel("resetSecurity", (original, arguments) -> {
            original.call();
            shared.setReason((short) 0x6F00);
            return null;
        });
        card.insteadInChannel("unwrap", (original, arguments) -> {
            shared.setReason(status);
            throw shared;
        });
        assertEquals(String.format("%04X", status), card.secure(0x36, 0, 0, ""));
        assertEquals("6882", card.plain("8436000000"));
        assertEquals(0, card.storedSoFar());
    }
}
