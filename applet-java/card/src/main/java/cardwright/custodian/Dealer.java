package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/**
 * The dealer's commands. Each begins behind its first step, takes {@code length} bytes of data at {@code OFFSET_CDATA},
 * and returns how many bytes of answer stand at the buffer's beginning.
 */
final class Dealer {
    /** P2 of ADMIT. */
    private static final byte APPROVAL = 1;
    private static final byte COMMITMENT = 2;
    private static final byte OFFER = 3;
    /** Bytes of an approval's counter. */
    private static final short COUNTER = 4;

    /** P1 of CONFIRM. */
    private static final byte RECEIPT = 1;
    private static final byte DRILL = 2;

    /** Status in a receipt: held. */
    private static final byte HELD = 1;

    private static final short DEAL = (short) 0x8B0A;
    private static final short CONFIRMED = (short) 0x8C03;

    private final Parts parts;
    private final Engines engines;
    private final Manifest manifest;
    private final Messages messages;
    private final Pending pending;
    private final CheckValue checkValue;
    private final Content content;

    Dealer(Parts parts) {
        this.parts = parts;
        engines = parts.engines;
        manifest = parts.manifest;
        messages = parts.messages;
        pending = new Pending(parts.memory);
        checkValue = parts.checkValue;
        content = parts.content;
    }

    /** Whether a deal is in phase 1, 2 or 3. */
    boolean isPending() {
        return pending.isThere();
    }

    /** Within the caller's transaction: phase 0, nothing pending. {@link #recover} has to follow. */
    void discard() {
        pending.enter(Pending.NONE);
    }

    /** Finishes what a loss of power left: overwrites what is secret and pending no more. */
    void recover() {
        pending.recover();
    }

    /** GET STATE with place 0D: objects 8B, 8C and 8E. Where they end. */
    short describe(byte[] buffer, short at) {
        at = Util.setShort(buffer, at, DEAL);
        buffer[at++] = pending.phase();
        buffer[at++] = pending.next();
        for (short what = Pending.APPROVALS; what <= Pending.BOXES; what++) {
            at = Util.setShort(buffer, at, pending.mask(what));
        }
        at = Util.setShort(buffer, at, CONFIRMED);
        at = Util.setShort(buffer, at, pending.mask(Pending.RECEIPTS));
        buffer[at++] = pending.isDrilled() ? (byte) 1 : (byte) 0;
        return parts.statement.describe(buffer, at);
    }

    short beginDeal(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        manifest.requireDealer();
        requirePhase(Pending.NONE);
        parts.offer.requireThere();
        Command.requireNoData(length);
        parts.pin.use();
        byte[] work = engines.work;
        engines.random.generateData(work, Engines.CONTENT, Pending.UNIT);
        engines.hash(Kind.START_OF_SECRET);
        manifest.hashM(engines);
        engines.digest.doFinal(work, Engines.CONTENT, Pending.UNIT, work, Engines.CONTENT);
        pending.begin(work, Engines.CONTENT);
        return 0;
    }

    short admit(byte[] buffer, short length) {
        byte x = buffer[ISO7816.OFFSET_P1];
        byte kind = buffer[ISO7816.OFFSET_P2];
        if (!Command.isX(x) || kind < APPROVAL || kind > OFFER) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        short what = (short) (Pending.APPROVALS + kind - APPROVAL);
        manifest.requireDealer();
        requirePhase(Pending.BEGUN);
        manifest.requireX(x);
        parts.parties.require(x);
        Command.requireConditions(!pending.has(what, x));
        short field = kind == APPROVAL ? COUNTER : kind == COMMITMENT ? Pending.UNIT : Point.SIZE;
        byte message = kind == APPROVAL ? Kind.APPROVAL
                : kind == COMMITMENT ? Kind.COMMITMENT_MESSAGE : Kind.OFFER;
        Command.requireSigned(field, length);
        messages.beginVerified(message, x);
        requireGood(buffer, field, length);
        if (kind == APPROVAL) {
            pending.mark(what, x);
        } else if (kind == COMMITMENT) {
            pending.keep(what, x, buffer, ISO7816.OFFSET_CDATA, field, Pending.hashAt(x));
        } else {
            Command.requireSound(engines.curve.isPoint(buffer, ISO7816.OFFSET_CDATA));
            pending.keep(what, x, buffer, ISO7816.OFFSET_CDATA, field, Pending.offerAt(x));
        }
        return 0;
    }

    /** The message ends with a field at the beginning of the data; its signature is behind it. */
    private void requireGood(byte[] buffer, short field, short length) {
        messages.requireGood(buffer, ISO7816.OFFSET_CDATA, field, buffer, (short) (ISO7816.OFFSET_CDATA + field),
                (short) (length - field));
    }

