package cardwright.simulator.domain;

/** A place for a key set. */
final class KeySetEntry {
    /** Room for three keys of the longest kind. */
    static final short ROOM = 96;

    /** Version number, 01 to 7F or FF; 0 where the place is free. */
    short kvn;
    /** Bytes of each key. */
    short keyLength;
    /** Authentications that may still fail, one byte. */
    final byte[] tries = new byte[1];
    /** The sequence counter behind pseudo-random challenges, big-endian. */
    final byte[] counter = new byte[3];
    /** Later sets have higher numbers. */
    int order;
    /** Key-ENC, Key-MAC, Key-DEK, one behind the other. */
    final byte[] keys = new byte[ROOM];
}
