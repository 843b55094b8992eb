package cardwright.custodian;

/** The body of a certificate: where its fields stand, and whether it is well-formed. */
final class Certificate {
    static final byte ROLE_CA = 0x01;
    static final byte ROLE_DEALER = 0x02;
    static final byte ROLE_CUSTODIAN = 0x04;
    static final byte ROLE_COMBINER = 0x08;
    static final byte ROLE_HSM = 0x10;

    static final byte P256 = 1;
    static final byte RSA_4096 = 4;

    /** Offsets of the fields. */
    static final short IDENTITY = 4;
    static final short ROLES = 12;
    static final short ALGORITHM = 13;
    static final short KEY = 46;

    /** Bytes of the body: with a point, and with the hash of a modulus. */
    static final short BODY = 111;
    static final short BODY_RSA = 78;

    /** Bytes of a signature. */
    static final short MIN_SIGNATURE = 8;
    static final short MAX_SIGNATURE = 72;

    private Certificate() {
    }

    /** Whether what stands there, 78 bytes at least, is the beginning of a well-formed body. */
    static boolean isWellFormed(byte[] bytes, short at) {
        byte roles = bytes[(short) (at + ROLES)];
        byte algorithm = bytes[(short) (at + ALGORITHM)];
        if (!Kind.is(Kind.CERTIFICATE, bytes, at) || algorithm < P256 || algorithm > RSA_4096) {
            return false;
        }
        boolean card = roles == ROLE_CA || (roles >= 0x02 && roles <= 0x0E && (byte) (roles & 1) == 0);
        return roles == ROLE_HSM || (card && algorithm == P256);
    }

    /** Bytes of the body with this algorithm. */
    static short length(byte algorithm) {
        return algorithm == P256 ? BODY : BODY_RSA;
    }

    /** Bytes of the key field with this algorithm. */
    static short keyLength(byte algorithm) {
        return algorithm == P256 ? Point.SIZE : Engines.SHA;
    }

    /** Whether so many bytes are what a signature may have. */
    static boolean isSignatureLength(short length) {
        return length >= MIN_SIGNATURE && length <= MAX_SIGNATURE;
    }
}
