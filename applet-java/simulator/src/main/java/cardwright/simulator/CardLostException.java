package cardwright.simulator;

/** The card lost its power, and gives no answer until it is powered on again. */
public final class CardLostException extends Exception {
    private static final long serialVersionUID = 1L;

    CardLostException() {
        super("the card lost power");
    }
}
