package cardwright.simulator.domain;

import cardwright.simulator.scp.KeyBytes;
import java.io.ByteArrayOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import javacard.framework.JCSystem;
import javacard.framework.Util;
import org.globalplatform.CVM;
import org.globalplatform.GPRegistryEntry;

/**
 * The card-wide PIN (CS 8.2): none on a new card. An application with the CVM Management privilege sets it.
 *
 * <p>Its writes are of the kind that no transaction takes back. The length is zero while a value is being written.
 */
final class GlobalPin implements CVM {
    private static final short MAX = 32;
    private static final short TRIES = 0;
    private static final short LIMIT = 1;
    private static final byte ACTIVE = 0;
    private static final byte SUBMITTED = 1;
    private static final byte VERIFIED = 2;

    private final Registry registry;
    private final byte[] value = new byte[MAX];
    private final byte[] format = new byte[1];
    private final byte[] length = new byte[1];
    private final byte[] counters = new byte[2];
    private final byte[] state;

    GlobalPin(Registry registry) {
        this.registry = registry;
        state = JCSystem.makeTransientByteArray((short) 1, JCSystem.CLEAR_ON_RESET);
    }

    private boolean isManaged() {
        AppEntry caller = registry.caller();
        return caller != null && caller.isPrivileged(GPRegistryEntry.PRIVILEGE_CVM_MANAGEMENT);
    }

    private static void set(byte[] array, short index, byte to) {
        Util.arrayFillNonAtomic(array, index, (short) 1, to);
    }

    private void activate() {
        set(counters, TRIES, counters[LIMIT]);
        state[0] = ACTIVE;
    }

    @Override
    public boolean isActive() {
        return length[0] != 0 && counters[LIMIT] != 0;
    }

    @Override
    public boolean isSubmitted() {
        return isActive() && !isBlocked() && state[0] != ACTIVE;
    }

    @Override
    public boolean isVerified() {
        return isActive() && !isBlocked() && state[0] == VERIFIED;
    }

    @Override
    public boolean isBlocked() {
        return isActive() && counters[TRIES] == 0;
    }

    @Override
    public byte getTriesRemaining() {
        return counters[TRIES];
    }

    @Override
    public boolean update(byte[] buffer, short offset, byte size, byte newFormat) {
        byte[] wanted = Arrays.copyOfRange(buffer, offset, offset + (size & 0xFF));
        if (!isManaged() || wanted.length == 0 || wanted.length > MAX || !isSound(wanted, newFormat)) {
            return false;
        }
        set(length, (short) 0, (byte) 0);
        Util.arrayCopyNonAtomic(wanted, (short) 0, value, (short) 0, (short) wanted.length);
        set(format, (short) 0, newFormat);
        set(length, (short) 0, (byte) wanted.length);
        activate();
        KeyBytes.wipe(wanted);
        return true;
    }

    private static boolean isSound(byte[] wanted, byte format) {
        return format == FORMAT_HEX || format == FORMAT_ASCII || format == FORMAT_BCD && ascii(wanted) != null;
    }

    @Override
    public boolean setTryLimit(byte limit) {
        if (!isManaged() || limit <= 0) {
            return false;
        }
        set(counters, LIMIT, limit);
        activate();
        return true;
    }

    @Override
    public boolean resetState() {
        if (!isActive() || isBlocked()) {
            return false;
        }
        state[0] = ACTIVE;
        return true;
    }

    @Override
    public boolean blockState() {
        if (!isManaged() || !isActive()) {
            return false;
        }
        set(counters, TRIES, (byte) 0);
        return true;
    }

    @Override
    public boolean resetAndUnblockState() {
        if (!isManaged() || !isActive()) {
            return false;
        }
        activate();
        return true;
    }

    /** The try is gone before anything is compared. */
    @Override
    public short verify(byte[] buffer, short offset, byte size, byte submittedFormat) {
        if (!isActive() || isBlocked()) {
            return CVM_FAILURE;
        }
        set(counters, TRIES, (byte) (counters[TRIES] - 1));
        state[0] = SUBMITTED;
        byte[] submitted = comparable(Arrays.copyOfRange(buffer, offset, offset + (size & 0xFF)), submittedFormat);
        byte[] stored = comparable(Arrays.copyOf(value, length[0]), format[0]);
        boolean mixed = (submittedFormat == FORMAT_HEX) != (format[0] == FORMAT_HEX);
        if (mixed || submitted == null || !MessageDigest.isEqual(stored, submitted)) {
            return CVM_FAILURE;
        }
        set(counters, TRIES, counters[LIMIT]);
        state[0] = VERIFIED;
        return CVM_SUCCESS;
    }

    /** ASCII where there are digits in it, the bytes themselves for HEX; null for what cannot be compared. */
    private static byte[] comparable(byte[] bytes, byte format) {
        return switch (format) {
            case FORMAT_ASCII, FORMAT_HEX -> bytes;
            case FORMAT_BCD -> ascii(bytes);
            default -> null;
        };
    }

    /** Nibbles as characters, an F at the end left away; null where one is no digit. */
    private static byte[] ascii(byte[] bcd) {
        ByteArrayOutputStream digits = new ByteArrayOutputStream();
        for (int i = 0; i < 2 * bcd.length; i++) {
            int nibble = bcd[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xF;
            boolean padding = nibble == 0xF && i == 2 * bcd.length - 1;
            if (nibble > 9 && !padding) {
                return null;
            }
            if (!padding) {
                digits.write('0' + nibble);
            }
        }
        return digits.toByteArray();
    }
}
