package cardwright.simulator.memory;

import com.licel.jcardsim.crypto.ByteContainer;
import com.licel.jcardsim.crypto.KeyImpl;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import javacard.security.KeyPair;

/**
 * Watches over a call into the library that may change persistent memory: the arrays that it is given, and the key or
 * key pair that it is made on.
 *
 * <p>The library's code is not woven. What it changes shows when the call is over; the change is then taken for one made at
 * that moment. Keys change whole or not at all, an array may stay half written.
 */
public final class Guard {
    private final Memory memory;
    private List<Snapshot> arrays = new ArrayList<>(2);
    private List<KeyState> keys = new ArrayList<>(2);

    private Guard(Memory memory) {
        this.memory = memory;
    }

    /** Looks at what a call is about to get; {@code null} where nothing of it is persistent. */
    static Guard before(Memory memory, Object... targets) {
        Guard guard = new Guard(memory);
        for (Object target : targets) {
            guard.watch(target);
        }
        if (guard.arrays.isEmpty() && guard.keys.isEmpty()) {
            return null;
        }
        memory.enter(guard);
        return guard;
    }

    private void watch(Object target) {
        if (target instanceof KeyPair pair) {
            watch(pair.getPrivate());
            watch(pair.getPublic());
        } else if (target instanceof KeyImpl key) {
            keys.add(new KeyState(key));
        } else if (target != null && target.getClass().isArray() && memory.holds(target)) {
            arrays.add(Snapshot.of(target));
        }
    }

    /** The call has thrown, or goes on above: what it has changed so far belongs to the open transaction. */
    void settle() {
        note();
        arrays = new ArrayList<>(arrays.stream().map(Snapshot::again).toList());
        keys = new ArrayList<>(keys.stream().map(KeyState::again).toList());
    }

    /** Only what has changed: to take back more would take back later writes that no transaction holds. */
    private void note() {
        keys.stream().filter(KeyState::changed).forEach(key -> memory.conditional(key.bytes(), key::restore));
        arrays.stream().filter(array -> array.changes() > 0)
                .forEach(array -> memory.conditional(array.changes(), array::restore));
    }

    /** The call is over: whatever it changed was written now, keys first, and power may have gone at each of them. */
    void after() {
        memory.leave(this);
        note();
        List<Runnable> pending = new ArrayList<>();
        keys.stream().filter(KeyState::changed).forEach(key -> pending.add(key::restore));
        for (Snapshot array : arrays) {
            int changes = array.changes();
            if (changes > 0) {
                pending.add(array::restore);
            }
            if (changes > 1) {
                pending.add(() -> array.restoreBehind(changes / 2));
            }
        }
        for (int i = 0; i < pending.size(); i++) {
            try {
                memory.point();
            } catch (PowerLoss loss) {
                // This one was not written, nor was any behind it.
                pending.subList(i, pending.size()).forEach(Runnable::run);
                throw loss;
            }
        }
    }

    /** What a key holds, to all depths. */
    private static final class KeyState {
        private final KeyImpl key;
        private final List<FieldState> fields = new ArrayList<>();

        KeyState(KeyImpl key) {
            this.key = key;
            for (Class<?> type = key.getClass(); type != Object.class; type = type.getSuperclass()) {
                for (Field field : type.getDeclaredFields()) {
                    if (!Modifier.isStatic(field.getModifiers())) {
                        field.setAccessible(true);
                        fields.add(new FieldState(field, read(field)));
                    }
                }
            }
        }

        private Object read(Field field) {
            try {
                Object value = field.get(key);
                return value instanceof ByteContainer container ? container.copy() : value;
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }

        KeyState again() {
            return new KeyState(key);
        }

        int bytes() {
            return key.getSize() / Byte.SIZE;
        }

        boolean changed() {
            return fields.stream().anyMatch(state -> !java.util.Objects.equals(state.value, read(state.field)));
        }

        void restore() {
            for (FieldState state : fields) {
                try {
                    if (state.value instanceof ByteContainer container) {
                        ((ByteContainer) state.field.get(key)).become(container);
                    } else if (!Modifier.isFinal(state.field.getModifiers())) {
                        state.field.set(key, state.value);
                    }
                } catch (IllegalAccessException e) {
                    throw new IllegalStateException(e);
                }
            }
        }

        private record FieldState(Field field, Object value) {}
    }
}
