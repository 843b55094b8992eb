package org.globalplatform;

import javacard.framework.AID;
import javacard.framework.ISOException;
import javacard.framework.Shareable;

/**
 * What the card's registry says of an application (CS 2.3.1, annex A.2). Privileges are numbered by their place in the
 * privilege bytes (CS table 6-1): number 0 is the highest bit of the first byte.
 */
public interface GPRegistryEntry extends Shareable {
    /** The application is a security domain. */
    byte PRIVILEGE_SECURITY_DOMAIN = (byte) 0x00;
    /** It verifies DAPs. */
    byte PRIVILEGE_DAP_VERIFICATION = (byte) 0x01;
    /** It manages card content with tokens. */
    byte PRIVILEGE_DELEGATED_MANAGEMENT = (byte) 0x02;
    /** It may lock the card. */
    byte PRIVILEGE_CARD_LOCK = (byte) 0x03;
    /** It may terminate the card. */
    byte PRIVILEGE_CARD_TERMINATE = (byte) 0x04;
    /** It may set the historical bytes. */
    byte PRIVILEGE_CARD_RESET = (byte) 0x05;
    /** It may change the card-wide PIN. */
    byte PRIVILEGE_CVM_MANAGEMENT = (byte) 0x06;
    /** It verifies the DAPs of all load files. */
    byte PRIVILEGE_MANDATED_DAP = (byte) 0x07;
    /** It is a trusted path. */
    byte PRIVILEGE_TRUSTED_PATH = (byte) 0x08;
    /** It manages card content without tokens. */
    byte PRIVILEGE_AUTHORIZED_MANAGEMENT = (byte) 0x09;
    /** It verifies tokens. */
    byte PRIVILEGE_TOKEN_VERIFICATION = (byte) 0x0A;
    /** It may delete whatever there is. */
    byte PRIVILEGE_GLOBAL_DELETE = (byte) 0x0B;
    /** It may lock any application. */
    byte PRIVILEGE_GLOBAL_LOCK = (byte) 0x0C;
    /** It may read the whole registry. */
    byte PRIVILEGE_GLOBAL_REGISTRY = (byte) 0x0D;
    /** It can be selected on a locked card. */
    byte PRIVILEGE_FINAL_APPLICATION = (byte) 0x0E;
    /** It offers services to all. */
    byte PRIVILEGE_GLOBAL_SERVICE = (byte) 0x0F;
    /** It makes receipts. */
    byte PRIVILEGE_RECEIPT_GENERATION = (byte) 0x10;
    /** It takes encrypted load files. */
    byte PRIVILEGE_CIPHERED_LOAD_FILE_DATA_BLOCK = (byte) 0x11;
    /** It activates contactless applications. */
    byte PRIVILEGE_CONTACTLESS_ACTIVATION = (byte) 0x12;
    /** It activates itself on the contactless side. */
    byte PRIVILEGE_CONTACTLESS_SELF_ACTIVATION = (byte) 0x13;

    /** Takes a service's name back. */
    void deregisterService(short serviceName) throws ISOException;

    /** The application's AID. */
    AID getAID();

    /** Writes the privilege bytes, 1 or 3, and returns the offset behind them. */
    short getPrivileges(byte[] buffer, short offset) throws ArrayIndexOutOfBoundsException;

    /** The life cycle state (CS table 11-4). */
    byte getState();

    /** Whether this security domain is the application's own. */
    boolean isAssociated(AID securityDomain);

    /** Whether the application has the privilege with this number. */
    boolean isPrivileged(byte privilege);

    /** Registers a service's name. */
    void registerService(short serviceName) throws ISOException;

    /** Sets the life cycle state, or locks the application with bit 80; whether that was allowed. */
    boolean setState(byte state);
}
