package cardwright.simulator.memory;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Loads the classes of one card's applets, woven: no two cards share a static field.
 *
 * <p>The applets' own class path goes first; Java, the Java Card and GlobalPlatform API, and the runtime itself come from
 * the parent. The issuer security domain is an applet of this project's, loaded in the same way.
 */
public final class CardClassLoader extends URLClassLoader {
    /** The package of the issuer security domain. */
    private static final String DOMAIN = "cardwright.simulator.domain.";

    private static final String[] SHARED = {
        "java.", "javax.", "javacard.", "javacardx.", "org.globalplatform.", "com.licel.", "org.objectweb.asm.",
        "cardwright.simulator."
    };
    private static final Map<String, byte[]> WOVEN = new ConcurrentHashMap<>();

    static {
        registerAsParallelCapable();
    }

    /** @param applets where the applets' classes are: directories, with a slash at the end, and archives */
    public CardClassLoader(URL[] applets) {
        super(applets, CardClassLoader.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            if (loaded == null) {
                URL own = own(name);
                loaded = own == null ? super.loadClass(name, false) : define(name, own);
            }
            if (resolve) {
                resolveClass(loaded);
            }
            return loaded;
        }
    }

    private URL own(String name) {
        String file = name.replace('.', '/') + ".class";
        if (name.startsWith(DOMAIN)) {
            return getParent().getResource(file);
        }
        for (String shared : SHARED) {
            if (name.startsWith(shared)) {
                return null;
            }
        }
        return findResource(file);
    }

    private Class<?> define(String name, URL url) throws ClassNotFoundException {
        byte[] woven = WOVEN.get(url.toString());
        if (woven == null) {
            try (InputStream in = url.openStream()) {
                woven = Weaver.weave(in.readAllBytes());
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
            WOVEN.put(url.toString(), woven);
        }
        return defineClass(name, woven, 0, woven.length);
    }
}
