package cardwright.custodian;

import cardwright.simulator.Card;
import cardwright.simulator.Profile;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.security.SecureRandom;
import java.util.List;
import java.util.function.Supplier;

/** Code of the applet's that runs on a card of its own without the applet around it: with its memory and generator. */
final class OnCard {
    private OnCard() {
    }

    static <T> T get(Supplier<T> work) {
        Card card = Card.make(Profile.standard(new byte[] {1, 2, 3, 4}), new SecureRandom(), List.of(), List.of());
        try {
            Field runtime = Card.class.getDeclaredField("runtime");
            runtime.setAccessible(true);
            Method within = runtime.getType().getDeclaredMethod("within", Supplier.class);
            within.setAccessible(true);
            @SuppressWarnings("unchecked")
            T result = (T) within.invoke(runtime.get(card), work);
            return result;
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static void run(Runnable work) {
        get(() -> {
            work.run();
            return null;
        });
    }
}
