#!/usr/bin/python3
"""A client of Askel written by a stranger.

It has seen no file of Askel's code: the messages come from the server's reflection, the signed
bytes from docs/signing.md. It needs Debian's python3-grpcio, python3-protobuf and
python3-cryptography.

    client.py LINK      enrols with an invitation, reads the catalog, gets a rich error
    client.py --vector  prints the test vectors of docs/signing.md, computed here
"""

import hashlib
import sys
import time

import grpc

from messages import Messages, rich_error
from signing import Invitation, Key, call_credential, device_id, verify, vectors

PROTOCOL = {"lowest": 1, "highest": 1}


class Stranger:
    """A device of its own, with a key that never leaves it."""

    def __init__(self, invitation):
        self.invitation = invitation
        self.key = Key.new()
        self.channel = grpc.insecure_channel(invitation.address)
        self.messages = Messages(self.channel)
        self.credential = None

    def call(self, method, **fields):
        """One unary call, `Service/Method`, with the credential if there is one."""
        metadata = [("askel-credential", self.credential)] if self.credential else []
        return self.messages.call(f"askel.v1.{method}", fields, metadata)

    def enrol(self):
        """Uses up the invitation. The answer says who we are and which keys to trust."""
        code, tenant = self.invitation.code, self.invitation.tenant
        answer = self.call(
            "EnrolmentService/Enrol",
            tenant_id=tenant,
            invitation_code=code,
            device_public_key=self.key.public,
            proof=self.key.sign("enrol", tenant, code.encode() + self.key.public),
            versions=PROTOCOL,
        )
        assert answer.device_id == device_id(tenant, self.key.public)
        self.credential = call_credential(
            self.key, tenant, answer.device_id, int(time.time() * 1000), answer.audience
        )
        return answer

    def trusted_keys(self, signed):
        """The tenant's keys, believed because the invitation named the hash of their root."""
        root = signed.root_public_key
        assert hashlib.sha256(root).digest() == self.invitation.root_hash
        verify(root, "key-list", self.invitation.tenant, signed.key_list, signed.signature)
        return self.messages.read("askel.v1.KeyList", signed.key_list).keys

    def read_catalog(self, keys):
        """The newest catalog: fetched in chunks, checked by hash and signature, then read."""
        version = self.call("CatalogService/GetCatalogVersion", name="catalogs/-")
        content = b""
        while len(content) < version.size_bytes:
            chunk = self.call(
                "CatalogService/GetCatalogChunk", hash=version.hash, offset=len(content)
            )
            content += chunk.data
        assert hashlib.sha256(content).digest() == version.hash
        purpose = self.messages.enum_value("askel.v1.KeyPurpose", "KEY_PURPOSE_CATALOG")
        key = next(k.public_key for k in keys if k.purpose == purpose and not k.revoked)
        verify(key, "catalog", self.invitation.tenant, content, version.signature)
        return self.messages.read("askel.v1.Catalog", content)


def english(text):
    """A text in English, or in whichever language comes first."""
    variants = {variant.language: variant.text for variant in text.variants}
    return variants.get("en") or next(iter(variants.values()), "")


def main(link):
    stranger = Stranger(Invitation.read(link))
    print("services:", ", ".join(stranger.messages.services()))

    answer = stranger.enrol()
    role = stranger.messages.enum_name("askel.v1.Role", answer.role)
    print(f"enrolled: {role}, device {answer.device_id.hex()}")

    catalog = stranger.read_catalog(stranger.trusted_keys(answer.key_list))
    print(f"catalog {catalog.version}: {len(catalog.places)} places, {len(catalog.goals)} goals")
    for place in catalog.places:
        print(f"  place {place.id}: {english(place.name)}")

    try:
        stranger.call("AdminService/ListDevices")
    except grpc.RpcError as error:
        status, reason, domain = rich_error(error)
        print(f"refused: {status} {reason} ({domain})")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--vector":
        print("\n".join(vectors()))
    else:
        main(sys.argv[1])
