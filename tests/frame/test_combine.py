"""Every merge against pandas: keys of several kinds, rows of one or several institutions on either side, unique or checked."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.errors import PlanError, SuppressedWarning
from secureframe.testing import start_in_memory

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

LOOSE = Policy(name="loose", threshold=2)
HOWS = ("inner", "left", "right", "outer", "left_anti", "right_anti")
KEYS = {
    "person": ["id"],
    "number": ["num"],
    "text": ["txt"],
    "date": ["day"],
    "number and text": ["num", "txt"],
    "number, category and date": ["num", "grp", "day"],
}
FIRST = datetime.date(2020, 1, 1)
PEOPLE = 30


def people(first: int, seed: int, value: str) -> pd.DataFrame:
    """One row a person; keys of every kind repeat, and about one in seven is missing."""
    generator = np.random.default_rng(seed)
    numbers = generator.integers(0, 20, (3, PEOPLE))
    frame = pd.DataFrame(
        {
            "id": np.arange(first, first + PEOPLE),
            "num": pd.array(numbers[0], dtype="Int64"),
            "txt": [f"n{k}" for k in np.where(generator.random(PEOPLE) < 0.8, numbers[0], numbers[1])],
            "day": [FIRST + datetime.timedelta(days=int(k)) for k in numbers[2]],
            "grp": generator.choice(["a", "b"], PEOPLE),
            value: pd.array(generator.integers(-20, 50, PEOPLE), dtype="Int64"),
        }
    )
    for name in ("num", "txt", "day", value):
        frame.loc[generator.random(PEOPLE) < 1 / 7, name] = None
    return frame


def once(frame: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    """The rows of a frame without repeated keys; missing ones do not match, so they may repeat."""
    return frame[~frame.duplicated(on) | frame[on].isna().any(axis=1)].reset_index(drop=True)


def table(frame: pd.DataFrame, **options: Any) -> sf.Table:
    declared = {
        "id": sf.key(low=1, high=4000, nullable=False),
        "num": sf.integer(0, 100, nullable=True),
        "txt": sf.string(nullable=True),
        "day": sf.date(FIRST, datetime.date(2020, 12, 31), nullable=True),
        "grp": sf.category(["a", "b"], nullable=False),
    }
    columns = {name: declared.get(name, sf.integer(-50, 100, nullable=True)) for name in frame.columns}
    return sf.Table(frame, columns=columns, roster_size=max(len(frame), 1) + 3, rows_per_person=1, **options)


OUTSIDE = {"m:1": "right", "1:m": "left", "1:1": "right"}
"""The merge that keeps the rows of the frame whose rows are not the merge's: refused on another key than the person's."""

Layout = Callable[[pd.DataFrame, pd.DataFrame], dict[str, dict[str, sf.Table]]]


def vertical(left: pd.DataFrame, right: pd.DataFrame) -> dict[str, dict[str, sf.Table]]:
    return {"clinic": {"people": table(left)}, "registry": {"events": table(right)}}


def horizontal(left: pd.DataFrame, right: pd.DataFrame) -> dict[str, dict[str, sf.Table]]:
    """Both tables at both hospitals; a person's two rows may be at different ones."""
    half, third = len(left) // 2, len(right) // 3
    return {
        "north": {"people": table(left[:half]), "events": table(right[:third])},
        "south": {"people": table(left[half:]), "events": table(right[third:])},
    }


def mixed(left: pd.DataFrame, right: pd.DataFrame) -> dict[str, dict[str, sf.Table]]:
    """Rows at two hospitals who attest that nobody is at both, columns at a registry."""
    half = len(left) // 2
    return {
        "north": {"people": table(left[:half], disjoint=True)},
        "south": {"people": table(left[half:], disjoint=True)},
        "registry": {"events": table(right)},
    }


LAYOUTS: dict[str, Layout] = {"vertical": vertical, "horizontal": horizontal, "mixed": mixed}


