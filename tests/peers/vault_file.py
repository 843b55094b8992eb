"""Reads a vault file from the specification (docs/protocol/vault-file.md) alone, and prints what is in it.

vault_file.py FILE < PASSPHRASE
"""

import sys
from hmac import compare_digest, digest

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

PURPOSES = {1: "master", 2: "card", 3: "enc", 4: "mac", 5: "dek"}
TYPES = {1: ("aes128", 16), 2: ("aes192", 24), 3: ("aes256", 32), 4: ("3des2", 16), 5: ("3des3", 24)}


def file_key(header, passphrase):
    kdf, first, second, third = (int.from_bytes(header[at : at + 4]) for at in range(8, 24, 4))
    salt = header[24:56]
    if kdf == 1:
        function = Argon2id(salt=salt, length=32, memory_cost=first, iterations=second, lanes=third)
    else:
        assert (kdf, second, third) == (2, 0, 0), "key derivation"
        function = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=first)
    return function.derive(passphrase)


def read(data, passphrase):
    header, directory = data[:108], data[108:]
    assert header[:8] == b"CWVAULT\x01", "magic and version"
    assert int.from_bytes(header[60:64]) == len(directory), "length"
    key = file_key(header, passphrase)

    def key_for(job):
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"cardwright vault 1 " + job).derive(key)

    assert compare_digest(digest(key_for(b"header"), header[:76], "sha256"), header[76:]), "wrong passphrase"
    rest = AESGCM(key_for(b"directory")).decrypt(header[64:76], directory, header)
    keys, gone, last = [], [], ""
    while rest:
        end = 1 + rest[0] + 5
        name, version = rest[1 : end - 5].decode("ascii"), int.from_bytes(rest[end - 5 : end - 1])
        assert last < name and version > 0, "order"
        last = name
        if rest[end - 1] == 0:
            gone.append(f"{name} {version} destroyed")
        else:
            purpose, (kind, length), count = PURPOSES[rest[end]], TYPES[rest[end + 1]], rest[end + 2]
            assert rest[end - 1] == 1 and count in (1, 3), "state and count"
            bound, rest = rest[: end + 3], rest[end + 3 :]
            end = 12 + count * length + 16
            clear = AESGCM(key_for(b"entry")).decrypt(rest[:12], rest[12:end], bound)
            parts = ",".join(clear[at : at + length].hex().upper() for at in range(0, len(clear), length))
            keys.append(f"{name} {version} {purpose} {kind} {parts}")
        rest = rest[end:]
    return [f"written {int.from_bytes(header[56:60])} times", *keys, *gone]


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        print("\n".join(read(file.read(), sys.stdin.buffer.read())))
