package cardwright.custodian;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.TreeMap;
import javacard.security.MessageDigest;
import javacardx.crypto.Cipher;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** What the applet's code does, counted: its own bytecodes, as javac makes them, and what it asks the platform for. */
public final class Counted {
    private static final String NAME = "cardwright/custodian/Counted";
    private static final Map<String, Long> COUNTS = new TreeMap<>();
    private static long bytecodes;
    private static long digested;

    private Counted() {
    }

    /** Work with classes that are counted. */
    public interface Work {
        void run();
    }

    /** What was counted since the last time. */
    public static Map<String, Long> take() {
        Map<String, Long> taken = new TreeMap<>(COUNTS);
        taken.put("bytecodes", bytecodes);
        COUNTS.clear();
        bytecodes = 0;
        return taken;
    }

    /** Instrumented code calls this and what follows. */
    public static void bytecode() {
        bytecodes++;
    }

    public static void call(String what) {
        COUNTS.merge(what, 1L, Long::sum);
    }

    public static short doFinal(Cipher cipher, byte[] in, short at, short length, byte[] out, short outAt) {
        COUNTS.merge("AES blocks", length / 16L, Long::sum);
        return cipher.doFinal(in, at, length, out, outAt);
    }

    public static void update(MessageDigest digest, byte[] in, short at, short length) {
        digested += length;
        digest.update(in, at, length);
    }

    public static short doFinal(MessageDigest digest, byte[] in, short at, short length, byte[] out, short outAt) {
        call("SHA-256");
        COUNTS.merge("SHA-256 blocks", (digested + length + 9 + 63) / 64, Long::sum);
        digested = 0;
        return digest.doFinal(in, at, length, out, outAt);
    }

    /** Loads the package's classes once more, instrumented. */
    static final class Loader extends ClassLoader {
        Loader() {
            super(Counted.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            Class<?> loaded = findLoadedClass(name);
            boolean shared = !name.startsWith("cardwright.custodian.") || name.startsWith(Counted.class.getName());
            if (loaded != null || shared) {
                return loaded == null ? super.loadClass(name, resolve) : loaded;
            }
            try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
                new ClassReader(in.readAllBytes()).accept(new Classes(writer), 0);
                return defineClass(name, writer.toByteArray(), 0, writer.toByteArray().length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    private static final class Classes extends ClassVisitor {
        private boolean test;

        Classes(ClassVisitor next) {
            super(Opcodes.ASM9, next);
        }

        @Override
        public void visit(int version, int access, String name, String signature, String above, String[] interfaces) {
            test = name.contains("Test");
            super.visit(version, access, name, signature, above, interfaces);
        }

        @Override
        public MethodVisitor visitMethod(int access, String name, String type, String signature, String[] thrown) {
            MethodVisitor next = super.visitMethod(access, name, type, signature, thrown);
            return name.startsWith("<") ? next : new Calls(test ? next : new Bytecodes(next));
        }
    }

    /** The calls that have a name here. */
    private static final class Calls extends MethodVisitor {
        private static final Map<String, String> NAMES = Map.of(
                "cardwright/custodian/Field.multiply(SB)S", "field products, two by two",
                "javacard/security/KeyPair.genKeyPair()V", "EC key pairs",
                "javacard/security/KeyAgreement.generateSecret([BSS[BS)S", "ECDH",
                "javacard/security/Signature.sign([BSS[BS)S", "ECDSA signatures",
                "javacard/security/Signature.verify([BSS[BSS)Z", "ECDSA verifications");

        Calls(MethodVisitor next) {
            super(Opcodes.ASM9, next);
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String type, boolean isInterface) {
            String known = NAMES.get(owner + "." + name + type);
            if (known != null) {
                super.visitLdcInsn(known);
                super.visitMethodInsn(Opcodes.INVOKESTATIC, NAME, "call", "(Ljava/lang/String;)V", false);
            }
            boolean engine = owner.equals("javacardx/crypto/Cipher") || owner.equals("javacard/security/MessageDigest");
            if (engine && (name.equals("doFinal") || name.equals("update"))) {
                super.visitMethodInsn(Opcodes.INVOKESTATIC, NAME, name, type.replace("(", "(L" + owner + ";"), false);
            } else {
                super.visitMethodInsn(opcode, owner, name, type, isInterface);
            }
        }
    }

    /** Every instruction. */
    private static final class Bytecodes extends MethodVisitor {
        Bytecodes(MethodVisitor next) {
            super(Opcodes.ASM9, next);
        }

        private void one() {
            mv.visitMethodInsn(Opcodes.INVOKESTATIC, NAME, "bytecode", "()V", false);
        }

        @Override
        public void visitInsn(int opcode) {
            one();
            super.visitInsn(opcode);
        }

        @Override
        public void visitIntInsn(int opcode, int operand) {
            one();
            super.visitIntInsn(opcode, operand);
        }

        @Override
        public void visitVarInsn(int opcode, int variable) {
            one();
            super.visitVarInsn(opcode, variable);
        }

        @Override
        public void visitTypeInsn(int opcode, String type) {
            one();
            super.visitTypeInsn(opcode, type);
        }

        @Override
        public void visitFieldInsn(int opcode, String owner, String name, String type) {
            one();
            super.visitFieldInsn(opcode, owner, name, type);
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String type, boolean isInterface) {
            one();
            super.visitMethodInsn(opcode, owner, name, type, isInterface);
        }

        @Override
        public void visitJumpInsn(int opcode, Label label) {
            one();
            super.visitJumpInsn(opcode, label);
        }
    }
}
