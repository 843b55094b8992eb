package cardwright.simulator.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.AdviceAdapter;

/**
 * Rewrites the classes of an applet, so that its writes to persistent memory go by {@link Hooks}.
 *
 * <p>Replaced: stores to fields and arrays, and the {@code Util} methods that write. Every other call into the library that
 * takes an array, or is made on a key, is put between {@link Hooks#before} and {@link Hooks#after}.
 * Static initializers stay as they are.
 */
public final class Weaver {
    private static final int API = Opcodes.ASM9;
    /** Class files can name a class as a constant from here on, and calls of the hooks do. */
    private static final int CLASS_CONSTANTS = Opcodes.V1_5;
    private static final Type HOOKS = Type.getType(Hooks.class);
    private static final Type GUARD = Type.getType(Guard.class);
    private static final Type OBJECT = Type.getType(Object.class);
    private static final Type OBJECTS = Type.getType(Object[].class);
    private static final String UTIL = "javacard/framework/Util";
    private static final Set<String> WRITERS =
            Set.of("arrayCopy", "arrayCopyNonAtomic", "arrayFillNonAtomic", "arrayFill", "setShort");
    private static final Set<String> READERS = Set.of("getShort", "makeShort", "arrayCompare");
    private static final List<String> LIBRARY =
            List.of("javacard/", "javacardx/", "org/globalplatform/", "java/util/Arrays", "java/lang/System");

    private Weaver() {}

    /** Rewrites one class file. */
    public static byte[] weave(byte[] classFile) {
        ClassReader reader = new ClassReader(classFile);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(
                new ClassVisitor(API, writer) {
                    @Override
                    public void visit(
                            int version, int access, String name, String sig, String superName, String[] interfaces) {
                        super.visit(Math.max(version, CLASS_CONSTANTS), access, name, sig, superName, interfaces);
                    }

                    @Override
                    public MethodVisitor visitMethod(int access, String name, String desc, String sig, String[] throwing) {
                        MethodVisitor next = super.visitMethod(access, name, desc, sig, throwing);
                        // A card has its static fields since the package was loaded: no command writes them first.
                        boolean early = name.equals("<clinit>");
                        return next == null || early ? next : new WovenMethod(next, access, name, desc);
                    }
                },
                ClassReader.EXPAND_FRAMES);
        return writer.toByteArray();
    }

    private static final class WovenMethod extends AdviceAdapter {
        private final boolean constructor;
        private boolean constructed;

        WovenMethod(MethodVisitor next, int access, String name, String descriptor) {
            super(API, next, access, name, descriptor);
            constructor = name.equals("<init>");
        }

        @Override
        protected void onMethodEnter() {
            constructed = true;
        }

        /** No local of ours lives from one frame to the next. */
        @Override
        protected void updateNewLocals(Object[] newLocals) {
            java.util.Arrays.fill(newLocals, TOP);
        }

        @Override
        public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
            // Before its superclass's constructor has run, an object can be given to nobody, nor be found after a tear.
            boolean visible = !constructor || constructed;
            if (opcode == PUTSTATIC) {
                push((String) null);
                beforePut(owner, name);
            } else if (opcode == PUTFIELD && visible) {
                int value = newLocal(Type.getType(descriptor));
                storeLocal(value);
                dup();
                beforePut(owner, name);
                loadLocal(value);
            }
            super.visitFieldInsn(opcode, owner, name, descriptor);
        }

        private void beforePut(String owner, String name) {
            push(Type.getObjectType(owner));
            push(name);
            hook("beforePut", Type.VOID_TYPE, OBJECT, Type.getType(Class.class), Type.getType(String.class));
        }

        @Override
        public void visitInsn(int opcode) {
            switch (opcode) {
                case BASTORE -> store("(Ljava/lang/Object;II)V");
                case SASTORE -> store("([SII)V");
                case IASTORE -> store("([III)V");
                case LASTORE -> store("([JIJ)V");
                case FASTORE -> store("([FIF)V");
                case DASTORE -> store("([DID)V");
                case CASTORE -> store("([CII)V");
                case AASTORE -> store("([Ljava/lang/Object;ILjava/lang/Object;)V");
                default -> super.visitInsn(opcode);
            }
        }

        private void store(String descriptor) {
            super.visitMethodInsn(INVOKESTATIC, HOOKS.getInternalName(), "store", descriptor, false);
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
            if (owner.equals(UTIL) && WRITERS.contains(name)) {
                super.visitMethodInsn(INVOKESTATIC, HOOKS.getInternalName(), name, descriptor, false);
            } else if (owner.equals(UTIL) && READERS.contains(name)
                    || opcode == INVOKESPECIAL
                    || LIBRARY.stream().noneMatch(owner::startsWith)) {
                super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
            } else {
                guarded(opcode, owner, name, descriptor, isInterface);
            }
        }

        private void guarded(int opcode, String owner, String name, String descriptor, boolean isInterface) {
            Type[] parameters = Type.getArgumentTypes(descriptor);
            boolean onKey = opcode != INVOKESTATIC && owner.startsWith("javacard/security/") && owner.contains("Key");
            List<Integer> watched = new ArrayList<>();
            int[] locals = new int[parameters.length];
            for (int i = parameters.length - 1; i >= 0; i--) {
                locals[i] = newLocal(parameters[i]);
                storeLocal(locals[i]);
                if (parameters[i].getSort() == Type.ARRAY || parameters[i].equals(OBJECT)) {
                    watched.add(locals[i]);
                }
            }
            int guard = -1;
            if (onKey || !watched.isEmpty()) {
                int receiver = -1;
                if (onKey) {
                    dup();
                    receiver = newLocal(OBJECT);
                    storeLocal(receiver);
                    watched.add(receiver);
                }
                loadAll(watched);
                hook("before", GUARD, OBJECTS);
                guard = newLocal(GUARD);
                storeLocal(guard);
            }
            for (int local : locals) {
                loadLocal(local);
            }
            super.visitMethodInsn(opcode, owner, name, descriptor, isInterface);
            if (guard >= 0) {
                loadLocal(guard);
                hook("after", Type.VOID_TYPE, GUARD);
            }
        }

        /** Pushes an array of these locals. */
        private void loadAll(List<Integer> locals) {
            push(locals.size());
            newArray(OBJECT);
            for (int i = 0; i < locals.size(); i++) {
                dup();
                push(i);
                loadLocal(locals.get(i));
                mv.visitInsn(AASTORE);
            }
        }

        /** A call that takes only what was pushed for it, so that the adapter's own count of the stack stays right. */
        private void hook(String name, Type result, Type... parameters) {
            mv.visitMethodInsn(
                    INVOKESTATIC, HOOKS.getInternalName(), name, Type.getMethodDescriptor(result, parameters), false);
        }
    }
}
