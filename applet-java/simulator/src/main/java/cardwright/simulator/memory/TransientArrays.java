package cardwright.simulator.memory;

import com.licel.jcardsim.base.TransientMemory;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.lang.reflect.Array;
import java.util.HashMap;
import java.util.Map;
import javacard.framework.JCSystem;

/**
 * The arrays of a card that are no persistent memory, each with the event that clears it.
 *
 * <p>jCardSim keeps them in lists for ever, though its own ciphers make new ones for each operation, and looks them up one
 * by one. Here they are held weakly and found by identity.
 */
public final class TransientArrays extends TransientMemory {
    /** The event of an array that belongs to the runtime, such as the APDU buffer: nothing here clears it. */
    private static final byte NEVER = 0;

    private final Map<Object, Byte> events = new HashMap<>();
    private final ReferenceQueue<Object> collected = new ReferenceQueue<>();
    private final Probe probe = new Probe();

    /** Counts an array of the runtime's as not persistent. */
    public void exempt(Object array) {
        put(array, NEVER);
    }

    /** Whether writes to this array are no writes to persistent memory. */
    public boolean contains(Object array) {
        return event(array) != null;
    }

    @Override
    public byte isTransient(Object array) {
        Byte event = event(array);
        return event == null ? JCSystem.NOT_A_TRANSIENT_OBJECT : event;
    }

    /** What happens at a reset, and when power comes back. */
    public void clearForReset() {
        clear(JCSystem.CLEAR_ON_DESELECT);
        clear(JCSystem.CLEAR_ON_RESET);
    }

    /** What happens when an applet is deselected. */
    public void clearForDeselect() {
        clear(JCSystem.CLEAR_ON_DESELECT);
    }

    @Override
    protected void storeArray(Object array, byte event) {
        if (event != JCSystem.CLEAR_ON_RESET && event != JCSystem.CLEAR_ON_DESELECT) {
            javacard.framework.SystemException.throwIt(javacard.framework.SystemException.ILLEGAL_VALUE);
        }
        put(array, event);
    }

    @Override
    protected void clearOnDeselect() {
        clearForDeselect();
    }

    @Override
    protected void clearOnReset() {
        clearForReset();
    }

    /** What jCardSim does where it takes all applets off a card. The arrays stay what they are as long as they live. */
    @Override
    protected void forgetBuffers() {
        clearForReset();
    }

    private void put(Object array, byte event) {
        for (Reference<?> gone = collected.poll(); gone != null; gone = collected.poll()) {
            events.remove(gone);
        }
        events.put(new Ref(array, collected), event);
    }

    private Byte event(Object array) {
        probe.array = array;
        Byte event = events.get(probe);
        probe.array = null;
        return event;
    }

    private void clear(byte wanted) {
        for (Map.Entry<Object, Byte> entry : events.entrySet()) {
            Object array = ((Ref) entry.getKey()).get();
            if (array != null && entry.getValue() == wanted) {
                Object zeroes = Array.newInstance(array.getClass().getComponentType(), Array.getLength(array));
                System.arraycopy(zeroes, 0, array, 0, Array.getLength(array));
            }
        }
    }

    /** A key that is equal to another one for the same array, and does not keep the array. */
    private static final class Ref extends WeakReference<Object> {
        private final int hash;

        Ref(Object array, ReferenceQueue<Object> queue) {
            super(array, queue);
            hash = System.identityHashCode(array);
        }

        @Override
        public int hashCode() {
            return hash;
        }

        @Override
        public boolean equals(Object other) {
            return this == other || other instanceof Ref ref && ref.get() != null && ref.get() == get();
        }
    }

    /** Looks for an array without making a reference to it. */
    private static final class Probe {
        private Object array;

        @Override
        public int hashCode() {
            return System.identityHashCode(array);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Ref ref && ref.get() == array;
        }
    }
}
