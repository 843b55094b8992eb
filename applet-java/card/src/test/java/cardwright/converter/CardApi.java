package cardwright.converter;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.objectweb.asm.tree.MethodInsnNode;

/**
 * The API that an applet may use: Java Card 3.0.4 and GlobalPlatform, from {@code card-api.txt}, which explains its
 * form.
 *
 * <p>javac puts constants into the code, so an algorithm that came with 3.0.5 shows as its number alone: where a
 * factory method's first argument is a constant, it is held against the numbers of 3.0.4.
 */
final class CardApi {
    private final Map<String, String> supers = new HashMap<>();
    private final Set<String> members = new HashSet<>();
    private final Map<String, Integer> mostFirst = new HashMap<>();

    CardApi() {
        try (InputStream in = CardApi.class.getResourceAsStream("card-api.txt")) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            String[] owner = new String[1];
            text.lines().filter(line -> !line.isBlank() && !line.startsWith("#")).forEach(line -> read(line, owner));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private void read(String line, String[] owner) {
        String[] words = line.strip().split(" +");
        if (!line.startsWith(" ")) {
            owner[0] = words[0];
            supers.put(words[0], words.length > 1 ? words[1] : null);
            return;
        }
        String member = owner[0] + "." + words[0];
        members.add(member);
        if (words.length > 1) {
            mostFirst.put(member, Integer.valueOf(words[1]));
        }
    }

    boolean hasClass(String name) {
        return supers.containsKey(name);
    }

    /** Whether the class, or one that it extends, has this method. */
    boolean hasMethod(String owner, String nameAndDescriptor) {
        for (String at = owner; at != null; at = supers.get(at)) {
            if (members.contains(at + "." + nameAndDescriptor)) {
                return true;
            }
        }
        return false;
    }

    void checkFirstArgument(MethodInsnNode call, Integer constant, Consumer<String> problems) {
        Integer most = mostFirst.get(call.owner + "." + call.name + call.desc);
        if (most != null && constant != null && (constant < 1 || constant > most)) {
            problems.accept("not in Java Card 3.0.4: " + call.owner + "." + call.name + " with " + constant);
        }
    }
}
