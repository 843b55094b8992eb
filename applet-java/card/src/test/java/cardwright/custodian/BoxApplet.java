package cardwright.custodian;

import javacard.framework.APDU;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.Util;
import javacard.security.KeyPair;
import javacard.security.MessageDigest;

/** Every command makes a pair, seals a box to it and opens it. */
public final class BoxApplet extends Applet {
    private static final short SIZE = 48;

    private final P256 curve = new P256();
    private final Sealing sealing =
            new Sealing(curve, MessageDigest.getInstance(MessageDigest.ALG_SHA_256, false));
    private final KeyPair own = P256.persistentPair();
    private final byte[] context = new byte[Sealing.CONTEXT];
    private final byte[] content = new byte[SIZE];
    private final byte[] q = new byte[Point.SIZE];

    private BoxApplet() {
    }

    public static void install(byte[] parameters, short offset, byte length) {
        new BoxApplet().register(parameters, (short) (offset + 1), parameters[offset]);
    }

    @Override
    public void process(APDU apdu) {
        sealing.recover();
        if (selectingApplet()) {
            return;
        }
        byte[] buffer = apdu.getBuffer();
        P256.generate(own, q, (short) 0);
        short end = sealing.seal(q, (short) 0, context, (short) 0, content, (short) 0, SIZE, buffer, (short) 0);
        sealing.open(own, context, (short) 0, buffer, (short) 0, buffer, end, SIZE);
        if (Util.arrayCompare(content, (short) 0, buffer, end, SIZE) != 0) {
            ISOException.throwIt(ISO7816.SW_DATA_INVALID);
        }
    }
}
