package cardwright.simulator.memory;

import java.lang.reflect.Array;
import java.util.Objects;

/** A copy of a part of an array. */
final class Snapshot {
    private final Object array;
    private final int offset;
    private final Object copy;
    private final int length;

    private Snapshot(Object array, int offset, int length) {
        this.array = array;
        this.offset = offset;
        this.length = length;
        copy = Array.newInstance(array.getClass().getComponentType(), length);
        System.arraycopy(array, offset, copy, 0, length);
    }

    static Snapshot of(Object array, int offset, int length) {
        return new Snapshot(array, offset, length);
    }

    static Snapshot of(Object array) {
        return new Snapshot(array, 0, Array.getLength(array));
    }

    /** A copy of the same part as it is now. */
    Snapshot again() {
        return new Snapshot(array, offset, length);
    }

    /** Puts the copy back. */
    void restore() {
        System.arraycopy(copy, 0, array, offset, length);
    }

    /** Writes {@code count} elements, from the {@code first} on, to a range that begins at {@code to}. */
    void copyTo(Object target, int to, int first, int count) {
        System.arraycopy(copy, first, target, to + first, count);
    }

    /** How many elements are not what they were. */
    int changes() {
        int changes = 0;
        for (int i = 0; i < length; i++) {
            if (differs(i)) {
                changes++;
            }
        }
        return changes;
    }

    /** Puts back all changed elements but the first {@code kept}. */
    void restoreBehind(int kept) {
        int seen = 0;
        for (int i = 0; i < length; i++) {
            if (differs(i) && seen++ >= kept) {
                System.arraycopy(copy, i, array, offset + i, 1);
            }
        }
    }

    private boolean differs(int i) {
        if (array instanceof byte[] bytes) {
            return bytes[offset + i] != ((byte[]) copy)[i];
        }
        return !Objects.equals(Array.get(array, offset + i), Array.get(copy, i));
    }
}
