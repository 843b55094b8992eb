"""Second implementations of the diversification methods: pyemv, cryptography, hashlib, and the openssl program for ARIA.

Reads one case a line, JSON, derives the same keys, and fails at the first difference. Prints how many cases of each method
agreed, and how many keys were compared.
"""

import collections
import hashlib
import json
import subprocess
import sys
import warnings

warnings.filterwarnings("ignore", module="cryptography|pyemv", category=DeprecationWarning)
warnings.filterwarnings("ignore", category=UserWarning)

from cryptography.hazmat.decrepit.ciphers.algorithms import SEED, TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, KBKDFHMAC, CounterLocation, Mode
from pyemv import kd

NUMBERS = {"enc": 1, "mac": 2, "dek": 3, "key": 0}
CIPHERS = {"aes": AES, "3des": TripleDES, "seed": SEED}
HASHES = {
    "hmac-sha1": hashes.SHA1(),
    "hmac-sha224": hashes.SHA224(),
    "hmac-sha256": hashes.SHA256(),
    "hmac-sha384": hashes.SHA384(),
    "hmac-sha512": hashes.SHA512(),
}


def three_keys(cipher, key):
    """K1, K2 as K1, K2, K1."""
    return key + key[:8] if cipher == "3des" and len(key) == 16 else key


def openssl(args, data):
    done = subprocess.run(["openssl", *args], input=data, capture_output=True, check=True)
    return done.stdout


