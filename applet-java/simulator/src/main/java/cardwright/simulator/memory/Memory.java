package cardwright.simulator.memory;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * A card's persistent memory: every write to it comes by here.
 *
 * <p>Java objects are the memory itself. What is added is what a real card has and jCardSim has not: an open transaction
 * can be taken back, write by write, and power can go at any write. Writes come from three sides: woven applet code
 * ({@link Hooks}), the parts of the library that keep state ({@link Guard}), and the runtime's tables
 * ({@link #effect(Runnable, Runnable)}).
 *
 * <p>A <em>tear point</em> lies before each write that is whole or absent, and one more within each write that may stay half
 * done; the runtime adds one behind the last write of a command. Used by one thread at a time.
 */
public final class Memory {
    private static final long NEVER = -1;

    private final TransientArrays transients;
    private final Deque<Runnable> undo = new ArrayDeque<>();
    private final Deque<Guard> guards = new ArrayDeque<>();
    private boolean transaction;
    private int written;
    private int largest;
    private boolean lost;
    private long points;
    private long tearAt = NEVER;

    /** @param transients the arrays that are none of this memory */
    public Memory(TransientArrays transients) {
        this.transients = transients;
    }

    /** How many tear points have been passed since the card was made. */
    public long points() {
        return points;
    }

    /** Arms a loss of power at the {@code n}-th tear point from now, 0 being the next. */
    public void tearAfter(long n) {
        if (n < 0) {
            throw new IllegalArgumentException("a tear point is 0 or more, not " + n);
        }
        tearAt = points + n;
    }

    /** Takes an armed loss of power back. */
    public void disarm() {
        tearAt = NEVER;
    }

    /** Whether power has gone, so that nothing is answered. */
    public boolean lost() {
        return lost;
    }

    /** Power comes back: an open transaction is taken back first, as a card does when it starts. */
    public void restore() {
        lost = false;
        tearAt = NEVER;
        if (transaction) {
            abort();
        }
    }

    /** The most bytes that one transaction has had to remember, since the card was made or the last call. */
    public int takeLargest() {
        int taken = largest;
        largest = 0;
        return taken;
    }

    /** Whether a transaction is open. */
    public boolean inTransaction() {
        return transaction;
    }

    /** Opens a transaction; there is none. */
    public void begin() {
        guards.clear();
        written = 0;
        transaction = true;
    }

    /** Makes all conditional writes since {@link #begin()} final, in one step. */
    public void commit() {
        point();
        undo.clear();
        transaction = false;
    }

    /** Takes all conditional writes since {@link #begin()} back. */
    public void abort() {
        settle();
        while (!undo.isEmpty()) {
            undo.pop().run();
        }
        transaction = false;
    }

    /**
     * A place where power may go.
     *
     * @throws PowerLoss where it does, or has gone before
     */
    public void point() {
        if (lost || points == tearAt) {
            lost = true;
            throw new PowerLoss();
        }
        points++;
        settle();
    }

    /** A call into the library begins. */
    void enter(Guard guard) {
        settle();
        guards.push(guard);
    }

    /** It has returned. */
    void leave(Guard guard) {
        guards.remove(guard);
    }

    /** Calls that have not returned, which may be because they threw: what they changed so far is noted. */
    private void settle() {
        while (transaction && !guards.isEmpty()) {
            guards.pop().settle();
        }
        guards.clear();
    }

    /** Whether the array is persistent memory. {@code null} is not. */
    public boolean holds(Object array) {
        return array != null && !transients.contains(array);
    }

    /** Remembers how to take the next write, of so many bytes, back, if a transaction is open. */
    void conditional(int bytes, Runnable back) {
        if (transaction) {
            undo.push(back);
            written += bytes;
            largest = Math.max(largest, written);
        }
    }

    /**
     * A write of the runtime's own, such as to the table of applets: whole or absent, and part of an open transaction.
     *
     * @param write makes the change
     * @param back takes it back
     */
    public void effect(Runnable write, Runnable back) {
        point();
        conditional(0, back);
        write.run();
    }

    /** The same for a write that no transaction takes back. */
    public void unconditional(Runnable write) {
        point();
        write.run();
    }

    /**
     * {@code Util.arrayCopy} into persistent memory: whole or absent, and part of an open transaction.
     */
    public void copyAtomic(Object source, int from, Object target, int to, int length) {
        checkRanges(source, from, target, to, length);
        point();
        conditional(length * bytesOf(target.getClass().getComponentType()), Snapshot.of(target, to, length)::restore);
        System.arraycopy(source, from, target, to, length);
    }

    /**
     * {@code Util.arrayCopyNonAtomic} and the like: outside of any transaction, and half of it may be all that is written.
     */
    public void copyNonAtomic(Object source, int from, Object target, int to, int length) {
        checkRanges(source, from, target, to, length);
        // Of the source as it is now: the two may overlap.
        Snapshot written = Snapshot.of(source, from, length);
        int half = length / 2;
        point();
        written.copyTo(target, to, 0, half);
        if (half > 0) {
            point();
        }
        written.copyTo(target, to, half, length - half);
    }

    /** Bytes that a card has for a value of this type. */
    static int bytesOf(Class<?> type) {
        return type == byte.class || type == boolean.class ? 1 : 2;
    }

    private static void checkRanges(Object source, int from, Object target, int to, int length) {
        // Copying onto itself writes nothing, and throws what a copy that does not fit throws.
        System.arraycopy(source, from, source, from, length);
        System.arraycopy(target, to, target, to, length);
    }
}
