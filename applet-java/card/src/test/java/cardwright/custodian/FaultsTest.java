package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import javacard.framework.JCSystem;
import javacard.security.AESKey;
import javacard.security.CryptoException;
import javacard.security.Key;
import javacard.security.KeyPair;
import javacardx.crypto.Cipher;
import org.junit.jupiter.api.Test;

/** A platform that fails in the middle of a command: 6F00, and nothing secret is left in transient memory. */
class FaultsTest {
    /** A cipher that works so many times. */
    private static class Failing extends Cipher {
        private final Cipher behind;
        private int left;

        private Failing(Cipher behind, int left) {
            this.behind = behind;
            this.left = left;
        }

        @Override
        public void init(Key key, byte mode) {
            behind.init(key, mode);
        }

        @Override
        public void init(Key key, byte mode, byte[] bytes, short at, short length) {
            behind.init(key, mode, bytes, at, length);
        }

        @Override
        public byte getAlgorithm() {
            return behind.getAlgorithm();
        }

        @Override
        public byte getCipherAlgorithm() {
            return behind.getCipherAlgorithm();
        }

        @Override
        public byte getPaddingAlgorithm() {
            return behind.getPaddingAlgorithm();
        }

        @Override
        public short doFinal(byte[] in, short inAt, short length, byte[] out, short outAt) {
            if (left-- == 0) {
                CryptoException.throwIt(CryptoException.ILLEGAL_USE);
            }
            return behind.doFinal(in, inAt, length, out, outAt);
        }

        @Override
        public short update(byte[] in, short inAt, short length, byte[] out, short outAt) {
            return behind.update(in, inAt, length, out, outAt);
        }
    }

    private final Party hsm = new Party(Party.HSM);
    private final CombinerScene scene =
            CombinerScene.threeOfFive().inRelease(hsm.hash()).stated().taken(1, 2, 3);
    private final Seat card = scene.combiner;

    FaultsTest() throws CardLostException {
        card.party(0x0E, scene.ca.certify(hsm.body()));
    }

    /** EXPORT with a cipher of {@code holder}'s that fails at some point; then as it should be. */
    private void export(int works, String... holder) throws CardLostException {
        Object part = card.card.at(holder);
        Cipher cipher = (Cipher) card.card.at(concat(holder, nameOf(holder)));
        Custodian.set(part, nameOf(holder), new Failing(cipher, works));
        card.pin();
        assertEquals("6F00", card.swBlocks(0xAA, hsm.point()));
        assertNothingLeft();
        Custodian.set(part, nameOf(holder), cipher);
        assertEquals("0007", card.state(0x8F));
        card.pin();
        card.okBlocks(0xAA, hsm.point());
    }

    private static String nameOf(String... holder) {
        return holder[holder.length - 1].equals("checkValue") ? "aes" : "cipher";
    }

    private static String[] concat(String[] path, String name) {
        String[] all = java.util.Arrays.copyOf(path, path.length + 1);
        all[path.length] = name;
        return all;
    }

    private void assertNothingLeft() {
        for (String[] path : new String[][] {{"parts", "engines", "work"}, {"parts", "engines", "sealing", "secrets"},
                {"parts", "engines", "sealing", "cmac", "state"}, {"parts", "blocks", "object"}}) {
            byte[] bytes = (byte[]) card.card.at(path);
            assertArrayEquals(new byte[bytes.length], bytes, path[path.length - 1]);
        }
        for (String[] path : new String[][] {{"parts", "engines", "sealing", "encryption"},
                {"parts", "engines", "sealing", "mac"}, {"parts", "checkValue", "aes128"}}) {
            assertFalse(((Key) card.card.at(path)).isInitialized(), path[path.length - 1]);
        }
        KeyPair ephemeral = (KeyPair) card.card.at("parts", "engines", "sealing", "ephemeral");
        assertFalse(ephemeral.getPrivate().isInitialized());
        assertTrue(card.card.card.faults() > 0);
    }

    /** A fault in the middle of a transaction: it is taken back before what the command computed with is wiped. */
    @Test
    void withinATransaction() throws CardLostException {
        Object sealing = card.card.at("parts", "engines", "sealing");
        byte[] depth = {-1};
        AESKey key = (AESKey) card.card.at("parts", "engines", "sealing", "mac");
        Custodian.set(sealing, "mac", Instead.of(AESKey.class, key, "clearKey", (original, arguments) -> {
            depth[0] = JCSystem.getTransactionDepth();
            return original.call();
        }));
        Object count = card.card.at("parts", "approvals");
        Object number = card.card.at("parts", "approvals", "number");
        Custodian.set(count, "number", new byte[3]);
        Terms next = scene.now.next(Terms.DRILL, card.hash(), new byte[32]);
        card.pin();
        assertEquals("6F00", card.swBlocks(0x42, next.bytes()));
        assertEquals(0, depth[0]);
        Custodian.set(count, "number", number);
        Custodian.set(sealing, "mac", key);
        assertEquals(Seat.hex(scene.now.hash()), card.state(0x85), "taken back");
        card.approve(next);
    }

    /** What may fail again, since it may write to persistent memory, comes behind all that is transient. */
    @Test
    void andThenAgain() throws CardLostException {
        Object sealing = card.card.at("parts", "engines", "sealing");
        Object ephemeral = card.card.at("parts", "engines", "sealing", "ephemeral");
        Cipher cipher = (Cipher) card.card.at("parts", "engines", "sealing", "cipher");
        Custodian.set(sealing, "cipher", new Failing(cipher, 0) {
            @Override
            public short doFinal(byte[] in, short inAt, short length, byte[] out, short outAt) {
                Custodian.set(sealing, "ephemeral", null);
                return super.doFinal(in, inAt, length, out, outAt);
            }
        });
        card.pin();
        assertEquals("6F00", card.swBlocks(0xAA, hsm.point()));
        Custodian.set(sealing, "ephemeral", ephemeral);
        Custodian.set(sealing, "cipher", cipher);
        assertNothingLeft();
    }

    @Test
    void whileTheSecretIsChecked() throws CardLostException {
        export(0, "parts", "checkValue");
    }

    @Test
    void whileTheSecretIsSealed() throws CardLostException {
        export(0, "parts", "engines", "sealing");
    }

    @Test
    void whileTheBoxIsTagged() throws CardLostException {
        export(2, "parts", "engines", "sealing", "cmac");
    }
}
