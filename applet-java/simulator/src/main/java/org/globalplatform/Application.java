package org.globalplatform;

import javacard.framework.Shareable;

/** An application that its security domain hands STORE DATA commands to (CS 2.3.1, annex A.2). */
public interface Application extends Shareable {
    /**
     * Takes a command.
     *
     * @param buffer a global array with header, Lc and data
     * @param offset where CLA stands
     * @param length bytes of all of it
     */
    void processData(byte[] buffer, short offset, short length);
}
