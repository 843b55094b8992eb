package cardwright.simulator;

import org.globalplatform.SecureChannelx;

/**
 * What the runtime and {@code org.globalplatform} ask of a card's issuer security domain.
 *
 * <p>The domain is an applet like others: its class is woven and loaded once for each card, its fields and arrays are
 * persistent memory, and it uses {@code JCSystem} for what is transient or has to be whole.
 */
public interface Domain {
    /** The domain's own AID. */
    byte[] DOMAIN_AID = {(byte) 0xA0, 0, 0, 1, 0x51, 0, 0, 0};
    /** How many applications its registry has room for. */
    short ROOM = 32;

    /** Makes the domain's registry entry for an applet that the runner put on the card at its birth: SELECTABLE. */
    void adopt(byte[] moduleAid, byte[] instanceAid);

    /** The secure channel as the selected application sees it. One object for the life of the card. */
    SecureChannelx secureChannel();

    /** Ends the session, whoever's it is: an application was selected or deselected. */
    void endSession();

    /** Whether the application can be selected now, by its own and the card's life cycle. */
    boolean selectable(byte[] aid);

    /** An application's life cycle state (CS table 11-4); 0 for one that there is not. */
    byte applicationState(byte[] aid);

    /** Sets the application's own state as {@code GPSystem.setCardContentState} does; whether that is allowed. */
    boolean setApplicationState(byte[] aid, byte state);

    /** The card's life cycle state (CS table 11-6). */
    byte cardState();

    /** Locks or terminates the card, for an application with that privilege; whether that is allowed. */
    boolean setCardState(byte[] aid, byte state);

    /** The registry's entry of {@code aid}, or null where there is none or {@code caller} may not see it. */
    org.globalplatform.GPRegistryEntry registryEntry(byte[] caller, byte[] aid);

    /** The card-wide PIN, for {@code GPSystem.getCVM}. */
    org.globalplatform.CVM globalPin();
}
