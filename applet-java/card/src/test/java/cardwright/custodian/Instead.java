package cardwright.custodian;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** Objects of an interface that do one method in another way. */
final class Instead {
    private Instead() {
    }

    /** What the method does as it is. */
    interface Original {
        Object call() throws Throwable;
    }

    /** What it does instead. */
    interface Way {
        Object call(Original original, Object[] arguments) throws Throwable;
    }

    /** {@code behind}, but for one method. */
    static <T> T of(Class<T> type, T behind, String method, Way way) {
        Class<?>[] types = {type};
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), types, (proxy, called, arguments) -> {
            Original original = () -> {
                try {
                    return called.invoke(behind, arguments);
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            };
            return called.getName().equals(method) ? way.call(original, arguments) : original.call();
        }));
    }
}
