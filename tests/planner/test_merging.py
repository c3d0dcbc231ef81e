"""Merges that share a sort: which do, how many rows they sort, and that every row holds what plain Python finds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from secureframe.combine import aligned, merged
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.forms import PRESENT, VALID, Encoding, arith
from secureframe.planner import merging
from secureframe.schema import declare as d
from tests.planner.columns import on_shares
from tests.planner.rows import grid_of, rows_of
from tests.planner.study import COLUMNS, Study, random_tables, start
from tests.planner.test_compile import compiled

STUDIES: dict[int, Study] = {}
SIZE = n.Statistic(kind="size")
ID = ("id",)
ROWS = 16
"""Public length of every table with one row a person; visits have three times as many."""


def study(seed: int = 0) -> Study:
    if seed not in STUDIES:
        STUDIES[seed] = start(random_tables(seed, missing=0.3))
    return STUDIES[seed]


def table(name: str, seed: int = 0) -> n.Table:
    return study(seed).table(name)


def merge(left: n.Node, right: n.Node, how: str = "inner", on: str = "id", **more: Any) -> Merge:
    return Merge(left, right, (on,), ID, how, **more)


def reduced(seed: int = 0) -> n.Node:
    """The mean visit of a person, at the laboratory."""
    return n.GroupPersons(table("labor.visits", seed), "id", (n.Aggregation(name="v", column="value", how="mean"),))


def chain(count: int, seed: int = 0, how: str = "left") -> n.Node:
    """People with columns of up to three other frames, with a condition and a new column on the way."""
    frame: n.Node = merge(table("clinic.people", seed), table("labor.scores", seed), how)
    if count > 1:
        frame = n.Filter(frame, e.Binary(">", e.ColumnRef("age"), e.Literal(25)))
        frame = merge(frame, table("register.events", seed), how)
    if count > 2:
        names = [name for name in frame.schema if name != "id"]
        frame = n.Project(frame, (("id", e.ColumnRef("id")), *((name, e.ColumnRef(name)) for name in names)))
        frame = merge(frame, reduced(seed), how)
    return frame


def test_a_chain_is_sorted_in_one_order_whatever_asks_first() -> None:
    """So that a later statement with conditions on other frames starts from the order that an earlier one has kept."""
    merges = [node for node in n.walk_nodes(chain(3)) if isinstance(node, Merge)]
    found = [tuple(group.lookups) for asked in itertools.permutations(merges) for group in merging.together(asked)]
    assert len(set(found)) == 1 and len(found) == 6 and len(found[0]) == 3


def sorts(*nodes: n.Summarise) -> list[int]:
    """How many rows every sort of a compiled plan has, apart from those that count the different keys of one frame."""
    found = (i.arguments[0].n for i in compiled(*nodes).program.instructions if i.operation == "sort")
    return sorted(rows for rows in found if rows > ROWS)


def sized(*frames: n.Node) -> list[n.Summarise]:
    """How many rows frames have, and how many values every column: what needs all merges."""
    return [
        n.Summarise(f, (), (SIZE, *(n.Statistic(kind="count", columns=(c,)) for c in f.schema if f.schema[c].type.is_ordered)))
        for f in frames
    ]


def outer(seed: int = 0) -> n.Node:
    """People and scores, each with or without a partner."""
    return merged(table("clinic.people", seed), table("labor.scores", seed), ID, ID, "outer", ("_x", "_y"), None)


# -- how many sorts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_chain_on_one_key_sorts_all_its_rows_once(count: int, how: str) -> None:
    assert sorts(*sized(chain(count, how=how))) == [ROWS * (count + 1)]


def test_merges_of_several_releases_share_their_sort() -> None:
    people = table("clinic.people")
    frames = [merge(people, table("labor.scores")), merge(people, table("register.events"), "left_anti"), chain(3)]
    assert sorts(*sized(*frames)) == [4 * ROWS]


def test_the_same_right_rows_are_sorted_in_once() -> None:
    people, scores = table("clinic.people"), table("labor.scores")
    frames = [merge(people, scores, how) for how in ("inner", "left", "left_anti")]
    assert sorts(*sized(*frames)) == [2 * ROWS]


def test_other_keys_and_other_rows_have_sorts_of_their_own() -> None:
    people, scores, events = table("clinic.people"), table("labor.scores"), table("register.events")
    first = merge(people, scores, "left")
    other_key = merge(first, events, "left", "case_id", suffixes=("", "_e"))
    assert [group.merges for group in merging.together([first, other_key])] == [[first], [other_key]]
    assert sorts(*sized(merge(people, events), merge(scores, events))) == [2 * ROWS, 2 * ROWS]


def test_whether_keys_repeat_is_told_by_the_same_order() -> None:
    checked = merge(chain(2), table("labor.visits"), "left", checked=True)
    found = compiled(*sized(checked))
    assert [i.arguments[0].n for i in found.program.instructions if i.operation == "sort"] == [6 * ROWS]


def test_an_outer_merge_sorts_once() -> None:
    assert sorts(*sized(outer())) == [2 * ROWS]


def test_a_merge_that_needs_another_one_comes_after_it() -> None:
    """The right frame is itself a merge from the same people: it has to be there first."""
    people = table("clinic.people")
    first = merge(people, table("labor.scores"))
    names = ("id", "score")
    second = merge(people, n.Project(first, tuple((name, e.ColumnRef(name)) for name in names)), "left")
    groups = merging.together([second, first])
    assert [group.level for group in sorted(groups, key=lambda g: g.level)] == [1, 2]
    assert sorts(*sized(second, first)) == [2 * ROWS, 2 * ROWS]
    check(second, ["score", "age"], 0)


def test_only_so_many_keys_may_repeat_in_one_sort() -> None:
    people, visits, events = table("clinic.people"), table("labor.visits"), table("register.events")
    late = n.Filter(visits, e.Binary(">", e.ColumnRef("day"), e.Literal(50)))
    early = n.Filter(visits, e.Binary("<", e.ColumnRef("day"), e.Literal(20)))
    frames = [merge(people, right, "left_anti") for right in (visits, late, early)]
    assert sorts(*sized(*frames, merge(people, events))) == [4 * ROWS, 8 * ROWS]
    many = [merge(visits, people), merge(visits, events, "left", suffixes=("", "_e"))]
    assert sorts(*sized(*many)) == [5 * ROWS]


def test_keys_made_distinct_by_their_owners_are_compared_in_fewer_bits() -> None:
    widths = {
        name: {i.attributes["width"] for i in compiled(*sized(frame)).program.instructions if i.operation == "sort"}
        for name, frame in (("sure", chain(2)), ("repeated", merge(table("labor.visits"), table("clinic.people"))))
    }
    # 7 bits of key, 1 of absence; 2 that tell three sides apart, or the position among 64 rows.
    assert widths == {"sure": {7 + 1 + 2}, "repeated": {7 + 1 + 6}}


def test_what_nobody_has_checked_alone_is_not_taken_for_distinct() -> None:
    people = table("clinic.people")
    assert merging.distinct(people, ID) and merging.distinct(n.Filter(people, e.ColumnRef("male")), ID)
    assert merging.distinct(reduced(), ID) and not merging.distinct(table("labor.visits"), ID)
    assert not merging.distinct(people, ("case_id",))
    assert not merging.distinct(merge(people, table("labor.scores")), ID)
    assert not merging.distinct(outer(), ID)


# -- what the rows hold ------------------------------------------------------------------------------------------------------


def check(node: n.Node, names: Sequence[str], seed: int, *, tagged_joins: bool = False) -> None:
    """Hold validity and columns against plain Python, row by row."""
    wanted: list[tuple[e.Expr | None, Encoding]] = [(None, VALID)]
    for name in names:
        form = PRESENT if node.schema[name].type.lo is None else arith(1)
        wanted += [(e.ColumnRef(name), PRESENT), (e.ColumnRef(name), form)]
    found = on_shares(node, wanted, study(seed).tables, tagged_joins=tagged_joins)
    rows = rows_of(node, study(seed).tables)
    assert sum(row is not None for row in rows) == int(found[0].sum())
    lengths = [frame.length for frame in node.frames] if isinstance(node, Concat) else [node.length]
    counts = [len(rows_of(f, study(seed).tables)) for f in node.frames] if isinstance(node, Concat) else [len(rows)]
    at, start_ = 0, 0
    for length, count in zip(lengths, counts, strict=True):
        for offset in range(count):
            row, column = rows[at + offset], start_ + offset
            assert bool(found[0][0, column]) == (row is not None)
            for number, name in enumerate(names):
                if row is None:
                    continue
                present, value = found[1 + 2 * number][0, column], found[2 + 2 * number][0, column]
                type_ = node.schema[name].type
                grid = grid_of(row[name], type_)
                assert bool(present) == (grid is not None)
                assert int(value) == (0 if grid is None else grid - type_.centre), name
        at, start_ = at + count, start_ + length


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("how", ["inner", "left"])
def test_a_chain_holds_what_its_merges_hold(how: str, seed: int) -> None:
    check(chain(3, seed, how), ["age", "score", "stage", "v"], seed)


@pytest.mark.parametrize("seed", [0, 1])
def test_many_rows_look_up_in_several_frames(seed: int) -> None:
    visits = merge(table("labor.visits", seed), table("clinic.people", seed), "left")
    check(merge(visits, table("register.events", seed), "left", suffixes=("", "_e")), ["value", "age", "stage"], seed)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_outer_merge_holds_both_sides(seed: int) -> None:
    check(outer(seed), ["score"], seed)


@pytest.mark.parametrize("seed", [0, 1])
def test_an_anti_merge_asks_of_filtered_rows(seed: int) -> None:
    """Rows of two institutions with their events, and events that none of these rows with a high value has: one sort."""
    people, scores, events = table("clinic.people", seed), table("labor.scores", seed), table("register.events", seed)
    stacked = aligned(
        [n.Project(f, (("id", e.ColumnRef("id")), ("x", e.ColumnRef(c)))) for f, c in ((people, "age"), (scores, "score"))]
    )
    high = n.Filter(stacked, e.Binary(">", e.ColumnRef("x"), e.Literal(4)))
    frames = (merge(stacked, events, "left"), merge(events, high, "left_anti"))
    stage = (("id", e.ColumnRef("id")), ("stage", e.ColumnRef("stage")))
    both = aligned([n.Project(f, stage) for f in frames])
    (group,) = merging.together(frames)
    assert list(group.asked.values()) == [frames[1]]
    wanted: list[tuple[e.Expr | None, Encoding]] = [
        (None, VALID),
        (e.ColumnRef("stage"), PRESENT),
        (e.ColumnRef("stage"), arith(1)),
    ]
    valid, present, value = (plain[0] for plain in on_shares(both, wanted, study(seed).tables))
    centre, start_ = both.schema["stage"].type.centre, 0
    for frame in frames:
        places = [j for j in range(start_, start_ + frame.length) if valid[j]]
        stages = [row["stage"] for row in rows_of(frame, study(seed).tables) if row is not None]
        found = sorted((int(present[j]), int(value[j])) for j in places)
        assert found == sorted((0, 0) if held is None else (1, int(held) - centre) for held in stages)
        start_ += frame.length


def test_a_key_that_was_moved_is_laid_out_for_all_that_compare_it() -> None:
    """``case_id`` comes from the right frame of a merge, and is compared with keys of wider ranges, each at another end."""
    columns = {name: dict(declared) for name, declared in COLUMNS.items()}
    columns["register.events"]["id"] = d.key("person", low=1, high=160)
    columns["labor.visits"]["id"] = d.key("person", low=0, high=70)
    STUDIES[-1] = start(random_tables(5), columns=columns)
    frame = merge(table("labor.scores", -1), table("clinic.people", -1), "left")
    first = merge(frame, table("register.events", -1), "left", "case_id", suffixes=("", "_e"))
    second = merge(first, reduced(-1), "left", "case_id", suffixes=("", "_v"))
    layouts = merging.encodings(merging.together([first, second]))
    ends = [(layout[0].low, layout[0].width) for layout in (merging.alone(first), merging.alone(second), layouts[second])]
    assert ends == [(1, 8), (0, 7), (0, 8)] and layouts[first] == layouts[second]
    groups = merging.together([first, second, frame])
    assert sorted(len(group.merges) for group in groups) == [1, 2]
    check(second, ["score", "stage", "v"], -1)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_first_of_equals_looks_up_and_is_looked_up(seed: int) -> None:
    """Rows that only shares tell apart: persons of visits that have someone in the clinic."""
    visits = merge(table("labor.visits", seed), table("clinic.people", seed))
    persons = Distinct(visits, ID)
    check(merge(persons, table("register.events", seed), "left", suffixes=("", "_e")), ["age", "stage"], seed)
    ends = n.Project(persons, (("id", e.ColumnRef("id")), ("site", e.ColumnRef("site")), ("day", e.ColumnRef("day"))))
    check(merge(table("register.events", seed), ends, "left"), ["stage", "day"], seed)


@pytest.mark.parametrize("seed", [0, 1])
def test_persons_of_several_institutions_look_up_and_are_looked_up(seed: int) -> None:
    """One row a person, whichever of its rows stands for it; other rows with its key are there, and are nobody."""
    people, scores = table("clinic.people", seed), table("labor.scores", seed)
    stacked = aligned(
        [n.Project(f, (("id", e.ColumnRef("id")), ("x", e.ColumnRef(c)))) for f, c in ((people, "age"), (scores, "score"))]
    )
    persons = n.GroupPersons(stacked, "id", (n.Aggregation(name="x", column="x", how="max"),))
    frame = merge(merge(persons, table("register.events", seed), "left"), reduced(seed), "left")
    names = ("x", "stage", "v")
    wanted: list[tuple[e.Expr | None, Encoding]] = [(None, VALID)]
    for name in names:
        wanted += [(e.ColumnRef(name), PRESENT), (e.ColumnRef(name), arith(1))]
    found = on_shares(frame, wanted, study(seed).tables)
    held = sorted(tuple(int(plain[0, j]) for plain in found[1:]) for j in range(frame.length) if found[0][0, j])
    expected = []
    for row in rows_of(frame, study(seed).tables):
        if row is not None:
            types = [frame.schema[name].type for name in names]
            grids = [grid_of(row[name], type_) for name, type_ in zip(names, types, strict=True)]
            pairs = [(0, 0) if g is None else (1, g - type_.centre) for g, type_ in zip(grids, types, strict=True)]
            expected.append(tuple(value for pair in pairs for value in pair))
    assert held == sorted(expected)
    check(merge(table("register.events", seed), persons, "left"), ["stage", "x"], seed)
