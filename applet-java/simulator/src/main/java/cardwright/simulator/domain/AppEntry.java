package cardwright.simulator.domain;

import cardwright.simulator.Domain;
import java.util.Arrays;
import javacard.framework.AID;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;
import org.globalplatform.GPRegistryEntry;
import org.globalplatform.GPSystem;

/** An application's entry in the registry, as the security domain keeps it and applications see it. */
final class AppEntry implements GPRegistryEntry {
    /** Bytes of privileges, also where the host sent one. */
    static final int PRIVILEGES = 3;

    final byte[] aid;
    final byte[] privileges;
    /** Life cycle state (CS table 11-4). */
    byte state;
    private final Registry registry;

    AppEntry(Registry registry, byte[] aid, byte[] privileges, byte state) {
        this.registry = registry;
        this.aid = aid.clone();
        this.privileges = Arrays.copyOf(privileges, PRIVILEGES);
        this.state = state;
    }

    /** An application specific state: 07 to 7F with the three low bits set. Neither locked nor merely installed. */
    static boolean isSpecific(byte state) {
        return state >= GPSystem.APPLICATION_SELECTABLE && (state & 7) == 7;
    }

    boolean isLocked() {
        return (state & GPSystem.APPLICATION_LOCKED) != 0;
    }

    /** Locks or unlocks; false where it is so already. */
    boolean lock(boolean locked) {
        if (isLocked() == locked) {
            return false;
        }
        state = (byte) (state ^ GPSystem.APPLICATION_LOCKED);
        return true;
    }

    /** What the application does with itself: another specific state, or a lock, out of a specific state only. */
    boolean change(byte wanted) {
        if (!isSpecific(state)) {
            return false;
        }
        if (wanted < 0) {
            return lock(true);
        }
        if (!isSpecific(wanted)) {
            return false;
        }
        state = wanted;
        return true;
    }

    @Override
    public AID getAID() {
        return new AID(aid, (short) 0, (byte) aid.length);
    }

    @Override
    public short getPrivileges(byte[] buffer, short offset) {
        return Util.arrayCopyNonAtomic(privileges, (short) 0, buffer, offset, (short) PRIVILEGES);
    }

    @Override
    public byte getState() {
        return state;
    }

    @Override
    public boolean isAssociated(AID securityDomain) {
        return securityDomain.equals(Domain.DOMAIN_AID, (short) 0, (byte) Domain.DOMAIN_AID.length);
    }

    @Override
    public boolean isPrivileged(byte privilege) {
        int number = privilege & 0xFF;
        return number < 8 * PRIVILEGES && (privileges[number / 8] & 0x80 >> number % 8) != 0;
    }

    /** Another application may lock and unlock, if it has that privilege. */
    @Override
    public boolean setState(byte wanted) {
        AppEntry caller = registry.caller();
        if (caller == this) {
            return change(wanted);
        }
        boolean unlocks = isLocked() && wanted >= 0;
        return caller != null
                && caller.isPrivileged(PRIVILEGE_GLOBAL_LOCK)
                && (wanted < 0 || unlocks)
                && lock(wanted < 0);
    }

    @Override
    public void registerService(short serviceName) {
        throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
    }

    @Override
    public void deregisterService(short serviceName) {
        throw new ISOException(ISO7816.SW_CONDITIONS_NOT_SATISFIED);
    }
}
