package org.globalplatform;

import cardwright.simulator.CardRuntime;
import cardwright.simulator.Domain;
import javacard.framework.AID;

/**
 * What an application asks of the card (CS 2.3.1, annex A.2; GlobalPlatform Card API 1.6).
 *
 * <p>The card is the one that the calling thread runs, the application the one that is selected on it. An applet's
 * {@code install} runs before its entry in the registry is made.
 */
public class GPSystem {
    /** The application is installed, and cannot be selected yet. */
    public static final byte APPLICATION_INSTALLED = (byte) 0x03;
    /** The application can be selected. */
    public static final byte APPLICATION_SELECTABLE = (byte) 0x07;
    /** The bit of a locked application. */
    public static final byte APPLICATION_LOCKED = (byte) 0x80;
    /** The security domain has its keys. */
    public static final byte SECURITY_DOMAIN_PERSONALIZED = (byte) 0x0F;

    /** The card is ready for its first contents. */
    public static final byte CARD_OP_READY = (byte) 0x01;
    /** The card has been prepared. */
    public static final byte CARD_INITIALIZED = (byte) 0x07;
    /** The card is in the field. */
    public static final byte CARD_SECURED = (byte) 0x0F;
    /** Only the issuer security domain can be selected. */
    public static final byte CARD_LOCKED = (byte) 0x7F;
    /** The card is at its end. */
    public static final byte CARD_TERMINATED = (byte) 0xFF;

    /** The card-wide PIN. */
    public static final byte CVM_GLOBAL_PIN = (byte) 0x11;
    /** ETSI PIN of application 1. */
    public static final byte CVM_ETSI_PIN_APP_1 = (byte) 0x01;
    /** ETSI PIN of application 2. */
    public static final byte CVM_ETSI_PIN_APP_2 = (byte) 0x02;
    /** ETSI PIN of application 3. */
    public static final byte CVM_ETSI_PIN_APP_3 = (byte) 0x03;
    /** ETSI PIN of application 4. */
    public static final byte CVM_ETSI_PIN_APP_4 = (byte) 0x04;
    /** ETSI PIN of application 5. */
    public static final byte CVM_ETSI_PIN_APP_5 = (byte) 0x05;
    /** ETSI PIN of application 6. */
    public static final byte CVM_ETSI_PIN_APP_6 = (byte) 0x06;
    /** ETSI PIN of application 7. */
    public static final byte CVM_ETSI_PIN_APP_7 = (byte) 0x07;
    /** ETSI PIN of application 8. */
    public static final byte CVM_ETSI_PIN_APP_8 = (byte) 0x08;

    /** Any global service. */
    public static final byte GLOBAL_SERVICE_IDENTIFIER = (byte) 0x80;
    /** Services of secure channels. */
    public static final byte FAMILY_SECURE_CHANNEL = (byte) 0x81;
    /** Services of PINs. */
    public static final byte FAMILY_CVM = (byte) 0x82;
    /** Services of authorities. */
    public static final byte FAMILY_AUTHORITY = (byte) 0x83;
    /** Services of administration over HTTP. */
    public static final byte FAMILY_HTTP_ADMINISTRATION = (byte) 0x84;
    /** Services of reports over HTTP. */
    public static final byte FAMILY_HTTP_REPORT = (byte) 0x85;
    /** Services of smart card platforms for mobile phones. */
    public static final byte FAMILY_USSM = (byte) 0xA0;

    private GPSystem() {}

    private static Domain domain() {
        return CardRuntime.current().domain();
    }

    private static byte[] self() {
        return CardRuntime.current().selectedAid();
    }

    /** The application's life cycle state; 0 before it has one. */
    public static byte getCardContentState() {
        return domain().applicationState(self());
    }

    /** The card's life cycle state. */
    public static byte getCardState() {
        return domain().cardState();
    }

    /** The PIN with this identifier; null for any but the card-wide one. */
    public static CVM getCVM(byte identifier) {
        return identifier == CVM_GLOBAL_PIN ? domain().globalPin() : null;
    }

    /** The secure channel of the application's security domain, a {@link SecureChannelx}. */
    public static SecureChannel getSecureChannel() {
        return domain().secureChannel();
    }

    /** Locks the card; whether the application may, and the card is SECURED. */
    public static boolean lockCard() {
        return domain().setCardState(self(), CARD_LOCKED);
    }

    /** Terminates the card; whether the application may. */
    public static boolean terminateCard() {
        return domain().setCardState(self(), CARD_TERMINATED);
    }

    /** Would set the historical bytes of the ATR. The simulator's ATR is fixed: always false. */
    public static boolean setATRHistBytes(byte[] buffer, short offset, byte length) {
        return false;
    }

    /**
     * Sets the application's life cycle state: 07 to 7F with the three low bits set, or bit 80 to lock itself.
     *
     * @return whether that was allowed; never for a locked application, or one that cannot be selected yet
     */
    public static boolean setCardContentState(byte state) {
        return domain().setApplicationState(self(), state);
    }

    /**
     * The registry's entry of an application.
     *
     * @param aid null for the caller itself
     * @return null where there is none, or the caller may not see it
     */
    public static GPRegistryEntry getRegistryEntry(AID aid) {
        if (aid == null) {
            return domain().registryEntry(self(), self());
        }
        byte[] bytes = new byte[16];
        int length = aid.getBytes(bytes, (short) 0);
        return domain().registryEntry(self(), java.util.Arrays.copyOf(bytes, length));
    }

    /** A global service; no application of the simulator can register one, so null. */
    public static GlobalService getService(AID server, short serviceName) {
        return null;
    }
}
