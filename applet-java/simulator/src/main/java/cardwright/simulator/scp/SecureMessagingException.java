package cardwright.simulator.scp;

/** A command whose protection is wrong. What the card answers does not depend on what it was. */
public final class SecureMessagingException extends Exception {
    private static final long serialVersionUID = 1;

    SecureMessagingException(String what) {
        super(what, null, false, false);
    }
}
