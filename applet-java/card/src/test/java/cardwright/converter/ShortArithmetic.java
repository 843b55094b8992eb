package cardwright.converter;

import java.util.List;
import java.util.function.Consumer;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MultiANewArrayInsnNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.analysis.Interpreter;

/**
 * The part of the converter's rules that needs the flow of values: which numbers may have left 16 bits.
 *
 * <p>A Java Card without {@code int} computes in 16 bits, javac's code in 32. Both agree as long as only the lower 16
 * bits of a sum count, so {@code (short) (a + b + c)} is taken, and {@code z[a + b]}, {@code a + b > c} and {@code
 * (short) ((a + b) / 2)} are not. A value is wide behind {@code + - * <<}, a negation, {@code >>>} and a division that
 * may be by -1; {@code & | ^} are wide where an operand is; a cast to byte or short makes it narrow. Wherever the upper
 * bits would count, a wide value is refused: index, length of an array, comparison, switch, operand of {@code / % >>
 * >>>}, argument, field, element, local variable, result of a method.
 *
 * <p>This is as strict as the converter or stricter: a mask of a sum, {@code (a + b) & 0xFF}, is wide here.
 */
final class ShortArithmetic extends Interpreter<Word> {
    private static final String UNCAST = "result of arithmetic used without a cast to byte or short: ";

    private final Consumer<String> problems;
    private final CardApi api;

    ShortArithmetic(CardApi api, Consumer<String> problems) {
        super(Opcodes.ASM9);
        this.api = api;
        this.problems = problems;
    }

    @Override
    public Word newValue(Type type) {
        if (type == null) {
            return Word.UNKNOWN;
        }
        return switch (type.getSort()) {
            case Type.VOID -> null;
            // A type int is refused where it is declared, once.
            case Type.BOOLEAN, Type.BYTE, Type.SHORT, Type.INT, Type.CHAR, Type.FLOAT -> Word.NARROW;
            case Type.LONG, Type.DOUBLE -> Word.DOUBLE;
            default -> Word.REFERENCE;
        };
    }

    @Override
    public Word newOperation(AbstractInsnNode code) {
        int opcode = code.getOpcode();
        if (opcode >= Opcodes.ICONST_M1 && opcode <= Opcodes.ICONST_5) {
            return Word.constant(opcode - Opcodes.ICONST_0);
        }
        return switch (opcode) {
            case Opcodes.ACONST_NULL, Opcodes.NEW -> Word.REFERENCE;
            case Opcodes.BIPUSH, Opcodes.SIPUSH -> Word.constant(((IntInsnNode) code).operand);
            case Opcodes.LDC -> constant(((LdcInsnNode) code).cst);
            case Opcodes.GETSTATIC -> newValue(Type.getType(((FieldInsnNode) code).desc));
            case Opcodes.FCONST_0, Opcodes.FCONST_1, Opcodes.FCONST_2 -> constant(0f);
            case Opcodes.LCONST_0, Opcodes.LCONST_1 -> constant(0L);
            case Opcodes.DCONST_0, Opcodes.DCONST_1 -> constant(0d);
            default -> refused("jsr");
        };
    }

    private Word constant(Object value) {
        if (value instanceof Integer) {
            problems.accept("int constant " + value);
            return Word.NARROW;
        }
        if (value instanceof Float) {
            problems.accept("float");
            return Word.NARROW;
        }
        if (value instanceof Long || value instanceof Double) {
            problems.accept(value instanceof Long ? "long" : "double");
            return Word.DOUBLE;
        }
        boolean text = value instanceof String;
        problems.accept(text ? "String constant" : "constant of " + value.getClass().getSimpleName());
        return Word.REFERENCE;
    }

    private Word refused(String what) {
        problems.accept(what);
        return Word.UNKNOWN;
    }

    /** The upper bits of this value count. */
    private void needNarrow(Word value, String use) {
        if (value.isWide()) {
            problems.accept(UNCAST + use);
        }
    }

    @Override
    public Word copyOperation(AbstractInsnNode code, Word value) {
        switch (code.getOpcode()) {
            case Opcodes.ISTORE -> needNarrow(value, "local variable");
            case Opcodes.LLOAD, Opcodes.LSTORE -> problems.accept("long");
            case Opcodes.FLOAD, Opcodes.FSTORE -> problems.accept("float");
            case Opcodes.DLOAD, Opcodes.DSTORE -> problems.accept("double");
            default -> { }
        }
        return value;
    }

