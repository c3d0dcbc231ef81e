"""What an operation on single values costs on shares: rounds, and bytes a row over all three parties.

Nothing runs: the programs of a merged frame of 100,000 rows are compiled with an operation and without, and their costs are
subtracted. ``python -m benchmarks.elementwise`` writes the table into ``docs/types.md``.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from benchmarks.measuring import table
from secureframe.mpc.cost import cost
from secureframe.mpc.program import Builder
from secureframe.plan.combining import Merge
from secureframe.plan.expressions import Binary, ColumnRef, Expr, Literal, Quantise, infer
from secureframe.plan.forms import ONEHOT, TRUTH, Encoding, arith
from secureframe.plan.nodes import Table
from secureframe.plan.operations import DatePart, FloorDivide, MapValues, Modulo
from secureframe.planner.elementwise import limbs_of
from secureframe.planner.frames import STAGES, FrameCompiler, Setting, note
from secureframe.schema.calendar import as_days
from secureframe.schema.table import Column, TableSchema
from secureframe.schema.types import ColumnType, Kind, number_type

ROWS = 100_000
DOCUMENT = Path(__file__).parents[1] / "docs" / "types.md"
MARKS = "<!-- operations, written by python -m benchmarks.elementwise -->", "<!-- end of operations -->"


def _whole(low: int, high: int) -> ColumnType:
    return number_type(low, high, Fraction(1), False)


def _days(low: int, high: int) -> ColumnType:
    """Dates from the first day of one year to the last of another."""
    ends = (datetime.date(low, 1, 1), datetime.date(high, 12, 31))
    lo, hi = (int(as_days(day)) for day in ends)
    return ColumnType(kind=Kind.DATE, lo=lo, hi=hi)


LEFT = {
    "age": _whole(0, 120),
    "few": _whole(0, 1),
    "wide": _whole(0, 2**40),
    "born": _days(1920, 2019),
    "seen": _days(2010, 2019),
}
RIGHT = {"k": _whole(0, 7), "m": _whole(1, 12), "days": _whole(0, 30)}


def _table(owner: str, columns: dict[str, ColumnType]) -> Table:
    key = Column(name="id", type=ColumnType(kind=Kind.KEY, lo=1, hi=10**6, domain="person"), unique=True)
    schema = TableSchema(
        owner=owner,
        name="rows",
        columns=(key, *(Column(name=name, type=type_) for name, type_ in columns.items())),
        person_key="id",
        person_domain="person",
        roster_size=ROWS,
        rows_per_person=1,
        version="1",
    )
    return Table(schema)


FRAME = Merge(_table("hospital", LEFT), _table("registry", RIGHT), ("id",), ("id",), "inner")
K, M = ColumnRef("k"), ColumnRef("m")
AGE, FEW, WIDE = (Binary("+", ColumnRef(name), K) for name in ("age", "few", "wide"))
BORN, SEEN = (Binary("+", ColumnRef(name), ColumnRef("days")) for name in ("born", "seen"))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as it is typed, what it is applied to, and the form in which its consumer wants it."""

    name: str
    operands: tuple[Expr, ...]
    expr: Expr
    form: Encoding | None = None


OPERATIONS = (
    Operation("`(age + k) // 10`", (AGE,), FloorDivide(AGE, Literal(10))),
    Operation("`(age + k) % 10`", (AGE,), Modulo(AGE, Literal(10))),
    Operation("`(age + k) // 8`", (AGE,), FloorDivide(AGE, Literal(8))),
    Operation("`(age + k) // m`", (AGE, M), FloorDivide(AGE, M)),
    Operation("`(age + k).round(-1)`", (AGE,), Quantise(AGE, Fraction(10))),
    Operation("`x // 1000` of 40 bits", (WIDE,), FloorDivide(WIDE, Literal(1000))),
    Operation("`x < 12345` of 40 bits", (WIDE,), Binary("<", WIDE, Literal(12345)), TRUTH),
    Operation("`(few + k).map({...})` of 9 values", (FEW,), MapValues(FEW, tuple(range(9)), tuple(range(9, 0, -1)))),
    Operation("days between two dates", (BORN, SEEN), Binary("-", SEEN, BORN)),
    Operation("`.dt.year` in 100 years", (BORN,), DatePart(BORN, "year")),
    Operation("`.dt.month` in 100 years", (BORN,), DatePart(BORN, "month")),
    Operation("`.dt.day` in 100 years", (BORN,), DatePart(BORN, "day")),
    Operation("`.dt.day_of_week` in 100 years", (BORN,), DatePart(BORN, "dayofweek")),
    Operation("group by `.dt.year` of 10 years", (SEEN,), DatePart(SEEN, "year"), ONEHOT),
    Operation("group by `.dt.to_period('M')` of 10 years", (SEEN,), DatePart(SEEN, "period[M]"), ONEHOT),
)


def _cost(wanted: Sequence[tuple[Expr, Encoding]]) -> tuple[int, int]:
    """Rounds, and bytes that all parties send."""

    def ask(compiler: FrameCompiler) -> None:
        for expr, encoding in wanted:
            compiler.value(FRAME, expr, encoding)

    setting = Setting(parameters={})
    compiler = FrameCompiler(Builder(STAGES), setting, note(setting, ask))
    ask(compiler)
    report = cost(compiler.builder.program())
    return report.rounds, sum(report.bytes_sent)


def _form(expr: Expr) -> Encoding:
    return arith(limbs_of(infer(expr, FRAME.schema).type))


def text() -> str:
    """The table of operations."""
    lines = []
    for operation in OPERATIONS:
        there = [(e, _form(e)) for e in operation.operands]
        rounds, sent = _cost(there)
        more, total = _cost([*there, (operation.expr, operation.form or _form(operation.expr))])
        lines.append([operation.name, str(more - rounds), f"{(total - sent) / ROWS:,.0f}"])
    return table(["operation", "rounds", "bytes a row"], lines)


def main() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    head, _, rest = page.partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    DOCUMENT.write_text(f"{head}{MARKS[0]}\n{text()}\n{MARKS[1]}{tail}", encoding="utf-8")
    print(f"{DOCUMENT} is written")


if __name__ == "__main__":
    main()
