package org.globalplatform;

import javacard.framework.ISOException;
import javacard.framework.Shareable;

/** A service that one application offers to all (CS 2.3.1, annex A.2). The simulator has none of its own. */
public interface GlobalService extends Shareable {
    /**
     * Returns the service's interface.
     *
     * @param client the application that asks
     * @param serviceName family and identifier of the service
     * @param buffer parameters, or null
     * @param offset where they begin
     * @param length bytes of them
     * @throws ISOException 6985 or 6982 where the service refuses
     */
    Shareable getServiceInterface(GPRegistryEntry client, short serviceName, byte[] buffer, short offset, short length)
            throws ISOException;
}
