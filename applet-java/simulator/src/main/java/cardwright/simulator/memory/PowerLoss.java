package cardwright.simulator.memory;

/**
 * The card lost its power inside a write.
 *
 * <p>An error and no exception, so that an applet does not take it for one of its own. One that catches every
 * {@code Throwable} gets no further with it: each later write throws it again, and the runner gives no answer.
 */
public final class PowerLoss extends Error {
    private static final long serialVersionUID = 1L;

    PowerLoss() {
        super("the card lost power", null, false, false);
    }
}