def ecb(cipher, key, data):
    if cipher == "aria":
        args = ["enc", f"-aria-{len(key) * 8}-ecb", "-K", key.hex(), "-nopad"]
        return openssl(args, data)
    encryptor = Cipher(CIPHERS[cipher](three_keys(cipher, key)), modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def cbc(cipher, key, data):
    iv = bytes(8 if cipher == "3des" else 16)
    encryptor = Cipher(CIPHERS[cipher](three_keys(cipher, key)), modes.CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def cmac(cipher, key, data):
    if cipher == "aria":
        args = ["mac", "-cipher", f"ARIA-{len(key) * 8}-CBC", "-macopt", f"hexkey:{key.hex()}", "CMAC"]
        return bytes.fromhex(openssl(args, data).decode().strip())
    mac = CMAC(CIPHERS[cipher](three_keys(cipher, key)))
    mac.update(data)
    return mac.finalize()


def kdf3(cipher):
    def derive(case, key, k):
        fixed = bytes([0, 0, 0, k, 0]) + case["kdd"]
        return b"".join(cmac(cipher, key, bytes([i]) + fixed) for i in (1, 2))[: len(key)]

    return derive


def des_over(pick):
    def derive(case, key, k):
        part = pick(case["kdd"])
        return ecb("3des", key, part + bytes([0xF0, k]) + part + bytes([0x0F, k]))

    return derive


def doubled(block):
    """Times x in GF(2^64) or GF(2^128)."""
    bits = len(block) * 8
    value = int.from_bytes(block, "big") << 1
    if value >> bits:
        value ^= 1 << bits | (0x1B if bits == 64 else 0x87)
    return value.to_bytes(len(block), "big")


def an10922(case, key, k):
    cipher = case.get("cipher", "aes")
    message = case["input"] if "input" in case else case["kdd"]
    message += bytes([k]) if k else b""
    size = 8 if cipher == "3des" else 16
    k1 = doubled(ecb(cipher, key, bytes(size)))

    def part(constant):
        whole = bytes([constant]) + message
        padded = (whole + b"\x80").ljust(2 * size, b"\0") if len(whole) < 2 * size else whole
        subkey = doubled(k1) if len(whole) < 2 * size else k1
        last = bytes(a ^ b for a, b in zip(padded[size:], subkey, strict=True))
        return cbc(cipher, key, padded[:size] + last)[size:]

    match cipher, len(key):
        case "aes", 16:
            return part(0x01)
        case "aes", 24:
            a, b = part(0x11), part(0x12)
            return a[:8] + bytes(x ^ y for x, y in zip(a[8:], b[:8], strict=True)) + b[8:]
        case "aes", 32:
            return part(0x41) + part(0x42)
        case "3des", 16:
            return part(0x21) + part(0x22)
        case "3des", 24:
            return part(0x31) + part(0x32) + part(0x33)


def emv_c(case, key, _):
    y = bytes.fromhex((case["pan"] + case["psn"]).rjust(32, "0"))
    return ecb("aes", key, y + bytes(byte ^ 0xFF for byte in y))[: len(key)]


def scp02(case, key, constant):
    return cbc("3des", key, constant + case["input"] + bytes(12))


def sp800_108(case, key, k):
    before, after = ((part.replace(b"KK", bytes([k]))) for part in (case["before"], case["after"]))
    place = {
        "mode": Mode.CounterMode,
        "length": case["bytes"],
        "rlen": case["width"] // 8,
        "llen": None,
        "location": CounterLocation.MiddleFixed,
        "label": None,
        "context": None,
        "fixed": before + after,
        "break_location": len(before),
    }
    if case["prf"] in HASHES:
        return KBKDFHMAC(algorithm=HASHES[case["prf"]], **place).derive(key)
    cipher = case["prf"].removesuffix("-cmac")
    return KBKDFCMAC(algorithm=CIPHERS[cipher], **place).derive(three_keys(cipher, key))


def template(case, key, k):
    cipher, mode = case["cipher"].split("-")
    data = case["input"] + bytes([k])
    function = {"ecb": ecb, "cbc": cbc, "cmac": cmac}[mode]
    return function(cipher, key, data)[: case["bytes"]]


def pin_pbkdf2(case, pin, _):
    return hashlib.pbkdf2_hmac("sha256", pin, case["input"], case["iterations"], case["bytes"])


def pin_argon2id(case, pin, _):
    kdf = Argon2id(
        salt=case["input"],
        length=case["bytes"],
        iterations=case["passes"],
        lanes=case["lanes"],
        memory_cost=case["memory"],
    )
    return kdf.derive(pin)


METHODS = {
    "kdf3": kdf3("aes"),
    "kdf3-aria": kdf3("aria"),
    "kdf3-seed": kdf3("seed"),
    "visa": des_over(lambda kdd: kdd[:4] + kdd[8:]),
    "visa2": des_over(lambda kdd: kdd[:2] + kdd[4:8]),
    "emv": des_over(lambda kdd: kdd[4:]),
    "an10922": an10922,
    "emv-a": lambda case, key, _: kd.derive_icc_mk_a(key, case["pan"], case["psn"]),
    "emv-b": lambda case, key, _: kd.derive_icc_mk_b(key, case["pan"], case["psn"]),
    "emv-c": emv_c,
    "scp02": scp02,
    "sp800-108": sp800_108,
    "template": template,
    "pin-pbkdf2": pin_pbkdf2,
    "pin-argon2id": pin_argon2id,
}
SCP02 = {"enc": "0182", "mac": "0101", "rmac": "0102", "dek": "0181"}


def kcv(algorithm, key):
    cipher = algorithm.lower()
    return ecb(cipher, key, bytes(8) if cipher == "3des" else b"\x01" * 16)[:3]


def main():
    agreed, keys = collections.Counter(), 0
    for line in sys.stdin:
        case = json.loads(line)
        for name in {"kdd", "input", "before", "after", "pin"} & case.keys():
            case[name] = bytes.fromhex(case[name])
        for use, (key, check) in case["keys"].items():
            secret = case["pin"] if "pin" in case else bytes.fromhex(case["masters"][use])
            number = bytes.fromhex(SCP02[use]) if case["method"] == "scp02" else NUMBERS[use]
            expected = METHODS[case["method"]](case, secret, number)
            assert expected.hex() == key, (line, use, expected.hex())
            assert kcv(case["algorithm"], expected).hex().upper() == check, (line, use)
            keys += 1
        agreed[case["method"]] += 1
    for method in METHODS:
        print(method, agreed[method])
    print("keys", keys)


main()
