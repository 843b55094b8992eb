package org.globalplatform;

import javacard.framework.Shareable;

/** An application that its security domain hands STORE DATA commands to, and that answers (CS 2.3.1, annex A.2). */
public interface Personalization extends Shareable {
    /**
     * Takes a command and answers it.
     *
     * @param inBuffer a global array with header, Lc and data
     * @param inOffset where CLA stands
     * @param inLength bytes of all of it
     * @param outBuffer a global array for the response data
     * @param outOffset where that goes
     * @return bytes of response data
     */
    short processData(byte[] inBuffer, short inOffset, short inLength, byte[] outBuffer, short outOffset);
}
