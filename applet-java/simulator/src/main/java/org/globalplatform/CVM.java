package org.globalplatform;

import javacard.framework.Shareable;

/**
 * A PIN that belongs to the card and not to one application (CS 2.3.1, 8.2 and annex A.2).
 *
 * <p>Its states: not ready, while value or try limit is missing; then active, submitted in vain, verified, or blocked.
 * What changes it needs the CVM Management privilege, {@link #verify} and {@link #resetState} do not. No transaction
 * takes a change back.
 */
public interface CVM extends Shareable {
    /** The value was right. */
    short CVM_SUCCESS = 0;

    /** The value was not right, or was not compared. */
    short CVM_FAILURE = -1;

    /** One character in each byte. */
    byte FORMAT_ASCII = (byte) 0x01;

    /** One digit in each nibble, F behind an odd number of them. */
    byte FORMAT_BCD = (byte) 0x02;

    /** Any bytes. */
    byte FORMAT_HEX = (byte) 0x03;

    /** Whether there is a value and a try limit. */
    boolean isActive();

    /** Whether a value has been compared since the state was last active. */
    boolean isSubmitted();

    /** Whether the last value compared was right. */
    boolean isVerified();

    /** Whether no try is left, or an application has blocked it. */
    boolean isBlocked();

    /** How many wrong values in a row it still takes. */
    byte getTriesRemaining();

    /** Sets the value, and makes it active with all tries if there is a limit; whether it was done. */
    boolean update(byte[] buffer, short offset, byte length, byte format);

    /** Makes it active, unless it is blocked or not ready; whether it was done. */
    boolean resetState();

    /** Blocks it, unless it is not ready; whether it was done. */
    boolean blockState();

    /** Makes it active with all tries, also where it is blocked; whether it was done. */
    boolean resetAndUnblockState();

    /** Sets the limit of tries, and makes it active if there is a value; whether it was done. */
    boolean setTryLimit(byte limit);

    /** Compares a value: {@link #CVM_SUCCESS} or {@link #CVM_FAILURE}, which has cost a try unless it was blocked. */
    short verify(byte[] buffer, short offset, byte length, byte format);
}
