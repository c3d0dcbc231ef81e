"""The errors an analyst or a data owner meets: what happened, why, and a line ``Hint:`` with what to type instead.

No message ever holds a value of a row or an unreleased count. Errors cross a gateway as JSON of known classes, so the
notebook raises the same class that an institution raised.
"""

from __future__ import annotations

from typing import Any, ClassVar


class SecureFrameError(Exception):
    """Base of all errors of SecureFrame.

    Parameters
    ----------
    message : str
        What happened and why.
    hint : str, optional
        What to type instead; shown on a line of its own that starts with ``Hint:``.
    institution : str, optional
        The institution that raised it.
    """

    told: ClassVar[bool] = True
    """Whether an analyst meets it; False where the notebook answers it by itself."""
    _classes: ClassVar[dict[str, type[SecureFrameError]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        SecureFrameError._classes[cls.__name__] = cls

    def __init__(self, message: str, *, hint: str | None = None, institution: str | None = None) -> None:
        self.message = message
        self.hint = hint
        self.institution = institution
        super().__init__(message)

    def __str__(self) -> str:
        where = f"[{self.institution}] " if self.institution and self.institution not in self.message else ""
        return where + self.message + (f"\nHint: {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.to_json(),)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback through our own code."""
        return [f"{type(self).__name__}: {self}"]

    def to_json(self) -> dict[str, Any]:
        return {"class": type(self).__name__, "message": self.message, "hint": self.hint, "institution": self.institution}

    @staticmethod
    def from_json(record: dict[str, Any]) -> SecureFrameError:
        cls = SecureFrameError._classes.get(str(record.get("class")), SecureFrameError)
        message = str(record.get("message", "an error without a message"))
        return cls(message, hint=record.get("hint"), institution=record.get("institution"))


def _rebuild(record: dict[str, Any]) -> SecureFrameError:
    return SecureFrameError.from_json(record)


class PlanError(SecureFrameError):
    """The statement cannot become a plan: an unknown column, a wrong type, an operation that is not offered."""


class RangeError(SecureFrameError):
    """Ranges cannot exclude an overflow, or a value has no declared range."""


class DisclosureError(SecureFrameError):
    """What was asked for may never leave, whatever the data are."""


class PolicyError(SecureFrameError):
    """An institution's policy does not allow it."""


class ApprovalRequired(PolicyError):
    """An institution's policy asks for an approval that is missing."""


class RegistrationError(SecureFrameError):
    """A table does not hold what its declaration says; raised at its owner, names column and rule, never a value."""


class PartyUnavailable(SecureFrameError):
    """An institution could not be reached or was lost in mid-job; nothing was released."""


class Restarting(PartyUnavailable):
    """An institution was being restarted when the statement arrived; the notebook waits for it and sends the statement again."""

    told = False


class ProtocolAborted(SecureFrameError):
    """The parties stopped a job: an inconsistent opening, a broken message, a cancelled cell. Nothing was released."""


class KeptLost(SecureFrameError):
    """A party does not keep any more what an earlier statement left; the notebook then runs the statement from the start."""

    told = False


class Busy(SecureFrameError):
    """An institution runs as many statements as it takes at once; the notebook then waits for its turn."""

    told = False


class SuppressedWarning(UserWarning):
    """A result, or a cell of it, was withheld by a disclosure rule; only the recipient learns it."""
