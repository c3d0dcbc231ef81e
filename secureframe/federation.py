"""A federation as the analyst holds it: its members, its catalog, its frames, and the last job that ran.

The federation builds, signs and sends plans, and opens what comes back. It never sees a row; whatever runs the
institutions is behind a `Backend` that is found by its entry point.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import os
import random
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from secureframe import tickets
from secureframe.backend import Backend, Member, Outcome, ProgressEvent
from secureframe.catalog import CatalogView
from secureframe.combine import stacked
from secureframe.disclosure.policy import ANALYST, Policy, require_recipient
from secureframe.display import page
from secureframe.display.plans import Explanation
from secureframe.display.rules import together
from secureframe.engine.catalog import Catalog
from secureframe.errors import Busy, KeptLost, PartyUnavailable, PlanError, ProtocolAborted, Restarting
from secureframe.frame import SecureFrame
from secureframe.governance.identity import AnalystIdentity
from secureframe.history import History, Jobs, Recording
from secureframe.jobs import JobReport
from secureframe.mpc.program import Program
from secureframe.pace import Pace
from secureframe.pending import NOTHING, About
from secureframe.plan.envelope import Plan, job_id, new_plan, parameters_of
from secureframe.plan.keepsake import require_name
from secureframe.plan.nodes import Node, Summarise
from secureframe.plan.nodes import Table as TableNode
from secureframe.plan.places import added_up
from secureframe.plan.shown import Shown
from secureframe.planner.compile import Compiled, compile_plan
from secureframe.planner.explain import explained
from secureframe.planner.prediction import sealed_bytes
from secureframe.planner.remembered import RememberedPrograms
from secureframe.progress import ProgressLine, summary
from secureframe.released_store import Entry, release_key, store_of_report
from secureframe.results.opening import open_released
from secureframe.results.receipt import Receipt
from secureframe.results.released import ReleasedTable
from secureframe.saving import keepsake_of, kept_of, opened
from secureframe.schema.types import Scalar
from secureframe.tickets import Ticket

T = TypeVar("T")
WAKE_SECONDS = 0.1
QUEUE_SECONDS = 300.0
"""How long a statement waits for its turn where institutions are busy with others."""


class MemberView:
    """An institution: ``fed["hospital"]["patients"]`` is a frame.

    ``party`` is the compute party that it hosts, if it does; ``directory``, in a simulation, its private directory on this
    machine, in which it keeps the results that it received.
    """

    def __init__(self, federation: Federation, member: Member) -> None:
        self._federation = federation
        self.name = member.name
        self.party = member.party
        self.directory = member.directory

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of its tables."""
        return tuple(name for owner, name in self._federation.catalog.tables if owner == self.name)

    def __getitem__(self, table: str) -> SecureFrame:
        return self._federation.frame(self.name, table)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.tables)

    def __repr__(self) -> str:
        hosts = f"hosts compute party {self.party}" if self.party is not None else "hosts no compute party"
        return f"Member({self.name!r}: {', '.join(self.tables) or 'no tables'}; {hosts})"

    def _repr_html_(self) -> str:
        title = page.element("p", "Member ", page.element("strong", self.name), classes="sf-title")
        return page.styled(title + page.facts(self._facts()), kind="member")

    def _facts(self) -> list[tuple[str, object]]:
        names = [page.element("code", f"{self.name}.{table}") for table in self.tables]
        tables = page.Html(", ".join(names)) if names else "none"
        party = "none" if self.party is None else f"party {self.party}"
        policies = self._federation.policies([self.name] if names else [])
        return [("tables", tables), ("hosts", party), *(("what leaves", together({name: p})) for name, p in policies.items())]


