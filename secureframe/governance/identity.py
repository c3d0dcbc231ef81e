"""Who signs and who opens: keys of analysts and of institutions, and signatures over plans.

An identity has an Ed25519 key, which signs plans and carries its TLS certificate, and an X25519 key, to which results
are sealed. Private keys stay in the process that made them.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from secureframe.errors import SecureFrameError


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A name, an affiliation and keys. The repr shows no key."""

    name: str
    affiliation: str | None
    signing_key: Ed25519PrivateKey = field(repr=False)
    sealing_key: X25519PrivateKey = field(repr=False)

    def public(self) -> dict[str, Any]:
        """Return what others know of its holder: name, affiliation and public keys (base64)."""
        return {
            "name": self.name,
            "affiliation": self.affiliation,
            "verify_key": _text(self.signing_key.public_key().public_bytes_raw()),
            "sealing_key": _text(self.sealing_key.public_key().public_bytes_raw()),
        }

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a plan's canonical bytes."""
        return self.signing_key.sign(_DOMAIN + message)


class AnalystIdentity(Identity):
    """Who asks, and by default receives the results."""

    __slots__ = ()

    @classmethod
    def generate(cls, name: str, affiliation: str | None = None) -> AnalystIdentity:
        """Return an identity with fresh keys."""
        return cls(
            name=name,
            affiliation=affiliation,
            signing_key=Ed25519PrivateKey.generate(),
            sealing_key=X25519PrivateKey.generate(),
        )

    @classmethod
    def of(cls, name: str, affiliation: str | None, key: Ed25519PrivateKey) -> AnalystIdentity:
        """Return the identity whose keys follow from the one key of its certificate (HKDF-SHA-256), which outlives a notebook."""
        derive = HKDF(algorithm=SHA256(), length=X25519_BYTES, salt=None, info=b"secureframe analyst's results v1")
        sealing = X25519PrivateKey.from_private_bytes(derive.derive(key.private_bytes_raw()))
        return cls(name=name, affiliation=affiliation, signing_key=key, sealing_key=sealing)


class InstitutionIdentity(Identity):
    """An institution as a recipient; its affiliation is itself, so that its own rows never count towards a threshold."""

    __slots__ = ()

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey) -> InstitutionIdentity:
        """Return the identity whose keys follow from an institution's one key, so that they outlive its processes as that does.

        Parameters
        ----------
        key : Ed25519PrivateKey
            The key of the institution's certificate. HKDF-SHA-256 makes the X25519 key of it.
        """
        derive = HKDF(algorithm=SHA256(), length=X25519_BYTES, salt=None, info=b"secureframe results v1")
        sealing = X25519PrivateKey.from_private_bytes(derive.derive(key.private_bytes_raw()))
        return cls(name=name, affiliation=name, signing_key=key, sealing_key=sealing)

    @classmethod
    def load(cls, name: str, directory: Path) -> InstitutionIdentity:
        """Read the key from an institution's private directory.

        Raises
        ------
        SecureFrameError
            If there is none, or it may not be read.
        """
        path = directory / IDENTITY_FILE
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise SecureFrameError(
                f"{path} cannot be read as an institution's key ({type(error).__name__})",
                hint="give the institution's private directory, as the user whom it belongs to",
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise SecureFrameError(f"{path} holds no Ed25519 key", hint="give the institution's private directory")
        return cls.of(name, key)

    def save(self, directory: Path) -> None:
        """Write the key to a private directory, readable by its owner alone."""
        descriptor = os.open(directory / IDENTITY_FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.signing_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def is_sealing_key(text: object) -> bool:
    """Return whether a text is an X25519 public key, base64."""
    if not isinstance(text, str):
        return False
    try:
        return len(base64.b64decode(text, validate=True)) == X25519_BYTES
    except ValueError:
        return False


X25519_BYTES = 32
IDENTITY_FILE = "identity.pem"
"""The institution's key within its private directory."""
_DOMAIN = b"secureframe plan v1\x00"


def verify(verify_key: str, signature: bytes, message: bytes) -> bool:
    """Return whether ``signature`` is that of the holder of ``verify_key`` (base64) over ``message``."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(verify_key, validate=True)).verify(signature, _DOMAIN + message)
    except (InvalidSignature, ValueError):
        return False
    return True
