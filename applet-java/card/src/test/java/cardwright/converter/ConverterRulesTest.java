package cardwright.converter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cardwright.custodian.CustodianApplet;
import cardwright.example.EchoApplet;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import javacard.framework.Util;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** The applets' class files hold nothing that a converter refuses; and what it refuses is found. */
class ConverterRulesTest {
    private static final String IN_M = "fixture/Fixture.m: ";
    private static final String UNCAST = IN_M + "result of arithmetic used without a cast to byte or short: ";

    @TempDir
    private Path directory;

    @Test
    void applets() throws IOException, URISyntaxException {
        for (Class<?> applet : List.of(CustodianApplet.class, EchoApplet.class)) {
            List<byte[]> files = classesBeside(applet);
            assertTrue(applet != CustodianApplet.class || files.size() > 5, "found " + files.size() + " classes");
            assertEquals(Set.of(), ConverterRules.check(files), applet.getName());
        }
    }

    @Test
    void whatACardCanDo() {
        assertEquals(Set.of(), check(7, """
            static final short TOP = 300;
            static final byte[] TABLE = {1, 2, (byte) 0x80};
            static final short[] WORDS = {0, 300, -1, 5, 6, 7, 8}, NOTHING = {};
            static final boolean[] FLAGS = {true, false};
            static byte b = 5;
            static Object none = null;
            interface Numbers { short ONE = 1; byte TWO = 2; }
            static class Above { void own() { } protected void out() { } private void in() { } static void all() { } }
            static class Below extends Above { void own() { } public void out() { } public void in() { } }
            final short[] words = new short[2];
            boolean flag;
            short m(byte[] z, short a, byte b) {
                z[(short) (a + b)] = (byte) (a + b + 1);
                z[a] |= 0x40;
                b++;
                a += b;
                words[0] = (short) ((a << 8) | (z[b] & 0xFF));
                flag = z[0] < 0 || (short) (a - b) > TOP;
                for (short i = 0; i < (short) TABLE.length; i++) {
                    a = (short) (a / 2 == 0 ? -a : a >> 1);
                }
                switch (b) {
                    case (byte) 0x84: return (short) (a / 2 + a % b);
                    case 100: javacard.framework.ISOException.throwIt((short) 0x6A82); break;
                    default: javacard.framework.Util.setShort(z, (short) 0, a);
                }
                return flag ? a : (short) ~b;
            }
            """));
    }

    /** The members of a class that have something forbidden, and what is found. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        int f;                                              | f: type int
        int m() { return 0; }                               | m: type int
        void m() { int i = 5; }                             | m: type int
        void m(long l) { }                                  | m: type long
        char[] f;                                           | f: type char
        static final float F = 1.5f;                        | F: type float
        byte[][] f;                                         | f: array of arrays
        Object m() { return "secret"; }                     | m: String constant
        Object m() { return Object.class; }                 | m: constant of Type
        synchronized void m() { }                           | m: native, synchronized, strictfp or varargs
        native void m();                                    | m: native, synchronized, strictfp or varargs
        void m(byte... z) { }                               | m: native, synchronized, strictfp or varargs
        protected void finalize() { }                       | finalize: finalizer
        void m() { synchronized (this) { return; } }        | m: monitor
        static final Object F = new Object();               | <clinit>: static initializer
        static short s; static final short T = s;           | <clinit>: static initializer
        static byte[] s, t = s = new byte[] {1};            | <clinit>: static initializer
        static byte[] s = new byte[5];                      | <clinit>: static initializer
        static byte[] s; static { if (s == null) s = null; } | <clinit>: static initializer
        static { Other.s = 1; } static class Other { static short s; } | <clinit>: static initializer
        static { new byte[] {1}[0] = 2; }                   | <clinit>: static initializer
        volatile short f;                                   | f: volatile or transient
        transient short f;                                  | f: volatile or transient
        java.util.List f;                                   | f: not in Java Card 3.0.4: java/util/List
        boolean m(byte b) { return b == 40000; }            | m: int constant 40000
        OwnerPINBuilder f; | f: not in Java Card 3.0.4: javacard/framework/OwnerPINBuilder
        """)
    void whatItCannot(String members, String problem) {
        assertEquals(Set.of("fixture/Fixture." + problem), check(7, members));
    }

    @ParameterizedTest
    @ValueSource(strings = {"public", "protected"})
    void packageMethodOverridden(String access) {
        String above = "static class Above { void m() { } } static class Between extends Above { } ";
        assertEquals(Set.of("fixture/Fixture$Below.m: overrides a method that is visible in the package alone"),
                check(7, above + "static class Below extends Between { " + access + " void m() { } }"));
    }

    @Test
    void interfaceWithAnArray() {
        assertEquals(Set.of("fixture/Fixture$Tables.<clinit>: static initializer of an interface"),
                check(7, "interface Tables { byte[] TABLE = {1, 2}; }"));
    }

    /** Members that came with 3.0.5, and an algorithm that did: of that there is a number alone. */
    @Test
    void newerApi() {
        String missing = IN_M + "not in Java Card 3.0.4: ";
        assertEquals(Set.of(missing + "javacard/framework/Util.arrayFill([BSSB)S"),
                check(7, "void m(byte[] z) { Util.arrayFill(z, (short) 0, (short) 1, (byte) 0); }"));
        assertEquals(Set.of(missing + "javacard/security/Signature.getInstance with 49"),
                check(7, "void m() { Signature.getInstance(Signature.ALG_AES_CMAC_128, false); }"));
        assertEquals(Set.of(), check(7, "void m() { Signature.getInstance(Signature.ALG_AES_MAC_128_NOPAD, false); }"));
    }

