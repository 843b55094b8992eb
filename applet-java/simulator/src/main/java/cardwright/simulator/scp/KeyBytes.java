package cardwright.simulator.scp;

import java.util.Arrays;

/** Keys in clear, on their way to and from memory: joined, cut out, and wiped when they have arrived. */
public final class KeyBytes {
    private KeyBytes() {}

    /** One behind the other, filled up with zeros to {@code room} bytes. */
    public static byte[] join(int room, byte[]... keys) {
        byte[] joined = new byte[room];
        int at = 0;
        for (byte[] key : keys) {
            System.arraycopy(key, 0, joined, at, key.length);
            at += key.length;
        }
        return joined;
    }

    /** Overwrites them. */
    public static void wipe(byte[]... keys) {
        for (byte[] key : keys) {
            Arrays.fill(key, (byte) 0);
        }
    }
}
