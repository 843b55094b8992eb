package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** The combiner's commands; as in {@link Dealer}. */
final class Combiner {
    /** Bytes of a box with a share. */
    private static final short BOX = Content.SIZE + Sealing.OVERHEAD;
    /** Bytes of the room for a value, and of the secret's. */
    private static final short UNIT = 32;

    /** Where the result is, in memory that is shared, behind the statement; its bytes, and those of a block. */
    private static final short RESULT = Statement.SIZE;
    private static final short MAX_RESULT = 512;
    private static final short BLOCK = 192;
    /** How much of the memory that takes. */
    static final short SIZE = RESULT + MAX_RESULT;

    /** P1 of READ RESULT. */
    private static final byte PIECE = 0;
    private static final byte SIGNATURE = 1;

    private static final short DRILLED = (short) 0x8D01;
    private static final short TAKEN = (short) 0x8F02;
    private static final short LENGTH = (short) 0x9002;

    private final Parts parts;
    private final Engines engines;
    private final Manifest manifest;
    private final Messages messages;
    private final Statement statement;
    private final CheckValue checkValue;
    private final Oaep oaep;
    private final byte[] memory;
    /** Counts only where there is a statement. */
    private final byte[] drilled;
    /** 0 where there is none. */
    private short resultLength;
    /** Values of taken shares, by x, and which there are: bit x - 1. */
    private final byte[] values;
    private final short[] taken;

    Combiner(Parts parts) {
        this.parts = parts;
        engines = parts.engines;
        manifest = parts.manifest;
        messages = parts.messages;
        statement = parts.statement;
        checkValue = parts.checkValue;
        memory = parts.memory;
        oaep = new Oaep();
        drilled = new byte[Subsets.BITMAP];
        values = JCSystem.makeTransientByteArray((short) (Custody.MOST * UNIT), JCSystem.CLEAR_ON_DESELECT);
        taken = JCSystem.makeTransientShortArray((short) 1, JCSystem.CLEAR_ON_DESELECT);
    }

    /** Taken shares are wiped: the session has ended, a manifest is approved, or all is wiped. */
    void wipeTaken() {
        Util.arrayFillNonAtomic(values, (short) 0, (short) values.length, (byte) 0);
        taken[0] = 0;
    }

    /** Within the caller's transaction: there is no result. Drilled subsets go with the statement. */
    void discard() {
        resultLength = 0;
    }

    /** Within the caller's transaction, outside of commands of the combiner's: no subset is drilled. */
    void clearDrilled() {
        byte[] work = engines.work;
        Util.arrayFillNonAtomic(work, Engines.CONTENT, Subsets.BITMAP, (byte) 0);
        Util.arrayCopy(work, Engines.CONTENT, drilled, (short) 0, Subsets.BITMAP);
    }

    /** GET STATE with place 0C, before the statement hash: object 8D. Where it ends. */
    short describeDrilled(byte[] buffer, short at) {
        at = Util.setShort(buffer, at, DRILLED);
        buffer[at++] = statement.isThere() ? (byte) Subsets.count(drilled, (short) 0) : (byte) 0;
        return at;
    }

    /** GET STATE with place 0C, behind the statement hash: objects 8F and 90. Where they end. */
    short describeTaken(byte[] buffer, short at) {
        at = Util.setShort(buffer, at, TAKEN);
        at = Util.setShort(buffer, at, taken[0]);
        if (resultLength != 0) {
            at = Util.setShort(buffer, at, LENGTH);
            at = Util.setShort(buffer, at, resultLength);
        }
        return at;
    }

