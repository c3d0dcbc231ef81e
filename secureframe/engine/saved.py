"""Frames that an analyst saved under a name: the plan, and the party's part of their arrangements, encrypted on the disk.

Every institution keeps the plan; the host of a party also that party's part of what is kept on shares (``kept.py``). Both are
sealed with AES-256-GCM under a key that follows from the institution's own, and are bound to analyst, name and kind, so that a
file that was moved or exchanged opens no more. One part alone says nothing about a row, encrypted or not.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from secureframe.engine.kept import Arrangement, arrays_of
from secureframe.errors import PlanError
from secureframe.mpc.permutation import ShuffleHandle
from secureframe.mpc.sharing import ArithShare, BitShare

MOST_NAMES = 200
"""Frames that an analyst saves at most."""
_NONCE = 12
Part = Literal["plan", "shares"]


def storage_key(key: Ed25519PrivateKey) -> bytes:
    """Return the key under which an institution seals what it saves; it follows from the key in its private directory."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"secureframe saved frames v1")
    return derive.derive(key.private_bytes_raw())


class SavedFrames:
    """What one institution has saved for its analysts.

    Parameters
    ----------
    directory : Path
        A private directory; what is saved lies in its folder ``saved``.
    key : bytes
        32 bytes, from `storage_key`.
    """

    def __init__(self, directory: Path, key: bytes) -> None:
        self._directory = directory / "saved"
        self._cipher = AESGCM(key)

    def write(self, analyst: str, name: str, part: Part, data: bytes) -> None:
        """Save a part under a name; what stood there is replaced as a whole.

        Raises
        ------
        PlanError
            If the analyst has saved as many frames as there may be.
        """
        path = self._path(analyst, name, part)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if part == "plan" and not path.exists() and len(self.names(analyst)) >= MOST_NAMES:
            raise PlanError(f"{MOST_NAMES} frames are saved already", hint="fed.saved lists them; fed.forget('name')")
        nonce = secrets.token_bytes(_NONCE)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(nonce + self._cipher.encrypt(nonce, data, _bound(analyst, path)))
        draft.replace(path)

    def read(self, analyst: str, name: str, part: Part) -> bytes | None:
        """Return what was saved; None where there is nothing, or it was changed on the disk."""
        return self._open(analyst, self._path(analyst, name, part))

    def names(self, analyst: str) -> list[str]:
        """Return the names under which an analyst has saved frames, sorted; they are within what is sealed."""
        found = []
        for path in self._folder(analyst).glob("*.plan"):
            plan = self._open(analyst, path)
            if plan is not None:
                found.append(str(json.loads(plan)["name"]))
        return sorted(found)

    def forget(self, analyst: str, name: str) -> bool:
        """Remove what was saved under a name; return whether there was any."""
        there = False
        for part in ("plan", "shares"):
            path = self._path(analyst, name, part)
            there = there or path.exists()
            path.unlink(missing_ok=True)
        return there

    def drop_shares(self, analyst: str, name: str) -> None:
        """Remove the shares of a frame and keep its plan: they belong to data or to a policy of before."""
        self._path(analyst, name, "shares").unlink(missing_ok=True)

    def _open(self, analyst: str, path: Path) -> bytes | None:
        try:
            raw = path.read_bytes()
            return self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], _bound(analyst, path))
        except (OSError, InvalidTag, ValueError):
            return None

    def _folder(self, analyst: str) -> Path:
        return self._directory / _digest(analyst)

    def _path(self, analyst: str, name: str, part: Part) -> Path:
        return self._folder(analyst) / f"{_digest(name)}.{part}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def _bound(analyst: str, path: Path) -> bytes:
    """What a sealed file is bound to: whose it is, and the file's name, which follows from the frame's."""
    return json.dumps(["secureframe saved v1", analyst, path.name]).encode("utf-8")


# -- arrangements as bytes -----------------------------------------------------------------------------------------------


def pack(found: Mapping[str, Arrangement]) -> bytes:
    """Return arrangements as bytes: a line of JSON that says what follows, and the arrays, little endian."""
    head: dict[str, Any] = {}
    parts: list[bytes] = []
    for group, arrangement in found.items():
        items = []
        for digest, item in arrangement.items.items():
            arrays = arrays_of(item)
            kind = {ShuffleHandle: "shuffle", BitShare: "bits", ArithShare: "arith"}.get(type(item), "order")
            n = item.n if isinstance(item, BitShare) else 0
            items.append({"digest": digest, "kind": kind, "n": n, "shapes": [list(a.shape) for a in arrays]})
            parts += [a.astype("<u8").tobytes() for a in arrays]
        head[group] = {"origin": arrangement.origin, "items": items}
    return json.dumps(head).encode("utf-8") + b"\n" + b"".join(parts)


def unpack(data: bytes) -> dict[str, Arrangement]:
    """Return what `pack` wrote."""
    line, _, raw = data.partition(b"\n")
    words = np.frombuffer(raw, "<u8").astype(np.uint64)
    at = 0
    found = {}
    for group, record in json.loads(line).items():
        items: dict[str, Any] = {}
        for each in record["items"]:
            arrays = []
            for shape in each["shapes"]:
                count = int(np.prod(shape))
                arrays.append(words[at : at + count].reshape(shape))
                at += count
            items[each["digest"]] = _item(each["kind"], each["n"], arrays)
        found[group] = Arrangement(origin=record["origin"], items=items)
    return found


def _item(kind: str, n: int, arrays: list[np.ndarray[Any, Any]]) -> Any:
    match kind:
        case "shuffle":
            return ShuffleHandle(arrays[0].astype(np.int64), arrays[1].astype(np.int64))
        case "bits":
            return BitShare(arrays[0], arrays[1], n)
        case "arith":
            return ArithShare(arrays[0], arrays[1])
        case _:
            return arrays[0].astype(np.int64)