    @Override
    public Word unaryOperation(AbstractInsnNode code, Word value) {
        return switch (code.getOpcode()) {
            case Opcodes.INEG -> Word.WIDE;
            case Opcodes.I2B, Opcodes.I2S -> Word.NARROW;
            // javac increments only variables of type int in this way.
            case Opcodes.IINC -> {
                problems.accept("int local variable");
                yield Word.NARROW;
            }
            case Opcodes.IFEQ, Opcodes.IFNE, Opcodes.IFLT, Opcodes.IFGE, Opcodes.IFGT, Opcodes.IFLE ->
                use(value, "comparison", null);
            case Opcodes.TABLESWITCH, Opcodes.LOOKUPSWITCH -> use(value, "switch", null);
            case Opcodes.IRETURN -> use(value, "result", null);
            case Opcodes.PUTSTATIC -> use(value, "field", null);
            case Opcodes.NEWARRAY, Opcodes.ANEWARRAY -> use(value, "length of an array", Word.REFERENCE);
            case Opcodes.ARRAYLENGTH, Opcodes.INSTANCEOF -> Word.NARROW;
            case Opcodes.CHECKCAST -> Word.REFERENCE;
            case Opcodes.GETFIELD -> newValue(Type.getType(((FieldInsnNode) code).desc));
            case Opcodes.ATHROW, Opcodes.ARETURN, Opcodes.IFNULL, Opcodes.IFNONNULL -> null;
            case Opcodes.MONITORENTER, Opcodes.MONITOREXIT -> refused("monitor");
            case Opcodes.I2C -> refused("char");
            case Opcodes.I2L, Opcodes.I2D, Opcodes.L2D, Opcodes.D2L, Opcodes.F2L, Opcodes.F2D, Opcodes.LNEG,
                    Opcodes.DNEG -> {
                problems.accept("conversion to long or double");
                yield Word.DOUBLE;
            }
            default -> {
                problems.accept("long, float or double");
                yield Word.NARROW;
            }
        };
    }

    private Word use(Word value, String use, Word result) {
        needNarrow(value, use);
        return result;
    }

    @Override
    public Word binaryOperation(AbstractInsnNode code, Word left, Word right) {
        int opcode = code.getOpcode();
        return switch (opcode) {
            case Opcodes.IADD, Opcodes.ISUB, Opcodes.IMUL -> Word.WIDE;
            case Opcodes.ISHL -> use(right, "shift", Word.WIDE);
            case Opcodes.IAND, Opcodes.IOR, Opcodes.IXOR -> left.isWide() || right.isWide() ? Word.WIDE : Word.NARROW;
            case Opcodes.ISHR, Opcodes.IREM -> operands(left, right, Word.NARROW);
            case Opcodes.IUSHR -> operands(left, right, Word.WIDE);
            case Opcodes.IDIV -> {
                boolean fits = right.constant() != null && right.constant() != -1;
                yield operands(left, right, fits ? Word.NARROW : Word.WIDE);
            }
            case Opcodes.BALOAD, Opcodes.SALOAD -> use(right, "index", Word.NARROW);
            case Opcodes.AALOAD -> use(right, "index", Word.REFERENCE);
            case Opcodes.IF_ICMPEQ, Opcodes.IF_ICMPNE, Opcodes.IF_ICMPLT, Opcodes.IF_ICMPGE, Opcodes.IF_ICMPGT,
                    Opcodes.IF_ICMPLE -> {
                needNarrow(left, "comparison");
                yield use(right, "comparison", null);
            }
            case Opcodes.IF_ACMPEQ, Opcodes.IF_ACMPNE -> null;
            case Opcodes.PUTFIELD -> use(right, "field", null);
            case Opcodes.IALOAD, Opcodes.CALOAD, Opcodes.FALOAD -> {
                problems.accept("array of int, char or float");
                yield Word.NARROW;
            }
            case Opcodes.LCMP, Opcodes.FCMPL, Opcodes.FCMPG, Opcodes.DCMPL, Opcodes.DCMPG, Opcodes.FADD, Opcodes.FSUB,
                    Opcodes.FMUL, Opcodes.FDIV, Opcodes.FREM -> {
                problems.accept("long, float or double");
                yield Word.NARROW;
            }
            default -> {
                problems.accept("long or double");
                yield Word.DOUBLE;
            }
        };
    }

    private Word operands(Word left, Word right, Word result) {
        needNarrow(left, "operand of / % >> >>>");
        needNarrow(right, "operand of / % >> >>>");
        return result;
    }

    @Override
    public Word ternaryOperation(AbstractInsnNode code, Word array, Word index, Word value) {
        needNarrow(index, "index");
        int opcode = code.getOpcode();
        if (opcode == Opcodes.BASTORE || opcode == Opcodes.SASTORE) {
            needNarrow(value, "element");
        } else if (opcode != Opcodes.AASTORE) {
            problems.accept("array of int, char, long, float or double");
        }
        return null;
    }

    @Override
    public Word naryOperation(AbstractInsnNode code, List<? extends Word> values) {
        for (Word value : values) {
            needNarrow(value, "argument");
        }
        if (code instanceof MultiANewArrayInsnNode) {
            problems.accept("array of arrays");
            return Word.REFERENCE;
        }
        if (code instanceof InvokeDynamicInsnNode dynamic) {
            problems.accept("invokedynamic");
            return newValue(Type.getReturnType(dynamic.desc));
        }
        MethodInsnNode call = (MethodInsnNode) code;
        int receiver = call.getOpcode() == Opcodes.INVOKESTATIC ? 0 : 1;
        if (values.size() > receiver) {
            api.checkFirstArgument(call, values.get(receiver).constant(), problems);
        }
        return newValue(Type.getReturnType(call.desc));
    }

    @Override
    public void returnOperation(AbstractInsnNode code, Word value, Word expected) {
        // unaryOperation has seen it.
    }

    @Override
    public Word merge(Word one, Word other) {
        if (one.equals(other)) {
            return one;
        }
        if (one.kind() == other.kind()) {
            return new Word(one.kind(), null);
        }
        boolean numbers = isNumber(one) && isNumber(other);
        return numbers ? Word.WIDE : Word.UNKNOWN;
    }

    private static boolean isNumber(Word word) {
        return word.kind() == Word.Kind.NARROW || word.kind() == Word.Kind.WIDE;
    }
}
