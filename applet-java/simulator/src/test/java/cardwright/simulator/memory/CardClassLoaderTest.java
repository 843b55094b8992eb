package cardwright.simulator.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import cardwright.simulator.Card;
import cardwright.simulator.CardLostException;
import cardwright.simulator.Profile;
import cardwright.simulator.TestCards;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.commons.GeneratorAdapter;
import org.objectweb.asm.commons.Method;
import org.objectweb.asm.Type;

/** Class files of other compilers, and archives that change. */
class CardClassLoaderTest implements Opcodes {
    private static final Type MADE = Type.getObjectType("made/Made");
    private static final Type APPLET = Type.getObjectType("javacard/framework/Applet");
    private static final Type ISO_EXCEPTION = Type.getObjectType("javacard/framework/ISOException");

    /** An applet that writes a field and answers with a status word, as a class file of Java 1.4. */
    private static byte[] applet(int sw) {
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        writer.visit(V1_4, ACC_PUBLIC, MADE.getInternalName(), null, APPLET.getInternalName(), null);
        writer.visitField(ACC_PRIVATE, "field", "S", null, null).visitEnd();
        Method constructor = Method.getMethod("void <init> ()");
        GeneratorAdapter code = new GeneratorAdapter(ACC_PUBLIC, constructor, null, null, writer);
        code.loadThis();
        code.invokeConstructor(APPLET, constructor);
        code.loadThis();
        code.invokeVirtual(MADE, Method.getMethod("void register ()"));
        code.returnValue();
        code.endMethod();
        Method install = Method.getMethod("void install (byte[], short, byte)");
        code = new GeneratorAdapter(ACC_PUBLIC | ACC_STATIC, install, null, null, writer);
        code.newInstance(MADE);
        code.invokeConstructor(MADE, constructor);
        code.returnValue();
        code.endMethod();
        Method process = Method.getMethod("void process (javacard.framework.APDU)");
        code = new GeneratorAdapter(ACC_PUBLIC, process, null, null, writer);
        code.loadThis();
        code.push(sw);
        code.putField(MADE, "field", Type.SHORT_TYPE);
        code.loadThis();
        code.getField(MADE, "field", Type.SHORT_TYPE);
        code.invokeStatic(ISO_EXCEPTION, Method.getMethod("void throwIt (short)"));
        code.returnValue();
        code.endMethod();
        writer.visitEnd();
        return writer.toByteArray();
    }

    private static String selected(Path archive, int sw) throws IOException, CardLostException {
        try (JarOutputStream jar = new JarOutputStream(Files.newOutputStream(archive))) {
            jar.putNextEntry(new JarEntry("made/Made.class"));
            jar.write(applet(sw));
        }
        byte[] aid = HexFormat.of().parseHex(TestCards.AID);
        Card.Instance applet = new Card.Instance(aid, aid, "made.Made", new byte[0]);
        Card card = Card.make(
                Profile.standard(new byte[4]), new SecureRandom(), List.of(archive.toUri().toURL()), List.of(applet));
        return TestCards.answer(card, "00A4040007" + TestCards.AID);
    }

    @Test
    void oldClassFilesAndArchivesMadeAnew(@TempDir Path directory) throws IOException, CardLostException {
        Path archive = directory.resolve("made.jar");
        assertEquals("6A81", selected(archive, 0x6A81));
        assertEquals("6A84", selected(archive, 0x6A84));
    }
}
