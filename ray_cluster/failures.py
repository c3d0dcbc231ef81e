"""Failures as they leave a process: a known class, a cause, and nothing that depends on data.

Losses cascade: one lost process closes links, and its neighbours fail in turn. The cause says which failure is the
first one, so that the kernel names the institution that failed and not the one that noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from ray_cluster.frames import FrameError
from ray_cluster.hello import HelloRefused
from ray_cluster.links import LinkFailed
from secureframe.errors import ProtocolAborted, SecureFrameError
from secureframe.mpc.channel import LinkClosed
from secureframe.mpc.opening import InconsistentOpening


class Cause(StrEnum):
    """Why a job ended at an institution, most telling first."""

    RESTARTING = "restarting"
    """The institution, or its party, was not there when the job arrived, or went before it answered."""
    LOST = "lost"
    """A process of the institution itself exited."""
    OWN = "own"
    """Something failed there."""
    LINK = "link"
    """Another party ended the job."""
    CANCELLED = "cancelled"
    """The analyst cancelled it."""


def describe_failure(error: BaseException, institution: str, *, cancelled: bool, hosts: Sequence[str] = ()) -> dict[str, Any]:
    """Return ``{"cause": ..., "error": ...}`` for an exception; only errors of SecureFrame keep their text.

    Parameters
    ----------
    error : BaseException
        What ended the job.
    institution : str
        Where it did.
    cancelled : bool
        Whether the job had been cancelled before, so that closed links say nothing new.
    hosts : sequence of str
        The institutions that host parties 0, 1 and 2, to name those in dispute.
    """
    if isinstance(error, SecureFrameError):
        record = error.to_json()
        record["institution"] = record["institution"] or institution
        return {"cause": Cause.OWN, "error": record}
    if isinstance(error, InconsistentOpening):
        return failure(Cause.OWN, _dispute(error, hosts), institution)
    if cancelled:
        return failure(Cause.CANCELLED, "the job was cancelled; nothing was released", institution)
    if isinstance(error, LinkClosed | LinkFailed | FrameError | HelloRefused):
        return failure(Cause.LINK, "another party ended the job; nothing was released", institution)
    return failure(Cause.OWN, f"an internal error ({type(error).__name__}) ended the job; nothing was released", institution)


def _dispute(error: InconsistentOpening, hosts: Sequence[str]) -> str:
    """Say who is in dispute about an opened value: a pair, or one party that both others name. A name is no proof."""
    names = dict(enumerate(hosts))
    if error.party is not None:
        what = f"both other parties dispute what {names.get(error.party, error.party)} told them of an opened value"
    elif error.pair is not None:
        first, second = error.pair
        what = f"{names.get(first, first)} and {names.get(second, second)} told different things of an opened value"
    else:
        what = "the parties told each other different things of an opened value"
    return f"the job was stopped: {what}; nothing was released"


def failure(cause: Cause, message: str, institution: str) -> dict[str, Any]:
    """Return a failure that is none of SecureFrame's own errors."""
    return {"cause": cause, "error": ProtocolAborted(message, institution=institution).to_json()}
