package cardwright.simulator;

import com.licel.jcardsim.utils.BiConsumer;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import javacard.framework.AID;
import javacard.framework.Applet;
import javacard.framework.ISO7816;
import javacard.framework.ISOException;

/** The applet classes that a runner was told of, and how an instance is made of one. */
final class Applets {
    private static final ThreadLocal<BiConsumer<Applet, AID>> REGISTRATION = registration();

    private final ClassLoader loader;
    private final Map<String, String> classes = new LinkedHashMap<>();

    /** @param loader where the classes are found */
    Applets(ClassLoader loader) {
        this.loader = loader;
    }

    /** jCardSim's {@code Applet.register} calls whoever stands in this field. */
    @SuppressWarnings("unchecked")
    private static ThreadLocal<BiConsumer<Applet, AID>> registration() {
        try {
            Field field = Applet.class.getDeclaredField("registrationCallback");
            field.setAccessible(true);
            return (ThreadLocal<BiConsumer<Applet, AID>>) field.get(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this is not the jCardSim that was tested", e);
        }
    }

    /** Makes a class known under a module AID; it has to be there. */
    void add(byte[] moduleAid, String className) {
        try {
            Class<?> found = loader.loadClass(className);
            found.getMethod("install", byte[].class, short.class, byte.class);
            if (!Applet.class.isAssignableFrom(found)) {
                throw new IllegalArgumentException(className + " is no javacard.framework.Applet");
            }
        } catch (ClassNotFoundException e) {
            throw new IllegalArgumentException("there is no class " + className + " on the class path given", e);
        } catch (NoSuchMethodException e) {
            throw new IllegalArgumentException(className + " has no method install(byte[], short, byte)", e);
        }
        classes.put(HexFormat.of().formatHex(moduleAid), className);
    }

    boolean knows(byte[] moduleAid) {
        return classes.containsKey(HexFormat.of().formatHex(moduleAid));
    }

    /**
     * Calls {@code install} with the data of CS 11.5.2.3.7: length and value of the instance AID, of the privileges, of the
     * application specific parameters.
     *
     * @throws ISOException what the applet threw, or 6A80 where it threw something else, did not register once, or did so
     *     under another AID
     */
    Applet make(byte[] moduleAid, byte[] instanceAid, byte[] privileges, byte[] parameters) {
        byte[] data = concatenate(instanceAid, privileges, parameters);
        Applet[] made = new Applet[1];
        REGISTRATION.set((applet, aid) -> {
            if (made[0] != null || aid != null && !aid.equals(instanceAid, (short) 0, (byte) instanceAid.length)) {
                ISOException.throwIt(ISO7816.SW_WRONG_DATA);
            }
            made[0] = applet;
        });
        try {
            Class<?> applet = loader.loadClass(classes.get(HexFormat.of().formatHex(moduleAid)));
            applet.getMethod("install", byte[].class, short.class, byte.class)
                    .invoke(null, data, (short) 0, (byte) data.length);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw e.getCause() instanceof ISOException refused ? refused : new ISOException(ISO7816.SW_WRONG_DATA);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        } finally {
            REGISTRATION.remove();
        }
        if (made[0] == null) {
            ISOException.throwIt(ISO7816.SW_WRONG_DATA);
        }
        return made[0];
    }

    private static byte[] concatenate(byte[]... values) {
        byte[] data = new byte[Arrays.stream(values).mapToInt(value -> value.length + 1).sum()];
        int at = 0;
        for (byte[] value : values) {
            data[at++] = (byte) value.length;
            System.arraycopy(value, 0, data, at, value.length);
            at += value.length;
        }
        return data;
    }
}
