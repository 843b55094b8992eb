package cardwright.converter;

import java.util.Iterator;
import java.util.Objects;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.MethodNode;

/**
 * Reads a class's static initializer, which a converter turns into an image: fields of the class itself, each with a
 * constant, null, or a new array with a constant for every element. Anything else would have to be computed.
 */
final class StaticInitializer {
    private static final Set<Integer> STORES = Set.of(Opcodes.BASTORE, Opcodes.SASTORE);

    private final String owner;
    private final Iterator<AbstractInsnNode> code;
    private AbstractInsnNode at;

    private StaticInitializer(String owner, MethodNode method) {
        this.owner = owner;
        code = StreamSupport.stream(method.instructions.spliterator(), false)
                .filter(node -> node.getOpcode() >= 0)
                .iterator();
        next();
    }

    /** Whether a converter can make an image of what this method does. */
    static boolean isImage(String owner, MethodNode method) {
        return new StaticInitializer(owner, method).isImage();
    }

    private boolean isImage() {
        while (!is(Opcodes.RETURN)) {
            if (!hasValue() || !putsOwnField()) {
                return false;
            }
        }
        next();
        return at == null;
    }

    private boolean hasValue() {
        if (is(Opcodes.ACONST_NULL)) {
            next();
            return true;
        }
        Integer number = constant();
        return number != null && (!is(Opcodes.NEWARRAY) || hasElements(number));
    }

    private boolean hasElements(int length) {
        next();
        for (int i = 0; i < length; i++) {
            if (!is(Opcodes.DUP)) {
                return false;
            }
            next();
            Integer index = constant();
            if (!Objects.equals(index, i) || constant() == null || at == null || !STORES.contains(at.getOpcode())) {
                return false;
            }
            next();
        }
        return true;
    }

    private boolean putsOwnField() {
        boolean own = is(Opcodes.PUTSTATIC) && ((FieldInsnNode) at).owner.equals(owner);
        next();
        return own;
    }

    /** The number that is loaded here, or null where it is something else. */
    private Integer constant() {
        Integer number = null;
        if (at instanceof IntInsnNode push && !is(Opcodes.NEWARRAY)) {
            number = push.operand;
        } else if (at != null && at.getOpcode() >= Opcodes.ICONST_M1 && at.getOpcode() <= Opcodes.ICONST_5) {
            number = at.getOpcode() - Opcodes.ICONST_0;
        }
        if (number != null) {
            next();
        }
        return number;
    }

    private boolean is(int opcode) {
        return at != null && at.getOpcode() == opcode;
    }

    private void next() {
        at = code.hasNext() ? code.next() : null;
    }
}
