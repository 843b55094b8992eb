package cardwright.custodian;

import java.io.IOException;
import java.io.InputStream;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import javacard.security.CryptoException;
import javacard.security.Key;
import javacard.security.KeyBuilder;
import javacard.security.PrivateKey;
import javacard.security.PublicKey;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** Loads the package's classes once more, for a platform that makes transient private keys, and takes them in no pair. */
public final class PickyPairs extends ClassLoader {
    private static final String NAME = "cardwright/custodian/PickyPairs";
    private static final String KEYS = "(Ljavacard/security/PublicKey;Ljavacard/security/PrivateKey;)V";
    /** Those that were made. */
    private static final Set<Key> TRANSIENT = Collections.newSetFromMap(new IdentityHashMap<>());

    PickyPairs() {
        super(PickyPairs.class.getClassLoader());
    }

    /** How many transient private keys were refused since the last call. */
    static int takeRefused() {
        int refused = TRANSIENT.size();
        TRANSIENT.clear();
        return refused;
    }

    /** In the place of KeyBuilder's; the simulator's has no such keys. */
    public static Key buildKey(byte type, short length, boolean encrypted) {
        if (type != KeyBuilder.TYPE_EC_FP_PRIVATE_TRANSIENT_DESELECT) {
            return KeyBuilder.buildKey(type, length, encrypted);
        }
        Key key = KeyBuilder.buildKey(KeyBuilder.TYPE_EC_FP_PRIVATE, length, encrypted);
        TRANSIENT.add(key);
        return key;
    }

    /** Comes before the constructor of a pair. */
    public static void check(PublicKey shown, PrivateKey secret) {
        if (TRANSIENT.contains(secret)) {
            CryptoException.throwIt(CryptoException.ILLEGAL_VALUE);
        }
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        Class<?> loaded = findLoadedClass(name);
        boolean shared = !name.startsWith("cardwright.custodian.") || name.equals(PickyPairs.class.getName());
        if (loaded != null || shared) {
            return loaded == null ? super.loadClass(name, resolve) : loaded;
        }
        try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
            ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
            new ClassReader(in.readAllBytes()).accept(new Pairs(writer), 0);
            return defineClass(name, writer.toByteArray(), 0, writer.toByteArray().length);
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    private static final class Pairs extends ClassVisitor {
        Pairs(ClassVisitor next) {
            super(Opcodes.ASM9, next);
        }

        @Override
        public MethodVisitor visitMethod(int access, String name, String type, String signature, String[] thrown) {
            return new MethodVisitor(Opcodes.ASM9, super.visitMethod(access, name, type, signature, thrown)) {
                @Override
                public void visitMethodInsn(int opcode, String owner, String name, String type, boolean isInterface) {
                    if (owner.equals("javacard/security/KeyPair") && name.equals("<init>") && type.equals(KEYS)) {
                        visitInsn(Opcodes.DUP2);
                        super.visitMethodInsn(Opcodes.INVOKESTATIC, NAME, "check", KEYS, false);
                    }
                    String from = name.equals("buildKey") ? NAME : owner;
                    super.visitMethodInsn(opcode, from, name, type, isInterface);
                }
            };
        }
    }
}
