package cardwright.converter;

import org.objectweb.asm.tree.analysis.Value;

/**
 * What the model knows of one value on the stack or in a local variable.
 *
 * @param kind what it is
 * @param constant the number, where it is one constant, else null
 */
record Word(Kind kind, Integer constant) implements Value {
    static final Word UNKNOWN = new Word(Kind.UNKNOWN, null);
    static final Word REFERENCE = new Word(Kind.REFERENCE, null);
    static final Word NARROW = new Word(Kind.NARROW, null);
    static final Word WIDE = new Word(Kind.WIDE, null);
    static final Word DOUBLE = new Word(Kind.DOUBLE, null);

    enum Kind {
        /** Not initialized, or different things on different paths. */
        UNKNOWN,
        REFERENCE,
        /** A number of 16 bits, whichever way the program came. */
        NARROW,
        /** A number whose lower 16 bits are right, and that may be beyond them. */
        WIDE,
        /** long or double: refused where it is made. */
        DOUBLE
    }

    static Word constant(int number) {
        return new Word(Kind.NARROW, number);
    }

    boolean isWide() {
        return kind == Kind.WIDE;
    }

    @Override
    public int getSize() {
        return kind == Kind.DOUBLE ? 2 : 1;
    }
}
