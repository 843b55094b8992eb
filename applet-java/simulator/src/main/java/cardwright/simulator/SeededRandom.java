package cardwright.simulator;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.security.SecureRandomSpi;

/** A generator that repeats itself, for tests alone: SHA-256 over a seed and a counter. */
final class SeededRandom extends SecureRandom {
    private static final long serialVersionUID = 1L;

    /** @param seed any bytes; equal ones give equal output */
    SeededRandom(byte[] seed) {
        super(new Stream(seed.clone()), null);
    }

    private static final class Stream extends SecureRandomSpi {
        private static final long serialVersionUID = 1L;
        private byte[] seed;
        private long block;

        Stream(byte[] seed) {
            this.seed = seed;
        }

        @Override
        protected void engineSetSeed(byte[] more) {
            seed = hash(more);
        }

        @Override
        protected void engineNextBytes(byte[] bytes) {
            for (int at = 0; at < bytes.length; block++) {
                byte[] next = hash(new byte[] {(byte) (block >> 24), (byte) (block >> 16), (byte) (block >> 8), (byte) block});
                int length = Math.min(next.length, bytes.length - at);
                System.arraycopy(next, 0, bytes, at, length);
                at += length;
            }
        }

        @Override
        protected byte[] engineGenerateSeed(int length) {
            byte[] bytes = new byte[length];
            engineNextBytes(bytes);
            return bytes;
        }

        private byte[] hash(byte[] suffix) {
            try {
                MessageDigest sha = MessageDigest.getInstance("SHA-256");
                sha.update(seed);
                return sha.digest(suffix);
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
