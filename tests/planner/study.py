"""Three institutions with small random tables, in one process: what the tests of plans, planner and engine run on."""

from __future__ import annotations

import datetime
import shutil
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.federation import Federation
from secureframe.local.lower import Tables
from secureframe.local.register import RegisteredTable
from secureframe.local.values import to_pandas
from secureframe.plan.nodes import Table
from secureframe.schema import declare as d
from secureframe.testing import InMemoryBackend

LEVELS = ("low", "mid", "high")
FIRST_DAY, LAST_DAY = datetime.date(2020, 1, 1), datetime.date(2020, 1, 31)
OWNERS = ("clinic", "labor", "register")
TEST_POLICY = Policy(name="test", threshold=2)

COLUMNS: dict[str, dict[str, d.ColumnDeclaration]] = {
    "clinic.people": {
        "id": d.key("person", low=1, high=60),
        "case_id": d.key("person", low=1, high=63, nullable=True),
        "age": d.integer(18, 90, nullable=False),
        "male": d.boolean(nullable=True),
        "bmi": d.number(10, 20, precision=0.25, nullable=True),
        "grade": d.category(LEVELS, nullable=True),
        "entered": d.date(FIRST_DAY, LAST_DAY, nullable=True),
    },
    "labor.scores": {
        "id": d.key("person", low=1, high=70),
        "score": d.integer(-5, 10, nullable=True),
        "level": d.number(0, 8, precision=0.5, nullable=False),
        "rank": d.category(LEVELS, nullable=True),
        "hit": d.boolean(nullable=True),
        "seen": d.date(FIRST_DAY, LAST_DAY, nullable=True),
    },
    "labor.visits": {
        "id": d.key("person", low=1, high=70),
        "day": d.integer(0, 100, nullable=False),
        "value": d.number(-4, 4, precision=0.5, nullable=True),
        "high": d.boolean(nullable=True),
        "site": d.category(LEVELS, nullable=True),
        "booked": d.date(FIRST_DAY, LAST_DAY, nullable=True),
    },
    "register.events": {
        "id": d.key("person", low=1, high=60),
        "mi": d.boolean(nullable=True),
        "stage": d.integer(0, 3, nullable=True),
        "dose": d.decimal(-2, 3, 1, nullable=True),
        "kind": d.category(LEVELS, nullable=True),
        "died": d.date(FIRST_DAY, LAST_DAY, nullable=True),
    },
}
ROWS_PER_PERSON = {"labor.visits": 3}
_TYPES: dict[str, Any] = {"male": pl.Boolean, "hit": pl.Boolean, "mi": pl.Boolean, "high": pl.Boolean}


def random_tables(seed: int, persons: int = 14, missing: float = 0.25) -> dict[str, pl.DataFrame]:
    """Rows of every table; not every person is everywhere."""
    generator = np.random.default_rng(seed)

    def column(name: str, declared: d.ColumnDeclaration, n: int) -> list[Any]:
        match str(declared.kind):
            case "bool":
                values: list[Any] = generator.integers(0, 2, n).astype(bool).tolist()
            case "category":
                values = [LEVELS[i] for i in generator.integers(0, 3, n)]
            case "date":
                values = [FIRST_DAY + datetime.timedelta(days=int(i)) for i in generator.integers(0, 31, n)]
            case _:
                assert declared.low is not None and declared.high is not None
                grid = generator.integers(int(declared.low / declared.step), int(declared.high / declared.step) + 1, n)
                values = [int(i) if declared.step == 1 else float(int(i) * declared.step) for i in grid]
        if declared.nullable:
            values = [None if hidden else v for v, hidden in zip(values, generator.random(n) < missing, strict=True)]
        return values

    tables = {}
    for table, columns in COLUMNS.items():
        most = ROWS_PER_PERSON.get(table, 1)
        ids = np.sort(generator.choice(np.arange(1, persons + 4), persons, replace=False))
        if most > 1:
            ids = generator.permutation(np.repeat(ids, generator.integers(0, most + 1, len(ids))))
            ids = ids if len(ids) else np.array([1])
        else:
            ids = generator.permutation(ids)
        data: dict[str, list[Any]] = {"id": ids.tolist()}
        for name, declared in columns.items():
            if name == "case_id":
                near = generator.integers(1, persons + 2, len(ids))
                gone = generator.random(len(ids)) < missing
                data[name] = [None if hidden else int(i) for i, hidden in zip(near, gone, strict=True)]
            elif name != "id":
                data[name] = column(name, declared, len(ids))
        tables[table] = pl.DataFrame(data, schema_overrides={n: t for n, t in _TYPES.items() if n in data}, strict=False)
    return tables


@dataclass(frozen=True, slots=True)
class Study:
    """A federation in one process, and what its owners hold."""

    federation: Federation
    backend: InMemoryBackend

    def table(self, name: str) -> Table:
        owner, _, table = name.partition(".")
        return Table(self.federation.catalog.tables[(owner, table)])

    @property
    def tables(self) -> Tables:
        """The registered tables of all owners, by ``owner.name``."""
        return {name: t for i in self.backend.institutions.values() for name, t in i._tables.items()}

    def registered(self, name: str) -> RegisteredTable:
        return self.tables[name]

    def pandas(self, name: str) -> pd.DataFrame:
        """The quantised values of a table."""
        registered = self.registered(name)
        return to_pandas(registered.frame, registered.schema)


def start(
    tables: dict[str, pl.DataFrame],
    *,
    policy: Policy = TEST_POLICY,
    persons: int = 16,
    columns: dict[str, dict[str, d.ColumnDeclaration]] | None = None,
) -> Study:
    """Start a federation over tables that are named ``owner.table``."""
    backends: list[InMemoryBackend] = []

    def begin(*, declarations: Any, policies: Any, directory: Any, analyst: Any, progress: Any) -> InMemoryBackend:
        backends.append(InMemoryBackend(declarations=declarations, policies=policies, analyst=analyst))
        shutil.rmtree(directory)
        return backends[-1]

    owned: dict[str, dict[str, sf.Table]] = {}
    for name, rows in tables.items():
        owner, _, table = name.partition(".")
        declared = (columns or COLUMNS)[name]
        owned.setdefault(owner, {})[table] = sf.Table(
            rows, columns=declared, person_key="id", roster_size=persons, rows_per_person=ROWS_PER_PERSON.get(name, 1)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        federation = sf.simulate(owned, policy=policy, purpose="tests", start=begin, quiet=True)
    return Study(federation, backends[0])
