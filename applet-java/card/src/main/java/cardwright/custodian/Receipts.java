package cardwright.custodian;

import javacard.framework.Util;

/** Share receipts: RECEIPT, and what WIPE under a manifest and STORE BOX answer. */
final class Receipts {
    private static final byte NO_SUCH_SET = 0;
    private static final byte HELD = 1;
    private static final byte DESTROYED = 2;

    /** Places of an answer's fields: x, status, statement hash; the signature is behind them. */
    private static final short STATUS = 1;
    private static final short HASH = 2;
    private static final short FIELDS = HASH + Engines.SHA;

    private final Messages messages;
    private final Manifest manifest;
    private final Share share;
    private final Destroyed destroyed;

    Receipts(Messages messages, Manifest manifest, Share share, Destroyed destroyed) {
        this.messages = messages;
        this.manifest = manifest;
        this.share = share;
        this.destroyed = destroyed;
    }

    /** RECEIPT behind its first step; the answer's length. */
    short receipt(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        manifest.requireCustodian(Manifest.ANY);
        Command.requireNoData(length);
        return sign(buffer);
    }

    /** Step 5 of RECEIPT, with a manifest in which this card is a custodian: the answer's length. */
    short sign(byte[] buffer) {
        if (share.isSetOf(manifest)) {
            buffer[0] = share.x();
            buffer[STATUS] = HELD;
            share.copyStatementHash(buffer, HASH);
        } else if (destroyed.isSetOf(manifest)) {
            buffer[0] = destroyed.x();
            buffer[STATUS] = DESTROYED;
            destroyed.copyStatementHash(buffer, HASH);
        } else {
            Util.arrayFillNonAtomic(buffer, (short) 0, FIELDS, (byte) 0);
            buffer[STATUS] = NO_SUCH_SET;
        }
        messages.beginSigned(Kind.RECEIPT);
        messages.add(manifest.bytes(), Manifest.SET_ID, Manifest.ID_AND_GENERATION);
        return messages.sign(buffer, (short) 0, FIELDS, buffer, FIELDS);
    }
}
