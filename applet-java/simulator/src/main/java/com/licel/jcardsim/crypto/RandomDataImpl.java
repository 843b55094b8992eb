package com.licel.jcardsim.crypto;

import cardwright.simulator.CardRuntime;
import java.util.Arrays;
import javacard.security.CryptoException;
import javacard.security.RandomData;

/**
 * The card's {@code RandomData}. Stands in for jCardSim's class of the same name, whose output is constant unless a system
 * property says otherwise.
 */
public class RandomDataImpl extends RandomData {
    private final byte algorithm;

    /** {@code algorithm} is one of RandomData's; all of them ask the card's one generator. */
    public RandomDataImpl(byte algorithm) {
        this.algorithm = algorithm;
    }

    /** {@inheritDoc} Superseded in Java Card 3.0.5, and the only one in 3.0.4. */
    @Override
    @Deprecated
    public void generateData(byte[] buffer, short offset, short length) throws CryptoException {
        nextBytes(buffer, offset, length);
    }

    @Override
    public short nextBytes(byte[] buffer, short offset, short length) throws CryptoException {
        if (length == 0) {
            CryptoException.throwIt(CryptoException.ILLEGAL_VALUE);
        }
        byte[] bytes = new byte[length];
        CardRuntime.current().random().nextBytes(bytes);
        System.arraycopy(bytes, 0, buffer, offset, length);
        return (short) (offset + length);
    }

    @Override
    public void setSeed(byte[] buffer, short offset, short length) {
        CardRuntime.current().random().setSeed(Arrays.copyOfRange(buffer, offset, offset + length));
    }

    @Override
    public byte getAlgorithm() {
        return algorithm;
    }
}
