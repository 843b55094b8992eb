package com.licel.jcardsim.crypto;

import java.math.BigInteger;
import java.util.Arrays;
import javacard.framework.JCSystem;
import javacard.security.CryptoException;

/**
 * Where jCardSim's keys keep their bytes. Stands in for the library's class of the same name, which clears keys of type
 * TRANSIENT_RESET at deselection, takes a cleared transient key for an initialized one, and drags old bytes along behind a
 * shorter value.
 *
 * <p>A key is written as a whole, by assigning a new array: {@code cardwright.simulator.memory.Guard} compares and restores
 * what is in here. Unlike other classes of this project it keeps the library's method names.
 */
public final class ByteContainer {
    private final byte memoryType;
    /** A persistent value; or a transient one, with a byte behind it that is 1 until the value is cleared. */
    private byte[] data;

    /** An empty container in persistent memory. */
    public ByteContainer() {
        this(JCSystem.MEMORY_TYPE_PERSISTENT);
    }

    /** An empty container; {@code memoryType} is one of JCSystem's. */
    public ByteContainer(byte memoryType) {
        this.memoryType = memoryType;
    }

    /** Holds a number of 0 or above, in as few bytes as it has. */
    public ByteContainer(BigInteger number) {
        this();
        setBigInteger(number);
    }

    /** Holds a part of an array. */
    public ByteContainer(byte[] buffer, short offset, short length) {
        this();
        setBytes(buffer, offset, length);
    }

    /** Takes a number of 0 or above. */
    public void setBigInteger(BigInteger number) {
        if (number.signum() < 0) {
            throw new IllegalArgumentException("a negative number");
        }
        byte[] bytes = number.toByteArray();
        int sign = bytes.length > 1 && bytes[0] == 0 ? 1 : 0;
        setBytes(Arrays.copyOfRange(bytes, sign, bytes.length));
    }

    /** Takes a whole array. */
    public void setBytes(byte[] buffer) {
        setBytes(buffer, (short) 0, (short) buffer.length);
    }

    /** Takes a part of an array. */
    public void setBytes(byte[] buffer, short offset, short length) {
        byte[] value;
        if (isTransient()) {
            value = JCSystem.makeTransientByteArray((short) (length + 1), memoryType);
            value[length] = 1;
        } else {
            value = new byte[length];
        }
        System.arraycopy(buffer, offset, value, 0, length);
        data = value;
    }

    /** The value as a number of 0 or above. */
    public BigInteger getBigInteger() {
        return new BigInteger(1, value());
    }

    /** The value, in a transient array that {@code event} clears. */
    public byte[] getBytes(byte event) {
        byte[] value = value();
        byte[] copy = JCSystem.makeTransientByteArray((short) value.length, event);
        System.arraycopy(value, 0, copy, 0, value.length);
        return copy;
    }

    /** Writes the value; returns its length. */
    public short getBytes(byte[] target, short offset) {
        byte[] value = value();
        if (target.length - offset < value.length) {
            CryptoException.throwIt(CryptoException.ILLEGAL_VALUE);
        }
        System.arraycopy(value, 0, target, offset, value.length);
        return (short) value.length;
    }

    /** Forgets the value. */
    public void clear() {
        data = null;
    }

    /** Whether there is a value. */
    public boolean isInitialized() {
        return data != null && data.length > 0 && (!isTransient() || data[data.length - 1] == 1);
    }

    /** A container that holds the same; a transient one, whose content nobody restores, is its own copy. */
    public ByteContainer copy() {
        if (isTransient()) {
            return this;
        }
        ByteContainer copy = new ByteContainer(memoryType);
        copy.data = data == null ? null : data.clone();
        return copy;
    }

    /** Takes over what a copy holds. */
    public void become(ByteContainer copy) {
        data = copy.data;
    }

    @Override
    public boolean equals(Object other) {
        return this == other || other instanceof ByteContainer that && Arrays.equals(data, that.data);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(data);
    }

    private boolean isTransient() {
        return memoryType != JCSystem.MEMORY_TYPE_PERSISTENT;
    }

    private byte[] value() {
        if (!isInitialized()) {
            CryptoException.throwIt(CryptoException.UNINITIALIZED_KEY);
        }
        return isTransient() ? Arrays.copyOf(data, data.length - 1) : data;
    }
}
