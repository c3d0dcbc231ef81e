"""Plans on the wire: every node and expression goes there and back, and nothing else is ever accepted."""

from __future__ import annotations

import copy
import datetime
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secureframe.errors import PlanError, SecureFrameError
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan import operations as o
from secureframe.plan.codec import CLASSES, MAX_BYTES, canonical, decode, decode_scalar, digest, encode, encode_scalar, parse
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.nodes import Node, Summarise
from secureframe.schema.types import number_type
from tests.planner.strategies import Expressions, Frames, asked
from tests.planner.study import Study, random_tables, start

STUDY: list[Study] = []


def study() -> Study:
    if not STUDY:
        STUDY.append(start(random_tables(0)))
    return STUDY[0]


def tables() -> Any:
    return study().federation.catalog.tables


def there_and_back(node: Any, base: type[Any]) -> Any:
    return decode(parse(canonical(encode(node))), tables(), base)


def moments() -> st.SearchStrategy[datetime.date]:
    """Dates, and time stamps that are no midnights: these are dates."""
    return st.dates() | st.datetimes().filter(lambda t: t.time() != datetime.time())


# -- there and back --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_plans_come_back_equal(data: st.DataObject) -> None:
    frames = Frames(data.draw, study())
    node = asked(data.draw, frames.step(frames.merged(), 2))
    again = there_and_back(node, Summarise)
    assert again == node
    assert canonical(encode(again)) == canonical(encode(node))
    assert digest(encode(again)) == digest(encode(node))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_random_expressions_come_back_equal(data: st.DataObject) -> None:
    expr = Expressions(data.draw, study().table("labor.scores").schema).any(3)
    again = there_and_back(expr, e.Expr)
    assert (again, repr(again)) == (expr, repr(expr))


def test_every_class_of_a_plan_comes_back() -> None:
    people, scores = (study().table(name) for name in ("clinic.people", "labor.scores"))
    age, male = e.ColumnRef("age"), e.ColumnRef("male")
    cut = e.Cut(age, (Fraction(18), Fraction(41, 2), Fraction(99)), ("young", "old"), False, True)
    columns: list[e.Expr] = [
        e.ColumnRef("id"),
        male,
        cut,
        e.Divide(age, e.Literal(7), Fraction(1, 128)),
        e.Quantise(e.ColumnRef("bmi"), Fraction(1, 3)),
        e.Not(male),
        e.IsNull(e.ColumnRef("grade")),
        e.FillNull(male, e.Literal(True)),
        e.IsIn(age, (20, Fraction(1, 2), -3)),
        e.Clip(age, Fraction(20), None),
        e.Where(male, e.Literal(None), e.Parameter("p", number_type(-9, 9, Fraction(1, 10), False))),
        e.Binary("-", e.ColumnRef("entered"), e.Literal(datetime.date(2020, 2, 29))),
        e.Binary("==", e.ColumnRef("grade"), e.Literal("low")),
        o.FloorDivide(age, e.Literal(10)),
        o.Modulo(e.ColumnRef("bmi"), e.Literal(Fraction(-5, 2))),
        o.MapValues(e.ColumnRef("grade"), ("low", "high"), (Fraction(1, 2), None)),
        o.DatePart(e.ColumnRef("entered"), "period[Q]"),
        o.DatePart(e.Binary("+", e.ColumnRef("entered"), e.Literal(Fraction(1, 24))), "hour"),
    ]
    people = Concat((people, n.Filter(people, e.Widen(male, people.schema["male"].type.null()))))
    made = n.Project(people, tuple((f"c{i}", expr) for i, expr in enumerate(columns)))
    visits = n.SortRows(study().table("labor.visits"), ("day", "value"), False)
    persons = n.GroupPersons(visits, "id", (n.Aggregation(name="last", column="value", how="last"),))
    linked = Merge(made, scores, ("c0",), ("id",), "inner")
    merged = Merge(linked, persons, ("c0",), ("id",), "left", ("_a", "_b"))
    text_node = o.Text(e.ColumnRef("note"), "slice", (0, None))
    assert (there_and_back(text_node, e.Expr), repr(there_and_back(text_node, e.Expr))) == (text_node, repr(text_node))
    node = Summarise(
        Distinct(n.Filter(merged, e.ColumnRef("c1")), ("c2",)),
        ("c2",),
        (n.Statistic(kind="size"), n.Statistic(kind="quantile", columns=("last",), q=Fraction(1, 20))),
    )
    text = json.dumps(encode(node))
    assert {name for name in CLASSES if f'"node": "{name}"' in text} == set(CLASSES) - {"Text"}
    assert there_and_back(node, Summarise) == node


