"""An institution: its tables, its policy, the plans it admits, and what it deals to the parties.

The notebook is not trusted. A request is parsed strictly, its signature checked against a known analyst, its policies and data
versions against this institution's own; the plan is then compiled here, from the catalog that all institutions agree on.
"""

from __future__ import annotations

import datetime
import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secureframe.disclosure.policy import ANALYST, Policy, require_recipient
from secureframe.display.rules import together
from secureframe.engine.catalog import Catalog
from secureframe.engine.job import AdmittedJob
from secureframe.engine.receiving import Receiving
from secureframe.errors import PlanError, PolicyError, SecureFrameError
from secureframe.governance.identity import is_sealing_key, verify
from secureframe.governance.journal import REFUSED, RUNNING, Journal, JournalJob, now
from secureframe.governance.kept import RESULTS
from secureframe.local.encode import encode
from secureframe.local.lower import Computed, LocalFrame, compute, pad, table_id
from secureframe.local.parts import parts_of
from secureframe.local.register import RegisteredTable, register
from secureframe.local.remembered import RememberedFrames
from secureframe.mpc.program import Value
from secureframe.mpc.sharing import deal
from secureframe.plan.envelope import Plan, job_id, read_plan
from secureframe.plan.forms import Form
from secureframe.plan.nodes import Node
from secureframe.plan.parts import Breakdown, Histogram, Part
from secureframe.planner.compile import Compiled, compile_plan
from secureframe.planner.frames import Local, LocalPart, LocalValue
from secureframe.planner.remembered import RememberedPrograms
from secureframe.results.receipt import asked

MAX_SEEN = 100_000
FRESH = datetime.timedelta(minutes=15)
"""How far a request's time of signing may be from now."""
MAX_WAITING = 1_000
"""Admitted plans that are kept for dealing; a job that another institution refuses is never dealt."""


