package org.globalplatform;

import javacard.framework.ISOException;

/** A secure channel whose level an application can raise during a session (CS 2.3.1, annex A.2). */
public interface SecureChannelx extends SecureChannel {
    /**
     * Sets the level for the commands and responses that follow. It cannot fall below what the host asked for.
     *
     * @param level bits of {@link SecureChannel}
     * @throws ISOException 6985 without a session, or for a level that cannot be
     */
    void setSecurityLevel(byte level) throws ISOException;
}
