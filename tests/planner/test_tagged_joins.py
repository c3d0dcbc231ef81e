"""Joins by tags: only where every policy allows it, of whole tables, and with the results of any other join."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from secureframe.combine import aligned
from secureframe.disclosure.policy import PRESETS, Policy, strictest
from secureframe.mpc.program import TAG_BITS
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Distinct, Merge
from secureframe.plan.forms import PRESENT, VALID, arith
from secureframe.planner import merging
from secureframe.planner.compile import Compiled, compile_plan
from secureframe.planner.explain import explain_plan
from tests.mpc.watching import watch_openings
from tests.planner.columns import on_shares
from tests.planner.rows import rows_of
from tests.planner.study import OWNERS, TEST_POLICY, Study, random_tables, start
from tests.planner.test_compile import plan_of
from tests.planner.test_merging import chain, check, merge, outer, reduced, sized, study, table

ALLOWED = replace(TEST_POLICY, tagged_joins=True)
HIGH = e.Binary(">", e.ColumnRef("score"), e.Literal(4))


@pytest.fixture(autouse=True)
def _no_table_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "most_batches", lambda _: 9)


def compiled(*frames: n.Node, policies: Mapping[str, Policy] | None = None) -> Compiled:
    return compile_plan(plan_of(*sized(*frames)), policies or dict.fromkeys(OWNERS, ALLOWED))


def joins(found: Compiled) -> Counter[str]:
    """How often rows are brought together by tags, and by a sort, apart from those that count keys of one frame."""
    kinds = Counter(i.operation for i in found.program.instructions if i.operation == "equal_keys")
    kinds["equal_keys"] += 0
    kinds["sort"] = sum(i.operation == "sort" and i.arguments[0].n > 16 for i in found.program.instructions)
    return kinds


# -- where it is allowed -----------------------------------------------------------------------------------------------------


def test_no_preset_allows_it() -> None:
    assert not any(policy.tagged_joins for policy in PRESETS.values())
    assert not Policy(name="own").tagged_joins
    assert not Policy.from_json({k: v for k, v in Policy(name="own").to_json().items() if k != "tagged_joins"}).tagged_joins


@pytest.mark.parametrize("policy", [TEST_POLICY, *PRESETS.values()], ids=lambda policy: policy.name)
def test_one_owner_that_does_not_allow_it_is_enough(policy: Policy) -> None:
    """Whoever of the three it is, and whichever merge is theirs: nothing of the statement is tagged."""
    frames = [chain(3), outer(), merge(table("labor.visits"), table("clinic.people")), merge(table("clinic.people"), reduced())]
    assert joins(compiled(*frames))["equal_keys"] > 0
    for owner in OWNERS:
        found = compiled(*frames, policies={name: policy if name == owner else ALLOWED for name in OWNERS})
        assert joins(found)["equal_keys"] == 0 and joins(found)["sort"] > 0 and not found.tagged
    assert not strictest([ALLOWED, policy]).tagged_joins and strictest([ALLOWED, ALLOWED]).tagged_joins


def test_an_owner_whose_rows_are_not_touched_is_not_asked() -> None:
    frame = merge(table("clinic.people"), table("labor.scores"))
    found = compiled(frame, policies={"clinic": ALLOWED, "labor": ALLOWED, "register": TEST_POLICY})
    assert joins(found) == {"equal_keys": 1, "sort": 0}


def test_a_chain_is_tagged_once() -> None:
    assert joins(compiled(chain(3))) == {"equal_keys": 1, "sort": 0}
    assert joins(compiled(outer())) == {"equal_keys": 1, "sort": 0}


def test_what_cannot_be_tagged_is_sorted() -> None:
    """Keys that may repeat where they are looked up, rows that only shares tell apart, keys that are too wide, small tables."""
    people, visits = table("clinic.people"), table("labor.visits")
    frames = [
        merge(people, visits, "left", checked=True),
        merge(people, visits, "left_anti"),
        merge(Distinct(merge(people, table("labor.scores")), ("id",)), table("register.events"), suffixes=("", "_e")),
    ]
    assert [joins(compiled(f))["sort"] > 0 for f in frames] == [True] * 3
    assert [joins(compiled(f))["equal_keys"] for f in frames] == [0, 0, 1]
    (group,) = merging.together([merge(people, table("labor.scores"))])
    (layout,) = merging.alone(group.merges[0])
    assert merging.tagged(group, [layout]) is not None
    assert merging.tagged(group, [replace(layout, width=TAG_BITS - 1)]) is not None
    assert merging.tagged(group, [replace(layout, width=TAG_BITS)]) is None


def test_no_column_beside_the_persons_key_is_tagged() -> None:
    """It would be a condition: how many persons of two tables agree in it would be opened, of a sensitive one too."""
    people, scores = table("clinic.people"), table("labor.scores")
    for left, right in ((("id", "grade"), ("id", "rank")), (("id", "male"), ("id", "hit")), (("case_id",), ("id",))):
        assert joins(compiled(Merge(people, scores, left, right, "inner"))) == {"equal_keys": 0, "sort": 1}


def test_many_rows_a_person_are_sorted() -> None:
    """Whoever knows who has how many rows would see whether a person of a unique number is in the other table."""
    people, visits, events = table("clinic.people"), table("labor.visits"), table("register.events")
    late = n.Filter(visits, e.Binary(">", e.ColumnRef("day"), e.Literal(60)))
    renamed = n.Project(late, (("id", e.ColumnRef("id")), ("v", e.ColumnRef("value"))))
    for hub in (visits, late, renamed):
        found = compiled(merge(hub, people))
        assert joins(found) == {"equal_keys": 0, "sort": 1} and not found.tagged
    assert joins(compiled(merge(merge(visits, people), events, suffixes=("", "_e")))) == {"equal_keys": 0, "sort": 1}
    assert joins(compiled(merge(reduced(), people)))["equal_keys"] == 1


def stack(*parts: tuple[n.Node, str]) -> n.Node:
    return aligned([n.Project(f, (("id", e.ColumnRef("id")), ("x", e.ColumnRef(column)))) for f, column in parts])


def test_a_stack_is_tagged_where_a_person_has_a_row_in_each_of_different_tables() -> None:
    people, scores, visits = table("clinic.people"), table("labor.scores"), table("labor.visits")
    young, high = n.Filter(people, e.Binary("<", e.ColumnRef("age"), e.Literal(60))), n.Filter(scores, HIGH)

    def tagged(hub: n.Node) -> bool:
        (group,) = merging.together([merge(hub, table("register.events"), "left", suffixes=("", "_e"))])
        return merging.tagged(group, list(merging.alone(group.merges[0]))) is not None

    assert tagged(stack((people, "age"), (scores, "score"))) and tagged(stack((young, "age"), (high, "score")))
    assert not tagged(stack((people, "age"), (visits, "value")))
    assert not tagged(stack((people, "age"), (people, "age"))) and not tagged(stack((young, "age"), (people, "age")))
    assert not tagged(stack((stack((people, "age"), (scores, "score")), "x"), (people, "age")))
    assert not tagged(stack((scores, "score"), (stack((people, "age"), (visits, "value")), "x")))


def test_small_tables_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert joins(compiled(chain(3))) == {"equal_keys": 0, "sort": 1}


def test_the_explanation_says_what_is_learned() -> None:
    names = dict(enumerate(OWNERS))
    plan = plan_of(*sized(chain(3)))
    lines = explain_plan(plan, compile_plan(plan, dict.fromkeys(OWNERS, ALLOWED)), names).splitlines()
    wanted = (
        "  compute parties, of clinic.people, labor.scores, register.events, labor.visits as whole tables: "
        "how many keys are in one row of them, in two and so on"
    )
    assert wanted in lines
    assert sum("matches hidden but for their number" in line for line in lines) == 3
    text = explain_plan(plan, compiled_default(plan), names)
    assert "as whole tables" not in text and "but for their number" not in text and text.count("matches hidden") == 3


def compiled_default(plan: object) -> Compiled:
    return compile_plan(plan, dict.fromkeys(OWNERS, TEST_POLICY))  # type: ignore[arg-type]


# -- what the rows hold ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("how", ["inner", "left", "left_anti"])
def test_one_merge_holds_what_it_holds(how: str, seed: int) -> None:
    people, scores = table("clinic.people", seed), table("labor.scores", seed)
    names = ["age"] if how == "left_anti" else ["age", "score", "level", "seen"]
    check(merge(people, scores, how), names, seed, tagged_joins=True)
    check(merge(n.Filter(people, e.ColumnRef("male")), n.Filter(scores, HIGH), how), names, seed, tagged_joins=True)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("how", ["inner", "left"])
def test_a_chain_holds_what_its_merges_hold(how: str, seed: int) -> None:
    check(chain(3, seed, how), ["age", "score", "stage", "v"], seed, tagged_joins=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_many_rows_look_up_in_several_frames(seed: int) -> None:
    visits = merge(table("labor.visits", seed), table("clinic.people", seed), "left")
    frame = merge(visits, table("register.events", seed), "left", suffixes=("", "_e"))
    check(frame, ["value", "age", "stage"], seed, tagged_joins=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_missing_keys_have_no_partner(seed: int) -> None:
    frame = merge(table("clinic.people", seed), table("register.events", seed), "left", "case_id", suffixes=("", "_e"))
    check(frame, ["age", "stage", "dose"], seed, tagged_joins=True)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_outer_merge_holds_both_sides(seed: int) -> None:
    check(outer(seed), ["score"], seed, tagged_joins=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_shares_have_left_out_is_not_found(seed: int) -> None:
    """A right frame whose rows are left out by columns of two institutions."""
    both = merge(table("labor.scores", seed), table("register.events", seed), "left")
    kept = n.Filter(both, e.Binary(">", e.ColumnRef("score"), e.ColumnRef("stage")))
    names = ("id", "score", "stage")
    right = n.Project(kept, tuple((name, e.ColumnRef(name)) for name in names))
    for how in ("inner", "left"):
        check(merge(table("clinic.people", seed), right, how), ["age", "score", "stage"], seed, tagged_joins=True)
    check(merge(table("clinic.people", seed), right, "left_anti"), ["age"], seed, tagged_joins=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_reductions_that_have_nothing_left_look_up_and_are_looked_up(seed: int) -> None:
    late = n.Filter(table("labor.visits", seed), e.Binary(">", e.ColumnRef("day"), e.Literal(60)))
    persons = n.GroupPersons(late, "id", (n.Aggregation(name="v", column="value", how="mean"),))
    people = table("clinic.people", seed)
    for how in ("inner", "left"):
        check(merge(people, persons, how), ["age", "v"], seed, tagged_joins=True)
        check(merge(persons, people, how), ["age", "v"], seed, tagged_joins=True)
    check(merge(people, persons, "left_anti"), ["age"], seed, tagged_joins=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_rows_of_several_institutions_look_up(seed: int) -> None:
    """Tables stacked, each with rows left out; what is looked up is never stacked."""
    people, scores = table("clinic.people", seed), table("labor.scores", seed)
    young = n.Filter(people, e.Binary("<", e.ColumnRef("age"), e.Literal(60)))
    stacked = aligned(
        [n.Project(f, (("id", e.ColumnRef("id")), ("x", e.ColumnRef(c)))) for f, c in ((young, "age"), (scores, "score"))]
    )
    high = n.Filter(stacked, e.Binary(">", e.ColumnRef("x"), e.Literal(4)))
    for how in ("inner", "left"):
        (group,) = merging.together([merge(high, table("register.events", seed), how)])
        (layout,) = merging.alone(group.merges[0])
        assert merging.tagged(group, [layout]) is not None
    event = merge(high, table("register.events", seed), "left")
    wanted = [(None, VALID), (e.ColumnRef("x"), arith(1)), (e.ColumnRef("stage"), PRESENT), (e.ColumnRef("stage"), arith(1))]
    valid, *found = (plain[0] for plain in on_shares(event, wanted, study(seed).tables, tagged_joins=True))
    held = sorted(tuple(int(plain[j]) for plain in found) for j in range(event.length) if valid[j])
    x, stage = event.schema["x"].type.centre, event.schema["stage"].type.centre
    rows = [row for row in rows_of(event, study(seed).tables) if row is not None]
    assert held == sorted((int(r["x"]) - x, *((0, 0) if r["stage"] is None else (1, int(r["stage"]) - stage))) for r in rows)
    (group,) = merging.together([merge(table("register.events", seed), stacked, "left_anti")])
    assert merging.tagged(group, list(merging.alone(group.merges[0]))) is None


# -- what is opened ------------------------------------------------------------------------------------------------------------


def groups(frame: n.Node, of: Study, seen: list[tuple[bool, ...]]) -> list[int]:
    """How many rows have a tag, tag by tag."""
    seen.clear()
    on_shares(frame, [(None, VALID)], of.tables, tagged_joins=True)
    (bits,) = [opened for opened in seen if len(opened) % TAG_BITS == 0 and len(opened) >= TAG_BITS * 16]
    rows = len(bits) // TAG_BITS
    return sorted(Counter(bits[row::rows] for row in range(rows)).values())


def test_no_condition_has_an_influence_on_what_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """On neither side, by the owner or on shares, before a reduction or after it."""
    of, seen = start(random_tables(4)), watch_openings(monkeypatch)

    def frames() -> Iterator[tuple[n.Node, n.Node]]:
        people, scores, visits = of.table("clinic.people"), of.table("labor.scores"), of.table("labor.visits")
        late = n.Filter(visits, e.Binary(">", e.ColumnRef("day"), e.Literal(60)))
        mean = (n.Aggregation(name="v", column="value", how="mean"),)
        yield merge(people, scores), merge(people, n.Filter(scores, HIGH))
        men, hits = n.Filter(people, e.ColumnRef("male")), n.Filter(n.Filter(scores, HIGH), e.ColumnRef("hit"))
        yield merge(people, scores), merge(men, hits)
        yield merge(people, n.GroupPersons(visits, "id", mean)), merge(people, n.GroupPersons(late, "id", mean))
        yield merge(n.GroupPersons(visits, "id", mean), people), merge(n.GroupPersons(late, "id", mean), people)

    for whole, part in frames():
        sizes = groups(whole, of, seen)
        assert sizes == groups(part, of, seen)
        names = {f"{node.table.owner}.{node.table.name}" for node in n.walk_nodes(whole) if isinstance(node, n.Table)}
        first, second = (set(of.registered(name).frame["id"]) for name in names)
        assert sizes.count(2) == len(first & second) > 0 and set(sizes) == {1, 2}