class Institution:
    """One institution of a federation.

    Parameters
    ----------
    name : str
        Its name.
    policy : dict
        Its policy, as JSON.
    members : sequence of dict
        Name, party and data of every member; the same everywhere.
    """

    def __init__(self, *, name: str, policy: dict[str, Any], members: Sequence[dict[str, Any]]) -> None:
        self.name = name
        self.policy = Policy.from_json(policy)
        self.members = tuple(members)
        self._tables: dict[str, RegisteredTable] = {}
        self._analysts: dict[str, dict[str, Any]] = {}
        self._catalog: Catalog | None = None
        self._entries: dict[str, dict[str, Any]] = {}
        self._identity: dict[str, Any] | None = None
        self.receiving: Receiving | None = None
        self.journal: Journal | None = None
        self._admitted: dict[str, tuple[Plan, tuple[Local, ...]]] = {}
        self._seen: dict[str, None] = {}
        self._programs = RememberedPrograms()
        self._frames = RememberedFrames()
        self._lock = threading.Lock()

    # -- set-up --------------------------------------------------------------------------------------------------

    def register(self, table: str, declaration: dict[str, Any]) -> None:
        """Read, check and quantise a table.

        Raises
        ------
        RegistrationError
            Naming column and rule, never a value.
        """
        registered = register(self.name, table, declaration)
        self._frames = RememberedFrames()
        self._tables[table_id(registered.schema)] = registered

    def identify(self, identity: dict[str, Any], directory: Path) -> None:
        """Take the public identity under which results may be sent here, and the private directory to keep them in."""
        self._identity = dict(identity)
        self.receiving = Receiving(self.name, directory / RESULTS, lambda: self._entries)
        self.journal = Journal(self.name, directory)

    def describe(self) -> dict[str, Any]:
        """Return this institution's entry of the catalog: public identity, tables with types and ranges, policy, warnings."""
        return {
            "name": self.name,
            "identity": self._identity,
            "policy": self.policy.to_json(),
            "tables": [t.schema.to_json() for t in self._tables.values()],
            "warnings": [w for t in self._tables.values() for w in t.warnings],
        }

    def set_catalog(self, entries: dict[str, dict[str, Any]]) -> None:
        """Take the catalog that all institutions agree on; this institution's own entry must be in it as it is."""
        if entries.get(self.name) != self.describe():
            raise PlanError(f"the catalog does not hold {self.name} as it is")
        self._catalog = Catalog.from_entries(entries)
        self._programs = RememberedPrograms()
        self._entries = entries
        if self.journal is not None:
            self.journal.serving(self.policy.to_json(), [t.schema.name for t in self._tables.values()])

    def trust(self, analyst: dict[str, Any]) -> None:
        """Accept plans that are signed by an analyst (name, affiliation, verify_key)."""
        self._analysts[analyst["verify_key"]] = dict(analyst)

    # -- jobs ----------------------------------------------------------------------------------------------------

    def admit(self, request: bytes, signature: bytes) -> AdmittedJob:
        """Check a request and compile its plan.

        Raises
        ------
        SecureFrameError
            For everything that can be refused without looking at data.
        """
        if self._catalog is None:
            raise PlanError(f"{self.name} is not ready")
        plan = read_plan(request, self._catalog.tables)
        self._check_signature(plan, request, signature)
        job = job_id(request)
        try:
            compiled = self._checked(plan, job)
        except SecureFrameError as error:
            self._note(plan, job, refused=error)
            raise
        self._note(plan, job, compiled)
        with self._lock:
            self._admitted[job] = (plan, compiled.locals)
            while len(self._admitted) > MAX_WAITING:
                self._admitted.pop(next(iter(self._admitted)))
        admitted = AdmittedJob(
            job_id=job,
            plan_digest=plan.digest,
            owners=tuple(sorted({spec.owner for spec in compiled.program.inputs})),
            stages=compiled.program.stages,
            analyst=plan.analyst["verify_key"],
            recipient_key=plan.recipient["sealing_key"],
            program=compiled.program,
            recipient=None if plan.recipient == plan.analyst else plan.recipient["name"],
        )
        if admitted.recipient == self.name and self.receiving is not None:
            self.receiving.expect(job, request, signature, admitted.released_bytes)
        return admitted

    def _checked(self, plan: Plan, job: str) -> Compiled:
        """Check what a known analyst has signed, and compile it."""
        assert self._catalog is not None
        _check_fresh(plan)
        self._check_agreement(plan)
        compiled = self._programs.of(plan, functools.partial(compile_plan, plan, self._catalog.policies))
        with self._lock:
            if job in self._seen:
                raise PlanError("this request has been run before", hint="run the statement again: it is signed anew")
            self._seen[job] = None
            while len(self._seen) > MAX_SEEN:
                self._seen.pop(next(iter(self._seen)))
        return compiled

    def _note(self, plan: Plan, job: str, compiled: Compiled | None = None, refused: SecureFrameError | None = None) -> None:
        """Enter a job into the journal: what the plan says, and nothing else."""
        if self.journal is None:
            return
        rules = () if compiled is None else tuple(dict.fromkeys(together({self.name: r.policy}) for r in compiled.releases))
        own = sorted(table for owner, _, table in (name.partition(".") for name in plan.versions) if owner == self.name)
        affiliation = plan.analyst.get("affiliation")
        self.journal.begun(
            JournalJob(
                job=job,
                plan=plan.digest,
                analyst=str(plan.analyst["name"]) + (f" ({affiliation})" if affiliation else ""),
                purpose=plan.purpose,
                recipient=str(plan.recipient["name"]),
                tables=tuple(own),
                statistics=tuple(asked(release) for release in plan.releases),
                policy=plan.policies.get(self.name, ""),
                rules=rules,
                begun=now(),
                status=RUNNING if refused is None else REFUSED,
                error=None if refused is None else type(refused).__name__,
            )
        )

    def ended(self, job: str, status: str) -> None:
        """Note in the journal how an admitted job ended here."""
        if self.journal is not None:
            self.journal.ended(job, status)

    def _check_signature(self, plan: Plan, request: bytes, signature: bytes) -> None:
        known = self._analysts.get(str(plan.analyst.get("verify_key")))
        if known is None or any(plan.analyst.get(k) != known.get(k) for k in ("name", "affiliation", "verify_key")):
            raise PolicyError(f"{self.name} does not know the analyst of this plan", hint="ask to be admitted")
        if not verify(known["verify_key"], signature, request):
            raise PolicyError("the signature of the plan is not its analyst's")
        assert self._catalog is not None
        if plan.recipient != plan.analyst and plan.recipient not in self._catalog.identities.values():
            raise PolicyError(
                "results go to the analyst who asks, or to an institution of this federation under its own key",
                hint="leave the recipient out, or name a member: fed.members",
            )
        if not is_sealing_key(plan.recipient.get("sealing_key")):
            raise PolicyError("the plan names no key that results can be sealed to")

    def _check_agreement(self, plan: Plan) -> None:
        assert self._catalog is not None
        if dict(plan.policies) != {owner: self._catalog.policies[owner].digest for owner in plan.owners}:
            raise PolicyError("the plan was made against other policies than those in force", hint="fed.catalog, then again")
        require_recipient(
            {owner: self._catalog.policies[owner] for owner in plan.owners},
            ANALYST if plan.recipient == plan.analyst else plan.recipient["name"],
        )
        if dict(plan.versions) != self._catalog.versions(plan.releases):
            raise PlanError("the data have changed since the plan was made", hint="fed.catalog, then again")
        if not plan.purpose.strip():
            raise PolicyError("a plan says what its answers are for", hint="sf.simulate(..., purpose='...')")
        if self.policy.purposes is not None and plan.purpose not in self.policy.purposes and self.name in plan.owners:
            raise PolicyError(f"{self.name} does not allow this purpose", hint="one of: " + "; ".join(self.policy.purposes))

    def deal(self, job: AdmittedJob) -> tuple[bytes, bytes, bytes] | None:
        """Compute this institution's inputs from its own rows and share them; None where the job needs none of them.

        Returns
        -------
        tuple of bytes
            The messages to the parties 0, 1 and 2.
        """
        with self._lock:
            admitted = self._admitted.pop(job.job_id, None)
        if admitted is None:
            raise PlanError("this job was not admitted here, or has been dealt before", hint="run the statement again")
        plan, locals_ = admitted
        own = [(spec.value, local) for spec, local in zip(job.program.inputs, locals_, strict=True) if spec.owner == self.name]
        if not own:
            return None
        dealer = _Dealer(self._tables, plan, self._frames)
        try:
            return deal([(value, dealer.plain(value, local)) for value, local in own])
        except SecureFrameError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be shown
            # What Polars says of a failed computation may quote a value.
            raise PlanError(f"{self.name} could not compute its part ({type(error).__name__})") from None


