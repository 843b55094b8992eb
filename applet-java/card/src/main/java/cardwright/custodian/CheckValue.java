package cardwright.custodian;

import javacard.framework.Util;
import javacard.security.AESKey;
import javacard.security.DESKey;
import javacard.security.KeyBuilder;
import javacard.security.SecretKey;
import javacardx.crypto.Cipher;

/**
 * "KCV": the check value of the key that is dealt, made with keys in memory that power does not outlast. They are few,
 * since that memory is.
 */
final class CheckValue {
    static final short SIZE = 3;

    private static final short AES_BLOCK = 16;
    private static final short DES_BLOCK = 8;
    /** Bytes of a DES key, and of three. */
    private static final short SINGLE = 8;
    private static final short TRIPLE = 24;

    private final Engines engines;
    private final Cipher aes;
    private final Cipher des;
    private final AESKey aes128;
    private final AESKey aes192;
    private final DESKey triple;

    CheckValue(Engines engines) {
        this.engines = engines;
        aes = Cipher.getInstance(Cipher.ALG_AES_BLOCK_128_CBC_NOPAD, false);
        des = Cipher.getInstance(Cipher.ALG_DES_CBC_NOPAD, false);
        aes128 = (AESKey) key(KeyBuilder.TYPE_AES_TRANSIENT_DESELECT, KeyBuilder.LENGTH_AES_128);
        aes192 = (AESKey) key(KeyBuilder.TYPE_AES_TRANSIENT_DESELECT, KeyBuilder.LENGTH_AES_192);
        triple = (DESKey) key(KeyBuilder.TYPE_DES_TRANSIENT_DESELECT, KeyBuilder.LENGTH_DES3_3KEY);
    }

    private static SecretKey key(byte type, short length) {
        return (SecretKey) KeyBuilder.buildKey(type, length, false);
    }

    /**
     * Makes the check value of a key: AES with 16, 24 or 32 bytes, 3DES with 16 or 24. Overwrites 16 bytes of the
     * buffer, 3 of them with the value, the rest with zeros, and {@link Engines#CONTEXT}. Where it ends.
     */
    short make(byte type, byte[] key, short keyAt, short length, byte[] buffer, short at) {
        if (type == ShareObject.AES) {
            AESKey own = length == 16 ? aes128 : length == 24 ? aes192 : engines.sealing.idleKey();
            own.setKey(key, keyAt);
            encrypt(aes, own, (byte) 1, AES_BLOCK, buffer, at);
        } else {
            setTriple(key, keyAt, length);
            encrypt(des, triple, (byte) 0, DES_BLOCK, buffer, at);
        }
        short end = (short) (at + SIZE);
        Util.arrayFillNonAtomic(buffer, end, (short) (AES_BLOCK - SIZE), (byte) 0);
        return end;
    }

    /** What {@link #make} may have left where the platform failed in it. */
    void abandon() {
        aes128.clearKey();
        aes192.clearKey();
        triple.clearKey();
    }

    /** Two keys are three, the last of which is the first. */
    private void setTriple(byte[] key, short at, short length) {
        byte[] work = engines.work;
        short end = Util.arrayCopyNonAtomic(key, at, work, Engines.CONTEXT, length);
        if (length < TRIPLE) {
            Util.arrayCopyNonAtomic(key, at, work, end, SINGLE);
        }
        triple.setKey(work, Engines.CONTEXT);
        Util.arrayFillNonAtomic(work, Engines.CONTEXT, TRIPLE, (byte) 0);
    }

    private static void encrypt(Cipher cipher, SecretKey key, byte fill, short block, byte[] buffer, short at) {
        Util.arrayFillNonAtomic(buffer, at, block, fill);
        cipher.init(key, Cipher.MODE_ENCRYPT);
        cipher.doFinal(buffer, at, block, buffer, at);
        key.clearKey();
    }
}
