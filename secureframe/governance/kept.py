"""Results that an institution received: a file each in its private directory, mode 0600, as sealed as they came.

A file holds the signed plan, the catalog entries that it was compiled against, and the three packages, which only the
institution's key opens. Nothing of a result is ever written in the clear here.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secureframe.errors import SecureFrameError

RESULTS = "results"
"""The folder of kept results within an institution's private directory."""
SUFFIX = ".sealed"
VERSION = "1"
PACKAGE_OVERHEAD = 48
"""Bytes of a package beside the shares in it: an ephemeral public key and an authentication tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """A result as it is kept.

    Parameters
    ----------
    job : str
        The job's identifier.
    recipient : str
        The institution that received it.
    received : str
        When it was complete, ISO 8601, UTC.
    request, signature : bytes
        The plan's canonical bytes, and its analyst's signature.
    catalog : dict
        The catalog entries of all institutions when the plan was admitted.
    packages : tuple of bytes
        Those of the parties 0, 1 and 2.
    """

    job: str
    recipient: str
    received: str
    request: bytes
    signature: bytes
    catalog: dict[str, dict[str, Any]]
    packages: tuple[bytes, bytes, bytes]

    def save(self, directory: Path) -> Path:
        """Write it to a folder that nobody else can read; the file appears there once it is whole."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        record = {
            "version": VERSION,
            "job": self.job,
            "recipient": self.recipient,
            "received": self.received,
            "request": _text(self.request),
            "signature": _text(self.signature),
            "catalog": self.catalog,
            "packages": [_text(p) for p in self.packages],
        }
        path = directory / (self.job + SUFFIX)
        draft = path.with_name("." + path.name)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return path

    @staticmethod
    def load(path: Path) -> KeptResult:
        """Read what `save` wrote.

        Raises
        ------
        SecureFrameError
            If the file is none, or may not be read.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["version"] != VERSION:
                raise ValueError(VERSION)
            first, second, third = (base64.b64decode(p, validate=True) for p in record["packages"])
            return KeptResult(
                job=str(record["job"]),
                recipient=str(record["recipient"]),
                received=str(record["received"]),
                request=base64.b64decode(record["request"], validate=True),
                signature=base64.b64decode(record["signature"], validate=True),
                catalog=dict(record["catalog"]),
                packages=(first, second, third),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SecureFrameError(f"{path.name} cannot be read as a result ({type(error).__name__})") from None


def kept(directory: Path) -> list[Path]:
    """Return the files of kept results within an institution's private directory, the oldest first."""
    folder = directory / RESULTS
    # What begins with a dot is still being written, or was never finished.
    found = [path for path in folder.glob("*" + SUFFIX) if not path.name.startswith(".")] if folder.is_dir() else []
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