def merged(left: pd.DataFrame, right: pd.DataFrame, on: list[str], how: str) -> pd.DataFrame:
    """What pandas says, but that missing keys never match."""
    rows, others = left.assign(__left=range(len(left))), right.assign(__right=range(len(right)))
    found = rows.dropna(subset=on).merge(others.dropna(subset=on), on=on)
    shared = (set(left.columns) & set(right.columns)) - set(on)
    alone = rows[~rows["__left"].isin(found["__left"])].rename(columns={c: f"{c}_x" for c in shared})
    beside = others[~others["__right"].isin(found["__right"])].rename(columns={c: f"{c}_y" for c in shared})
    pieces = {
        "inner": [found], "left": [found, alone], "right": [found, beside], "outer": [found, alone, beside],
        "left_anti": [alone], "right_anti": [beside],
    }[how]  # fmt: skip
    return pd.concat([p.reindex(columns=found.columns) for p in pieces]).drop(columns=["__left", "__right"])


def check(frame: sf.SecureFrame, wanted: pd.DataFrame) -> int:
    """Compare what leaves, and say how many numbers did."""
    assert list(frame.columns) == list(wanted.columns)
    with sf.defer():
        asked = [getattr(frame[name], kind)() for name in ("x", "z") for kind in ("count", "sum")]
        both = (frame["x"] + frame["z"]).sum()
    found = sf.collect(*asked, both)
    sums = [getattr(wanted[name], kind)() for name in ("x", "z") for kind in ("count", "sum")]
    sums.append((wanted["x"] + wanted["z"]).sum())
    released = [(float(f), float(w)) for f, w in zip(found, sums, strict=True) if not pd.isna(f)]
    assert all(f == w for f, w in released)
    return len(released)


def both(on: list[str], validate: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    left, right = people(1, 3, "x"), people(16, 4, "z")
    return once(left, on) if validate[0] == "1" else left, once(right, on) if validate[-1] == "1" else right


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KEYS)
def test_every_merge_equals_pandas(kind: str, layout: str) -> None:
    on = KEYS[kind]
    released = 0
    turn = list(KEYS).index(kind) + list(LAYOUTS).index(layout)
    for validate in OUTSIDE if kind == "number" else [list(OUTSIDE)[turn % 3]]:
        left, right = both(on, validate)
        with sf.simulate(LAYOUTS[layout](left, right), policy=LOOSE, purpose="merges", quiet=True, start=start_in_memory) as fed:
            for how in HOWS:
                if kind != "person" and how in (OUTSIDE[validate], "outer"):
                    continue
                frame = fed["people"].merge(fed["events"], on=on, how=how, validate=validate)
                released += check(frame, merged(left, right, on, how))
    assert released > 6, "a test that sees nothing cannot fail"


@pytest.mark.parametrize("validate", OUTSIDE)
def test_rows_of_persons_in_two_columns_are_refused(validate: str) -> None:
    left, right = both(["num"], validate)
    with sf.simulate(vertical(left, right), policy=LOOSE, purpose="merges", quiet=True, start=start_in_memory) as fed:
        for how in (OUTSIDE[validate], "outer"):
            with pytest.raises(PlanError, match="persons are in different columns") as refused:
                fed["people"].merge(fed["events"], on="num", how=how, validate=validate)
            assert "how='inner'" in str(refused.value.hint)


# -- unique only on shares -----------------------------------------------------------------------------------------------------


@functools.cache
def repeating(side: str) -> dict[str, dict[str, sf.Table]]:
    """One key of one side is there twice."""
    left, right = people(1, 3, "x"), people(1, 4, "z")
    left["num"], right["num"] = range(PEOPLE), range(PEOPLE)
    if side != "neither":
        (left if side == "left" else right).loc[5, "num"] = 6
    return vertical(left, right)


