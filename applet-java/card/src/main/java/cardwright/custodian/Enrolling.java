package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;

/**
 * GENERATE IDENTITY, GET IDENTITY, PUT CA KEY, SIGN CERTIFICATE and PUT CERTIFICATE. Each begins behind its first step,
 * takes {@code length} bytes of data at {@code OFFSET_CDATA}, and returns how many bytes of answer stand at the
 * buffer's beginning.
 */
final class Enrolling {
    private static final short DATA = ISO7816.OFFSET_CDATA;
    private static final short KEY = DATA + Certificate.KEY;
    private static final short SIGNATURE = DATA + Certificate.BODY;

    private final Engines engines;
    private final Pin pin;
    private final Identity identity;
    private final Certified certified;

    Enrolling(Parts parts) {
        engines = parts.engines;
        pin = parts.pin;
        identity = parts.identity;
        certified = parts.certified;
    }

    short generateIdentity(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        pin.requireSet();
        Command.requireConditions(!identity.hasKey());
        Command.requireNoData(length);
        pin.use();
        identity.makeKey(buffer, (short) 0);
        return 0;
    }

    short getIdentity(byte[] buffer, short length) {
        boolean certificate = Command.requireP1(buffer, (byte) 0, (byte) 1) == 1;
        Command.requireNoData(length);
        if (certificate ? !identity.hasCertificate() : !identity.hasKey()) {
            ISOException.throwIt(Custody.SW_NO_SHARE);
        }
        if (certificate) {
            return identity.copyCertificate(buffer, (short) 0);
        }
        short end = identity.copyPoint(buffer, (short) 0);
        identity.initSign();
        updatePossession(identity.bytes(), (short) 0);
        return engines.curve.sign(buffer, (short) 0, Point.SIZE, buffer, end);
    }

    /** All of a possession's message but the point. */
    private void updatePossession(byte[] card, short at) {
        Kind.tag(Kind.POSSESSION, engines.work, Engines.TAG);
        engines.curve.update(engines.work, Engines.TAG, Kind.TAG);
        engines.curve.update(card, at, Identity.SIZE);
    }

    short putCaKey(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        Command.requireConditions(identity.hasKey() && !identity.hasCaKey());
        Command.requireLength(length, Point.SIZE, Point.SIZE);
        pin.use();
        Command.requireSound(engines.curve.isPoint(buffer, DATA));
        identity.putCaKey(buffer, DATA);
        return 0;
    }

    short signCertificate(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        Command.requireConditions(identity.isCa());
        if (length != Certificate.BODY_RSA && length != Certificate.BODY) {
            requireCertificateLength(length);
        }
        pin.use();
        requireRequest(buffer, length);
        byte algorithm = buffer[(short) (DATA + Certificate.ALGORITHM)];
        short body = Certificate.length(algorithm);
        if (!certified.isLast(buffer, DATA)) {
            engines.digest.reset();
            engines.digest.doFinal(buffer, KEY, Certificate.keyLength(algorithm), engines.work, Engines.HASH);
            if (certified.knows(engines.work, Engines.HASH)) {
                ISOException.throwIt(Custody.SW_CERTIFIED_BEFORE);
            }
            certified.add(buffer, DATA, engines.work, Engines.HASH);
        }
        identity.initSign();
        short behind = (short) (DATA + body);
        short end = engines.curve.sign(buffer, DATA, body, buffer, behind);
        return Util.arrayCopyNonAtomic(buffer, behind, buffer, (short) 0, (short) (end - behind));
    }

    /** Steps 6 to 9 of SIGN CERTIFICATE. */
    private void requireRequest(byte[] buffer, short length) {
        byte roles = buffer[(short) (DATA + Certificate.ROLES)];
        boolean rsa = buffer[(short) (DATA + Certificate.ALGORITHM)] != Certificate.P256;
        boolean hsm = roles == Certificate.ROLE_HSM;
        Command.requireSound(Certificate.isWellFormed(buffer, DATA));
        if (rsa || hsm) {
            Command.requireSound(length == (rsa ? Certificate.BODY_RSA : Certificate.BODY));
        } else {
            Command.requireSound(length > Certificate.BODY);
        }
        requireOwnRole(roles, !rsa && identity.isOwnKey(buffer, KEY));
        if (rsa) {
            return;
        }
        Command.requireSound(engines.curve.isPoint(buffer, KEY));
        if (hsm) {
            return;
        }
        engines.curve.initVerify(buffer, KEY);
        updatePossession(buffer, (short) (DATA + Certificate.IDENTITY));
        if (!engines.curve.verify(buffer, KEY, Point.SIZE, buffer, SIGNATURE, (short) (length - Certificate.BODY))) {
            ISOException.throwIt(Custody.SW_SIGNATURE);
        }
    }

    /** 6603: the CA has role 01, and nobody else. */
    private static void requireOwnRole(byte roles, boolean ca) {
        if ((roles == Certificate.ROLE_CA) != ca) {
            ISOException.throwIt(Custody.SW_ROLE);
        }
    }

    private static void requireCertificateLength(short length) {
        Command.requireLength(length, (short) (Certificate.BODY + Certificate.MIN_SIGNATURE),
                (short) (Certificate.BODY + Certificate.MAX_SIGNATURE));
    }

    short putCertificate(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        Command.requireConditions(identity.hasCaKey() && !identity.hasCertificate());
        requireCertificateLength(length);
        byte roles = buffer[(short) (DATA + Certificate.ROLES)];
        Command.requireSound(Certificate.isWellFormed(buffer, DATA) && roles != Certificate.ROLE_HSM);
        if (Util.arrayCompare(identity.bytes(), (short) 0, buffer, (short) (DATA + Certificate.IDENTITY),
                Identity.SIZE) != 0 || !identity.isOwnKey(buffer, KEY)) {
            ISOException.throwIt(Custody.SW_OTHER_KEY);
        }
        requireOwnRole(roles, identity.isCa());
        identity.requireSignedByCa(buffer, DATA, Certificate.BODY, (short) (length - Certificate.BODY));
        identity.putCertificate(buffer, DATA, length);
        return 0;
    }
}