@settings(max_examples=200, deadline=None)
@given(st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.fractions(max_denominator=10**20) | st.text() | moments())
def test_constants_come_back_with_their_types(value: Any) -> None:
    try:
        raw = canonical(encode_scalar(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        assert isinstance(value, str)  # half a surrogate is no text
        return
    again = decode_scalar(parse(raw))
    assert (again, type(again)) == (value, type(value))


def test_the_digest_of_a_plan_never_changes() -> None:
    """Approvals and ledgers are kept by digest: this one was written down once."""
    expr = e.Binary("&", e.Binary(">=", e.ColumnRef("age"), e.Literal(50)), e.IsIn(e.ColumnRef("grade"), ("low", 0.5)))
    assert canonical(encode(expr)).decode() == (
        '{"left":{"left":{"name":"age","node":"ColumnRef"},"node":"Binary","operator":">=","right":{"node":"Literal",'
        '"value":{"type":"int","value":"50"}}},"node":"Binary","operator":"&","right":{"node":"IsIn","operand":{"name":"grade",'
        '"node":"ColumnRef"},"values":[{"type":"text","value":"low"},{"type":"fraction","value":"1/2"}]}}'
    )
    assert digest(encode(expr)) == "a58ae50388cd2b95f7d332030c4f44211b7e36d87c473fe0b89a7b5475ddfe6a"


# -- the strict parser -----------------------------------------------------------------------------------------------------


def refuses(raw: bytes) -> None:
    with pytest.raises(PlanError):
        parse(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b'{"a":"b"',
        b'{"a":"b"} ',
        b' {"a":"b"}',
        b'{"a": "b"}',
        b'{"b":"x","a":"y"}',
        b'{"a":"b","a":"b"}',
        b'{"a":{"b":"c","b":"d"}}',
        b'{"a":1}',
        b'{"a":1.5}',
        b'{"a":-0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\\u0062"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\xaf"}',
        b'\xef\xbb\xbf{"a":"b"}',
        '{"a":"b"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 300 + b'"x"' + b"}" * 300,
        b'["' + b"]" * 5000 + b'",' + b"[" * 400 + b"]" * 400 + b"]",
        b'["' + b"x" * MAX_BYTES + b'"]',
    ],
    ids=range(27),
)
def test_other_bytes_are_refused(raw: bytes) -> None:
    refuses(raw)


def test_a_key_that_occurs_twice_is_named_as_such() -> None:
    with pytest.raises(PlanError, match="occurs twice"):
        parse(b'{"a":"b","a":"b"}')


def test_what_is_accepted_is_canonical() -> None:
    assert parse(b'{"a":["]]]]",null,true],"b":"\xc3\xa4"}') == {"a": ["]]]]", None, True], "b": "ä"}


PLAN: Callable[[], dict[str, Any]] = lambda: encode(  # noqa: E731
    Summarise(
        n.Filter(
            Merge(study().table("clinic.people"), study().table("labor.scores"), ("id",), ("id",), "left"),
            e.Binary("<", e.ColumnRef("score"), e.Parameter("p", number_type(0, 9, Fraction(1), False))),
        ),
        ("grade",),
        (n.Statistic(kind="mean", columns=("age",)),),
    )
)


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """The plan with one place changed; ``to`` None removes it."""
    plan = copy.deepcopy(PLAN())
    place: Any = plan
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return plan


FRAME, PREDICATE = ("frame",), ("frame", "predicate")
LEFT = ("frame", "frame", "left")
TYPE = (*PREDICATE, "right", "type")


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("node",), "Summarize"),
        (("node",), "summarise"),
        (("node",), "Node"),
        (("node",), "Expr"),
        (("node",), "Summarise\u200b"),
        (("node",), None),
        (("node",), ["Summarise"]),
        (("node",), "Filter"),
        ((*PREDICATE, "node"), "Filter"),
        ((*PREDICATE, "node"), "Scalar"),
        ((*PREDICATE, "node"), "__class__"),
        (("statistics", 0, "node"), "Aggregation"),
        (("by",), None),
        (("limit",), "10"),
        (("threshold",), "1"),
        ((*FRAME, "frame", "validate"), "1:1"),
        (("by",), "grade"),
        (("by",), {"0": "grade"}),
        (("by",), [["grade"]]),
        (("by",), [True]),
        (("frame",), "clinic.people"),
        (("frame",), "the plan itself"),
        (("statistics",), []),
        (("statistics", 0), "mean"),
        (("statistics", 0, "kind"), True),
        (("statistics", 0, "kind"), "max"),
        (("statistics", 0, "kind"), "me\u0430n"),
        (("statistics", 0, "q"), "0.5"),
        (("statistics", 0, "q"), "2/4"),
        (("statistics", 0, "q"), "1/0"),
        ((*FRAME, "frame", "how"), "outer"),
        ((*FRAME, "frame", "suffixes"), ["_x"]),
        ((*FRAME, "frame", "suffixes"), ["_x", "_y", "_z"]),
        ((*LEFT, "owner"), "clinik"),
        ((*LEFT, "owner"), "cl\u0456nic"),
        ((*LEFT, "name"), "People"),
        ((*LEFT, "name"), "people "),
        ((*LEFT, "name"), ["people"]),
        ((*LEFT, "version"), "1"),
        ((*LEFT, "table"), {"owner": "clinic"}),
        ((*PREDICATE, "operator"), "<>"),
        ((*PREDICATE, "operator"), "\uff1c"),
        ((*PREDICATE, "left", "name"), "sc\u043ere"),
        ((*PREDICATE, "left", "name"), "__valid"),
        ((*PREDICATE, "left"), {"node": "Literal", "value": {"type": "int", "value": "1"}, "note": ""}),
        ((*PREDICATE, "left"), {"node": "Literal", "value": "1"}),
        ((*TYPE, "lo"), "00"),
        ((*TYPE, "lo"), "-0"),
        ((*TYPE, "lo"), "+1"),
        ((*TYPE, "lo"), " 1"),
        ((*TYPE, "lo"), "1_0"),
        ((*TYPE, "lo"), "\u0661"),
        ((*TYPE, "lo"), "20"),
        ((*TYPE, "lo"), None),
        ((*TYPE, "hi"), "9" * 5000),
        ((*TYPE, "hi"), True),
        ((*TYPE, "step"), "1"),
        ((*TYPE, "step"), "0"),
        ((*TYPE, "step"), "1e-999999999"),
        ((*TYPE, "step"), "1/0"),
        ((*TYPE, "kind"), "category"),
        ((*TYPE, "kind"), "string"),
        ((*TYPE, "kind"), "bool"),
        ((*TYPE, "kind"), "real"),
        ((*TYPE, "nullable"), True),
        ((*TYPE, "nullable"), "false"),
        ((*TYPE, "unit"), "years"),
    ],
    ids=str,
)
def test_other_plans_are_refused(path: tuple[Any, ...], to: Any) -> None:
    record = parse(canonical(changed(*path, to=PLAN() if to == "the plan itself" else to)))
    with pytest.raises(SecureFrameError):
        decode(record, tables(), Summarise)


