"""What docs/signing.md says, in Python."""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOK_ALIKES = str.maketrans("OIL", "011", "- ")


def signed_bytes(purpose, tenant, message):
    """context ‖ tenant ‖ message"""
    return f"askel/{purpose}/v1\0".encode() + tenant + message


class Key:
    """A device's key pair."""

    def __init__(self, private):
        self.private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def new(cls):
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_seed(cls, seed):
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, purpose, tenant, message):
        return self.private.sign(signed_bytes(purpose, tenant, message))


def verify(public, purpose, tenant, message, signature):
    """Raises InvalidSignature if it does not fit."""
    key = Ed25519PublicKey.from_public_bytes(public)
    key.verify(signature, signed_bytes(purpose, tenant, message))


def device_id(tenant, public):
    return hashlib.sha256(b"askel/device-id/v1\0" + tenant + public).digest()[:16]


def call_credential(key, tenant, device, issued_at_ms, audience):
    """The value of the metadata `askel-credential`."""
    said = b"\1" + tenant + device + issued_at_ms.to_bytes(8, "big", signed=True)
    signature = key.sign("call", tenant, said + audience.encode())
    return base64.urlsafe_b64encode(said + signature).rstrip(b"=").decode()


def normalise(code):
    """A code as it is signed: capitals, without hyphens and look-alikes."""
    return code.upper().translate(LOOK_ALIKES)


def base32(text):
    """Crockford's base 32; what fills the last symbol falls away."""
    value = 0
    for symbol in text:
        value = value << 5 | SYMBOLS.index(symbol)
    length, filling = divmod(len(text) * 5, 8)
    return (value >> filling).to_bytes(length, "big")


@dataclass
class Invitation:
    """A link: where to go, whose it is, which root to trust, and by what right."""

    address: str
    tenant: bytes
    root_hash: bytes
    code: str

    @classmethod
    def read(cls, link):
        version, kind, trust, code, url = link.strip().split("/", 4)
        assert (version, kind) == ("askel:1", "join"), "not an invitation of this version"
        trust = base32(trust)
        return cls(url.removeprefix("http://"), trust[:16], trust[16:], normalise(code))


def vectors():
    """The test vectors of docs/signing.md that a client like this one needs."""
    tenant, at = b"\1" * 16, 1460440800000
    key = Key.of_seed(b"\7" * 32)
    device = device_id(tenant, key.public)
    code = "0123-4567-89A0"
    proof = key.sign("enrol", tenant, normalise(code).encode() + key.public)
    values = {
        "public key": key.public.hex(),
        "device id": device.hex(),
        "root key hash": hashlib.sha256(key.public).hexdigest(),
        "enrol signature": proof.hex(),
        "askel-credential": call_credential(key, tenant, device, at, "askel"),
        "catalog signature": key.sign("catalog", tenant, b"canonical bytes").hex(),
    }
    return [f"{name:<27} = {value}" for name, value in values.items()]
