"""Failures as they leave a process: a known class, a cause, and nothing that depends on data.

Losses cascade: one lost process closes links, and its neighbours fail in turn. The cause says which failure is the
first one, so that the kernel names the institution that failed and not the one that noticed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ray_cluster.frames import FrameError
from ray_cluster.hello import HelloRefused
from ray_cluster.links import LinkFailed
from secureframe.errors import ProtocolAborted, SecureFrameError
from secureframe.mpc.channel import LinkClosed


class Cause(StrEnum):
    """Why a job ended at an institution, most telling first."""

    LOST = "lost"
    """A process of the institution itself exited."""
    OWN = "own"
    """Something failed there."""
    LINK = "link"
    """Another party ended the job."""
    CANCELLED = "cancelled"
    """The analyst cancelled it."""


def describe_failure(error: BaseException, institution: str, *, cancelled: bool) -> dict[str, Any]:
    """Return ``{"cause": ..., "error": ...}`` for an exception; only errors of SecureFrame keep their text."""
    if isinstance(error, SecureFrameError):
        record = error.to_json()
        record["institution"] = record["institution"] or institution
        return {"cause": Cause.OWN, "error": record}
    if cancelled:
        return failure(Cause.CANCELLED, "the job was cancelled; nothing was released", institution)
    if isinstance(error, LinkClosed | LinkFailed | FrameError | HelloRefused):
        return failure(Cause.LINK, "another party ended the job; nothing was released", institution)
    return failure(Cause.OWN, f"an internal error ({type(error).__name__}) ended the job; nothing was released", institution)


def failure(cause: Cause, message: str, institution: str) -> dict[str, Any]:
    """Return a failure that is none of SecureFrame's own errors."""
    return {"cause": cause, "error": ProtocolAborted(message, institution=institution).to_json()}
