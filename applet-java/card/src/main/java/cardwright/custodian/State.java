package cardwright.custodian;

import javacard.framework.JCSystem;
import javacard.framework.Util;

/** GET STATE and the answer to SELECT. */
final class State {
    private static final byte FLAG_KEY = 0x01;
    private static final byte FLAG_CA_KEY = 0x02;
    private static final byte FLAG_CERTIFICATE = 0x04;
    private static final byte FLAG_CA = 0x08;

    private final Parts parts;
    private final Dealer dealer;
    private final Combiner combiner;

    State(Parts parts, Dealer dealer, Combiner combiner) {
        this.parts = parts;
        this.dealer = dealer;
        this.combiner = combiner;
    }

    /** The answer to SELECT; its length. */
    short select(byte[] buffer) {
        byte aid = JCSystem.getAID().getBytes(buffer, (short) 4);
        short proprietary = (short) (4 + aid);
        short end = describeCard(buffer, (short) (proprietary + 2));
        buffer[0] = 0x6F;
        buffer[1] = (byte) (end - 2);
        buffer[2] = (byte) 0x84;
        buffer[3] = aid;
        buffer[proprietary] = (byte) 0xA5;
        buffer[(short) (proprietary + 1)] = (byte) (end - proprietary - 2);
        return end;
    }

    /** GET STATE; the answer's length. */
    short get(byte[] buffer, short length) {
        boolean ceremony = Command.requireP1(buffer, (byte) 0, (byte) 1) == 1;
        Command.requireNoData(length);
        if (ceremony) {
            return template(buffer, (byte) 0xE2, describeCeremony(buffer, (short) 0));
        }
        short end = describeCard(buffer, (short) 0);
        end = put(buffer, end, (byte) 0x83, parts.pin.tries());
        end = put(buffer, end, (byte) 0x84, parts.share.mode());
        return template(buffer, (byte) 0xE1, parts.share.describe(buffer, end));
    }

    /** Puts a template's tag and length before the value that ends here. The template's length. */
    private static short template(byte[] buffer, byte tag, short length) {
        short head = (short) (1 + ShareObject.lengthSize(length));
        Util.arrayCopyNonAtomic(buffer, (short) 0, buffer, head, length);
        buffer[0] = tag;
        ShareObject.setLength(buffer, (short) 1, length);
        return (short) (head + length);
    }

    /** Version, life cycle, identity: the objects 80, 81 and 82, from {@code at}. Where they end. */
    private short describeCard(byte[] buffer, short at) {
        short end = Util.setShort(buffer, at, (short) 0x8002);
        end = Util.setShort(buffer, end, Custody.VERSION);
        end = put(buffer, end, (byte) 0x81, parts.pin.lifeCycle());
        end = Util.setShort(buffer, end, (short) (0x8200 | Identity.SIZE));
        return Util.arrayCopyNonAtomic(parts.identity.bytes(), (short) 0, buffer, end, Identity.SIZE);
    }

    /** The objects of the template E2, from {@code at}. Where they end. */
    private short describeCeremony(byte[] buffer, short at) {
        Identity identity = parts.identity;
        Manifest manifest = parts.manifest;
        short end = put(buffer, at, (byte) 0x80, flags());
        end = manifest.copySequence(buffer, Util.setShort(buffer, end, (short) (0x8100 | Counter.SIZE)));
        end = parts.approvals.copy(buffer, Util.setShort(buffer, end, (short) (0x8200 | Counter.SIZE)));
        end = parts.certified.copyCount(buffer, Util.setShort(buffer, end, (short) (0x8300 | Counter.SIZE)));
        if (identity.hasCertificate()) {
            end = Util.setShort(buffer, end, (short) (0x8400 | Engines.SHA));
            end = Util.arrayCopyNonAtomic(identity.certificateHash(), (short) 0, buffer, end, Engines.SHA);
        }
        return manifest.isInHand() ? describeManifest(buffer, end) : end;
    }

    private byte flags() {
        byte flags = 0;
        if (parts.identity.hasKey()) {
            flags |= FLAG_KEY;
        }
        if (parts.identity.hasCaKey()) {
            flags |= FLAG_CA_KEY;
        }
        if (parts.identity.hasCertificate()) {
            flags |= FLAG_CERTIFICATE;
        }
        if (parts.identity.isCa()) {
            flags |= FLAG_CA;
        }
        return flags;
    }

    /** The objects 85 to 90. */
    private short describeManifest(byte[] buffer, short at) {
        Manifest manifest = parts.manifest;
        byte place = manifest.place();
        short end = Util.setShort(buffer, at, (short) (0x8500 | Engines.SHA));
        end = Util.arrayCopyNonAtomic(manifest.bytes(), Manifest.HASH, buffer, end, Engines.SHA);
        end = Util.setShort(buffer, end, (short) 0x8602);
        buffer[end++] = manifest.bytes()[Manifest.OPERATION];
        buffer[end++] = place;
        end = Util.setShort(buffer, end, (short) 0x8702);
        end = Util.setShort(buffer, end, parts.parties.mask());
        end = put(buffer, end, (byte) 0x88, parts.contribution.state());
        end = put(buffer, end, (byte) 0x89, parts.offer.state());
        if (parts.offer.isThere()) {
            end = Util.setShort(buffer, end, (short) (0x8A00 | Point.SIZE));
            end = parts.offer.copyPoint(buffer, end);
        }
        if (place == Manifest.DEALER) {
            return dealer.describe(buffer, end);
        }
        if (place == Manifest.COMBINER) {
            end = combiner.describeDrilled(buffer, end);
        }
        end = parts.statement.describe(buffer, end);
        return place == Manifest.COMBINER ? combiner.describeTaken(buffer, end) : end;
    }

    /** An object of one byte. Where it ends. */
    private static short put(byte[] buffer, short at, byte tag, byte value) {
        buffer[at++] = tag;
        buffer[at++] = 1;
        buffer[at++] = value;
        return at;
    }
}
