"""Where federations come from: one on this machine with your own data or a demonstration's, or institutions that run already.

Whatever runs the institutions is behind a `Backend` that is found by its entry point.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secureframe.backend import NEUTRAL, PARTIES, Backend, ProgressEvent
from secureframe.disclosure.policy import ANALYST, Policy, preset
from secureframe.errors import PlanError
from secureframe.federation import Federation
from secureframe.governance.identity import AnalystIdentity
from secureframe.progress import ProgressLine
from secureframe.schema.declare import NAME, Table

Start = Callable[..., Backend]
Connect = Callable[[Path], tuple[Backend, AnalystIdentity, str]]

DEMO = "demo:"
"""How text that names a demonstration begins, where else the path of a federation's file would stand."""


def _backend(name: str) -> Any:
    """Return what starts a backend, from its entry point."""
    for entry in importlib.metadata.entry_points(group="secureframe.backends"):
        if entry.name == name:
            return entry.load()
    raise PlanError(f"no backend {name!r} is installed", hint="pip install secureframe")


def simulate(
    tables: Mapping[str, Mapping[str, Any]],
    *,
    policy: str | Policy | Mapping[str, str | Policy] = "open-research",
    purpose: str,
    analyst: str = "analyst",
    parties: Sequence[str] | None = None,
    quiet: bool = False,
    start: Start | None = None,
) -> Federation:
    """Start a federation on this machine: real parties, real protocols, with your own data.

    Parameters
    ----------
    tables : mapping
        Institution to table name to source: a pandas, polars or pyarrow table, a Parquet or CSV path, or a `sf.Table` that
        also declares types and ranges. What is undeclared is taken from the data, with a warning.
    policy : str, Policy or mapping
        ``"open-research"``, ``"standard"``, a `Policy`, or one of these for every institution.
    purpose : str
        What the answers are for; part of every plan.
    analyst : str
        The name that plans are signed with.
    parties : sequence of str, optional
        Who hosts the three compute parties: institutions of ``tables``, or neutral hosts, whose names begin with ``neutral``;
        neutral hosts fill up what is missing. By default the first three institutions.
    quiet : bool
        Show no progress.
    start : callable, optional
        What runs it, in place of the installed backend ``simulate``.

    Returns
    -------
    Federation

    Raises
    ------
    RegistrationError
        If a table breaks a rule; names institution, column and rule.
    """
    for name in [*tables, *(t for owned in tables.values() for t in owned)]:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise PlanError(f"{name!r} is no name for an institution or a table", hint="letters, digits and _, no dots")
    if ANALYST in tables:
        raise PlanError(f"{ANALYST!r} is what policies call whoever asks", hint="give the institution another name")
    hosts = None if parties is None else _hosts(parties, tables)
    if not tables or not all(tables.values()):
        raise PlanError("a federation needs institutions with tables", hint="{'hospital': {'patients': 'patients.parquet'}}")
    chosen = {name: (policy[name] if isinstance(policy, Mapping) and name in policy else policy) for name in tables}
    if any(isinstance(p, Mapping) for p in chosen.values()):
        missing = sorted(n for n, p in chosen.items() if isinstance(p, Mapping))
        raise PlanError(f"no policy is given for {', '.join(missing)}: an institution without one denies")
    policies = {name: preset(p).to_json() for name, p in chosen.items() if not isinstance(p, Mapping)}
    identity = AnalystIdentity.generate(analyst)
    directory = Path(tempfile.mkdtemp(prefix="sf-", dir=_short_directory()))
    line = ProgressLine(enabled=False if quiet else None, quiet=0)
    started = time.monotonic()
    try:
        declarations = {
            institution: {name: _as_table(source).declare(f"{institution}-{name}", directory) for name, source in owned.items()}
            for institution, owned in tables.items()
        }
        backend = (start or _backend("simulate"))(
            declarations=declarations,
            policies=policies,
            directory=directory,
            analyst=identity,
            progress=_steps(line, started),
            **({} if hosts is None else {"parties": hosts}),
        )
        line.done(f"{time.monotonic() - started:.1f} s to start {', '.join(m.name for m in backend.members)}")
    except BaseException:
        line.close()
        shutil.rmtree(directory, ignore_errors=True)
        raise
    federation = Federation(backend, purpose=purpose, analyst=identity, quiet=quiet)
    for texts in federation._catalog.warnings.values():
        for text in texts:
            warnings.warn(text, UserWarning, stacklevel=2)
    return federation


