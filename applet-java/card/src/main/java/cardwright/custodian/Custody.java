package cardwright.custodian;

/** The numbers of the custodian's commands and answers, as the specification in docs/protocol/custody.md has them. */
final class Custody {
    static final byte INS_VERIFY = 0x20;
    static final byte INS_CHANGE_PIN = 0x24;
    static final byte INS_STORE_SHARE = 0x30;
    static final byte INS_READ_SHARE = 0x32;
    static final byte INS_WIPE = 0x34;
    static final byte INS_GET_STATE = 0x36;
    static final byte INS_GENERATE_IDENTITY = 0x38;
    static final byte INS_GET_IDENTITY = 0x3A;
    static final byte INS_PUT_CA_KEY = 0x3C;
    static final byte INS_SIGN_CERTIFICATE = 0x3E;
    static final byte INS_PUT_CERTIFICATE = 0x40;
    static final byte INS_APPROVE_MANIFEST = 0x42;
    static final byte INS_COMMIT_CONTRIBUTION = 0x44;
    static final byte INS_MAKE_OFFER = 0x46;
    static final byte INS_REVEAL_CONTRIBUTION = 0x48;
    static final byte INS_BEGIN_DEAL = 0x4A;
    static final byte INS_PUT_PARTY = 0x4C;
    static final byte INS_ADMIT = 0x4E;
    static final byte INS_INITIALIZE_UPDATE = 0x50;
    static final byte INS_TAKE_CONTRIBUTION = 0x52;
    static final byte INS_DEAL_BOX = 0x54;
    static final byte INS_STATE_DEAL = 0x56;
    static final byte INS_TAKE_STATEMENT = 0x58;
    static final byte INS_STORE_BOX = 0x5A;
    static final byte INS_CONFIRM = 0x5C;
    static final byte INS_FORGET = 0x5E;
    static final byte INS_EXTERNAL_AUTHENTICATE = (byte) 0x82;
    static final byte INS_RELEASE_SHARE = (byte) 0xA0;
    static final byte INS_TAKE_SHARE = (byte) 0xA2;
    static final byte INS_SELECT = (byte) 0xA4;
    static final byte INS_DRILL = (byte) 0xA6;
    static final byte INS_VERDICT = (byte) 0xA8;
    static final byte INS_EXPORT = (byte) 0xAA;
    static final byte INS_READ_RESULT = (byte) 0xAC;
    static final byte INS_RECEIPT = (byte) 0xAE;

    /** Major and minor. */
    static final short VERSION = 0x0200;

    /** Life cycle: there is a PIN. Without one it is GlobalPlatform's SELECTABLE. */
    static final byte PERSONALIZED = 0x0F;

    static final byte MODE_HOST = 0x01;
    static final byte MODE_BLIND = 0x02;

    /** Bytes of the longest share object, and of all that comes in blocks. */
    static final short MAX_OBJECT = 512;

    /** Most custodians of a deal. */
    static final byte MOST = 10;

    static final short SW_OK = (short) 0x9000;
    static final short SW_TRIES = 0x63C0;
    static final short SW_SIGNATURE = P256.SW_SIGNATURE;
    static final short SW_CERTIFICATE_SIGNATURE = 0x6602;
    static final short SW_ROLE = 0x6603;
    static final short SW_OTHER_MANIFEST = 0x6604;
    static final short SW_OTHER_KEY = 0x6605;
    static final short SW_BOX_NOT_STATED = 0x6606;
    static final short SW_COMMITMENT = 0x6608;
    static final short SW_CHECK_VALUE = 0x6609;
    static final short SW_SEQUENCE = 0x660A;
    static final short SW_CERTIFIED_BEFORE = 0x660B;
    static final short SW_GENERATION = 0x660C;
    static final short SW_OTHER_SHARE = 0x660D;
    static final short SW_DRILL_INCOMPLETE = 0x660E;
    static final short SW_BLOCKED = 0x6983;
    static final short SW_SESSION_DATA_MISSING = 0x6987;
    static final short SW_SESSION_DATA_WRONG = 0x6988;
    static final short SW_NO_RSA = 0x6A81;
    /** No share, no object. */
    static final short SW_NO_SHARE = 0x6A88;

    private Custody() {
    }
}