    short takeShare(byte[] buffer, short length) {
        byte x = Command.requireP1(buffer, (byte) 1, Custody.MOST);
        manifest.requireCombiner(Manifest.ANY);
        parts.offer.requireThere();
        statement.requireThere();
        manifest.requireX(x);
        parts.parties.require(x);
        short bit = (short) (1 << (short) (x - 1));
        Command.requireConditions((short) (taken[0] & bit) == 0);
        Command.requireSigned(BOX, length);
        byte[] work = engines.work;
        short box = ISO7816.OFFSET_CDATA;
        engines.hash(Kind.BOX);
        engines.digest.doFinal(buffer, box, BOX, work, Engines.HASH);
        messages.beginVerified(Kind.RELEASE, x);
        work[Engines.CONTENT] = x;
        messages.add(work, Engines.CONTENT, (short) 1);
        messages.add(statement.hashes(), statement.hashAt(), Engines.SHA);
        messages.requireGood(work, Engines.HASH, Engines.SHA, buffer, (short) (box + BOX), (short) (length - BOX));
        messages.context(Kind.BOX_TO_COMBINER, x, x, Manifest.COMBINER);
        engines.sealing.open(parts.offer.pair(), work, Engines.CONTEXT, buffer, box, work, Engines.CONTENT,
                Content.SIZE);
        parts.content.requireFits(x, statement.fields(), statement.commitmentAt(x));
        Util.arrayCopyNonAtomic(work, Engines.CONTENT, values, (short) ((x - 1) * UNIT), UNIT);
        taken[0] = (short) (taken[0] | bit);
        return 0;
    }

    short drill(byte[] buffer, short length) {
        short mask = Util.getShort(buffer, ISO7816.OFFSET_P1);
        manifest.requireCombiner((byte) (Manifest.DEAL | Manifest.DRILL));
        statement.requireThere();
        if (!Subsets.isOne(mask, manifest.m(), manifest.n())) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        Command.requireNoData(length);
        if ((short) (mask & ~taken[0]) != 0) {
            ISOException.throwIt(Custody.SW_NO_SHARE);
        }
        recombine(mask);
        JCSystem.beginTransaction();
        Subsets.add(drilled, (short) 0, mask);
        if (Subsets.areAll(drilled, (short) 0, manifest.m(), manifest.n())) {
            parts.offer.use();
        }
        JCSystem.commitTransaction();
        parts.offer.recover();
        return 0;
    }

    /**
     * Makes the secret of m taken shares, at {@link Engines#CONTENT} with zeros behind it to 32 bytes, for this command
     * alone. 6609 where its check value is not the statement's.
     */
    private void recombine(short mask) {
        byte[] work = engines.work;
        byte length = manifest.keyLength();
        byte m = 0;
        for (byte x = 1; x <= Custody.MOST; x++) {
            if ((short) (mask >> (short) (x - 1) & 1) != 0) {
                work[(short) (Engines.HASH + m)] = x;
                m++;
            }
        }
        Util.arrayFillNonAtomic(work, Engines.CONTENT, UNIT, (byte) 0);
        for (short i = 0; i < m; i++) {
            short value = (short) ((work[(short) (Engines.HASH + i)] - 1) * UNIT);
            if (manifest.isXor()) {
                Sharing.xor(values, value, length, work, Engines.CONTENT);
            } else {
                byte weight = Sharing.weight(work, Engines.HASH, m, i, (byte) 0);
                Sharing.add(weight, values, value, length, work, Engines.CONTENT);
            }
        }
        checkValue.make(manifest.keyType(), work, Engines.CONTENT, length, work, Engines.HASH);
        if (!Engines.isEqual(work, Engines.HASH, statement.fields(), statement.checkValueAt(), CheckValue.SIZE)) {
            ISOException.throwIt(Custody.SW_CHECK_VALUE);
        }
    }

    short verdict(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        manifest.requireCombiner((byte) (Manifest.DEAL | Manifest.DRILL));
        statement.requireThere();
        Command.requireNoData(length);
        short end = Util.arrayCopyNonAtomic(drilled, (short) 0, buffer, (short) 0, Subsets.BITMAP);
        messages.beginSigned(Kind.VERDICT);
        messages.add(statement.hashes(), statement.hashAt(), Engines.SHA);
        return messages.sign(buffer, (short) 0, Subsets.BITMAP, buffer, end);
    }

    short export(byte[] buffer, short length) {
        if (!parts.blocks.take(buffer, length)) {
            return 0;
        }
        manifest.requireCombiner(Manifest.RELEASE);
        parts.offer.requireThere();
        statement.requireThere();
        parts.parties.require(Manifest.HSM);
        byte algorithm = parts.parties.hsmAlgorithm();
        boolean curve = algorithm == Certificate.P256;
        short key = curve ? Point.SIZE : Oaep.length(algorithm);
        Command.requireExactly(parts.blocks.length(), key);
        parts.pin.use();
        byte[] bytes = parts.blocks.bytes();
        boolean formed = curve ? engines.curve.isPoint(bytes, (short) 0)
                : bytes[0] < 0 && (byte) (bytes[(short) (key - 1)] & 1) != 0;
        Command.requireSound(formed);
        requireHsmKey(bytes, key, curve);
        short mask = lowest(manifest.m());
        if (mask == 0) {
            ISOException.throwIt(Custody.SW_NO_SHARE);
        }
        if (!curve) {
            oaep.init(bytes, (short) 0, key);
        }
        recombine(mask);
        if (curve) {
            sealResult(bytes);
        } else {
            oaep.encrypt(engines.work, Engines.CONTENT, manifest.keyLength(), bytes, (short) 0);
            store(bytes, (short) 0, key);
        }
        wipeTaken();
        return 0;
    }