    short takeContribution(byte[] buffer, short length) {
        byte x = Command.requireP1(buffer, (byte) 1, Custody.MOST);
        byte n = manifest.n();
        manifest.requireDealer();
        requirePhase(Pending.BEGUN);
        Command.requireConditions(pending.hasAll(Pending.APPROVALS, n) && pending.hasAll(Pending.COMMITMENTS, n)
                && pending.hasAll(Pending.OFFERS, n));
        if (x != pending.next()) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        Command.requireExactly(length, (short) (Pending.UNIT + Sealing.OVERHEAD));
        byte[] work = engines.work;
        messages.context(Kind.BOX_WITH_CONTRIBUTION, x, x, Manifest.DEALER);
        engines.sealing.open(parts.offer.pair(), work, Engines.CONTEXT, buffer, ISO7816.OFFSET_CDATA, work,
                Engines.CONTENT, Pending.UNIT);
        parts.contribution.commit(x, work, Engines.CONTENT, work, Engines.HASH);
        if (!Engines.isEqual(work, Engines.HASH, pending.memory(), Pending.hashAt(x), Pending.UNIT)) {
            ISOException.throwIt(Custody.SW_COMMITMENT);
        }
        engines.hash(Kind.STEP_OF_SECRET);
        engines.digest.update(pending.memory(), pending.secretAt(), Pending.UNIT);
        engines.digest.doFinal(work, Engines.CONTENT, Pending.UNIT, work, Engines.CONTENT);
        if (x == n) {
            draw();
        }
        pending.prepare(work, Engines.CONTENT);
        JCSystem.beginTransaction();
        pending.step();
        if (x == n) {
            pending.enter(Pending.SPLIT);
            parts.offer.use();
        }
        JCSystem.commitTransaction();
        pending.recover();
        parts.offer.recover();
        return 0;
    }

    /** What the scheme draws, and the salts, to where nothing is read before the split. */
    private void draw() {
        byte n = manifest.n();
        short strings = (short) (manifest.m() - 1);
        for (short i = 0; i < strings; i++) {
            draw((short) (Pending.DRAWN + i * manifest.keyLength()), manifest.keyLength());
        }
        for (byte x = 1; x <= n; x++) {
            draw(Pending.saltAt(x), Pending.SALT);
        }
    }

    private void draw(short at, short length) {
        byte[] work = engines.work;
        engines.random.generateData(work, Engines.HASH, length);
        Util.arrayCopyNonAtomic(work, Engines.HASH, pending.memory(), at, length);
    }

    short dealBox(byte[] buffer, short length) {
        byte x = Command.requireP1(buffer, (byte) 1, Custody.MOST);
        manifest.requireDealer();
        requirePhase(Pending.SPLIT);
        manifest.requireX(x);
        Command.requireNoData(length);
        byte[] work = engines.work;
        share(x);
        messages.context(Kind.BOX_TO_CUSTODIAN, x, Manifest.DEALER, x);
        short end = engines.sealing.seal(pending.memory(), Pending.offerAt(x), work, Engines.CONTEXT, work,
                Engines.CONTENT, Content.SIZE, buffer, (short) 0);
        engines.hash(Kind.BOX);
        engines.digest.doFinal(buffer, (short) 0, end, work, Engines.HASH);
        pending.keep(Pending.BOXES, x, work, Engines.HASH, Engines.SHA, Pending.hashAt(x));
        return content.commit(x, buffer, end);
    }

    /** Makes the content of the box to x. */
    private void share(byte x) {
        byte[] memory = pending.memory();
        byte[] work = engines.work;
        byte m = manifest.m();
        byte y = manifest.keyLength();
        Util.arrayFillNonAtomic(work, Engines.CONTENT, Content.SALT, (byte) 0);
        if (!manifest.isXor()) {
            Sharing.evaluate(x, m, memory, pending.secretAt(), memory, Pending.DRAWN, y, work, Engines.CONTENT);
        } else if (x < m) {
            Util.arrayCopyNonAtomic(memory, (short) (Pending.DRAWN + (x - 1) * y), work, Engines.CONTENT, y);
        } else {
            Util.arrayCopyNonAtomic(memory, pending.secretAt(), work, Engines.CONTENT, y);
            for (short i = 1; i < m; i++) {
                Sharing.xor(memory, (short) (Pending.DRAWN + (i - 1) * y), y, work, Engines.CONTENT);
            }
        }
        Util.arrayCopyNonAtomic(memory, Pending.saltAt(x), work, (short) (Engines.CONTENT + Content.SALT),
                Pending.SALT);
    }

    short stateDeal(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        manifest.requireDealer();
        byte n = manifest.n();
        boolean stated = pending.phase() == Pending.STATED;
        Command.requireConditions((stated || pending.phase() == Pending.SPLIT) && pending.hasAll(Pending.BOXES, n));
        Command.requireNoData(length);
        byte[] work = engines.work;
        byte[] fields = parts.blocks.bytes();
        short end = writeFields(n, fields);
        messages.beginHashed(Kind.STATEMENT);
        engines.digest.doFinal(fields, (short) 0, end, work, Engines.HASH);
        Util.arrayCopyNonAtomic(fields, (short) 0, buffer, (short) 0, CheckValue.SIZE);
        messages.beginSigned(Kind.STATEMENT);
        short answer = messages.sign(fields, (short) 0, end, buffer, CheckValue.SIZE);
        Util.arrayFillNonAtomic(fields, (short) 0, end, (byte) 0);
        if (!stated) {
            parts.statement.prepareHash(work, Engines.HASH);
            JCSystem.beginTransaction();
            parts.statement.turn();
            pending.enter(Pending.STATED);
            JCSystem.commitTransaction();
        }
        return answer;
    }