@pytest.mark.parametrize(
    "record",
    [
        {"type": "int", "value": "1.0"},
        {"type": "int", "value": "1e9"},
        {"type": "int", "value": "9" * 81},
        {"type": "int", "value": "١"},
        {"type": "fraction", "value": "2/4"},
        {"type": "fraction", "value": "0.5"},
        {"type": "fraction", "value": "1/-2"},
        {"type": "fraction", "value": "1/0"},
        {"type": "fraction", "value": "1e999999999"},
        {"type": "fraction", "value": "nan"},
        {"type": "bool", "value": "True"},
        {"type": "bool", "value": ""},
        {"type": "null", "value": "null"},
        {"type": "date", "value": "20200131"},
        {"type": "date", "value": "2020-W05-5"},
        {"type": "date", "value": "2020-02-30"},
        {"type": "date", "value": "2020-02-28T10:00:00"},
        {"type": "datetime", "value": "2020-02-28T00:00:00"},
        {"type": "datetime", "value": "2020-02-28 10:00:00"},
        {"type": "datetime", "value": "2020-02-28T10:00:00+00:00"},
        {"type": "datetime", "value": "2020-02-28"},
        {"type": "float", "value": "0.5"},
        {"type": "text"},
        {"type": "text", "value": ["a"]},
        {"type": "text", "value": "a", "more": "b"},
        {"type": ["text"], "value": "a"},
        "a",
        None,
    ],
    ids=str,
)
def test_other_constants_are_refused(record: Any) -> None:
    with pytest.raises(PlanError):
        decode_scalar(record)


def test_tables_come_from_the_catalog_alone() -> None:
    foreign = {owner_name: schema for owner_name, schema in tables().items() if owner_name[0] != "labor"}
    with pytest.raises(PlanError, match="the catalog does not have"):
        decode(PLAN(), foreign, Summarise)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a record."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*path, name))


TEXTS = ["", "1", "-1", "0", "9" * 70, "1/3", "id", "score", "Literal", "\u0430ge", "*"]
JUNK: list[Any] = [*TEXTS, True, False, {}, [], ["id"], None]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutated_plans_are_refused_by_name_or_are_plans(data: st.DataObject) -> None:
    """Whatever stands in a request, an institution answers with an error of ours or has a valid tree."""
    frames = Frames(data.draw, study())
    record = encode(asked(data.draw, frames.step(frames.merged())))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(record))[1:]))
        place = record
        for step in path[:-1]:
            place = place[step]
        others = [p for p in places(record) if p]
        source: Any = record
        for step in data.draw(st.sampled_from(others)):
            source = source[step]
        place[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(JUNK)) if data.draw(st.booleans()) else source)
    try:
        node = decode(parse(canonical(record)), tables(), Summarise)
    except SecureFrameError:
        return
    assert isinstance(node, Node)
    assert encode(node) == record
