"""Sealed packages: a party's shares of what leaves, readable by the recipient alone.

Each party seals its own shares to the recipient's X25519 key with an ephemeral key of its own (HKDF-SHA-256, AES-256-GCM);
job, plan, party and recipient are bound as associated data. Two packages already reconstruct a result, so none is handed
out before every party has finished. Every component arrives twice; the recipient checks that both copies agree.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from secureframe.errors import ProtocolAborted

KEY_BYTES = 32
NONCE = bytes(12)
"""Every key is used for one message, so the nonce may be constant."""


def _context(job_id: str, plan_digest: str, party: int) -> bytes:
    return f"secureframe package v1|{job_id}|{plan_digest}|{party}".encode()


def _key(secret: bytes, ephemeral: bytes, recipient: bytes, context: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=context + ephemeral + recipient).derive(secret)


def seal(shares: bytes, recipient_key: str, *, job_id: str, plan_digest: str, party: int) -> bytes:
    """Return a party's package: its ephemeral public key and the encrypted shares.

    Parameters
    ----------
    shares : bytes
        Serialised shares of everything that leaves, in order.
    recipient_key : str
        The recipient's X25519 public key, base64.
    """
    recipient = base64.b64decode(recipient_key, validate=True)
    ephemeral = X25519PrivateKey.generate()
    public = ephemeral.public_key().public_bytes_raw()
    context = _context(job_id, plan_digest, party)
    key = _key(ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient)), public, recipient, context)
    return public + AESGCM(key).encrypt(NONCE, shares, context)


def unseal(package: bytes, private_key: X25519PrivateKey, *, job_id: str, plan_digest: str, party: int) -> bytes:
    """Return the shares in a package.

    Raises
    ------
    ProtocolAborted
        If it was made for another job, plan, party or recipient, or was changed.
    """
    public, sealed = package[:KEY_BYTES], package[KEY_BYTES:]
    context = _context(job_id, plan_digest, party)
    recipient = private_key.public_key().public_bytes_raw()
    try:
        key = _key(private_key.exchange(X25519PublicKey.from_public_bytes(public)), public, recipient, context)
        return AESGCM(key).decrypt(NONCE, sealed, context)
    except (InvalidTag, ValueError) as error:
        raise ProtocolAborted(f"the package of party {party} cannot be opened", hint="run the statement again") from error


def open_packages(
    packages: Sequence[bytes], private_key: X25519PrivateKey, *, job_id: str, plan_digest: str
) -> tuple[bytes, bytes, bytes]:
    """Return the shares of all three parties, in order."""
    first, second, third = (
        unseal(package, private_key, job_id=job_id, plan_digest=plan_digest, party=party)
        for party, package in enumerate(packages)
    )
    return first, second, third
