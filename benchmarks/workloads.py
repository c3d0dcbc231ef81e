"""What is measured on shares: every workload by name, its sizes, and what it should reach.

A workload makes a `Case`: a program on fresh data, and the same answer in the clear, which the program's has to equal. Begin
reading at ``WORKLOADS``, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from secureframe.mpc import runs
from secureframe.mpc.matching import Lookup, Side, match
from secureframe.mpc.program import Value
from secureframe.mpc.quantile import ranks_lower, select_ranks
from secureframe.mpc.tagged_join import match_tagged
from tests.mpc.harness import Job

Plain = NDArray[Any]
SEED = 20_261_126
KEY_BITS, PAYLOAD_BITS, MOST_ROWS, GROUPS = 34, 32, 8, 10
GRAM_COLUMNS, GRAM_LIMIT, MEDIAN_BITS = 20, 2**17, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A program on fresh data, the value it gives, and the same answer in the clear.

    Parameters
    ----------
    job, answer
        The program with its plain data, and its result.
    clear
        The same computation in the clear, by the package that does it; all give the same answer.
    opened
        Whether the parties open the answer to each other at the end, within the time that is measured.
    """

    job: Job
    answer: Value
    clear: Mapping[str, Callable[[], Plain]]
    opened: bool = False


Make = Callable[[np.random.Generator, int], Case]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workload:
    """A case for every size, and what is wanted of it.

    Parameters
    ----------
    name, title
        What it is selected by, and what the page calls it.
    make
        Makes the case of a size.
    sizes
        Those of ``make bench``.
    targets
        Seconds over TLS that were aimed at, by size.
    ratios
        How many times faster than SPU in the same run, by size.
    published
        The best figure of another system that was known before, by size: seconds, and whose.
    growth
        Further sizes of ``make bench-long``; with them the exponent of its growth is fitted.
    delayed
        The size that is measured with delays between parties, if any.
    """

    name: str
    title: str
    make: Make
    sizes: tuple[int, ...]
    targets: Mapping[int, float] = field(default_factory=dict)
    ratios: Mapping[int, float] = field(default_factory=dict)
    published: Mapping[int, tuple[float, str]] = field(default_factory=dict)
    growth: tuple[int, ...] = ()
    delayed: int | None = None

    def case(self, n: int, number: int = 0) -> Case:
        """A case of a size, by its number; with the same data on every day."""
        return self.make(np.random.default_rng(SEED + number), n)


# -- elements --------------------------------------------------------------------------------------------------------------


