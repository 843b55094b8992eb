package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;

/** STORE SHARE. */
final class Storing {
    private static final byte LAST = (byte) 0x80;

    private final Pin pin;
    private final Share share;
    private final Blocks blocks;

    Storing(Parts parts) {
        pin = parts.pin;
        share = parts.share;
        blocks = parts.blocks;
    }

    /** STORE SHARE behind its first step. */
    void store(byte[] buffer, short count) {
        byte mode = (byte) (buffer[ISO7816.OFFSET_P1] & ~LAST);
        pin.requireSet();
        if (mode != Custody.MODE_HOST && mode != Custody.MODE_BLIND) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        blocks.requireNext(buffer, mode);
        Blocks.requireData(count);
        Command.requireConditions(!share.isThere());
        if (buffer[ISO7816.OFFSET_P2] == 0) {
            pin.require();
        }
        blocks.keep(buffer, count);
        if (blocks.isLast(buffer)) {
            pin.use();
            Command.requireSound(ShareObject.isWellFormed(blocks.bytes(), blocks.length()));
            share.store(blocks.bytes(), blocks.length(), mode);
        }
    }
}