def _check_fresh(plan: Plan) -> None:
    """Refuse a request that was signed long ago: runs are remembered for a time only, so an old one could be a replay."""
    try:
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(plan.created)
    except (ValueError, TypeError) as error:
        raise PlanError("the request does not say when it was signed") from error
    if abs(age) > FRESH:
        raise PlanError("the request was not signed just now", hint="run the statement again, and check the clocks")


class _Dealer:
    """Computes what one institution deals in one job; every frame and every release once."""

    def __init__(self, tables: dict[str, RegisteredTable], plan: Plan, remembered: RememberedFrames) -> None:
        analyst = remembered.of(str(plan.analyst.get("verify_key")))
        self._done = Computed(tables=tables, parameters=plan.parameters, remembered=analyst)
        self._frames: dict[Node, LocalFrame] = {}
        self._parts: dict[int, dict[Part | Histogram, list[int]]] = {}

    def plain(self, value: Value, local: Local) -> NDArray[Any]:
        match local:
            case LocalValue():
                return self._value(local)
            case LocalPart(breakdown=breakdown, part=part):
                found = self._parts_of(breakdown)[part]
                plain = np.empty((1, value.n), dtype=object)
                plain[0, :] = found
                return plain

    def _value(self, local: LocalValue) -> NDArray[Any]:
        if local.frame not in self._frames:
            self._frames[local.frame] = pad(compute(local.frame, self._done), local.length)
        encoding = local.encoding
        key = (encoding.low, encoding.width) if encoding.form is Form.KEY else None
        return encode(
            self._frames[local.frame],
            local.expr,
            encoding.form,
            local.frame.schema,
            local.length,
            key=key,
            parameters=self._done.parameters,
        )

    def _parts_of(self, breakdown: Breakdown) -> dict[Part | Histogram, list[int]]:
        if id(breakdown) not in self._parts:
            self._parts[id(breakdown)] = parts_of(breakdown, self._done)
        return self._parts[id(breakdown)]
