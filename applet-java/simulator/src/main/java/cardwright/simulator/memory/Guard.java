package cardwright.simulator.memory;

import com.licel.jcardsim.crypto.ByteContainer;
import com.licel.jcardsim.crypto.KeyImpl;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import javacard.security.Key;
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
    private final List<Snapshot> arrays = new ArrayList<>(2);
    private final List<KeyState> keys = new ArrayList<>(2);

    private Guard(Memory memory) {
        this.memory = memory;
    }

    /** Looks at what a call is about to get; {@code null} where nothing of it is persistent. */
    static Guard before(Memory memory, Object... targets) {
        Guard guard = new Guard(memory);
        for (Object target : targets) {
            guard.watch(target);
        }
        return guard.arrays.isEmpty() && guard.keys.isEmpty() ? null : guard;
    }

    private void watch(Object target) {
        if (target instanceof KeyPair pair) {
            watch(pair.getPrivate());
            watch(pair.getPublic());
        } else if (target instanceof KeyImpl key) {
            KeyState state = new KeyState(key);
            keys.add(state);
            memory.conditional(state::restore);
        } else if (target != null && target.getClass().isArray() && memory.holds(target)) {
            Snapshot array = Snapshot.of(target);
            arrays.add(array);
            memory.conditional(array::restore);
        }
    }

    /** The call is over: whatever it changed was written now, keys first, and power may have gone at each of them. */
    void after() {
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
        private final Key key;
        private final List<FieldState> fields = new ArrayList<>();

        KeyState(Key key) {
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
