package cardwright.simulator;

import cardwright.simulator.memory.CardClassLoader;
import cardwright.simulator.memory.PowerLoss;
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

    private final CardClassLoader loader;
    private final Map<String, String> classes = new LinkedHashMap<>();

    /** @param loader where the classes are found */
    Applets(CardClassLoader loader) {
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

    /**
     * Makes a class known under a module AID; it has to be there. Its static fields get their first values now, as a
     * converter has them in the CAP file.
     */
    void add(byte[] moduleAid, String className) {
        try {
            Class<?> found = Class.forName(className, true, loader);
            if (found.getClassLoader() != loader) {
                throw new IllegalArgumentException(className + (CardClassLoader.isShared(className)
                        ? " is in a package that is the runtime's own"
                        : " is on the runtime's class path alone, and has to be on the applets' (--classpath)"));
            }
            found.getMethod("install", byte[].class, short.class, byte.class);
            if (!Applet.class.isAssignableFrom(found)) {
                throw new IllegalArgumentException(className + " is no javacard.framework.Applet");
            }
        } catch (ClassNotFoundException e) {
            throw new IllegalArgumentException("there is no class " + className + " on the class path given", e);
        } catch (NoSuchMethodException e) {
            throw new IllegalArgumentException(className + " has no method install(byte[], short, byte)", e);
        } catch (LinkageError e) {
            throw new IllegalArgumentException(className + " cannot be loaded: " + e, e);
        }
        classes.put(HexFormat.of().formatHex(moduleAid), className);
    }

    boolean knows(byte[] moduleAid) {
        return classes.containsKey(HexFormat.of().formatHex(moduleAid));
    }

    /**
     * Calls {@code install}.
     *
     * @param data what {@link #data} gives
     * @throws ISOException what the applet threw, or 6A80 where it threw something else, which is the cause then, did
     *     not register once, or did so under another AID
     */
    Applet make(byte[] moduleAid, byte[] instanceAid, byte[] data) {
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
            throw refusal(e.getCause());
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

    private static ISOException refusal(Throwable thrown) {
        if (thrown instanceof PowerLoss loss) {
            throw loss;
        }
        if (thrown instanceof ISOException refusal) {
            return refusal;
        }
        ISOException refusal = new ISOException(ISO7816.SW_WRONG_DATA);
        refusal.initCause(thrown);
        return refusal;
    }

    /**
     * What {@code install} gets (CS 11.5.2.3.7): length and value of the instance AID, of the privileges, of the
     * application specific parameters.
     */
    static byte[] data(byte[]... values) {
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
