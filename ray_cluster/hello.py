"""The authenticated hello that opens a link: who is there, for which job, with which fresh key.

The listener challenges with a random nonce; the caller answers with a signed hello over the nonce, the job, the
direction and both certificates; the listener signs an answer over that hello. A handshake of TLS that returns proves
nothing about the other side yet; an answered hello does, and cannot be replayed, since the nonce is fresh.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import ssl
import struct
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature

from ray_cluster.frames import read_into
from ray_cluster.identities import ProcessIdentity, public_key

Purpose = Literal["party", "dealer"]

_CALLER = b"secureframe link caller v1\x00"
_LISTENER = b"secureframe link listener v1\x00"
_PREFIX = struct.Struct("<4sI")
_MAGIC = b"SFH1"
_LIMIT = 2048
_SIGNATURE = 64
_JOB = 32
NONCE = 32
EPHEMERAL = 32


class HelloRefused(Exception):
    """The other side is not who it should be, or speaks of another job. The message holds nothing of what it sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a caller says: the job, what the link is for, who calls whom, and a fresh X25519 public key (32 bytes)."""

    job: str
    purpose: Purpose
    caller: str
    listener: str
    ephemeral: bytes

    def encode(self) -> bytes:
        record = {
            "job": self.job,
            "purpose": self.purpose,
            "caller": self.caller,
            "listener": self.listener,
            "ephemeral": self.ephemeral.hex(),
        }
        return json.dumps(record, sort_keys=True, separators=(",", ":")).encode("utf-8")

    @classmethod
    def decode(cls, text: bytes) -> Hello:
        try:
            record = json.loads(text)
            hello = cls(
                job=record["job"],
                purpose=record["purpose"],
                caller=record["caller"],
                listener=record["listener"],
                ephemeral=bytes.fromhex(record["ephemeral"]),
            )
            texts = (hello.job, hello.purpose, hello.caller, hello.listener)
            valid = hello.encode() == text and all(isinstance(each, str) for each in texts) and len(hello.job) == _JOB
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise HelloRefused("a hello is malformed") from error
        if not valid or hello.purpose not in ("party", "dealer") or len(hello.ephemeral) != EPHEMERAL:
            raise HelloRefused("a hello is malformed")
        return hello


def challenge(connection: ssl.SSLSocket) -> bytes:
    """Send the listener's nonce and return it."""
    nonce = secrets.token_bytes(NONCE)
    connection.sendall(nonce)
    return nonce


def say(connection: ssl.SSLSocket, identity: ProcessIdentity, peer_certificate: bytes, hello: Hello) -> bytes:
    """Say hello as the caller and return the listener's fresh X25519 public key from its signed answer."""
    nonce = bytearray(NONCE)
    read_into(connection, memoryview(nonce))
    text = hello.encode()
    signature = identity.key.sign(_CALLER + _context(bytes(nonce), identity.certificate, peer_certificate) + text)
    connection.sendall(_PREFIX.pack(_MAGIC, len(text)) + text + signature)
    answer = bytearray(EPHEMERAL + _SIGNATURE)
    read_into(connection, memoryview(answer))
    ephemeral, answered = bytes(answer[:EPHEMERAL]), bytes(answer[EPHEMERAL:])
    _verify(peer_certificate, answered, _answer_text(bytes(nonce), identity.certificate, peer_certificate, text, ephemeral))
    return ephemeral


def listen(connection: ssl.SSLSocket, nonce: bytes, identity: ProcessIdentity, peer_certificate: bytes) -> Hello:
    """Read the caller's hello as the listener and check its signature."""
    prefix = bytearray(_PREFIX.size)
    read_into(connection, memoryview(prefix))
    magic, length = _PREFIX.unpack(prefix)
    if magic != _MAGIC or length > _LIMIT:
        raise HelloRefused("a hello is malformed")
    rest = bytearray(length + _SIGNATURE)
    read_into(connection, memoryview(rest))
    text, signature = bytes(rest[:length]), bytes(rest[length:])
    _verify(peer_certificate, signature, _CALLER + _context(nonce, peer_certificate, identity.certificate) + text)
    return Hello.decode(text)


def answer(
    connection: ssl.SSLSocket, nonce: bytes, identity: ProcessIdentity, peer_certificate: bytes, hello: Hello, ephemeral: bytes
) -> None:
    """Answer a hello as the listener: the link is up once this has arrived."""
    text = _answer_text(nonce, peer_certificate, identity.certificate, hello.encode(), ephemeral)
    connection.sendall(ephemeral + identity.key.sign(text))


def _context(nonce: bytes, caller_certificate: bytes, listener_certificate: bytes) -> bytes:
    return nonce + hashlib.sha256(caller_certificate).digest() + hashlib.sha256(listener_certificate).digest()


def _answer_text(nonce: bytes, caller: bytes, listener: bytes, hello: bytes, ephemeral: bytes) -> bytes:
    return _LISTENER + _context(nonce, caller, listener) + hashlib.sha256(hello).digest() + ephemeral


def _verify(certificate: bytes, signature: bytes, message: bytes) -> None:
    try:
        public_key(certificate).verify(signature, message)
    except InvalidSignature as error:
        raise HelloRefused("a hello is not signed by the holder of the pinned certificate") from error
