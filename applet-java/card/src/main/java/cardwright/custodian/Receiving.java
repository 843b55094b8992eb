package cardwright.custodian;

import javacard.framework.ISO7816;
import javacard.framework.ISOException;
import javacard.framework.JCSystem;
import javacard.framework.Util;

/** TAKE STATEMENT, which the combiner has too, STORE BOX and RELEASE SHARE; as in {@link Dealer}. */
final class Receiving {
    /** Bytes of a box with a share. */
    private static final short BOX = Content.SIZE + Sealing.OVERHEAD;

    private final Parts parts;
    private final Engines engines;
    private final Manifest manifest;
    private final Messages messages;
    private final Combiner combiner;

    /** @param combiner whose drilled subsets and taken shares go with a new statement */
    Receiving(Parts parts, Combiner combiner) {
        this.parts = parts;
        engines = parts.engines;
        manifest = parts.manifest;
        messages = parts.messages;
        this.combiner = combiner;
    }

    short takeStatement(byte[] buffer, short length) {
        if (!parts.blocks.take(buffer, length)) {
            return 0;
        }
        if (manifest.place() == Manifest.COMBINER) {
            manifest.requireCombiner(Manifest.ANY);
        } else {
            manifest.requireCustodian(Manifest.DEAL);
        }
        parts.offer.requireThere();
        parts.parties.require(Manifest.DEALER);
        byte[] bytes = parts.blocks.bytes();
        byte n = manifest.n();
        short message = (short) (Statement.HEAD + Statement.FIELDS + n * Engines.SHA);
        Command.requireSigned(message, parts.blocks.length());
        requireStatement(bytes, message, (short) (parts.blocks.length() - message));
        byte[] work = engines.work;
        engines.digest.reset();
        engines.digest.doFinal(bytes, (short) 0, message, work, Engines.HASH);
        if (!parts.statement.isHash(work, Engines.HASH)) {
            combiner.wipeTaken();
            parts.statement.prepareHash(work, Engines.HASH);
            parts.statement.prepareFields(bytes, Statement.HEAD, n);
            JCSystem.beginTransaction();
            parts.statement.turn();
            combiner.clearDrilled();
            JCSystem.commitTransaction();
        }
        return 0;
    }

    /** Steps 4 to 7, with so many bytes of signature behind the message. */
    private void requireStatement(byte[] bytes, short message, short signature) {
        Command.requireSound(Kind.is(Kind.STATEMENT, bytes, (short) 0));
        if (manifest.operation() == Manifest.DEAL
                && Util.arrayCompare(bytes, Kind.TAG, manifest.bytes(), Manifest.HASH, Engines.SHA) != 0) {
            ISOException.throwIt(Custody.SW_OTHER_MANIFEST);
        }
        if (!parts.parties.isHash(Manifest.DEALER, bytes, Statement.SIGNER)) {
            ISOException.throwIt(Custody.SW_OTHER_KEY);
        }
        // A past deal's message has a past M, so it is not one of those that Messages makes.
        parts.parties.initVerify(Manifest.DEALER);
        messages.requireGood(bytes, (short) 0, message, bytes, message, signature);
    }

    short storeBox(byte[] buffer, short length) {
        if (!parts.blocks.take(buffer, length)) {
            return 0;
        }
        manifest.requireCustodian(Manifest.DEAL);
        parts.offer.requireThere();
        parts.statement.requireThere();
        Command.requireConditions(!parts.share.isThere());
        byte x = manifest.place();
        byte[] bytes = parts.blocks.bytes();
        short box = (short) (manifest.n() * Engines.SHA);
        Command.requireExactly(parts.blocks.length(), (short) (box + BOX));
        requireStated(bytes, box, x);
        byte[] work = engines.work;
        Statement statement = parts.statement;
        messages.context(Kind.BOX_TO_CUSTODIAN, x, Manifest.DEALER, x);
        engines.sealing.open(parts.offer.pair(), work, Engines.CONTEXT, bytes, box, work, Engines.CONTENT,
                Content.SIZE);
        parts.content.requireFits(x, statement.fields(), statement.commitmentAt(x));
        parts.share.prepare(manifest, statement.fields(), statement.checkValueAt(), statement.hashes(),
                statement.hashAt(), work, Engines.CONTENT);
        JCSystem.beginTransaction();
        parts.share.adopt();
        parts.offer.use();
        parts.contribution.use();
        JCSystem.commitTransaction();
        parts.offer.recover();
        parts.contribution.recover();
        return parts.receipts.sign(buffer);
    }

    /** 6606 where the hashes do not give the statement's B, or the box's hash is not that at x. */
    private void requireStated(byte[] bytes, short box, byte x) {
        byte[] work = engines.work;
        Statement statement = parts.statement;
        engines.hash(Kind.BOX_HASHES);
        engines.digest.doFinal(bytes, (short) 0, box, work, Engines.HASH);
        // B is where the commitment to one share more would be.
        boolean stated = Util.arrayCompare(work, Engines.HASH, statement.fields(),
                statement.commitmentAt((byte) (manifest.n() + 1)), Engines.SHA) == 0;
        engines.hash(Kind.BOX);
        engines.digest.doFinal(bytes, box, BOX, work, Engines.HASH);
        stated &= Util.arrayCompare(work, Engines.HASH, bytes, (short) ((x - 1) * Engines.SHA), Engines.SHA) == 0;
        if (!stated) {
            ISOException.throwIt(Custody.SW_BOX_NOT_STATED);
        }
    }

    short releaseShare(byte[] buffer, short length) {
        Command.requireNoParameters(buffer);
        manifest.requireCustodian((byte) (Manifest.DEAL | Manifest.DRILL | Manifest.RELEASE));
        parts.parties.require(Manifest.COMBINER);
        if (manifest.operation() == Manifest.RELEASE) {
            parts.parties.require(Manifest.HSM);
        }
        Messages.requireOfferLength(length);
        parts.share.requireSetOf(manifest);
        Command.requireConditions(parts.share.isDealt());
        if (!parts.share.fits(manifest)) {
            ISOException.throwIt(Custody.SW_OTHER_SHARE);
        }
        parts.pin.use();
        short q = ISO7816.OFFSET_CDATA;
        messages.requireOffer(Manifest.COMBINER, buffer, q, length);
        return release(buffer, q, (short) (q + Point.SIZE));
    }

    /** Seals the share to Q in the buffer, with what is free from {@code at} on, and signs that. */
    private short release(byte[] buffer, short q, short at) {
        byte[] work = engines.work;
        byte x = manifest.place();
        parts.share.copyContent(work, Engines.CONTENT);
        messages.context(Kind.BOX_TO_COMBINER, x, x, Manifest.COMBINER);
        engines.sealing.seal(buffer, q, work, Engines.CONTEXT, work, Engines.CONTENT, Content.SIZE, buffer, at);
        Util.arrayCopyNonAtomic(buffer, at, buffer, (short) 0, BOX);
        engines.hash(Kind.BOX);
        engines.digest.doFinal(buffer, (short) 0, BOX, work, Engines.HASH);
        messages.beginSigned(Kind.RELEASE);
        work[Engines.CONTENT] = x;
        short fields = parts.share.copyStatementHash(work, (short) (Engines.CONTENT + 1));
        messages.add(work, Engines.CONTENT, (short) (fields - Engines.CONTENT));
        return messages.sign(work, Engines.HASH, Engines.SHA, buffer, BOX);
    }
}