class Federation:
    """Institutions that answer together; also a context manager.

    Parameters
    ----------
    backend : Backend
        What runs the institutions.
    purpose : str
        What the answers are for; part of every plan.
    analyst : AnalystIdentity
        Who asks, and whom results are sealed for.
    quiet : bool
        Show no progress.

    ``opened`` says when, UTC; ``closed`` whether it has been closed.
    """

    def __init__(self, backend: Backend, *, purpose: str, analyst: AnalystIdentity, quiet: bool = False) -> None:
        if not purpose.strip():
            raise PlanError("a federation needs to know what its answers are for", hint="purpose='...'")
        self._backend = backend
        self._analyst = analyst
        self._catalog = Catalog.from_entries(backend.catalog())
        self._quiet = quiet
        self._lock = threading.Lock()
        self._programs = RememberedPrograms()
        self._pace = Pace()
        self._history = History()
        self._demonstration: str | None = None
        self.purpose = purpose
        self.last_job: JobReport | None = None
        self.opened = datetime.datetime.now(datetime.UTC)
        self.closed = False

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def members(self) -> tuple[MemberView, ...]:
        """The institutions, parties and data owners alike."""
        return tuple(MemberView(self, m) for m in self._backend.members)

    @property
    def catalog(self) -> CatalogView:
        """Tables and columns with type, range, owner and allowed use."""
        return CatalogView(self._catalog)

    def health(self) -> dict[str, str]:
        """Ask every institution whether a job could run there now; by name ``ready``, ``restarting`` or ``unreachable``."""
        return self._backend.health()

    def __getitem__(self, name: str) -> Any:
        """Return a member, a table as ``owner.table``, or the rows of all institutions' tables of that name.

        Raises
        ------
        PlanError
            If there is none, or those of several institutions do not have one schema.
        """
        for member in self._backend.members:
            if member.name == name:
                return MemberView(self, member)
        owner, _, table = name.rpartition(".")
        return self.frame(owner or None, table)

    def frame(self, owner: str | None, table: str) -> SecureFrame:
        """Return an institution's table as a frame; without an owner, the rows of all tables of that name."""
        name = f"{owner}.{table}" if owner else table
        found = [key for key in self._catalog.tables if key[1] == table and owner in (None, key[0])]
        if not found:
            known = ", ".join(f"{o}.{t}" for o, t in self._catalog.tables)
            raise PlanError(f"there is no {name!r} in this federation", hint=f"its tables are {known}")
        nodes = [TableNode(self._catalog.tables[key]) for key in found]
        if len(nodes) == 1:
            return SecureFrame(self, nodes[0])
        first = set(nodes[0].schema)
        for key, node in zip(found, nodes, strict=True):
            if set(node.schema) != first:
                differ = ", ".join(sorted(first ^ set(node.schema)))
                raise PlanError(
                    f"{name!r} of {key[0]} has other columns than that of {found[0][0]}: {differ}",
                    hint=f"sf.concat([{', '.join(f'fed[{o + chr(46) + t!r}]' for o, t in found)}], join='inner')",
                )
        return SecureFrame(self, stacked(nodes, join="outer", keys=None, name="centre"))

    @property
    def jobs(self) -> Jobs:
        """The latest jobs that were asked for, newest last, with those that run."""
        return self._history.jobs

    def watch(self, changed: Callable[[], None]) -> None:
        """Call something whenever a job begins, changes or ends: in the thread of that job, so it has to return at once."""
        self._history.watch(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call it no more."""
        self._history.unwatch(changed)

    def _ipython_key_completions_(self) -> list[str]:
        columns: dict[str, list[set[str]]] = {}
        for (_, name), table in self._catalog.tables.items():
            columns.setdefault(name, []).append({column.name for column in table.columns})
        pooled = [name for name, held in columns.items() if len(held) > 1 and all(each == held[0] for each in held)]
        return [m.name for m in self._backend.members] + pooled + [f"{o}.{t}" for o, t in self._catalog.tables]

    def __repr__(self) -> str:
        return f"Federation({', '.join(m.name for m in self._backend.members)}; {len(self._catalog.tables)} tables)"

    def _repr_html_(self) -> str:
        found = [(m, dict(m._facts())) for m in self.members]
        rows = [(m.name, facts["tables"], facts["hosts"], facts.get("what leaves", "")) for m, facts in found]
        shown = page.table(("institution", "tables", "compute party", "what leaves"), rows, caption="Federation")
        facts: list[tuple[object, object]] = [("purpose", self.purpose), ("asked by", str(self._analyst.public()["name"]))]
        facts.append(("next", page.element("code", "fed.catalog  fed['institution.table']  fed.jobs")))
        return page.styled(page.scrolling(shown, "federation") + page.facts(facts), kind="federation")

    # -- statements --------------------------------------------------------------------------------------------------

    def _plan(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        recipient: str | None = None,
        results: Sequence[Shown] = (),
        kept: Mapping[str, str] | None = None,
        purpose: str | None = None,
    ) -> Plan:
        owners = frozenset().union(*(n.owners for n in nodes))
        identity = None if recipient is None else self._recipient(recipient)
        policies = self.policies(owners)
        require_recipient(policies, ANALYST if recipient is None else recipient)
        return new_plan(
            nodes,
            parameters,
            purpose=purpose or self.purpose,
            analyst=self._analyst.public(),
            policies={owner: policy.digest for owner, policy in policies.items()},
            versions=self._catalog.versions(nodes),
            kept=kept,
            recipient=identity,
            results=results,
        )

    def _recipient(self, name: str) -> Mapping[str, Any]:
        """The identity of a member that can receive results."""
        known = {m.name: m.identity for m in self._backend.members if m.identity is not None}
        if name not in known:
            names = ", ".join(known) or "none here"
            raise PlanError(
                f"there is no institution {name!r} that could receive results",
                hint=f"with sf.defer(recipient=...): {names}; without a recipient the analyst gets the result",
            )
        return known[name]

    def _compiled(self, plan: Plan) -> Compiled:
        return self._programs.of(plan, functools.partial(compile_plan, plan, self._catalog.policies))

    def _prepared(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        recipient: str | None = None,
        results: Sequence[Shown] = (),
        *,
        purpose: str | None = None,
        anew: bool = False,
    ) -> tuple[Plan, Compiled]:
        """The plan and its program; it starts from what all parties keep of earlier statements, unless it is to start anew."""
        held = {} if anew or all(added_up(n.frame) for n in nodes) else self._backend.last_kept()
        plan = self._plan(nodes, parameters, recipient, results, held, purpose)
        compiled = self._compiled(plan)
        # A request names what it starts from and nothing else; the program is the same.
        used = {k.digest: k.origin for k in compiled.program.recalled}
        return replace(plan, kept=used), compiled

    def run(
        self, nodes: Sequence[Summarise], parameters: Mapping[str, Scalar], *, about: About = NOTHING
    ) -> list[ReleasedTable]:
        """Run releases as one job and return them in their order.

        Raises
        ------
        SecureFrameError
            What can be refused without data, before anything runs; `PartyUnavailable` if an institution was lost.
        """
        entry = self._entry(nodes, parameters, about)
        if entry is not None and (kept := entry.found()) is not None:
            self.last_job = kept.job
            return kept.tables(nodes)
        with self._recorded(about) as recording:
            started = time.perf_counter()
            plan, compiled, job, outcome = self._asked(nodes, parameters, recording, about)
            if outcome.packages is None:
                raise ProtocolAborted("the institutions kept what was meant for the analyst", hint="run the statement again")
            released = open_released(outcome.packages, self._analyst.sealing_key, job=job, plan=plan, compiled=compiled)
            sealed = sum(map(len, outcome.packages))
            self.last_job = JobReport.from_report(outcome.report, job, plan, time.perf_counter() - started, sealed)
            recording.released(self.last_job)
        if entry is not None:
            entry.keep(self.last_job, released)
        return released

    def _recorded(self, about: About) -> AbstractContextManager[Recording]:
        return self._history.recorded(about, about.purpose or self.purpose)

    def _entry(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        about: About,
        recipient: str | None = None,
        results: Sequence[Shown] = (),
    ) -> Entry | None:
        """Where the report that runs keeps what these releases gave; None outside a report."""
        store = store_of_report()
        if store is None:
            return None
        plan = self._plan(nodes, parameters, recipient, results, purpose=about.purpose)
        tables = {name: self._catalog.tables[owner, table] for name in plan.versions for owner, _, table in [name.partition(".")]}
        return Entry(store, release_key(plan, tables, demonstration=self._demonstration), plan)

    def _asked(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        recording: Recording,
        about: About,
        recipient: str | None = None,
        results: Sequence[Shown] = (),
    ) -> tuple[Plan, Compiled, str, Outcome]:
        """Run releases as one job: later if institutions are busy, from the start if a party has lost what it kept."""
        with ProgressLine(enabled=False if self._quiet else None) as line:
            lost, pause, began = 0, 0.2, time.monotonic()
            while True:
                plan, compiled = self._prepared(nodes, parameters, recipient, results, purpose=about.purpose, anew=lost > 1)
                try:
                    job, outcome = self._send(plan, compiled, recording, line)
                except KeptLost:
                    # A party has made room, or was restarted, since it told what it keeps: it is asked again, and then no more.
                    lost += 1
                    if lost > 2:
                        raise
                except Restarting:
                    # It has been waited for; the plan is signed anew, since the others may have taken this one already.
                    if time.monotonic() - began > QUEUE_SECONDS:
                        raise
                except Busy as error:
                    # Nobody holds a place while waiting for another one, so that two notebooks never wait for each other.
                    if time.monotonic() - began > QUEUE_SECONDS:
                        raise PartyUnavailable(
                            f"{error.institution} has had no place for this statement for {QUEUE_SECONDS:.0f} seconds",
                            hint="run it again once other notebooks have finished theirs",
                            institution=error.institution,
                        ) from None
                    line(ProgressEvent.waiting("queued", error.institution, time.monotonic() - began))
                    time.sleep(random.uniform(0.1, pause))
                    pause = min(2 * pause, 5.0)
                else:
                    return plan, compiled, job, outcome

    def _send(self, plan: Plan, compiled: Compiled, recording: Recording, line: ProgressLine) -> tuple[str, Outcome]:
        """Sign a plan, run it, and return the job's identifier and what came back."""
        request = plan.to_bytes()
        job, ticket = job_id(request), tickets.current.get()
        with self._lock:
            if ticket is not None:
                ticket.take(job)
            recording.sent(job, plan.digest)
            started = time.perf_counter()
            try:
                outcome = self._backend.run(request, self._analyst.sign(request), self._pace.following(compiled, line))
            except ProtocolAborted:
                if not self._history.is_cancelled(job):
                    raise
                line.cancelled()
                raise ProtocolAborted(
                    "the job was cancelled at every institution; nothing was released", hint="run the statement again"
                ) from None
            report = JobReport.from_report(outcome.report, job, plan, time.perf_counter() - started, sealed_bytes(compiled))
            line.done(summary(report.seconds, report.rounds, report.bytes, self._hosts))
        return job, outcome

    @property
    def _hosts(self) -> list[str]:
        """The institutions that host compute parties, in the parties' order."""
        hosts = {m.party: m.name for m in self._backend.members if m.party is not None}
        return [hosts[party] for party in sorted(hosts)]

    def deliver(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        recipient: str,
        results: Sequence[Shown] = (),
        *,
        about: About = NOTHING,
    ) -> Receipt:
        """Run releases as one job whose result goes to an institution, sealed with its key.

        Leakage: the recipient learns the released cells and which were withheld; the analyst nothing.

        Raises
        ------
        SecureFrameError
            As `run` does; `PolicyError` where an owner does not allow the recipient.
        """
        entry = self._entry(nodes, parameters, about, recipient, results)
        if entry is not None and (kept := entry.found()) is not None and kept.receipt is not None:
            self.last_job = kept.job
            return kept.receipt
        with self._recorded(about) as recording:
            started = time.perf_counter()
            plan, compiled, job, outcome = self._asked(nodes, parameters, recording, about, recipient, results)
            sealed = sealed_bytes(compiled)
            if outcome.packages is not None:
                raise ProtocolAborted(f"the institutions did not hand the result to {recipient}", hint="run the statement again")
            self.last_job = JobReport.from_report(outcome.report, job, plan, time.perf_counter() - started, sealed)
            recording.released(self.last_job)
        receipt = Receipt.of(plan, job)
        if entry is not None:
            entry.keep(self.last_job, receipt)
        return receipt

    async def deliver_async(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        recipient: str,
        results: Sequence[Shown] = (),
        *,
        about: About = NOTHING,
    ) -> Receipt:
        """The same without blocking the event loop."""
        return await self._aside(lambda: self.deliver(nodes, parameters, recipient, results, about=about))

    async def run_async(
        self, nodes: Sequence[Summarise], parameters: Mapping[str, Scalar], *, about: About = NOTHING
    ) -> list[ReleasedTable]:
        """Run releases as one job without blocking the event loop."""
        return await self._aside(lambda: self.run(nodes, parameters, about=about))

    def cancel(self, job: str) -> None:
        """End a job that runs aside, at every institution; harmless where it has ended. Interrupting a cell cancels its own.

        Parameters
        ----------
        job : str
            Its identifier, or how it begins, as ``fed.jobs`` shows it.
        """
        for entry in self.jobs:
            if job and entry.status == "running" and entry.job.startswith(job):
                self._history.cancelling(entry.job)
                self._backend.cancel(entry.job)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Work in another thread; whoever stops waiting for it cancels its job at every party."""
        ticket = Ticket()
        token = tickets.current.set(ticket)
        running = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            # An interrupt of a notebook's cell cancels this task, but wakes no event loop that waits.
            while not running.done():
                await asyncio.wait([running], timeout=WAKE_SECONDS)
            return running.result()
        except asyncio.CancelledError:
            running.cancel()
            job = ticket.drop()
            if job is not None:
                self._backend.cancel(job)
            raise
        finally:
            tickets.current.reset(token)

    def explain(
        self, nodes: Sequence[Summarise], parameters: Mapping[str, Scalar] | None = None, recipient: str | None = None
    ) -> str:
        """Say where releases are computed, what is sent, what each role learns, and what they cost."""
        plan, compiled = self._prepared(nodes, parameters or {}, recipient)
        return Explanation.of_plan(explained(plan, compiled, dict(enumerate(self._hosts))))

    def explain_frame(self, node: Node) -> Explanation:
        """Say where a frame lies and what each of its columns is."""
        return Explanation.of_frame(node)

    def policies(self, owners: Iterable[str]) -> dict[str, Policy]:
        """Return the policies that releases about some institutions' data follow."""
        return {owner: self._catalog.policies[owner] for owner in sorted(owners)}

    def save(self, name: str, node: Node, parameters: Mapping[str, Scalar]) -> None:
        """Save a frame under a name: its plan at every institution, and at the parties what is kept of its joins.

        Both are encrypted where they lie, and outlive this notebook; a frame of the same name is replaced.
        """
        require_name(name)
        held = self._backend.kept() if len(node.owners) > 1 else {}

        def program(probe: Sequence[Summarise]) -> Program:
            return self._compiled(self._plan(probe, {p: parameters[p] for p in parameters_of(node)}, kept=held)).program

        keepsake = keepsake_of(name, node, parameters, self._catalog, kept_of(node, program) if held else {})
        body = keepsake.to_bytes()
        self._backend.save(body, self._analyst.sign(body))

    def load(self, name: str) -> SecureFrame:
        """Return a frame that was saved under a name, with what is still kept of its joins.

        Raises
        ------
        PlanError
            If none was, or its tables do not have its columns any more.

        Warns
        -----
        UserWarning
            If the frame is computed anew from its plan: data or policies have changed, or a party has lost its part.
        """
        require_name(name)
        copies = self._backend.load(name)
        keepsake = opened(copies, name, self._analyst.public()["verify_key"], self._catalog)
        if not all(c["current"] for c in copies):
            why = "the data, or a policy, have changed since it was saved"
            warnings.warn(f"{name!r} is computed anew from its plan: {why}", UserWarning, stacklevel=2)
        elif keepsake.kept and keepsake.kept.items() - self._backend.kept().items():
            why = "a party has lost its part of what was kept"
            warnings.warn(f"{name!r} is computed anew from its plan: {why}", UserWarning, stacklevel=2)
        return SecureFrame(self, keepsake.frame, keepsake.parameters)

    @property
    def saved(self) -> list[str]:
        """The names of this analyst's saved frames, sorted."""
        return self._backend.saved()

    def forget(self, name: str) -> None:
        """Remove a saved frame, with what is kept of it on the disks of the parties.

        Raises
        ------
        PlanError
            If there is none of that name.
        """
        require_name(name)
        if not self._backend.forget_saved(name):
            raise PlanError(f"no frame was saved as {name!r}", hint="fed.saved lists those that were")

    def invite(self, name: str, *, affiliation: str | None = None, directory: str | os.PathLike[str] | None = None) -> Path:
        """Let another analyst ask, in a notebook of their own; of a simulation, by who started it.

        Parameters
        ----------
        name, affiliation : str
            Who they are; plans are signed and results sealed with keys of their own.
        directory : path, optional
            Where to write the federation's file and the identity, private to this user; by default beside the simulation,
            and gone with it.

        Returns
        -------
        Path
            For ``sf.connect(path)``.
        """
        return self._backend.invite(name, affiliation, None if directory is None else Path(directory), self.purpose)

    # -- life ----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End everything that the federation started."""
        self.closed = True
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
