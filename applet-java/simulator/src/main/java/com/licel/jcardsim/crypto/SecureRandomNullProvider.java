package com.licel.jcardsim.crypto;

import cardwright.simulator.CardRuntime;
import java.security.SecureRandom;
import java.security.SecureRandomSpi;

/**
 * Where jCardSim's key pairs and signatures get their randomness. Stands in for the library's class of the same name, which
 * is not seeded: every card makes the same keys with it, and a first ECDSA nonce equals the private key.
 */
class SecureRandomNullProvider extends SecureRandom {
    private static final long serialVersionUID = 1L;

    SecureRandomNullProvider() {
        super(new OfTheCard(), null);
    }

    /** Asks the generator of the card that runs on this thread. */
    private static final class OfTheCard extends SecureRandomSpi {
        private static final long serialVersionUID = 1L;

        @Override
        protected void engineSetSeed(byte[] seed) {
            CardRuntime.current().random().setSeed(seed);
        }

        @Override
        protected void engineNextBytes(byte[] bytes) {
            CardRuntime.current().random().nextBytes(bytes);
        }

        @Override
        protected byte[] engineGenerateSeed(int length) {
            byte[] seed = new byte[length];
            engineNextBytes(seed);
            return seed;
        }
    }
}
