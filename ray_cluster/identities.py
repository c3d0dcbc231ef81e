"""Who a process is to the others: an Ed25519 key, a self-signed certificate over it, and TLS 1.3 contexts that trust pins only.

There is no authority. Every side holds the certificates of those it expects and trusts nothing else, so that a
certificate of some other federation, however it was signed, opens no door.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_MARGIN = timedelta(days=1)
_LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A name, its Ed25519 key and the self-signed certificate over that key (DER). The repr shows no key."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> ProcessIdentity:
        """Return an identity with a fresh key."""
        return cls.of(name, Ed25519PrivateKey.generate())

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey) -> ProcessIdentity:
        """Return the identity whose certificate carries the public half of ``key``."""
        return cls(name=name, key=key, certificate=_self_signed(name, key))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)

    def save(self, path: Path) -> None:
        """Write key and certificate to ``path`` (PEM), readable by the owner alone."""
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.write(pem(self.certificate).encode("ascii"))

    @classmethod
    def load(cls, name: str, path: Path) -> ProcessIdentity:
        """Read what `save` wrote."""
        text = path.read_bytes()
        key = load_pem_private_key(text, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("the key of an identity is an Ed25519 key")
        certificate = x509.load_pem_x509_certificate(text).public_bytes(Encoding.DER)
        return cls(name=name, key=key, certificate=certificate)

    def server_context(self, pinned: Sequence[bytes]) -> ssl.SSLContext:
        """Return a listener's context: TLS 1.3, and only clients that hold the key of a pinned certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # A link carries data one way only: session tickets would wait unread at the side that never reads.
        context.num_tickets = 0
        return self._complete(context, pinned)

    def client_context(self, pinned: bytes) -> ssl.SSLContext:
        """Return a caller's context: TLS 1.3, and only the server that holds the key of the pinned certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The one trust anchor is the certificate itself, so a name would prove nothing more.
        context.check_hostname = False
        return self._complete(context, [pinned])

    def _complete(self, context: ssl.SSLContext, pinned: Sequence[bytes]) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        if pinned:
            context.load_verify_locations(cadata="".join(pem(certificate) for certificate in pinned))
        password = secrets.token_bytes(24).hex()
        encrypted = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode("ascii")))
        # ssl reads keys from files only; what lies on the disk for that moment is encrypted under a key that is not.
        descriptor, path = tempfile.mkstemp()
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(encrypted + pem(self.certificate).encode("ascii"))
            context.load_cert_chain(path, password=password)
        finally:
            Path(path).unlink()
        return context


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate (DER), in hex."""
    return hashlib.sha256(certificate).hexdigest()


def pem(certificate: bytes) -> str:
    """Return a certificate in text form."""
    return ssl.DER_cert_to_PEM_cert(certificate)


def public_key(certificate: bytes) -> Ed25519PublicKey:
    """Return the Ed25519 key that a certificate carries."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("the certificate carries no Ed25519 key")
    return key


def key_text(certificate: bytes) -> str:
    """Return the Ed25519 key that a certificate carries, base64."""
    return base64.b64encode(public_key(certificate).public_bytes_raw()).decode("ascii")


def _self_signed(name: str, key: Ed25519PrivateKey) -> bytes:
    # Whoever reads a certificate goes by its bytes: the name is for people, and X.509 wants 1 to 64 bytes of it.
    shown = name.encode("utf-8")[:64].decode("utf-8", errors="ignore") or "unnamed"
    # Of several pinned certificates TLS looks for one by its subject, so that those of one name need more than the name.
    own = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:32]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shown), x509.NameAttribute(NameOID.SERIAL_NUMBER, own)])
    now = datetime.now(UTC)
    loopback = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _MARGIN)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(loopback), critical=False)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(key, algorithm=None)
    )
    return certificate.public_bytes(Encoding.DER)
