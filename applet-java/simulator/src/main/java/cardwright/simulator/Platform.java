package cardwright.simulator;

import java.security.SecureRandom;

/** What a card's runtime does for its issuer security domain. */
public interface Platform {
    /** What card this is. */
    Profile profile();

    /** The card's own generator: no two cards have the same but where a test asks for that. */
    SecureRandom random();

    /**
     * The AID of the application that is selected, the one that a session belongs to; or of the one that is being
     * installed. Empty where there is none.
     */
    byte[] selectedAid();

    /** Whether the runner was told of an applet class with this module AID. */
    boolean knows(byte[] moduleAid);

    /**
     * Makes an instance: calls the class's {@code install}, which finds no transaction open and may use its own. It counts
     * as being on the card once the domain has a registry entry for it ({@link Domain#applicationState}), so the domain
     * calls this first and writes its entry after it, in one step. One that no entry follows is replaced by the next. A
     * transaction that {@code install} leaves open is aborted.
     *
     * @param moduleAid a class that the runner was told of
     * @param instanceAid 5 to 16 bytes, without a registry entry so far
     * @param privileges 1 or 3 bytes
     * @param parameters the application specific parameters (the value of C9)
     * @throws javacard.framework.ISOException 6A80 where the applet refuses, or registers under another AID
     */
    void install(byte[] moduleAid, byte[] instanceAid, byte[] privileges, byte[] parameters);

    /** Calls the applet's {@code uninstall}, with no transaction open. Nothing it does stops its deletion. */
    void uninstall(byte[] instanceAid);

    /** Forgets an instance, behind the domain's deletion of its registry entry. */
    void delete(byte[] instanceAid);

    /** Fills a persistent array with a number, big-endian: whole or not at all, and in no transaction. */
    void writeThrough(byte[] target, int value);
}
