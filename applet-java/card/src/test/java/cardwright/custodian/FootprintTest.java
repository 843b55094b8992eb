package cardwright.custodian;

import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.simulator.CardLostException;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import javacard.security.Key;
import javacard.security.KeyBuilder;
import javacard.security.KeyPair;
import org.junit.jupiter.api.Test;

/** How much memory the applet takes on a card: arrays and numbers of keys, without what a platform adds to each. */
class FootprintTest {
    private static final Set<Byte> TRANSIENT = Set.of(KeyBuilder.TYPE_AES_TRANSIENT_DESELECT,
            KeyBuilder.TYPE_DES_TRANSIENT_DESELECT, KeyBuilder.TYPE_EC_FP_PRIVATE_TRANSIENT_DESELECT);

    private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Custodian card = new Custodian();
    private int ram;
    private int persistent;

    FootprintTest() throws CardLostException {
    }

    @Test
    void memory() throws IllegalAccessException {
        count(card.applet());
        System.out.println("transient: " + ram + " bytes, persistent: " + persistent);
        assertTrue(ram > 1000 && ram <= 1536, ram + " bytes of RAM");
        assertTrue(persistent > 5000 && persistent <= 9000, persistent + " bytes of persistent memory");
    }

    private void count(Object object) throws IllegalAccessException {
        if (object == null || !seen.add(object)) {
            return;
        }
        if (object instanceof Object[] all) {
            for (Object each : all) {
                count(each);
            }
        } else if (object.getClass().isArray()) {
            int size = Array.getLength(object) * (object instanceof short[] ? 2 : 1);
            add(size, card.isTransient(object));
        } else if (object instanceof KeyPair pair) {
            count(pair.getPrivate());
            count(pair.getPublic());
        } else if (object instanceof Key key) {
            // A point is two coordinates and a byte.
            int size = key.getType() == KeyBuilder.TYPE_EC_FP_PUBLIC ? Point.SIZE : key.getSize() / 8;
            add(size, TRANSIENT.contains(key.getType()));
        } else if (object.getClass().getName().startsWith("cardwright.")) {
            countFields(object);
        }
    }

    private void countFields(Object object) throws IllegalAccessException {
        for (Field field : object.getClass().getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers())) {
                continue;
            }
            field.setAccessible(true);
            if (!field.getType().isPrimitive()) {
                count(field.get(object));
            } else {
                add(field.getType() == short.class ? 2 : 1, false);
            }
        }
    }

    private void add(int size, boolean volatileMemory) {
        if (volatileMemory) {
            ram += size;
        } else {
            persistent += size;
        }
    }
}
