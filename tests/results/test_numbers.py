"""Released numbers are numbers."""

from __future__ import annotations

import copy
import datetime
import json
import math
import pickle

import pytest

from secureframe.results.numbers import SecureDate, SecureFloat, SecureInt, number
from secureframe.results.released import SUPPRESSED

RELEASE = {"plan": "abc", "suppressed": []}


def test_a_number_of_each_kind() -> None:
    whole, part, day = number(7, RELEASE), number(2.5, RELEASE), number(datetime.date(2020, 1, 31), RELEASE)
    assert isinstance(whole, SecureInt) and whole == 7 and whole + 1 == 8
    assert isinstance(part, SecureFloat) and part * 2 == 5 and f"{part:.2f}" == "2.50"
    assert isinstance(day, SecureDate) and day == datetime.date(2020, 1, 31)
    assert all(n.release == RELEASE for n in (whole, part, day))
    assert repr(whole) == "7" and repr(part) == "2.5" and json.dumps([whole, part]) == "[7, 2.5]"


@pytest.mark.parametrize("value", [SUPPRESSED, None])
def test_withheld_and_missing_are_nan(value: object) -> None:
    found = number(value, RELEASE)  # type: ignore[arg-type]  # both are cells
    assert isinstance(found, float) and math.isnan(found)


def test_numbers_survive_copying_and_pickling() -> None:
    for value in (number(7, RELEASE), number(2.5, RELEASE)):
        for twin in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
            assert twin == value and twin.release == RELEASE and type(twin) is type(value)
