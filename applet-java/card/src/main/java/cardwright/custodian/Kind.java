package cardwright.custodian;

/** The kinds of what is signed or hashed: the table "Tags" in docs/protocol/custody-objects.md. */
final class Kind {
    static final byte CERTIFICATE = 0x01;
    static final byte POSSESSION = 0x02;
    static final byte MANIFEST = 0x03;
    static final byte APPROVAL = 0x04;
    static final byte CONTRIBUTION_COMMITMENT = 0x05;
    static final byte COMMITMENT_MESSAGE = 0x06;
    static final byte OFFER = 0x07;
    static final byte CONTRIBUTION = 0x08;
    static final byte START_OF_SECRET = 0x09;
    static final byte SHARE_COMMITMENT = 0x0A;
    static final byte BOX_TO_CUSTODIAN = 0x0B;
    static final byte BOX_WITH_CONTRIBUTION = 0x0C;
    static final byte BOX_TO_COMBINER = 0x0D;
    static final byte BOX_TO_HSM = 0x0E;
    static final byte BOX_HASHES = 0x0F;
    static final byte STATEMENT = 0x10;
    static final byte RECEIPT = 0x11;
    static final byte RELEASE = 0x12;
    static final byte VERDICT = 0x13;
    static final byte FORGET = 0x14;
    static final byte EXPORT = 0x15;
    static final byte BOX = 0x16;
    static final byte STEP_OF_SECRET = 0x17;

    /** Bytes of T(k). */
    static final short TAG = 4;

    private Kind() {
    }

    /** Writes T(k). Where it ends. */
    static short tag(byte kind, byte[] target, short at) {
        target[at++] = 0x43;
        target[at++] = 0x57;
        target[at++] = 0x02;
        target[at++] = kind;
        return at;
    }

    /** Whether T(k) stands there. */
    static boolean is(byte kind, byte[] bytes, short at) {
        return bytes[at] == 0x43 && bytes[(short) (at + 1)] == 0x57 && bytes[(short) (at + 2)] == 0x02
                && bytes[(short) (at + 3)] == kind;
    }
}
