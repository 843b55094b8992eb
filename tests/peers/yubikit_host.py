"""Another SCP03 host (yubikey-manager) against the card in the first PC/SC reader.

yubikit_host.py echo KEYS KVN           opens a session at level 33, exchanges commands with the echo applet
yubikit_host.py short-echo KEYS KVN     the same with a card that knows short commands only, and no chains
yubikit_host.py refused KEYS KVN        the keys are wrong: the host has to notice before EXTERNAL AUTHENTICATE
yubikit_host.py custodian KEYS KVN      gives the custodian applet a PIN and a share
yubikit_host.py read KEYS KVN           reads that share back
yubikit_host.py wipe KEYS KVN           wipes that share, then the PIN
yubikit_host.py domain KEYS KVN NEW     looks at the security domain, puts the key set KVN + 1, uses it, deletes it

KEYS and NEW are names of files with ENC,MAC,DEK in hex, KVN a decimal number. Prints what it did, one line each.
"""

import sys

from smartcard.CardRequest import CardRequest
from yubikit.core import TRANSPORT, Tlv
from yubikit.core.smartcard import ApduError, SmartCardConnection, SmartCardProtocol
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys
from yubikit.securitydomain import SecurityDomainSession

ECHO_AID = b"\xf0CWECHO"
CUSTODIAN_AID = b"\xf0CWCUST"
ECHO, PATTERN, EXTERNAL_AUTHENTICATE = 0xEC, 0xEE, 0x82
VERIFY, CHANGE_PIN, STORE_SHARE, READ_SHARE, WIPE, GET_STATE = 0x20, 0x24, 0x30, 0x32, 0x34, 0x36
PIN = b"86429753"
BLOCK = 192
# What one short command or answer holds at level 33.
SHORT = 239


class Connection(SmartCardConnection):
    """The library's port, over pyscard."""

    transport = TRANSPORT.NFC

    def __init__(self):
        # Waits for the card to arrive, as pcscd tells of it.
        self.card = CardRequest(timeout=30).waitforcard().connection
        self.card.connect()
        self.sent = []

    def send_and_receive(self, apdu):
        self.sent.append(bytes(apdu))
        data, sw1, sw2 = self.card.transmit(list(apdu))
        return bytes(data), sw1 << 8 | sw2

    def close(self):
        self.card.disconnect()


class Domain(SecurityDomainSession):
    """YubiKeys answer GET DATA with the object's value, other cards with the object (CS 11.3.3)."""

    def get_data(self, tag, data=b""):
        return Tlv.unpack(tag, super().get_data(tag, data))


def static_keys(path):
    with open(path) as file:
        return StaticKeys(*(bytes.fromhex(key) for key in file.read().strip().split(",")))


def parameters(keys, kvn):
    return Scp03KeyParams(ref=KeyRef(ScpKid.SCP03, kvn), keys=keys)


def pattern(length):
    return bytes(n % 251 for n in range(length))


def expect(sw, card, *command):
    try:
        card.send_apdu(*command)
    except ApduError as error:
        assert error.sw == sw, f"{error} and not {sw:04X}"
        return
    raise AssertionError(f"{sw:04X} was expected")


def opened(connection, aid, scp):
    card = SmartCardProtocol(connection)
    selected = card.select(aid)
    card.init_scp(scp)
    return card, selected


def echo(connection, scp, most=3000):
    card, _ = opened(connection, ECHO_AID, scp)
    # Empty data it pads and encrypts; over 231 bytes it sends a chain, with one MAC over the whole command.
    for length in (0, 1, 15, 16, 17, 231, 232, 239, 255, 256, 1000, 2000):
        if length <= most:
            data = pattern(length)
            answer = card.send_apdu(0x80, ECHO, 0, 0, data)
            assert answer == data, f"{length} bytes came back as {answer.hex()}"
            print(f"echo {length}")
    # Answers of more than 256 bytes arrive through GET RESPONSE, with one MAC over all of it.
    for length in (0, 1, 239, 240, 256, 1000, 3000):
        if length <= most:
            answer = card.send_apdu(0x80, PATTERN, length >> 8, length & 0xFF)
            assert answer == pattern(length), f"{length} bytes asked for, {len(answer)} came"
            print(f"pattern {length}")
    # An error does not end the session.
    expect(0x6A80, card, 0x80, ECHO, 0x6A, 0x80, b"data")
    print("error 6A80")
    assert card.send_apdu(0x80, ECHO, 0, 0, b"after") == b"after"
    print("echo after the error")


def short_echo(connection, scp):
    echo(connection, scp, SHORT)


def refused(connection, scp):
    try:
        opened(connection, ECHO_AID, scp)
    except ValueError as error:
        assert not any(apdu[1] == EXTERNAL_AUTHENTICATE for apdu in connection.sent)
        print(f"refused: {error}")
        return
    raise AssertionError("a session was opened with a wrong key")


def share():
    """Share 2 of 10 with commitments: an object of three blocks. Its public part, and all of it."""
    numbers = {0x80: 1, 0x81: 1, 0x85: 2, 0x86: 3, 0x87: 10, 0x88: 0x88, 0x89: 16, 0x8A: 7}
    fields = {tag: bytes([number]) for tag, number in numbers.items()}
    fields.update({0x82: b"\x52" * 16, 0x83: b"\x53" * 16, 0x84: (258).to_bytes(4, "big"), 0x8B: b"\x50\x4a\x77"})
    public = Tlv(0xE0, b"".join(Tlv(tag, fields[tag]) for tag in sorted(fields)))
    fields.update({0x8C: pattern(16), 0x8D: b"\x9d" * 16, 0x8E: pattern(10 * 32)})
    return public, Tlv(0xE0, b"".join(Tlv(tag, fields[tag]) for tag in sorted(fields)))


