package cardwright.custodian;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A manifest of tests: its fields, to be changed one by one, and its bytes. */
final class Terms {
    static final int DEAL = 1;
    static final int DRILL = 2;
    static final int RELEASE = 3;
    static final int DESTROY = 4;

    int operation = DEAL;
    byte[] ceremony = filled(16, 0x0C);
    byte[] set = filled(16, 0x05);
    int generation = 1;
    int scheme = 1;
    int m;
    int n;
    int keyType = 0x88;
    int keyLength = 16;
    int usage = 0x03;
    int sequence = 1;
    byte[] head = new byte[32];
    byte[] partner = new byte[32];
    byte[] combiner = new byte[32];
    List<byte[]> custodians = new ArrayList<>();

    /** m of as many as there are custodians. */
    Terms(int m, List<byte[]> custodians, byte[] combiner, byte[] partner) {
        this.m = m;
        n = custodians.size();
        this.custodians.addAll(custodians);
        this.combiner = combiner;
        this.partner = partner;
    }

    /** The next manifest over the same set. */
    Terms next(int nextOperation, byte[] nextCombiner, byte[] nextPartner) {
        Terms next = new Terms(m, custodians, nextCombiner, nextPartner);
        next.operation = nextOperation;
        next.ceremony = ceremony;
        next.set = set;
        next.generation = generation;
        next.scheme = scheme;
        next.keyType = keyType;
        next.keyLength = keyLength;
        next.usage = usage;
        next.sequence = sequence + 1;
        next.head = head;
        return next;
    }

    static byte[] filled(int length, int with) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) with);
        return bytes;
    }

    byte[] bytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(Party.tag(3));
        out.write(operation);
        out.writeBytes(ceremony);
        out.writeBytes(set);
        out.writeBytes(Party.number(generation));
        for (int field : new int[] {scheme, m, n, keyType, keyLength, usage}) {
            out.write(field);
        }
        out.writeBytes(Party.number(sequence));
        out.writeBytes(filled(32, 0x91));
        out.writeBytes(head);
        out.writeBytes(partner);
        out.writeBytes(combiner);
        custodians.forEach(out::writeBytes);
        return out.toByteArray();
    }

    /** M. */
    byte[] hash() {
        return Party.sha256(bytes());
    }

    /** c(x) of a content. */
    byte[] commitment(int x, byte[] content) {
        return Party.sha256(Party.tag(0x0A), set, Party.number(generation), new byte[] {(byte) x},
                Arrays.copyOfRange(content, 32, 48), Arrays.copyOf(content, keyLength));
    }
}
