"""Forms: the representations in which an owner deals a column to the parties, and how wide each is.

Public: a form and its width follow from the plan and the catalog alone, so that owner and parties agree on every length
before anything is computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from secureframe.errors import PlanError
from secureframe.schema.types import ColumnType

TEXT_KEY_BITS = 62
"""Bits of the digest that stands for a key made of text."""


class Form(StrEnum):
    """How a column is laid out before it is shared; ``n`` is the frame's public length.

    Invalid rows hold zeros in every form.
    """

    VALID = "valid"
    """One bit plane: whether the row is valid."""
    TRUTH = "truth"
    """One bit plane: whether a condition is known to be true."""
    PRESENT = "present"
    """One bit plane: whether a value is not missing."""
    ARITH = "arith"
    """Integers ``(1, n)``: grid integer minus the centre of its range, 0 where missing."""
    POWER2 = "power2"
    """Integers ``(1, n)``: the square of ``ARITH``."""
    PLANES = "planes"
    """``type.width`` bit planes of grid integer minus low end, lowest bit first, zeros where missing."""
    ONEHOT = "onehot"
    """One bit plane a level of the public domain; none is set where missing."""
    KEY = "key"
    """Bit planes of a key over the common range of the keys it is compared with, zeros where missing."""
    SAME = "same"
    """One bit plane: whether the row is about the same person as the row before it."""


INTEGER_FORMS = frozenset({Form.ARITH, Form.POWER2})


def key_layout(types: Iterable[ColumnType]) -> tuple[int, int]:
    """Return low end and width in bits of the range that keys to be compared with each other have in common.

    Raises
    ------
    PlanError
        If they are no keys of one domain, all numbers or all text.
    """
    found = list(types)
    if not found or len({(t.kind, t.domain, t.step, t.categories, t.lo is None) for t in found}) != 1:
        raise PlanError("keys are compared within one domain, numbers with numbers and text with text")
    if found[0].lo is None:
        return 0, TEXT_KEY_BITS
    low = min(t.low for t in found)
    return low, max(1, (max(t.high for t in found) - low).bit_length())


def key_width(*types: ColumnType) -> int:
    """Return the width in bits of keys that are compared with each other."""
    return key_layout(types)[1]


def form_width(form: Form, type_: ColumnType) -> int:
    """Return how many planes (or integer columns) a form has; a key's follows from ``key_layout``."""
    match form:
        case Form.PLANES:
            return type_.width
        case Form.ONEHOT:
            return len(type_.levels or ())
        case Form.KEY:
            return key_width(type_)
        case _:
            return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """A form with its public parameters: limbs of ring elements, low end and width of keys."""

    form: Form
    limbs: int = 1
    low: int = 0
    width: int = 0


VALID = Encoding(form=Form.VALID)
TRUTH = Encoding(form=Form.TRUTH)
PRESENT = Encoding(form=Form.PRESENT)
SAME = Encoding(form=Form.SAME)
PLANES = Encoding(form=Form.PLANES)
ONEHOT = Encoding(form=Form.ONEHOT)


def arith(limbs: int = 1) -> Encoding:
    """Ring elements of so many limbs."""
    return Encoding(form=Form.ARITH, limbs=limbs)


def key_encoding(a: ColumnType, b: ColumnType) -> Encoding:
    """The encoding under which keys of both types are compared: over their common range."""
    low, width = key_layout([a, b])
    return Encoding(form=Form.KEY, low=low, width=width)


def rows_of(encoding: Encoding, type_: ColumnType | None) -> int:
    """How many planes (or rows of ring elements) an encoding has for a value of this type."""
    if encoding.form is Form.KEY:
        return encoding.width
    return 1 if type_ is None else form_width(encoding.form, type_)