def state(card):
    """GET STATE, as a dictionary of the objects in it."""
    objects = Tlv.parse_dict(Tlv.unpack(0xE1, card.send_apdu(0x80, GET_STATE, 0, 0)))
    return {tag: bytes(value) for tag, value in objects.items()}


def custodian(connection, scp):
    card, selected = opened(connection, CUSTODIAN_AID, scp)
    fci = Tlv.parse_dict(Tlv.unpack(0x6F, selected))
    assert fci[0x84] == CUSTODIAN_AID, selected.hex()
    identity = Tlv.parse_dict(fci[0xA5])[0x82]
    new = {0x80: b"\x02\x00", 0x81: b"\x07", 0x82: identity, 0x83: b"\x03", 0x84: b"\x00"}
    assert state(card) == new, state(card)
    print(f"identity {identity.hex().upper()}")

    expect(0x6985, card, 0x00, VERIFY, 0, 0, PIN)
    card.send_apdu(0x80, CHANGE_PIN, 1, 0, PIN)
    assert state(card) == {**new, 0x81: b"\x0f"}, state(card)
    print("PIN set")
    expect(0x63C2, card, 0x00, VERIFY, 0, 0, b"0000")
    assert state(card)[0x83] == b"\x02"
    card.send_apdu(0x00, VERIFY, 0, 0, PIN)
    print("PIN verified")

    public, whole = share()
    blocks = [whole[at : at + BLOCK] for at in range(0, len(whole), BLOCK)]
    for number, block in enumerate(blocks):
        card.send_apdu(0x80, STORE_SHARE, 0x81 if number == len(blocks) - 1 else 0x01, number, block)
    kept = {**new, 0x81: b"\x0f", 0x84: b"\x01", 0xE0: bytes(Tlv.unpack(0xE0, public))}
    assert state(card) == kept, state(card)
    print(f"stored {len(whole)} bytes in {len(blocks)} blocks")

    # Storing has used the PIN up.
    expect(0x6982, card, 0x80, READ_SHARE, 0, 0)


def read_back(connection, scp):
    card, _ = opened(connection, CUSTODIAN_AID, scp)
    card.send_apdu(0x00, VERIFY, 0, 0, PIN)
    _, whole = share()
    back = b"".join(card.send_apdu(0x80, READ_SHARE, 0, at // BLOCK) for at in range(0, len(whole), BLOCK))
    assert back == whole, back.hex()
    print(f"read {len(back)} bytes")


def wipe(connection, scp):
    card, _ = opened(connection, CUSTODIAN_AID, scp)
    before = state(card)
    expect(0x6982, card, 0x80, WIPE, 0, 0)
    card, _ = opened(connection, CUSTODIAN_AID, scp)
    card.send_apdu(0x00, VERIFY, 0, 0, PIN)
    card.send_apdu(0x80, WIPE, 0, 0)
    without = {tag: value for tag, value in before.items() if tag != 0xE0}
    assert state(card) == {**without, 0x84: b"\x00"}, state(card)
    print("share wiped")
    card.send_apdu(0x80, WIPE, 1, 0)
    assert state(card) == {**without, 0x84: b"\x00", 0x81: b"\x07"}, state(card)
    print("all wiped")


def domain(connection, scp, new):
    own, kvn = scp.ref.kvn, scp.ref.kvn + 1
    keys = static_keys(new)
    new_scp = parameters(keys, kvn)

    def key_set(number):
        return {KeyRef(kid, number): {0x88: 16} for kid in (1, 2, 3)}

    card = Domain(connection)
    assert card.get_key_information() == key_set(own), card.get_key_information()
    recognition = card.get_card_recognition_data()
    # SCP03 with i = 70 (CS H.2).
    assert bytes.fromhex("2A864886FC6B040370") in recognition, recognition.hex()
    print("key information and card data in clear")
    expect(0x6982, card.protocol, 0x80, 0xD8, 0, 0x81, bytes([kvn]))

    card.authenticate(scp)
    assert card.get_key_information() == key_set(own)
    card.put_key(new_scp.ref, keys)
    assert card.get_key_information() == key_set(own) | key_set(kvn), card.get_key_information()
    print("key set put")
    # A set is not put twice, but replaced.
    try:
        card.put_key(new_scp.ref, keys)
        raise AssertionError("put twice")
    except ApduError as error:
        assert error.sw == 0x6A80, error
    card.put_key(new_scp.ref, keys, replace_kvn=kvn)
    print("key set replaced")

    card = Domain(connection)
    card.authenticate(new_scp)
    assert card.get_key_information() == key_set(own) | key_set(kvn)
    print("session with the new keys")

    card = Domain(connection)
    card.authenticate(scp)
    card.delete_key(kvn=kvn)
    assert card.get_key_information() == key_set(own), card.get_key_information()
    print("key set deleted")
    try:
        Domain(connection).authenticate(new_scp)
        raise AssertionError("a session with a deleted key set")
    except ValueError as error:
        assert str(error) == "Incorrect SCP parameters", error
    Domain(connection).authenticate(scp)
    print("session with the old keys")


JOBS = {
    "echo": echo,
    "short-echo": short_echo,
    "refused": refused,
    "custodian": custodian,
    "read": read_back,
    "wipe": wipe,
    "domain": domain,
}


def main():
    job, keys, kvn, *rest = sys.argv[1:]
    connection = Connection()
    JOBS[job](connection, parameters(static_keys(keys), int(kvn)), *rest)
    connection.close()


main()
