package cardwright.simulator.domain;

/** Status words that {@code ISO7816} has not, or has under another name (CS 11.1.3 and the tables of each command). */
final class Status {
    static final short OK = (short) 0x9000;
    /** The host's cryptogram or MAC is wrong. It has cost a try. */
    static final short AUTHENTICATION_FAILED = 0x6300;
    /** The list goes on with the next GET STATUS. */
    static final short MORE_DATA = 0x6310;
    /** The card is locked. */
    static final short CARD_LOCKED = 0x6283;
    /** No try is left. */
    static final short BLOCKED = 0x6983;
    static final short SECURE_MESSAGING_MISSING = 0x6987;
    static final short SECURE_MESSAGING_WRONG = 0x6988;
    static final short NO_MEMORY = 0x6A84;
    /** A key set, an application, a data object that there is not. */
    static final short REFERENCE_NOT_FOUND = 0x6A88;
    /** A key's check value does not fit (CS table 11-77). */
    static final short WRONG_KCV = (short) 0x9485;

    private Status() {}
}
