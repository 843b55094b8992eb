package cardwright.custodian;

/** The numbers of the custodian's commands and answers, as the specification in docs/protocol/custody.md has them. */
final class Custody {
    static final byte INS_VERIFY = 0x20;
    static final byte INS_CHANGE_PIN = 0x24;
    static final byte INS_STORE_SHARE = 0x30;
    static final byte INS_READ_SHARE = 0x32;
    static final byte INS_WIPE = 0x34;
    static final byte INS_GET_STATE = 0x36;
    static final byte INS_INITIALIZE_UPDATE = 0x50;
    static final byte INS_EXTERNAL_AUTHENTICATE = (byte) 0x82;
    static final byte INS_SELECT = (byte) 0xA4;

    /** Major and minor. */
    static final short VERSION = 0x0100;

    /** Life cycle: there is a PIN. Without one it is GlobalPlatform's SELECTABLE. */
    static final byte PERSONALIZED = 0x0F;

    static final byte MODE_HOST = 0x01;
    static final byte MODE_BLIND = 0x02;

    /** Bytes of the longest share object. */
    static final short MAX_OBJECT = 512;

    static final short SW_OK = (short) 0x9000;
    static final short SW_TRIES = 0x63C0;
    static final short SW_BLOCKED = 0x6983;
    static final short SW_SESSION_DATA_MISSING = 0x6987;
    static final short SW_SESSION_DATA_WRONG = 0x6988;
    static final short SW_NO_SHARE = 0x6A88;

    private Custody() {
    }
}
