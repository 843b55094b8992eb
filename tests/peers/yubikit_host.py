"""Another SCP03 host (yubikey-manager) against the card in the first PC/SC reader.

yubikit_host.py echo KEYS KVN       opens a session at level 33, exchanges commands with the echo applet
yubikit_host.py refused KEYS KVN    the keys are wrong: the host has to notice before EXTERNAL AUTHENTICATE

KEYS is the name of a file with ENC,MAC,DEK in hex, KVN a decimal number. Prints what it did, one line each.
"""

import sys

from smartcard.CardRequest import CardRequest
from yubikit.core import TRANSPORT
from yubikit.core.smartcard import ApduError, SmartCardConnection, SmartCardProtocol
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, ScpKid, StaticKeys

ECHO_AID = b"\xf0CWECHO"
ECHO, PATTERN, EXTERNAL_AUTHENTICATE = 0xEC, 0xEE, 0x82


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


def parameters(path, kvn):
    with open(path) as file:
        enc, mac, dek = (bytes.fromhex(key) for key in file.read().strip().split(","))
    return Scp03KeyParams(ref=KeyRef(ScpKid.SCP03, kvn), keys=StaticKeys(enc, mac, dek))


def pattern(length):
    return bytes(n % 251 for n in range(length))


def echo(connection, scp):
    card = SmartCardProtocol(connection)
    card.select(ECHO_AID)
    card.init_scp(scp)
    # Empty data it pads and encrypts; over 231 bytes it sends a chain, with one MAC over the whole command.
    for length in (0, 1, 15, 16, 17, 231, 232, 255, 256, 1000, 2000):
        data = pattern(length)
        answer = card.send_apdu(0x80, ECHO, 0, 0, data)
        assert answer == data, f"{length} bytes came back as {answer.hex()}"
        print(f"echo {length}")
    # Answers of more than 256 bytes arrive through GET RESPONSE, with one MAC over all of it.
    for length in (0, 1, 239, 240, 256, 1000, 3000):
        answer = card.send_apdu(0x80, PATTERN, length >> 8, length & 0xFF)
        assert answer == pattern(length), f"{length} bytes asked for, {len(answer)} came"
        print(f"pattern {length}")
    # An error does not end the session.
    try:
        card.send_apdu(0x80, ECHO, 0x6A, 0x80, b"data")
        raise AssertionError("an error was asked for")
    except ApduError as error:
        assert error.sw == 0x6A80, error
        print(f"error {error.sw:04X}")
    assert card.send_apdu(0x80, ECHO, 0, 0, b"after") == b"after"
    print("echo after the error")


def refused(connection, scp):
    card = SmartCardProtocol(connection)
    card.select(ECHO_AID)
    try:
        card.init_scp(scp)
    except ValueError as error:
        assert not any(apdu[1] == EXTERNAL_AUTHENTICATE for apdu in connection.sent)
        print(f"refused: {error}")
        return
    raise AssertionError("a session was opened with a wrong key")


def main():
    job, keys, kvn = sys.argv[1:]
    connection = Connection()
    {"echo": echo, "refused": refused}[job](connection, parameters(keys, int(kvn)))
    connection.close()


main()