def _hosts(parties: Sequence[str], tables: Mapping[str, Any]) -> tuple[str, ...]:
    """Check who is to host the compute parties."""
    if isinstance(parties, str) or len(parties) > PARTIES or len(set(parties)) != len(parties):
        raise PlanError(f"there are {PARTIES} compute parties, each at another host", hint="parties=['hospital', 'registry']")
    for name in parties:
        neutral = isinstance(name, str) and NAME.fullmatch(name.replace("-", "_")) and name.startswith(NEUTRAL)
        if name not in tables and not neutral:
            known = ", ".join(map(repr, tables))
            raise PlanError(f"{name!r} has no tables here, so it could only be a neutral host", hint=f"{known}, or 'neutral'")
    return tuple(parties)


START_STEPS = 6
"""Steps that a backend tells of while it starts; only the progress line depends on it."""


def _steps(line: ProgressLine, started: float) -> Callable[[str], None]:
    """A callable that shows the steps of a start on one line."""
    taken = itertools.count(1)

    def show(text: str) -> None:
        number = min(next(taken), START_STEPS - 1)
        line(ProgressEvent(text, number, START_STEPS, None, 0, 0, time.monotonic() - started))

    return show


def connect(
    path: str | os.PathLike[str], *, purpose: str | None = None, quiet: bool = False, start: Connect | None = None
) -> Federation:
    """Connect to institutions that run already, each behind its own gateway.

    Parameters
    ----------
    path : path
        The federation's file: members, addresses and pinned certificates, and where the analyst's identity lies. A simulation's
        ``fed.invite("name")`` writes one for a further notebook. Text that begins with ``demo:`` starts the demonstration of
        that name in its place, as `demo` does: so a notebook's parameter names either.
    purpose : str, optional
        What the answers are for, in place of what the file says.
    quiet : bool
        Show no progress.
    start : callable, optional
        What connects, in place of the installed backend ``connect``.

    Returns
    -------
    Federation
        Closing it ends this connection and nothing else.

    Raises
    ------
    PlanError
        If the file or the identity cannot be read.
    PartyUnavailable
        If an institution cannot be reached.
    """
    if isinstance(path, str) and path.startswith(DEMO):
        federation = demo(path.removeprefix(DEMO), quiet=quiet)
        federation.purpose = purpose or federation.purpose
        return federation
    backend, analyst, named = (start or _backend("connect"))(Path(path))
    return Federation(backend, purpose=purpose or named, analyst=analyst, quiet=quiet)


def _as_table(source: Any) -> Table:
    return source if isinstance(source, Table) else Table(source)


def _short_directory() -> str | None:
    """A place with a short path: socket paths below it end at 107 bytes."""
    return "/tmp" if sys.platform != "win32" and os.access("/tmp", os.W_OK | os.X_OK) else None


def demo(
    name: str = "nafld", *, policy: str | Policy = "open-research", quiet: bool = False, start: Start | None = None
) -> Federation:
    """Start a federation with real data on this machine.

    Parameters
    ----------
    name : str
        ``"nafld"``: 17,549 people, whose patients' table, laboratory values and diagnoses lie at three institutions;
        ``"nafld-mixed"``: the same with the patients at two hospitals, each with its own; ``"breast-cancer"``: 3,668 people
        in two countries, each centre with its own, and a neutral third party.
    """
    from secureframe.datasets import DEMONSTRATIONS, data_digest

    if name not in DEMONSTRATIONS:
        raise PlanError(f"there is no demonstration {name!r}", hint=", ".join(f"sf.demo({n!r})" for n in DEMONSTRATIONS))
    chosen = DEMONSTRATIONS[name]
    federation = simulate(chosen.tables(), policy=policy, purpose=chosen.purpose, quiet=quiet, start=start)
    federation._demonstration = f"{name} {data_digest()}"
    return federation
