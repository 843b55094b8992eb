package org.globalplatform;

import javacard.framework.APDU;
import javacard.framework.ISOException;
import javacard.framework.Shareable;

/**
 * An application's view of its security domain's secure channel (CS 2.3.1, annex A.2).
 *
 * <p>The levels below are bits; {@link #getSecurityLevel()} returns them joined.
 */
public interface SecureChannel extends Shareable {
    /** The host is authenticated, as the application's own provider. */
    byte AUTHENTICATED = (byte) 0x80;

    /** The host is authenticated, as somebody else. */
    byte ANY_AUTHENTICATED = (byte) 0x40;

    /** Responses are encrypted. */
    byte R_ENCRYPTION = (byte) 0x20;

    /** Responses carry a MAC. */
    byte R_MAC = (byte) 0x10;

    /** Command data is encrypted. */
    byte C_DECRYPTION = (byte) 0x02;

    /** Commands carry a MAC. */
    byte C_MAC = (byte) 0x01;

    /** There is no session. */
    byte NO_SECURITY_LEVEL = (byte) 0x00;

    /**
     * Carries out a command of the security protocol, and receives its data if the application has not.
     *
     * @return how many bytes of response stand at offset 5 of the APDU buffer; the application sends them
     * @throws ISOException the protocol's refusal; 6E00 or 6D00 for a command that is none of the protocol's
     */
    short processSecurity(APDU apdu) throws ISOException;

    /**
     * Protects a response as the current level says.
     *
     * @param buffer the response data with the two status bytes behind it; the protected data goes to its place
     * @param offset where it begins
     * @param length bytes of data, and two
     * @return length of the protected data, without status bytes
     */
    short wrap(byte[] buffer, short offset, short length) throws ISOException;

    /**
     * Checks a command and takes its protection off. A command whose class says nothing of secure messaging stays as it
     * is.
     *
     * @param buffer header, Lc and data, received already; the plain command goes to its place
     * @param offset where CLA stands
     * @param length bytes of header, Lc and data
     * @return length of header, Lc and plain data; Lc is there in any case
     * @throws ISOException 6982 where the protection is wrong; the session is over then
     */
    short unwrap(byte[] buffer, short offset, short length) throws ISOException;

    /**
     * Decrypts sensitive data in place, with the key that the protocol has for it.
     *
     * @return length of the plain data
     * @throws ISOException 6985 without a session, 6700 for a length that cannot be
     */
    short decryptData(byte[] buffer, short offset, short length) throws ISOException;

    /**
     * Encrypts sensitive data in place, with the key that the protocol has for it.
     *
     * @return length of the encrypted data
     * @throws ISOException 6985 without a session, 6700 for a length that cannot be
     */
    short encryptData(byte[] buffer, short offset, short length) throws ISOException;

    /** Ends the session, if there is one. */
    void resetSecurity();

    /** The bits of the level in force; {@link #NO_SECURITY_LEVEL} without a session. */
    byte getSecurityLevel();
}