@pytest.mark.parametrize(
    ("validate", "violated"), [("m:1", {"right"}), ("1:m", {"left"}), ("1:1", {"left", "right"})], ids=["m:1", "1:m", "1:1"]
)
@pytest.mark.parametrize("how", ["inner", "left"])
def test_a_key_that_repeats_withholds_everything_and_raises_nothing(how: str, validate: str, violated: set[str]) -> None:
    how = {"left": "right"}.get(how, how) if validate == "1:m" else how
    shapes = {}
    for side in ("neither", "left", "right"):
        with sf.simulate(repeating(side), policy=LOOSE, purpose="merges", quiet=True, start=start_in_memory) as fed:
            frame = fed["people"].merge(fed["events"], on="num", how=how, validate=validate)
            table = frame.groupby("grp_x")["x"].agg(["count", "mean"])
            withheld = len(table.attrs["release"]["suppressed"])
            assert withheld == (table.size if side in violated else 0), side
            shapes[side] = table.shape, list(table.dtypes), [(s.name, s.bytes) for s in fed.last_job.stages if s.name != "join"]
            with pytest.warns(SuppressedWarning) if side in violated else _nothing():
                frame["z"].sum()
    assert shapes["neither"] == shapes["left"] == shapes["right"]


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_keys_that_are_missing_or_left_out_do_not_repeat() -> None:
    left, right = people(1, 3, "x"), people(1, 4, "z")
    left["num"], right["num"] = range(PEOPLE), range(PEOPLE)
    for frame in (left, right):
        frame.loc[5:8, "num"] = None
        frame.loc[[9, 10], "num"] = 9
        frame.loc[10, "grp"] = "b"
        frame.loc[:9, "grp"] = "a"
    with sf.simulate(vertical(left, right), policy=LOOSE, purpose="merges", quiet=True, start=start_in_memory) as fed:
        rows, others = (fed[name][fed[name]["grp"] == "a"] for name in ("people", "events"))
        clear = merged(left[left["grp"] == "a"], right[right["grp"] == "a"], ["num"], "inner")
        for validate in ("1:1", "m:1", "1:m"):
            assert check(rows.merge(others, on="num", validate=validate), clear) == 5
        assert pd.isna(fed["people"].merge(fed["events"], on="num", validate="1:1")["x"].sum())


# -- refused -------------------------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[sf.SecureFrame, sf.SecureFrame], Any], str, str]] = {
    "unique nowhere": (lambda a, b: a.merge(b, on="num"), "unique in neither frame", "validate='m:1'"),
    "another how": (lambda a, b: a.merge(b, on="id", how="cross"), "how='cross'", "how='outer'"),
    "another validate": (lambda a, b: a.merge(b, on="id", validate="one"), "validate='one'", "validate='1:1'"),
    "a number and a text": (lambda a, b: a.merge(b, left_on="num", right_on="txt", validate="m:1"), "of kind", "alike"),
    "keys of one side only": (lambda a, b: a.merge(b, left_on="num"), "left_on= and right_on=", "on='id'"),
    "fewer keys on one side": (lambda a, b: a.merge(b, left_on=["num", "txt"], right_on=["num"]), "as many", "on="),
    "no such key": (lambda a, b: a.merge(b, on="bmi"), "no column 'bmi'", "columns are"),
    "two columns of one name": (
        lambda a, b: a.merge(b, on="id", suffixes=("", "")), "would be named", "suffixes="
    ),
    "many to many": (lambda a, b: a.merge(b, on="num", validate="m:m"), "unique in neither frame", "validate='m:1'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_to_type(name: str) -> None:
    left, right = people(1, 3, "x"), people(1, 4, "z")
    with sf.simulate(vertical(left, right), policy=LOOSE, purpose="merges", quiet=True, start=start_in_memory) as fed:
        statement, message, hint = REFUSED[name]
        with pytest.raises(PlanError) as refused:
            statement(fed["people"], fed["events"])
        assert message in refused.value.message
        assert refused.value.hint is not None and hint in refused.value.hint
