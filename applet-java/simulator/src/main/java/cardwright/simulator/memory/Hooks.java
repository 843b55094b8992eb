package cardwright.simulator.memory;

import cardwright.simulator.CardRuntime;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import javacard.framework.Util;

/**
 * What woven code calls ({@link Weaver}): each write to a field or an array, and each call into the library.
 *
 * <p>The methods stand in for the instruction or the {@code Util} method that they are named after, with its exceptions.
 * On a thread that runs no card they do just that.
 */
public final class Hooks {
    private static final ClassValue<java.util.Map<String, Field>> FIELDS = new ClassValue<>() {
        @Override
        protected java.util.Map<String, Field> computeValue(Class<?> type) {
            return new java.util.concurrent.ConcurrentHashMap<>();
        }
    };

    private Hooks() {}

    private static Memory memory() {
        CardRuntime card = CardRuntime.currentOrNull();
        return card == null ? null : card.memory();
    }

    /** Before a {@code putfield} or, with {@code owner} null, a {@code putstatic}. */
    public static void beforePut(Object owner, Class<?> type, String name) {
        Memory memory = memory();
        if (memory == null) {
            return;
        }
        Field field = FIELDS.get(type).computeIfAbsent(name, missing -> find(type, name));
        memory.point();
        if (memory.inTransaction() && !Modifier.isFinal(field.getModifiers())) {
            Object old = get(field, owner);
            memory.conditional(Memory.bytesOf(field.getType()), () -> set(field, owner, old));
        }
    }

    private static Field find(Class<?> type, String name) {
        for (Class<?> at = type; at != null; at = at.getSuperclass()) {
            for (Field field : at.getDeclaredFields()) {
                if (field.getName().equals(name)) {
                    field.setAccessible(true);
                    return field;
                }
            }
        }
        throw new IllegalStateException("no field " + name + " in " + type);
    }

    private static Object get(Field field, Object owner) {
        try {
            return field.get(owner);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void set(Field field, Object owner, Object value) {
        try {
            field.set(owner, value);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** {@code bastore}, which serves byte and boolean arrays. */
    public static void store(Object array, int index, int value) {
        if (array instanceof boolean[] flags) {
            boolean old = flags[index];
            beforeStore(array, () -> flags[index] = old);
            flags[index] = (value & 1) != 0;
        } else {
            byte[] bytes = (byte[]) array;
            byte old = bytes[index];
            beforeStore(array, () -> bytes[index] = old);
            bytes[index] = (byte) value;
        }
    }

    /** {@code sastore}. */
    public static void store(short[] array, int index, int value) {
        short old = array[index];
        beforeStore(array, () -> array[index] = old);
        array[index] = (short) value;
    }

    /** {@code iastore}. */
    public static void store(int[] array, int index, int value) {
        int old = array[index];
        beforeStore(array, () -> array[index] = old);
        array[index] = value;
    }

    /** {@code lastore}, in code that is run without a converter. */
    public static void store(long[] array, int index, long value) {
        long old = array[index];
        beforeStore(array, () -> array[index] = old);
        array[index] = value;
    }

    /** {@code fastore}, in code that is run without a converter. */
    public static void store(float[] array, int index, float value) {
        float old = array[index];
        beforeStore(array, () -> array[index] = old);
        array[index] = value;
    }

    /** {@code dastore}, in code that is run without a converter. */
    public static void store(double[] array, int index, double value) {
        double old = array[index];
        beforeStore(array, () -> array[index] = old);
        array[index] = value;
    }

    /** {@code castore}, in code that is run without a converter. */
    public static void store(char[] array, int index, int value) {
        char old = array[index];
        beforeStore(array, () -> array[index] = old);
        array[index] = (char) value;
    }

    /** {@code aastore}. */
    public static void store(Object[] array, int index, Object value) {
        Object old = array[index];
        beforeStore(array, () -> array[index] = old);
        array[index] = value;
    }

    private static void beforeStore(Object array, Runnable back) {
        Memory memory = memory();
        if (memory != null && memory.holds(array)) {
            memory.point();
            memory.conditional(Memory.bytesOf(array.getClass().getComponentType()), back);
        }
    }

    /** {@code Util.arrayCopy}. */
    public static short arrayCopy(byte[] source, short from, byte[] target, short to, short length) {
        Memory memory = memory();
        if (memory == null || !memory.holds(target)) {
            System.arraycopy(source, from, target, to, length);
        } else {
            memory.copyAtomic(source, from, target, to, length);
        }
        return (short) (to + length);
    }

    /** {@code Util.arrayCopyNonAtomic}. */
    public static short arrayCopyNonAtomic(byte[] source, short from, byte[] target, short to, short length) {
        Memory memory = memory();
        if (memory == null || !memory.holds(target)) {
            System.arraycopy(source, from, target, to, length);
        } else {
            memory.copyNonAtomic(source, from, target, to, length);
        }
        return (short) (to + length);
    }

    /** {@code Util.arrayFillNonAtomic}. */
    public static short arrayFillNonAtomic(byte[] target, short offset, short length, byte value) {
        return arrayCopyNonAtomic(filled(length, value), (short) 0, target, offset, length);
    }

    /** {@code Util.arrayFill} of Java Card 3.0.5, which jCardSim declares and has not. */
    public static short arrayFill(byte[] target, short offset, short length, byte value) {
        return arrayCopy(filled(length, value), (short) 0, target, offset, length);
    }

    private static byte[] filled(short length, byte value) {
        if (length < 0) {
            throw new ArrayIndexOutOfBoundsException(length);
        }
        byte[] bytes = new byte[length];
        java.util.Arrays.fill(bytes, value);
        return bytes;
    }

    /** {@code Util.setShort}. */
    public static short setShort(byte[] target, short offset, short value) {
        byte[] bytes = new byte[2];
        Util.setShort(bytes, (short) 0, value);
        return arrayCopy(bytes, (short) 0, target, offset, (short) 2);
    }

    /** Before a call into the library with these arguments; {@link #after(Guard)} follows it. */
    public static Guard before(Object[] targets) {
        Memory memory = memory();
        return memory == null ? null : Guard.before(memory, targets);
    }

    /** After the call; {@code guard} may be null. */
    public static void after(Guard guard) {
        if (guard != null) {
            guard.after();
        }
    }
}
