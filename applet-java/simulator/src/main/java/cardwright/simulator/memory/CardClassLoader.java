package cardwright.simulator.memory;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.URLConnection;
import java.nio.ByteBuffer;
import java.util.Arrays;
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
    /** By class file, so that an archive that was made anew is read anew. */
    private static final Map<ByteBuffer, byte[]> WOVEN = new ConcurrentHashMap<>();

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
        return isShared(name) ? null : findResource(file);
    }

    /** Whether a class of this name comes from the parent, wherever else there is one. */
    public static boolean isShared(String name) {
        return Arrays.stream(SHARED).anyMatch(name::startsWith);
    }

    private Class<?> define(String name, URL url) throws ClassNotFoundException {
        byte[] woven;
        try {
            URLConnection connection = url.openConnection();
            connection.setUseCaches(false);
            try (InputStream in = connection.getInputStream()) {
                woven = WOVEN.computeIfAbsent(ByteBuffer.wrap(in.readAllBytes()), file -> Weaver.weave(file.array()));
            }
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
        return defineClass(name, woven, 0, woven.length);
    }
}