def planes(values: Plain, width: int) -> Plain:
    """Bit planes of unsigned numbers, lowest first."""
    octets = np.ascontiguousarray(values, "<u8").view(np.uint8).reshape(-1, 8)[:, : (width + 7) // 8]
    return np.ascontiguousarray(np.unpackbits(octets, axis=1, count=width, bitorder="little").T).view(bool)


def signed(random: np.random.Generator, n: int) -> Plain:
    """Numbers whose differences still fit 64 bits."""
    return random.integers(-(2**62), 2**62, n, dtype=np.int64)


def multiply(random: np.random.Generator, n: int, limbs: int = 1) -> Case:
    x, y = signed(random, n), signed(random, n)
    if limbs > 1:
        # The wide ring's products are whole; those in the clear have to fit.
        x, y = x >> 32, y >> 32
    job = Job()
    answer = job.builder.multiply(job.arith(x, limbs), job.arith(y, limbs))
    return Case(job=job, answer=answer, clear={"numpy": lambda: x * y}, opened=True)


def less_than(random: np.random.Generator, n: int, limbs: int = 1) -> Case:
    x, y = signed(random, n), signed(random, n)
    job = Job()
    answer = job.builder.is_negative(job.builder.subtract(job.arith(x, limbs), job.arith(y, limbs)), 64 * limbs)
    return Case(job=job, answer=answer, clear={"numpy": lambda: x < y}, opened=True)


def equality(random: np.random.Generator, n: int) -> Case:
    x = signed(random, n)
    y = np.where(random.random(n) < 0.5, x, signed(random, n))
    job = Job()
    answer = job.builder.is_zero(job.builder.subtract(job.arith(x), job.arith(y)), 64)
    return Case(job=job, answer=answer, clear={"numpy": lambda: x == y})


def inner(random: np.random.Generator, n: int) -> Case:
    x, y = signed(random, n), signed(random, n)
    job = Job()
    answer = job.builder.inner(job.arith(x), job.arith(y))
    return Case(job=job, answer=answer, clear={"numpy": lambda: np.dot(x, y)})


def gram(random: np.random.Generator, n: int, limbs: int = 1) -> Case:
    """All inner products of 20 columns; small enough for the clear to be exact in double precision, where it is fastest."""
    columns = random.integers(-GRAM_LIMIT, GRAM_LIMIT, (GRAM_COLUMNS, n))
    doubles = columns.astype(np.float64)
    job = Job()
    shared = job.arith(columns, limbs)
    answer = job.builder.inner(shared, shared)
    return Case(job=job, answer=answer, clear={"numpy": lambda: doubles @ doubles.T})


# -- rows ------------------------------------------------------------------------------------------------------------------


def sort(random: np.random.Generator, n: int, width: int) -> Case:
    """Keys into their order, nothing opened: a secret index keeps equal keys apart."""
    keys = random.integers(0, 2**width, n, dtype=np.uint64)
    series, column = pl.Series(keys), pd.Series(keys)
    job = Job()
    b = job.builder
    index = (n - 1).bit_length()
    shared = job.bits(planes(keys, width))
    with b.stage("sort"):
        _, (moved,) = b.shuffle([b.pack(b.rows([b.positions(n, index), shared]))])
        ordered = b.unpack(b.reorder(b.sort(moved, index + width), moved), index + width)
        answer = b.pack(b.pick_rows(ordered, range(index, index + width)))
    clear: dict[str, Callable[[], Plain]] = {
        "polars": lambda: series.sort().to_numpy(),
        "numpy": lambda: np.sort(keys),
        "pandas": lambda: column.sort_values().to_numpy(),
    }
    return Case(job=job, answer=answer, clear=clear)


def join(random: np.random.Generator, n: int, *, distinct: bool, tagged: bool = False) -> Case:
    """Unique keys of 34 bits on both sides, half of them common; matches hidden; a column of 32 bits moves to the left rows.

    ``distinct`` says that their owners made the keys unique, so that no index has to keep equal ones apart. A ``tagged`` join
    tells the parties how many keys are common, the others tell nothing.
    """
    keys = random.permutation(np.unique(random.integers(0, 2**KEY_BITS, 3 * n, dtype=np.uint64)))
    right, others = keys[:n], keys[n : 2 * n]
    left = np.where(random.random(n) < 0.5, random.permutation(right), others)
    payload = random.integers(1, 2**PAYLOAD_BITS, n, dtype=np.uint64)
    job = Job()
    b = job.builder
    left_key, right_key = job.bits(planes(left, KEY_BITS)), job.bits(planes(right, KEY_BITS))
    column = job.bits(planes(payload, PAYLOAD_BITS))
    with b.stage("join"):
        sides = [Side(key, b.ones_bits(1, n), 1, distinct) for key in (left_key, right_key)]
        (found,), _ = (match_tagged if tagged else match)(b, sides, 0, [Lookup(1, column)])
        assert found.planes is not None
        answer = b.pack(found.planes)
    a, z = pl.DataFrame({"key": left}), pl.DataFrame({"key": right, "payload": payload})
    c, d = pd.DataFrame({"key": left}), pd.DataFrame({"key": right, "payload": payload})

    def polars() -> Plain:
        return a.join(z, on="key", how="left", maintain_order="left")["payload"].fill_null(0).to_numpy()

    def pandas() -> Plain:
        return c.merge(d, on="key", how="left")["payload"].fillna(0).to_numpy()

    return Case(job=job, answer=answer, clear={"polars": polars, "pandas": pandas})


def group_public(random: np.random.Generator, n: int) -> Case:
    """Sums in 10 groups with public levels: their owner shares which level a row has as bits, as the planner has it."""
    levels, values = random.integers(0, GROUPS, n), random.integers(0, 10**6, n)
    job = Job()
    b = job.builder
    members = job.bits(levels[np.newaxis] == np.arange(GROUPS)[:, np.newaxis])
    answer = b.inner(job.arith(values), b.to_arith(members))
    table, frame = pl.DataFrame({"level": levels, "value": values}), pd.DataFrame({"level": levels, "value": values})
    clear: dict[str, Callable[[], Plain]] = {
        "polars": lambda: table.group_by("level").agg(pl.col("value").sum()).sort("level")["value"].to_numpy(),
        "pandas": lambda: frame.groupby("level")["value"].sum().to_numpy(),
        "numpy": lambda: np.bincount(levels, weights=values, minlength=GROUPS),
    }
    return Case(job=job, answer=answer, clear=clear)


def group_hidden(random: np.random.Generator, n: int) -> Case:
    """Sums by a hidden key of 34 bits, at most 8 rows a key: in the last row of every key, zero elsewhere."""
    drawn = random.integers(0, 2**KEY_BITS, n // 3 + 1, dtype=np.uint64)
    keys = random.permutation(np.repeat(np.unique(drawn), MOST_ROWS))[:n]
    values = random.integers(0, 10**6, n)
    job = Job()
    b = job.builder
    key, column = job.bits(planes(keys, KEY_BITS)), job.arith(values)
    with b.stage("group"):
        arranged = runs.arrange(b, key=key, present=b.ones_bits(1, n), words=[], ariths=[column])
        sums = runs.scan_sum(b, arranged.ariths[0], arranged.same, MOST_ROWS)
        chosen = b.multiply(sums, b.to_arith(runs.is_last(b, arranged.same)))
        _, (answer,) = runs.give_back(b, arranged, words=[], ariths=[chosen])
    table, frame = pl.DataFrame({"key": keys, "value": values}), pd.DataFrame({"key": keys, "value": values})

    def polars() -> Plain:
        last = pl.int_range(pl.len()).over("key") == pl.len().over("key") - 1
        return table.select(pl.when(last).then(pl.col("value").sum().over("key")).otherwise(0))["value"].to_numpy()

    def pandas() -> Plain:
        sums = frame.groupby("key")["value"].transform("sum")
        return sums.where(~frame.duplicated("key", keep="last"), 0).to_numpy()

    return Case(job=job, answer=answer, clear={"polars": polars, "pandas": pandas})


def median(random: np.random.Generator, n: int) -> Case:
    """The lower median of a column of one owner (20 bits) within a secret half of the rows."""
    values, chosen = random.integers(0, 2**MEDIAN_BITS, n), random.random(n) < 0.5
    job = Job()
    b = job.builder
    shared, held = job.bits(planes(values.astype(np.uint64), MEDIAN_BITS)), job.bits(chosen)
    answer = select_ranks(b, shared, held, ranks_lower(b, b.count_bits(held), [Fraction(1, 2)], n))
    series, mask, column = pl.Series(values), pl.Series(chosen), pd.Series(values)
    clear: dict[str, Callable[[], Plain]] = {
        "polars": lambda: np.array([series.filter(mask).quantile(0.5, "lower")]),
        "pandas": lambda: np.array([column[chosen].quantile(0.5, interpolation="lower")]),
    }
    return Case(job=job, answer=answer, clear=clear)


# -- the list --------------------------------------------------------------------------------------------------------------

GROWN = tuple(10**power for power in range(3, 8))
SPU, MPC, ORQ = "SPU", "MP-SPDZ", "ORQ"

_WORKLOADS = (
    Workload(
        name="multiply",
        title="multiply and open",
        make=multiply,
        sizes=(10**6,),
        targets={10**6: 0.08},
        ratios={10**6: 1.3},
        published={10**6: (0.104, SPU)},
        growth=GROWN,
    ),
    Workload(
        name="less_than",
        title="less-than and open",
        make=less_than,
        sizes=(10**6,),
        targets={10**6: 0.15},
        ratios={10**6: 11},
        published={10**6: (1.19, ORQ)},
        growth=GROWN,
        delayed=10**5,
    ),
    Workload(
        name="multiply_wide",
        title="multiply and open, two limbs",
        make=lambda random, n: multiply(random, n, 2),
        sizes=(10**6,),
    ),
    Workload(
        name="less_than_wide",
        title="less-than and open, two limbs",
        make=lambda random, n: less_than(random, n, 2),
        sizes=(10**6,),
    ),
    Workload(
        name="equality",
        title="equality",
        make=equality,
        sizes=(10**6,),
        targets={10**6: 0.10},
        ratios={10**6: 9},
        published={10**6: (0.81, ORQ)},
    ),
    Workload(
        name="inner",
        title="inner product",
        make=inner,
        sizes=(10**7,),
        targets={10**7: 0.08},
        published={10**7: (0.087, MPC)},
    ),
    Workload(
        name="sort_64",
        title="sort, 64 bits",
        make=lambda random, n: sort(random, n, 64),
        sizes=(10**5, 10**6),
        targets={10**5: 0.5, 10**6: 6},
        ratios={10**5: 9, 10**6: 17},
        published={10**5: (4.5, SPU), 10**6: (103, SPU)},
        growth=GROWN,
    ),
    Workload(
        name="sort_32",
        title="sort, 32 bits",
        make=lambda random, n: sort(random, n, 32),
        sizes=(10**5, 10**6),
        targets={10**5: 0.35, 10**6: 4},
        published={10**5: (4.9, MPC), 10**6: (54, MPC)},
        delayed=10**4,
    ),
    Workload(
        name="join",
        title="inner join of unique keys, hidden result",
        make=lambda random, n: join(random, n, distinct=True),
        sizes=(10**5, 10**6),
        targets={10**5: 1.1, 10**6: 14},
        ratios={10**5: 15},
        published={10**5: (10.6, MPC), 10**6: (4.9, "Mohassel, Rindal, Rosulek on servers")},
        growth=GROWN,
        delayed=10**4,
    ),
    Workload(
        name="join_any",
        title="inner join, keys of any rows, hidden result",
        make=lambda random, n: join(random, n, distinct=False),
        sizes=(10**5,),
    ),
    Workload(
        name="join_tagged",
        title="inner join by tags, where parties may learn how many match",
        make=lambda random, n: join(random, n, distinct=True, tagged=True),
        sizes=(10**5,),
        delayed=10**4,
    ),
    Workload(
        name="group_public",
        title="sums in 10 public groups",
        make=group_public,
        sizes=(10**5,),
        targets={10**5: 0.05},
        ratios={10**5: 30},
        published={10**5: (1.49, SPU)},
        growth=GROWN,
        delayed=10**5,
    ),
    Workload(
        name="group_hidden",
        title="sums by a hidden key",
        make=group_hidden,
        sizes=(10**5,),
        targets={10**5: 0.8},
        ratios={10**5: 12},
        published={10**5: (9.6, SPU)},
    ),
    Workload(
        name="median",
        title="median of an owner's column in a secret half",
        make=median,
        sizes=(10**6,),
        targets={10**6: 0.4},
    ),
    Workload(
        name="gram",
        title="20 columns by themselves (Gram)",
        make=gram,
        sizes=(10**5,),
        targets={10**5: 0.15},
    ),
    Workload(
        name="gram_wide",
        title="20 columns by themselves (Gram), two limbs",
        make=lambda random, n: gram(random, n, 2),
        sizes=(10**5,),
    ),
)
WORKLOADS: dict[str, Workload] = {each.name: each for each in _WORKLOADS}
