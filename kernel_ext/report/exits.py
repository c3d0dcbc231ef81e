"""How a report ends: one exit code for every kind of end, so that cron, or whoever started it, knows what to do next."""

from __future__ import annotations

from enum import IntEnum

from secureframe import errors
from secureframe.errors import SecureFrameError


class Exit(IntEnum):
    """Exit codes of ``secureframe report``."""

    DONE = 0
    """The report was written."""
    FAILED = 1
    """The report itself failed: a file could not be written, or an error that none of the others names."""
    ARGUMENTS = 2
    """An argument is wrong: no such notebook, parameter or federation's file. Nothing ran."""
    UNAVAILABLE = 3
    """An institution could not be reached or was lost. Run it again with ``--resume``."""
    REFUSED = 4
    """A plan was refused: it cannot be asked so, may never leave, or a policy forbids it."""
    APPROVAL = 5
    """An institution's approval is missing."""
    ABORTED = 6
    """The parties stopped a job of their own accord: inconsistent or broken messages."""
    NOTEBOOK = 7
    """The notebook itself failed: an exception of its own code, or its kernel died."""
    CANCELLED = 8
    """Somebody stopped it: SIGINT, SIGTERM or SIGHUP, or its cell was interrupted."""
    RUNNING = 9
    """The same report, with the same parameters, is running already."""
    NO_PDF = 10
    """The HTML was written and the PDF was not: there is no chromium, or it failed."""

    @property
    def status(self) -> str:
        """The word for it in the log."""
        return self.name.lower().replace("_", "-")


KINDS: tuple[tuple[type[SecureFrameError], Exit], ...] = (
    (errors.ApprovalRequired, Exit.APPROVAL),
    (errors.PartyUnavailable, Exit.UNAVAILABLE),
    (errors.ProtocolAborted, Exit.ABORTED),
    (errors.PlanError, Exit.REFUSED),
    (errors.RangeError, Exit.REFUSED),
    (errors.DisclosureError, Exit.REFUSED),
    (errors.PolicyError, Exit.REFUSED),
)
"""What an error of SecureFrame in a cell means, the narrower classes first; every other one is the notebook's own."""


def ours(name: str) -> type[SecureFrameError] | None:
    """Return the error of SecureFrame that has this class name, if it is one."""
    found = getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, SecureFrameError) else None


def exit_of(name: str) -> Exit:
    """Return how a report ends whose cell raised an exception of this class name: a kernel tells no more of its class."""
    if name in ("KeyboardInterrupt", "CancelledError"):
        return Exit.CANCELLED
    raised = ours(name)
    return next((code for kind, code in KINDS if raised is not None and issubclass(raised, kind)), Exit.NOTEBOOK)


class Ended(Exception):
    """A report has ended before it was whole.

    Parameters
    ----------
    code : Exit
        How.
    message : str
        What to tell; holds no value.
    cell : int, optional
        The cell that failed, counted from 1 among the notebook's own cells.
    """

    def __init__(self, code: Exit, message: str, cell: int | None = None) -> None:
        self.code = code
        self.message = message
        self.cell = cell
        super().__init__(message)
