package cardwright.converter;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.FieldNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.LocalVariableNode;
import org.objectweb.asm.tree.LookupSwitchInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TableSwitchInsnNode;
import org.objectweb.asm.tree.TryCatchBlockNode;
import org.objectweb.asm.tree.TypeInsnNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.AnalyzerException;

/**
 * What the converter of Java Card kits refuses in one package's class files (Java Card VM specification 3.0.4, chapter
 * 2), as far as it can be told without a kit: the classes' form here, static fields in {@link StaticInitializer},
 * arithmetic in {@link ShortArithmetic}, the API in {@link CardApi}.
 *
 * <p>Not modelled: limits of counts and sizes (methods, fields, locals, 32 KiB of code in a method), access between
 * packages, and what a card's own API lacks. A debug table of local variables has to be there, or an int in a local
 * variable that never grows goes unseen.
 */
final class ConverterRules {
    private static final int JAVA_7 = 51;
    private static final Set<Integer> ARRAYS = Set.of(Opcodes.T_BOOLEAN, Opcodes.T_BYTE, Opcodes.T_SHORT);

    private final CardApi api = new CardApi();
    private final Map<String, ClassNode> classes = new LinkedHashMap<>();
    private final Set<String> problems = new TreeSet<>();
    private String place;

    private ConverterRules(Collection<byte[]> files) {
        for (byte[] file : files) {
            ClassNode node = new ClassNode();
            new ClassReader(file).accept(node, ClassReader.SKIP_FRAMES);
            classes.put(node.name, node);
        }
    }

    /** What is wrong with the classes of a package, each as "class.member: problem"; nothing where all is well. */
    static Set<String> check(Collection<byte[]> files) {
        ConverterRules rules = new ConverterRules(files);
        rules.classes.values().forEach(rules::checkClass);
        return rules.problems;
    }

    private void refuse(String problem) {
        problems.add(place + ": " + problem);
    }

    private void checkClass(ClassNode node) {
        place = node.name;
        if ((node.version & 0xFFFF) > JAVA_7) {
            refuse("class file of version " + (node.version & 0xFFFF));
        }
        String first = classes.keySet().iterator().next();
        if (!packageOf(node.name).equals(packageOf(first))) {
            refuse("another package than " + packageOf(first));
        }
        if ((node.access & Opcodes.ACC_ENUM) != 0) {
            refuse("enum");
        }
        checkReference(node.superName);
        node.interfaces.forEach(this::checkReference);
        for (FieldNode field : node.fields) {
            place = node.name + "." + field.name;
            checkSynthetic(field.access);
            if ((field.access & (Opcodes.ACC_VOLATILE | Opcodes.ACC_TRANSIENT)) != 0) {
                refuse("volatile or transient");
            }
            checkType(Type.getType(field.desc));
            if (field.value instanceof String) {
                refuse("String constant");
            }
        }
        for (MethodNode method : node.methods) {
            place = node.name + "." + method.name;
            checkMethod(node, method);
        }
    }

    private static String packageOf(String name) {
        return name.substring(0, Math.max(0, name.lastIndexOf('/')));
    }

    private void checkSynthetic(int access) {
        if ((access & Opcodes.ACC_SYNTHETIC) != 0) {
            refuse("synthetic member");
        }
    }

    private void checkMethod(ClassNode owner, MethodNode method) {
        checkSynthetic(method.access);
        checkMethodType(method.desc);
        method.exceptions.forEach(this::checkReference);
        int refused = Opcodes.ACC_NATIVE | Opcodes.ACC_SYNCHRONIZED | Opcodes.ACC_VARARGS | Opcodes.ACC_STRICT;
        if ((method.access & refused) != 0) {
            refuse("native, synchronized, strictfp or varargs");
        }
        if (method.name.equals("finalize") && method.desc.equals("()V")) {
            refuse("finalizer");
        }
        if (overridesPackageMethod(owner, method)) {
            refuse("overrides a method that is visible in the package alone");
        }
        if (method.name.equals("<clinit>")) {
            checkInitializer(owner, method);
        }
        checkLocals(method);
        for (TryCatchBlockNode block : method.tryCatchBlocks) {
            if (block.type != null) {
                checkReference(block.type);
            }
        }
        for (AbstractInsnNode code : method.instructions) {
            checkCode(code);
        }
        try {
            new Analyzer<>(new ShortArithmetic(api, this::refuse)).analyze(owner.name, method);
        } catch (AnalyzerException e) {
            refuse("cannot be followed: " + e.getMessage());
        }
    }

