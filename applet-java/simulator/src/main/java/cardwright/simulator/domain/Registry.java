package cardwright.simulator.domain;

import cardwright.simulator.Domain;
import cardwright.simulator.Platform;
import java.util.Arrays;
import javacard.framework.ISOException;
import org.globalplatform.GPRegistryEntry;
import org.globalplatform.GPSystem;

/** What the security domain knows of the card and its applications (CS 6.4, 5.1). */
final class Registry {
    private final Platform platform;
    /** The oldest first. */
    private final AppEntry[] applications = new AppEntry[Domain.ROOM];
    private short count;
    private byte cardState = GPSystem.CARD_OP_READY;

    Registry(Platform platform) {
        this.platform = platform;
    }

    byte cardState() {
        return cardState;
    }

    /** Moves the card to a state, in one write; false where there is no such way (CS 5.1.1). */
    boolean setCardState(byte wanted) {
        boolean way = switch (wanted) {
            case GPSystem.CARD_INITIALIZED -> cardState == GPSystem.CARD_OP_READY;
            case GPSystem.CARD_SECURED ->
                    cardState == GPSystem.CARD_INITIALIZED || cardState == GPSystem.CARD_LOCKED;
            case GPSystem.CARD_LOCKED -> cardState == GPSystem.CARD_SECURED;
            case GPSystem.CARD_TERMINATED -> cardState != GPSystem.CARD_TERMINATED;
            default -> false;
        };
        if (way) {
            cardState = wanted;
        }
        return way;
    }

    /** Whether the card works as usual: neither locked nor terminated. */
    boolean isCardAlive() {
        return cardState != GPSystem.CARD_LOCKED && cardState != GPSystem.CARD_TERMINATED;
    }

    short count() {
        return count;
    }

    AppEntry at(int index) {
        return applications[index];
    }

    /** The application with this AID, or null. */
    AppEntry find(byte[] aid) {
        for (short i = 0; i < count; i++) {
            if (Arrays.equals(applications[i].aid, aid)) {
                return applications[i];
            }
        }
        return null;
    }

    /** The application that is selected, or null where that is the security domain. */
    AppEntry caller() {
        return find(platform.selectedAid());
    }

    /** The entry of {@code aid}, if {@code caller} may see it: its own, or any with the privilege for it. */
    GPRegistryEntry visible(byte[] caller, byte[] aid) {
        AppEntry asking = find(caller);
        boolean all = asking != null && asking.isPrivileged(GPRegistryEntry.PRIVILEGE_GLOBAL_REGISTRY);
        return all || Arrays.equals(caller, aid) ? find(aid) : null;
    }

    /** 6A84 where one more entry has no room. */
    void needRoom() {
        if (count == Domain.ROOM) {
            throw new ISOException(Status.NO_MEMORY);
        }
    }

    /** Adds an entry behind all others; part of the transaction in hand. There has to be room. */
    void add(AppEntry entry) {
        applications[count] = entry;
        count = (short) (count + 1);
    }

    /** Removes an entry; part of the transaction in hand. */
    void remove(AppEntry entry) {
        short to = 0;
        for (short from = 0; from < count; from++) {
            if (applications[from] != entry) {
                if (to != from) {
                    applications[to] = applications[from];
                }
                to++;
            }
        }
        applications[to] = null;
        count = to;
    }
}
