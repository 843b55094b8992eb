package javacard.framework;

import cardwright.simulator.memory.Hooks;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * A PIN of an applet's (Java Card API 3.0.4). Stands in for jCardSim's class of the same name, whose state is no part of a
 * transaction where it has to be, and never torn.
 *
 * <p>A try is taken away before the comparison, and neither that nor giving the tries back is part of a transaction.
 * {@link #update} is part of it. Whether the PIN was verified is transient.
 */
public class OwnerPIN implements PIN {
    private final byte tryLimit;
    private final byte[] value;
    /** The value's length and, outside of transactions, the tries left. */
    private final byte[] length = new byte[1];
    private final byte[] tries = new byte[1];
    private final boolean[] validated = JCSystem.makeTransientBooleanArray((short) 1, JCSystem.CLEAR_ON_RESET);

    /** {@code tryLimit} and {@code maxPINSize} are 1 or more. */
    public OwnerPIN(byte tryLimit, byte maxPINSize) throws PINException {
        if (tryLimit < 1 || maxPINSize < 1) {
            PINException.throwIt(PINException.ILLEGAL_VALUE);
        }
        this.tryLimit = tryLimit;
        value = new byte[maxPINSize];
        length[0] = maxPINSize;
        tries[0] = tryLimit;
    }

    /** Whether the PIN was verified since the card's last reset. */
    protected boolean getValidatedFlag() {
        return validated[0];
    }

    /** Sets what {@link #getValidatedFlag} tells. */
    protected void setValidatedFlag(boolean flag) {
        validated[0] = flag;
    }

    @Override
    public byte getTriesRemaining() {
        return tries[0];
    }

    @Override
    public boolean check(byte[] pin, short offset, byte pinLength) throws ArrayIndexOutOfBoundsException {
        setValidatedFlag(false);
        if (tries[0] == 0) {
            return false;
        }
        setTries((byte) (tries[0] - 1));
        byte[] presented = Arrays.copyOf(value, value.length);
        System.arraycopy(pin, offset, presented, 0, Math.min(pinLength, presented.length));
        if (pinLength != length[0] || !MessageDigest.isEqual(presented, value)) {
            return false;
        }
        setTries(tryLimit);
        setValidatedFlag(true);
        return true;
    }

    @Override
    public boolean isValidated() {
        return getValidatedFlag();
    }

    @Override
    public void reset() {
        if (isValidated()) {
            resetAndUnblock();
        }
    }

    /** Sets a new PIN, not verified, with all tries. */
    public void update(byte[] pin, short offset, byte pinLength) throws PINException {
        if (pinLength > value.length) {
            PINException.throwIt(PINException.ILLEGAL_VALUE);
        }
        byte[] padded = new byte[value.length];
        System.arraycopy(pin, offset, padded, 0, pinLength);
        setValidatedFlag(false);
        Hooks.arrayCopy(padded, (short) 0, value, (short) 0, (short) value.length);
        Hooks.store(length, 0, pinLength);
        Hooks.store(tries, 0, tryLimit);
    }

    /** Gives all tries back; the PIN is not verified afterwards. */
    public void resetAndUnblock() {
        setValidatedFlag(false);
        setTries(tryLimit);
    }

    private void setTries(byte count) {
        Hooks.arrayCopyNonAtomic(new byte[] {count}, (short) 0, tries, (short) 0, (short) 1);
    }
}
