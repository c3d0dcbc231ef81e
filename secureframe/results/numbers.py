"""Released numbers: ordinary floats, ints and dates that also carry the record of their release."""

from __future__ import annotations

import datetime
import math
from typing import Any, Self

from secureframe.display import page
from secureframe.results.record import footnote_text
from secureframe.results.released import SUPPRESSED, Cell
from secureframe.wording import say


def _shown(self: Any) -> str | None:
    """A released number as HTML, with its footnote; None, so that a notebook shows it as text, where it has no record."""
    if not self.release:
        return None
    withheld = bool(self.release.get("suppressed"))
    value = page.chip(say("withheld"), "withheld") if withheld else page.element("span", str(self))
    note = page.element("p", footnote_text(self.release), classes="sf-note")
    return page.styled(page.element("p", value) + note, kind="number")


class SecureFloat(float):
    """A ``float`` with a release record; ``nan`` where the value is missing or withheld.

    Parameters
    ----------
    value : float
        The number.
    release : dict
        The release record, plain JSON; ``release["suppressed"]`` tells withheld from missing.
    """

    release: dict[str, Any]
    _repr_html_ = _shown

    def __new__(cls, value: float = 0.0, release: dict[str, Any] | None = None) -> Self:
        number = super().__new__(cls, value)
        number.release = release or {}
        return number


class SecureInt(int):
    """An ``int`` with a release record."""

    release: dict[str, Any]
    _repr_html_ = _shown

    def __new__(cls, value: int = 0, release: dict[str, Any] | None = None) -> Self:
        number = super().__new__(cls, value)
        number.release = release or {}
        return number


class SecureDate(datetime.date):
    """A ``datetime.date`` with a release record."""

    release: dict[str, Any]
    _repr_html_ = _shown

    @classmethod
    def of(cls, day: datetime.date, release: dict[str, Any]) -> Self:
        """The same day with a release record."""
        made = cls(day.year, day.month, day.day)
        made.release = release
        return made


class SecureDatetime(datetime.datetime):
    """A ``datetime.datetime`` with a release record."""

    release: dict[str, Any]
    _repr_html_ = _shown

    @classmethod
    def of(cls, moment: datetime.datetime, release: dict[str, Any]) -> Self:
        """The same time stamp with a release record."""
        made = cls.combine(moment.date(), moment.time())
        made.release = release
        return made


Number = SecureFloat | SecureInt | SecureDate | SecureDatetime
"""What a statement returns that asks for one number."""


def number(value: Cell, release: dict[str, Any]) -> Number:
    """Return a released cell as a number; ``nan`` where it is missing or withheld."""
    if value is SUPPRESSED or value is None:
        return SecureFloat(math.nan, release)
    if isinstance(value, datetime.datetime):
        return SecureDatetime.of(value, release)
    if isinstance(value, datetime.date):
        return SecureDate.of(value, release)
    if isinstance(value, int):
        return SecureInt(int(value), release)
    return SecureFloat(float(value), release)  # type: ignore[arg-type]  # a category has no quantiles: no text gets here