    private void checkLocals(MethodNode method) {
        List<LocalVariableNode> table = method.localVariables == null ? List.of() : method.localVariables;
        table.forEach(local -> checkType(Type.getType(local.desc)));
        int arguments = Type.getArgumentsAndReturnSizes(method.desc) >> 2;
        if ((method.access & Opcodes.ACC_STATIC) != 0) {
            arguments--;
        }
        if (table.isEmpty() && method.maxLocals > arguments) {
            refuse("no table of local variables: compile with -g");
        }
    }

    /** An interface has constants alone; what a class may have is in {@link StaticInitializer}. */
    private void checkInitializer(ClassNode owner, MethodNode method) {
        if ((owner.access & Opcodes.ACC_INTERFACE) != 0) {
            refuse("static initializer of an interface");
        } else if (!StaticInitializer.isImage(owner.name, method)) {
            refuse("static initializer");
        }
    }

    /** Whether a public or protected method overrides one without a modifier (2.2.1.1). */
    private boolean overridesPackageMethod(ClassNode owner, MethodNode method) {
        int visible = Opcodes.ACC_PUBLIC | Opcodes.ACC_PROTECTED;
        int none = visible | Opcodes.ACC_PRIVATE | Opcodes.ACC_STATIC;
        boolean inherits = !method.name.startsWith("<") && (method.access & Opcodes.ACC_STATIC) == 0;
        if (!inherits || (method.access & visible) == 0) {
            return false;
        }
        for (ClassNode above = classes.get(owner.superName); above != null; above = classes.get(above.superName)) {
            if (above.methods.stream().anyMatch(found -> found.name.equals(method.name)
                    && found.desc.equals(method.desc) && (found.access & none) == 0)) {
                return true;
            }
        }
        return false;
    }

    private void checkCode(AbstractInsnNode code) {
        if (code instanceof TypeInsnNode type) {
            checkType(Type.getObjectType(type.desc));
            if (type.getOpcode() == Opcodes.ANEWARRAY && type.desc.startsWith("[")) {
                refuse("array of arrays");
            }
        } else if (code instanceof FieldInsnNode field) {
            checkType(Type.getType(field.desc));
            checkField(field);
        } else if (code instanceof MethodInsnNode method) {
            checkMethodType(method.desc);
            checkCall(method);
        } else if (code.getOpcode() == Opcodes.NEWARRAY && !ARRAYS.contains(((IntInsnNode) code).operand)) {
            refuse("array of int, char, long, float or double");
        } else if (code instanceof TableSwitchInsnNode table) {
            checkKeys(List.of(table.min, table.max));
        } else if (code instanceof LookupSwitchInsnNode lookup) {
            checkKeys(lookup.keys);
        }
    }

    private void checkKeys(List<Integer> keys) {
        if (keys.stream().anyMatch(key -> key != key.shortValue())) {
            refuse("switch over int");
        }
    }

    private void checkMethodType(String descriptor) {
        List<Type> types = new ArrayList<>(List.of(Type.getArgumentTypes(descriptor)));
        types.add(Type.getReturnType(descriptor));
        types.forEach(this::checkType);
    }

    private void checkType(Type type) {
        switch (type.getSort()) {
            case Type.VOID, Type.BOOLEAN, Type.BYTE, Type.SHORT -> { }
            case Type.OBJECT -> checkReference(type.getInternalName());
            case Type.ARRAY -> {
                if (type.getDimensions() > 1) {
                    refuse("array of arrays");
                } else {
                    checkType(type.getElementType());
                }
            }
            default -> refuse("type " + type.getClassName());
        }
    }

    private void checkReference(String name) {
        if (!classes.containsKey(name) && !api.hasClass(name)) {
            refuse("not in Java Card 3.0.4: " + name);
        }
    }

    /** Constants are in the code, and the API has no other fields. */
    private void checkField(FieldInsnNode code) {
        if (!classes.containsKey(code.owner)) {
            refuse("not in Java Card 3.0.4: " + code.owner + "." + code.name);
        }
    }

    private void checkCall(MethodInsnNode call) {
        String method = call.name + call.desc;
        String owner = call.owner;
        if (owner.startsWith("[")) {
            refuse("method of an array: " + call.name);
            return;
        }
        for (ClassNode own = classes.get(owner); own != null; own = classes.get(owner)) {
            if (own.methods.stream().anyMatch(found -> (found.name + found.desc).equals(method))) {
                return;
            }
            owner = own.superName;
        }
        if (!api.hasMethod(owner, method)) {
            refuse("not in Java Card 3.0.4: " + owner + "." + method);
        }
    }
}
