"""Who signs and who opens: keys of an analyst, and signatures over plans.

An identity has an Ed25519 key, which signs plans and carries its TLS certificate, and an X25519 key, to which results
are sealed. Private keys stay in the process that made them.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystIdentity:
    """An analyst's name, affiliation and keys. The repr shows no key."""

    name: str
    affiliation: str | None
    signing_key: Ed25519PrivateKey = field(repr=False)
    sealing_key: X25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, name: str, affiliation: str | None = None) -> AnalystIdentity:
        """Return an identity with fresh keys."""
        return cls(
            name=name,
            affiliation=affiliation,
            signing_key=Ed25519PrivateKey.generate(),
            sealing_key=X25519PrivateKey.generate(),
        )

    def public(self) -> dict[str, Any]:
        """Return what institutions know of the analyst: name, affiliation and public keys (base64)."""
        return {
            "name": self.name,
            "affiliation": self.affiliation,
            "verify_key": _text(self.signing_key.public_key().public_bytes_raw()),
            "sealing_key": _text(self.sealing_key.public_key().public_bytes_raw()),
        }

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a plan's canonical bytes."""
        return self.signing_key.sign(_DOMAIN + message)


def is_sealing_key(text: object) -> bool:
    """Return whether a text is an X25519 public key, base64."""
    if not isinstance(text, str):
        return False
    try:
        return len(base64.b64decode(text, validate=True)) == X25519_BYTES
    except ValueError:
        return False


X25519_BYTES = 32
_DOMAIN = b"secureframe plan v1\x00"


def verify(verify_key: str, signature: bytes, message: bytes) -> bool:
    """Return whether ``signature`` is that of the holder of ``verify_key`` (base64) over ``message``."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(verify_key, validate=True)).verify(signature, _DOMAIN + message)
    except (InvalidSignature, ValueError):
        return False
    return True
