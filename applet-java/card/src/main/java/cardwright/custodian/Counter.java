package cardwright.custodian;

import javacard.framework.Util;

/** A number of 4 bytes that outlasts the power. It changes within transactions of its callers'. */
final class Counter {
    static final short SIZE = 4;

    private final byte[] number;

    Counter() {
        number = new byte[SIZE];
    }

    /** One more. */
    void increment() {
        byte digit = 0;
        for (short i = SIZE - 1; i >= 0 && digit == 0; i--) {
            digit = (byte) (number[i] + 1);
            number[i] = digit;
        }
    }

    /** 0 again; digits that are 0 take no room in the transaction. */
    void reset() {
        for (short i = 0; i < SIZE; i++) {
            if (number[i] != 0) {
                number[i] = 0;
            }
        }
    }

    /** Where it ends. */
    short copy(byte[] target, short at) {
        return Util.arrayCopyNonAtomic(number, (short) 0, target, at, SIZE);
    }
}