    /** The fields of the statement: KCV, commitments, B. Where they end. */
    private short writeFields(byte n, byte[] fields) {
        byte[] memory = pending.memory();
        short at = checkValue.make(manifest.keyType(), memory, pending.secretAt(), manifest.keyLength(), fields,
                (short) 0);
        for (byte x = 1; x <= n; x++) {
            share(x);
            at = content.commit(x, fields, at);
        }
        engines.hash(Kind.BOX_HASHES);
        return (short) (at + engines.digest.doFinal(memory, Pending.hashAt((byte) 1), (short) (n * Engines.SHA), fields,
                at));
    }

    short confirm(byte[] buffer, short length) {
        byte what = buffer[ISO7816.OFFSET_P1];
        byte x = buffer[ISO7816.OFFSET_P2];
        boolean receipt = what == RECEIPT;
        if (receipt ? !Command.isX(x) : what != DRILL || x != 0) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        manifest.requireDealer();
        requirePhase(Pending.STATED);
        if (receipt) {
            manifest.requireX(x);
            parts.parties.require(x);
            Command.requireSigned((short) 0, length);
            confirmReceipt(x, buffer, length);
        } else {
            parts.parties.require(Manifest.COMBINER);
            Command.requireSigned(Subsets.BITMAP, length);
            confirmDrill(buffer, length);
        }
        return 0;
    }

    private void confirmReceipt(byte x, byte[] buffer, short length) {
        byte[] work = engines.work;
        Statement statement = parts.statement;
        messages.beginVerified(Kind.RECEIPT, x);
        messages.add(manifest.bytes(), Manifest.SET_ID, Manifest.ID_AND_GENERATION);
        work[Engines.HASH] = x;
        work[(short) (Engines.HASH + 1)] = HELD;
        messages.add(work, Engines.HASH, (short) 2);
        messages.requireGood(statement.hashes(), statement.hashAt(), Engines.SHA, buffer, ISO7816.OFFSET_CDATA, length);
        pending.mark(Pending.RECEIPTS, x);
    }

    private void confirmDrill(byte[] buffer, short length) {
        Statement statement = parts.statement;
        messages.beginVerified(Kind.VERDICT, Manifest.COMBINER);
        messages.add(statement.hashes(), statement.hashAt(), Engines.SHA);
        requireGood(buffer, Subsets.BITMAP, length);
        if (!Subsets.areAll(buffer, ISO7816.OFFSET_CDATA, manifest.m(), manifest.n())) {
            ISOException.throwIt(Custody.SW_DRILL_INCOMPLETE);
        }
        pending.confirmDrill();
    }

    short forget(byte[] buffer, short length) {
        byte status = buffer[ISO7816.OFFSET_P1];
        if (buffer[ISO7816.OFFSET_P2] != 0 || status < 0 || status > 1) {
            ISOException.throwIt(ISO7816.SW_INCORRECT_P1P2);
        }
        manifest.requireDealer();
        byte phase = pending.phase();
        boolean abandon = status != 0;
        byte end = abandon ? Pending.ABANDONED : Pending.FORGOTTEN;
        boolean complete = phase == Pending.STATED && pending.hasAll(Pending.RECEIPTS, manifest.n())
                && pending.isDrilled();
        Command.requireConditions(phase == end || (abandon ? pending.isThere() : complete));
        Command.requireNoData(length);
        if (abandon) {
            parts.pin.use();
        }
        if (phase != end) {
            JCSystem.beginTransaction();
            pending.enter(end);
            parts.offer.use();
            JCSystem.commitTransaction();
            pending.recover();
            parts.offer.recover();
        }
        return signForget(status, buffer);
    }

    private short signForget(byte status, byte[] buffer) {
        byte[] work = engines.work;
        Statement statement = parts.statement;
        messages.beginSigned(Kind.FORGET);
        if (statement.isThere()) {
            messages.add(statement.hashes(), statement.hashAt(), Engines.SHA);
        } else {
            Util.arrayFillNonAtomic(work, Engines.HASH, Engines.SHA, (byte) 0);
            messages.add(work, Engines.HASH, Engines.SHA);
        }
        work[Engines.CONTENT] = status;
        return messages.sign(work, Engines.CONTENT, (short) 1, buffer, (short) 0);
    }

    private void requirePhase(byte phase) {
        Command.requireConditions(pending.phase() == phase);
    }
}