    /** The same for arithmetic that needs a cast. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
        byte m(byte[] z, byte a, byte b) { return z[a + b]; }                         | index
        void m(byte[] z, byte a, byte b) { z[a - b] = 0; }                            | index
        boolean m(short a, short b) { return a + b > 0; }                             | comparison
        boolean m(short a, short b, short c) { return a == b * c; }                   | comparison
        short m(short a, short b) { return (short) ((a + b) >> 1); }                  | operand of / % >> >>>
        short m(short a, short b) { return (short) ((a + b) / 2); }                   | operand of / % >> >>>
        short m(short a, short b) { return (short) (a / b % 2); }                     | operand of / % >> >>>
        boolean m(short a) { return -a > 0; }                                         | comparison
        boolean m(short a) { return (a << 1 ^ 1) > 0; }                               | comparison
        byte[] m(short a) { return new byte[a + 1]; }                                 | length of an array
        boolean m(boolean c, short a) { return (c ? a : a + 1) == 0; }                | comparison
        void m(short a) { switch (a + 1) { case 1: return; default: return; } }       | switch
        short m(short a, short b) { return (short) (a >> b + 1); }                    | operand of / % >> >>>
        """)
    void whatNeedsACast(String members, String use) {
        assertEquals(Set.of(UNCAST + use), check(7, members));
    }

    @Test
    void newerLanguage() {
        Set<String> lambda = Set.of("fixture/Fixture: class file of version 52", IN_M + "invokedynamic",
                IN_M + "not in Java Card 3.0.4: java/lang/Runnable", "fixture/Fixture.lambda$m$0: synthetic member");
        assertEquals(lambda, check(8, "Object m() { Runnable r = () -> { }; return r; }"));
        assertTrue(check(7, "String m(String a) { return a + a; }").contains(
                IN_M + "not in Java Card 3.0.4: java/lang/StringBuilder"));
        assertTrue(check(7, "void m(String a) { switch (a) { case \"x\": return; default: return; } }").contains(
                IN_M + "not in Java Card 3.0.4: java/lang/String"));
        Set<String> kinds = check(7, "enum Kind { ONE }");
        assertTrue(kinds.contains("fixture/Fixture$Kind: enum"), kinds.toString());
        Set<String> nested = check(7, "static class In { private short s; } short m(In in) { return in.s; }");
        assertTrue(nested.contains("fixture/Fixture$In.access$000: synthetic member"), nested.toString());
    }

    @Test
    void whatJavacDoesNotMake() {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        writer.visit(51, Opcodes.ACC_SUPER, "fixture/Fixture", null, "java/lang/Object", null);
        MethodVisitor method = writer.visitMethod(Opcodes.ACC_STATIC, "m", "(SS)S", null, null);
        method.visitVarInsn(Opcodes.ILOAD, 0);
        method.visitVarInsn(Opcodes.ILOAD, 1);
        method.visitInsn(Opcodes.IADD);
        method.visitVarInsn(Opcodes.ISTORE, 2);
        method.visitVarInsn(Opcodes.ILOAD, 0);
        method.visitInsn(Opcodes.INEG);
        method.visitInsn(Opcodes.IRETURN);
        method.visitMaxs(0, 0);
        writer.visitEnd();
        assertEquals(Set.of(UNCAST + "local variable", UNCAST + "result",
                IN_M + "no table of local variables: compile with -g"),
                ConverterRules.check(List.of(writer.toByteArray())));
    }

    /** Compiles a class with these members, and checks what javac made. */
    private Set<String> check(int release, String members) {
        try {
            String text = "package fixture; import javacard.framework.*; import javacard.security.*; class Fixture {"
                    + members + "}";
            Path source = Files.writeString(directory.resolve("Fixture.java"), text);
            String api = Path.of(Util.class.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
            int status = ToolProvider.getSystemJavaCompiler().run(null, null, null, "--release", "" + release, "-g",
                    "-nowarn", "-Xlint:-options", "-cp", api, "-d", directory.toString(), source.toString());
            assertEquals(0, status, members);
            return ConverterRules.check(classesIn(directory));
        } catch (IOException | URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The class files of the package that the class is in. */
    private static List<byte[]> classesBeside(Class<?> first) throws IOException, URISyntaxException {
        URI place = first.getProtectionDomain().getCodeSource().getLocation().toURI();
        if (Files.isDirectory(Path.of(place))) {
            return classesIn(Path.of(place));
        }
        try (FileSystem archive = FileSystems.newFileSystem(URI.create("jar:" + place), Map.of())) {
            return classesIn(archive.getPath("/"));
        }
    }

    private static List<byte[]> classesIn(Path root) throws IOException {
        List<byte[]> files = new ArrayList<>();
        try (Stream<Path> paths = Files.walk(root)) {
            paths.filter(path -> path.toString().endsWith(".class")).sorted().forEach(path -> files.add(read(path)));
        }
        return files;
    }

    private static byte[] read(Path path) {
        try {
            return Files.readAllBytes(path);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
