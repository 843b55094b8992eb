package cardwright.custodian;

import java.util.Arrays;

/** A deal made without a card: what a dealer states, and the contents that it deals. */
final class Deal {
    final Terms terms;
    final Party dealer;
    final byte[] secret;
    /** By x - 1: what is in the boxes, commitments, box hashes. */
    final byte[][] contents;
    final byte[][] commitments;
    final byte[][] boxHashes;
    byte[] kcv;

    Deal(Terms terms, Party dealer) {
        this.terms = terms;
        this.dealer = dealer;
        secret = Party.random(terms.keyLength);
        contents = new byte[terms.n][];
        commitments = new byte[terms.n][];
        boxHashes = new byte[terms.n][];
        kcv = CheckValueTest.reference(terms.keyType, secret);
        byte[][] shares = terms.scheme == 1 ? shamir() : xor();
        for (int i = 0; i < terms.n; i++) {
            contents[i] = Host.concat(Arrays.copyOf(shares[i], 32), Party.random(16));
            commitments[i] = terms.commitment(i + 1, contents[i]);
            boxHashes[i] = Party.random(32);
        }
    }

    private byte[][] shamir() {
        byte[][] shares = new byte[terms.n][];
        byte[][] coefficients = new byte[terms.m - 1][];
        Arrays.setAll(coefficients, i -> Party.random(secret.length));
        for (int x = 1; x <= terms.n; x++) {
            byte[] y = secret.clone();
            int power = 1;
            for (byte[] coefficient : coefficients) {
                power = product(power, x);
                for (int i = 0; i < y.length; i++) {
                    y[i] ^= (byte) product(power, coefficient[i] & 0xFF);
                }
            }
            shares[x - 1] = y;
        }
        return shares;
    }

    private byte[][] xor() {
        byte[][] shares = new byte[terms.n][];
        byte[] last = secret.clone();
        for (int i = 0; i < terms.n - 1; i++) {
            shares[i] = Party.random(last.length);
            for (int j = 0; j < last.length; j++) {
                last[j] ^= shares[i][j];
            }
        }
        shares[terms.n - 1] = last;
        return shares;
    }

    /** In GF(2^8) with 11B, bit by bit. */
    static int product(int a, int b) {
        int product = 0;
        for (int bit = 0; bit < 8; bit++) {
            product ^= (b >> bit & 1) != 0 ? a << bit : 0;
        }
        for (int bit = 15; bit > 7; bit--) {
            product ^= (product >> bit & 1) != 0 ? 0x11B << bit - 8 : 0;
        }
        return product;
    }

    /** What these contents have in common. */
    static byte[] combine(Terms terms, int mask, byte[][] contents) {
        byte[] secret = new byte[terms.keyLength];
        for (int x = 1; x <= terms.n; x++) {
            if ((mask >> x - 1 & 1) == 0) {
                continue;
            }
            int weight = 1;
            for (int other = 1; other <= terms.n; other++) {
                if (terms.scheme == 1 && other != x && (mask >> other - 1 & 1) != 0) {
                    weight = product(weight, product(other, inverse(x ^ other)));
                }
            }
            for (int i = 0; i < secret.length; i++) {
                secret[i] ^= (byte) product(weight, contents[x - 1][i] & 0xFF);
            }
        }
        return secret;
    }

    private static int inverse(int a) {
        int b = 1;
        while (product(a, b) != 1) {
            b++;
        }
        return b;
    }

    /** The box to x, to its offer; its hash is kept for the statement. */
    byte[] box(int x, byte[] recipient, byte[] q) {
        byte[] box = Party.seal(0x0B, terms.hash(), x, dealer.hash(), recipient, q, contents[x - 1]);
        boxHashes[x - 1] = Party.sha256(Party.tag(0x16), box);
        return box;
    }

    byte[] list() {
        return Host.concat(boxHashes);
    }

    static byte[] listHash(byte[] list) {
        return Party.sha256(Party.tag(0x0F), list);
    }

    byte[] fields() {
        return Host.concat(kcv, Host.concat(commitments), listHash(list()));
    }

    byte[] message() {
        return Party.message(0x10, terms.hash(), dealer.hash(), fields());
    }

    /** As TAKE STATEMENT wants it. */
    byte[] statement() {
        return Host.concat(message(), dealer.sign(message()));
    }

    byte[] statementHash() {
        return Party.sha256(message());
    }

    /** What RELEASE SHARE would answer for a custodian, whose manifest may be another one than the deal's. */
    byte[] release(Terms now, int x, Party custodian, byte[] q) {
        return release(now, x, custodian, q, contents[x - 1]);
    }

    byte[] release(Terms now, int x, Party custodian, byte[] q, byte[] content) {
        byte[] box = Party.seal(0x0D, now.hash(), x, custodian.hash(), now.combiner, q, content);
        return Host.concat(box, releaseSignature(now, x, custodian, box));
    }

    byte[] releaseSignature(Terms now, int x, Party custodian, byte[] box) {
        return custodian.signed(0x12, now.hash(), new byte[] {(byte) x}, statementHash(),
                Party.sha256(Party.tag(0x16), box));
    }

    /** The bitmap of all subsets. */
    static byte[] bitmap(Terms terms) {
        byte[] bitmap = new byte[32];
        for (int number = 0; number < SubsetsTest.all(terms.m, terms.n).size(); number++) {
            bitmap[number / 8] |= (byte) (0x80 >> number % 8);
        }
        return bitmap;
    }
}