    /** 6605 where it is not the key in the certificate of party 0E. */
    private void requireHsmKey(byte[] bytes, short length, boolean curve) {
        byte[] work = engines.work;
        Parties parties = parts.parties;
        short at = parties.keyAt(Manifest.HSM);
        boolean own;
        if (curve) {
            own = Util.arrayCompare(bytes, (short) 0, parties.keys(), at, length) == 0;
        } else {
            engines.digest.reset();
            engines.digest.doFinal(bytes, (short) 0, length, work, Engines.HASH);
            own = Util.arrayCompare(work, Engines.HASH, parties.keys(), at, Engines.SHA) == 0;
        }
        if (!own) {
            ISOException.throwIt(Custody.SW_OTHER_KEY);
        }
    }

    /** The mask of the m taken shares with the lowest x; 0 where there are fewer. */
    private short lowest(byte m) {
        short mask = 0;
        for (short bit = 0; bit < Custody.MOST && m > 0; bit++) {
            short own = (short) (taken[0] & (short) (1 << bit));
            if (own != 0) {
                mask |= own;
                m--;
            }
        }
        return m == 0 ? mask : (short) 0;
    }

    /** The box of the secret to the point at the beginning. */
    private void sealResult(byte[] bytes) {
        byte[] work = engines.work;
        messages.context(Kind.BOX_TO_HSM, (byte) 0, Manifest.COMBINER, Manifest.HSM);
        short end = engines.sealing.seal(bytes, (short) 0, work, Engines.CONTEXT, work, Engines.CONTENT, UNIT, bytes,
                Point.SIZE);
        store(bytes, Point.SIZE, (short) (end - Point.SIZE));
        Util.arrayFillNonAtomic(bytes, Point.SIZE, (short) (end - Point.SIZE), (byte) 0);
    }

    private void store(byte[] bytes, short at, short length) {
        Util.arrayCopyNonAtomic(bytes, at, memory, RESULT, length);
        JCSystem.beginTransaction();
        resultLength = length;
        parts.offer.use();
        JCSystem.commitTransaction();
        parts.offer.recover();
    }

    short readResult(byte[] buffer, short length) {
        byte what = buffer[ISO7816.OFFSET_P1];
        byte block = buffer[ISO7816.OFFSET_P2];
        if (what < PIECE || what > SIGNATURE || (what == SIGNATURE && block != 0)) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        manifest.requireCombiner(Manifest.RELEASE);
        Command.requireConditions(resultLength != 0);
        Command.requireNoData(length);
        if (what == SIGNATURE) {
            return signExport(buffer);
        }
        // From block 3 on, or 80 and more, there is none: no product is too large.
        short from = block < 0 || block > MAX_RESULT / BLOCK ? resultLength : (short) (block * BLOCK);
        if (from >= resultLength) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        short left = (short) (resultLength - from);
        return Util.arrayCopyNonAtomic(memory, (short) (RESULT + from), buffer, (short) 0, left > BLOCK ? BLOCK : left);
    }

    private short signExport(byte[] buffer) {
        byte[] work = engines.work;
        Parties parties = parts.parties;
        engines.digest.reset();
        engines.digest.doFinal(memory, RESULT, resultLength, work, Engines.HASH);
        messages.beginSigned(Kind.EXPORT);
        messages.add(statement.hashes(), statement.hashAt(), Engines.SHA);
        messages.add(statement.fields(), statement.checkValueAt(), CheckValue.SIZE);
        messages.add(parties.hashes(Manifest.HSM), parties.hashAt(Manifest.HSM), Engines.SHA);
        return messages.sign(work, Engines.HASH, Engines.SHA, buffer, (short) 0);
    }
}
