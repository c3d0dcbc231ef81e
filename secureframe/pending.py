"""Releases that are built but not yet run, and the one place where they run: now, deferred, or several in one job.

Every method that yields numbers makes a `Pending`. Outside ``with sf.defer()`` it is collected at once; inside, it is
returned, and ``sf.collect(*pending)`` runs all of them as one job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast, overload

from secureframe.disclosure.policy import Policy
from secureframe.display import page
from secureframe.display.plans import Explanation
from secureframe.errors import PlanError
from secureframe.plan.envelope import parameters_of
from secureframe.plan.nodes import Node, Summarise
from secureframe.plan.shown import Shown, printable
from secureframe.results.forms import Form
from secureframe.results.receipt import Receipt, asked
from secureframe.results.released import ReleasedTable
from secureframe.schema.types import Scalar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a job is called, for people, and what its answers are for; without a purpose, what the federation's are for."""

    title: str = ""
    purpose: str | None = None


NOTHING = About()


class Session(Protocol):
    """What a frame needs of a federation."""

    def run(
        self, nodes: Sequence[Summarise], parameters: Mapping[str, Scalar], *, about: About = NOTHING
    ) -> list[ReleasedTable]:
        """Run releases as one job and return them in their order."""
        ...

    async def run_async(
        self, nodes: Sequence[Summarise], parameters: Mapping[str, Scalar], *, about: About = NOTHING
    ) -> list[ReleasedTable]:
        """Run releases as one job without blocking the caller's event loop."""
        ...

    def deliver(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        recipient: str,
        results: Sequence[Shown] = (),
        *,
        about: About = NOTHING,
    ) -> Receipt:
        """Run releases as one job whose result goes to an institution."""
        ...

    async def deliver_async(
        self,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        recipient: str,
        results: Sequence[Shown] = (),
        *,
        about: About = NOTHING,
    ) -> Receipt:
        """The same without blocking the caller's event loop."""
        ...

    def explain(
        self, nodes: Sequence[Summarise], parameters: Mapping[str, Scalar] | None = None, recipient: str | None = None
    ) -> str:
        """Say where releases would be computed, what would be sent and what each role would learn."""
        ...

    def policies(self, owners: Iterable[str]) -> Mapping[str, Policy]:
        """Return the policies that releases about some institutions' data follow."""
        ...

    def save(self, name: str, node: Node, parameters: Mapping[str, Scalar]) -> None:
        """Save a frame under a name."""
        ...

    def explain_frame(self, node: Node) -> Explanation:
        """Say where a frame lies and what each of its columns is."""
        ...


class Pending(Generic[T]):
    """A release that waits: what is asked for, and how its cells become a pandas object or a number.

    Parameters
    ----------
    session : Session
        The federation it will run on.
    nodes : sequence of Summarise
        What is asked for.
    parameters : mapping
        Values of the parameters that occur in them; others are left out.
    shape : callable
        Makes the result of the releases of ``nodes``, in order.
    title : str
        What it is, for people.

    ``recipient`` is the institution that the result goes to; None for the analyst. With an institution, what this returns as its
    result is the `Receipt`. ``purpose`` is what the answer is for, where it is not what the federation's answers are for.
    """

    __slots__ = ("_result", "nodes", "parameters", "purpose", "recipient", "session", "shape", "title")

    def __init__(
        self,
        session: Session,
        nodes: Sequence[Summarise],
        parameters: Mapping[str, Scalar],
        shape: Callable[[Sequence[ReleasedTable]], T],
        title: str,
    ) -> None:
        self.session = session
        self.nodes = tuple(nodes)
        used = {name for node in self.nodes for name in parameters_of(node)}
        self.parameters = {name: value for name, value in parameters.items() if name in used}
        self.shape = shape
        self.title = title
        self.recipient: str | None = None
        self.purpose: str | None = None
        self._result: list[T] = []

    @property
    def done(self) -> bool:
        """Whether it has run."""
        return bool(self._result)

    def explain(self) -> str:
        """Say where it would be computed, what would be sent and what each role would learn. Runs nothing."""
        return explained(self.session, self.nodes, self.parameters, self.recipient)

    def submit(self) -> Self:
        """Run it as a job of its own, unless it has run; ``result()`` then returns at once."""
        if not self.done and self.recipient is not None:
            nodes = list(dict.fromkeys(self.nodes))
            receipt = self.session.deliver(nodes, self.parameters, self.recipient, [self.shown(nodes)], about=_about([self]))
            self._result = [cast(T, receipt)]
        elif not self.done:
            self.accept(self.session.run(self.nodes, self.parameters, about=_about([self])))
        return self

    def result(self) -> T:
        """Return the result, running the release first if it has not run."""
        return self.submit()._result[0]

    def accept(self, tables: Sequence[ReleasedTable]) -> None:
        """Take the releases of ``nodes``, in order, and shape the result."""
        self._result = [self.shape(tables)]

    def shown(self, nodes: Sequence[Summarise]) -> Shown:
        """Return how whoever receives it may show it, as one of the results of a job that asks for ``nodes``."""
        form = self.shape.to_json() if isinstance(self.shape, Form) else None
        return Shown(title=printable(self.title), releases=tuple(nodes.index(node) for node in self.nodes), form=form)

    def map(self, change: Callable[[T], Any], title: str) -> Pending[Any]:
        """The same release with another last step on its result."""
        shape = self.shape
        changed = Pending(self.session, self.nodes, self.parameters, lambda tables: change(shape(tables)), title)
        changed.recipient, changed.purpose = self.recipient, self.purpose
        return changed

    def __repr__(self) -> str:
        state = "released" if self.done else "not run yet"
        return f"<Pending {self.title}: {state}; .explain(), .submit(), .result(), or sf.collect(...)>"

    def _repr_html_(self) -> str:
        title = page.element("p", self.title, " ", _state(self), classes="sf-title")
        facts: list[tuple[object, object]] = [("asks", page.element("ul", *(page.element("li", asked(n)) for n in self.nodes)))]
        facts.append(("of", ", ".join(sorted(frozenset().union(*(n.owners for n in self.nodes))))))
        facts += [("for", self.recipient)] if self.recipient is not None else []
        steps = ".result()" if self.done else ".explain()  .submit()  .result()  sf.collect(...)"
        facts.append(("next", page.element("code", steps)))
        return page.styled(title + page.facts(facts), kind="pending")


class Study:
    """The releases asked for inside ``with sf.defer() as study:``, in their order, who receives them and what they are for."""

    def __init__(self, recipient: str | None = None, purpose: str | None = None) -> None:
        if purpose is not None and not purpose.strip():
            raise PlanError("a study needs to know what its answers are for", hint="sf.defer(purpose='...')")
        self.recipient = recipient
        self.purpose = purpose
        self.pending: list[Pending[Any]] = []
        self._tokens: list[Token[Study | None]] = []

    def __enter__(self) -> Self:
        self._tokens.append(_study.set(self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _study.reset(self._tokens.pop())

    def explain(self) -> str:
        """Explain all of them as the one job they would be."""
        session, nodes, parameters = _job(self.pending)
        return explained(session, nodes, parameters, self.recipient)

    def collect(self) -> Any:
        """Run all of them in one job and return their results in order; with an institution as recipient, its `Receipt`."""
        return collect(*self.pending)

    def __repr__(self) -> str:
        to = f" for {self.recipient}" if self.recipient is not None else ""
        return f"<Study of {len(self.pending)} releases{to}; .explain(), .collect()>"

    def _repr_html_(self) -> str:
        to = f" for {self.recipient}" if self.recipient is not None else ""
        rows = [(p.title, "; ".join(asked(n) for n in p.nodes), _state(p)) for p in self.pending]
        caption = f"Study of {len(rows)} result{'' if len(rows) == 1 else 's'}{to}, one job"
        how = page.element("p", page.element("code", ".explain()  .collect()"), classes="sf-note")
        shown = page.table(("result", "asks", "state"), rows, caption=caption)
        return page.styled(page.scrolling(shown, "study") + how, kind="study")


def _state(pending: Pending[Any]) -> page.Html:
    return page.chip("released", "local") if pending.done else page.chip("not run yet")


def explained(session: Session, nodes: Sequence[Summarise], parameters: Mapping[str, Scalar], recipient: str | None) -> str:
    """Explain releases for whoever receives them."""
    if recipient is None:
        return session.explain(nodes, parameters)
    return session.explain(nodes, parameters, recipient=recipient)


_study: ContextVar[Study | None] = ContextVar("study", default=None)


def defer(recipient: str | None = None, *, purpose: str | None = None) -> Study:
    """Return a context in which statements that yield numbers wait instead of running.

    Parameters
    ----------
    recipient : str, optional
        The institution that receives their results, sealed with its key; collecting them returns a `Receipt`. By default the
        analyst does.
    purpose : str, optional
        What these answers are for; part of their plan. By default what the federation's answers are for.

    Returns
    -------
    Study
        It holds the waiting releases.

    Examples
    --------
    >>> with sf.defer() as study:
    ...     ages = cohort["age"].describe()
    ...     by_sex = cohort.groupby("male")["sbp"].mean()
    >>> ages, by_sex = sf.collect(ages, by_sex)
    >>> with sf.defer(recipient="registry") as study:
    ...     by_sex = cohort.groupby("male")["sbp"].mean()
    >>> receipt = study.collect()
    """
    return Study(recipient, purpose)


def release(pending: Pending[Any]) -> Any:
    """Return the result of a release; inside ``sf.defer()`` the release itself."""
    study = _study.get()
    if study is None:
        return pending.result()
    pending.recipient, pending.purpose = study.recipient, study.purpose
    study.pending.append(pending)
    return pending


@overload
def collect(*pending: Pending[Any]) -> Any: ...
@overload
def collect(*pending: Pending[Any], recipient: str) -> Receipt: ...
def collect(*pending: Pending[Any], recipient: str | None = None) -> Any:
    """Run waiting releases in one job and return their results, in order.

    A release that was asked for twice runs once; one that has run already keeps its result.

    Parameters
    ----------
    *pending : Pending
        What statements return inside ``sf.defer()``.
    recipient : str, optional
        The institution that receives the results, in place of the one that ``sf.defer(recipient=...)`` named.

    Returns
    -------
    tuple or Receipt
        The results; with an institution as recipient, the one receipt of the job.

    Raises
    ------
    PlanError
        If they belong to different federations, go to different recipients, are for different purposes, or give one parameter
        two values.
    """
    to = _recipient(pending, recipient)
    if to is not None:
        session, nodes, parameters = _job(pending)
        return session.deliver(nodes, parameters, to, [p.shown(nodes) for p in dict.fromkeys(pending)], about=_about(pending))
    waiting = _waiting(pending)
    if waiting:
        session, nodes, parameters = _job(waiting)
        _hand_out(waiting, nodes, session.run(nodes, parameters, about=_about(waiting)))
    return tuple(p.result() for p in pending)


async def collect_async(*pending: Pending[Any], recipient: str | None = None) -> Any:
    """The same as `collect`, awaitable."""
    to = _recipient(pending, recipient)
    if to is not None:
        session, nodes, parameters = _job(pending)
        shown = [p.shown(nodes) for p in dict.fromkeys(pending)]
        return await session.deliver_async(nodes, parameters, to, shown, about=_about(pending))
    waiting = _waiting(pending)
    if waiting:
        session, nodes, parameters = _job(waiting)
        _hand_out(waiting, nodes, await session.run_async(nodes, parameters, about=_about(waiting)))
    return tuple(p.result() for p in pending)


def _recipient(pending: Iterable[Any], recipient: str | None) -> str | None:
    """The one institution that some releases go to; None for the analyst."""
    found = set()
    for p in pending:
        if not isinstance(p, Pending):
            raise PlanError(
                f"collect takes what statements return inside sf.defer(), not {type(p).__name__}",
                hint="with sf.defer(): mean = df['age'].mean()",
            )
        found.add(p.recipient)
    if recipient is not None:
        return recipient
    if len(found) > 1:
        names = " and ".join(sorted("the analyst" if name is None else name for name in found))
        raise PlanError(f"releases for {names} are different jobs", hint="sf.collect(...) once for each recipient")
    return found.pop() if found else None


def _about(pending: Sequence[Pending[Any]]) -> About:
    """What a job of some releases is called, and the one purpose that they are for."""
    purposes = {p.purpose for p in pending}
    if len(purposes) > 1:
        raise PlanError("releases for different purposes are different jobs", hint="sf.collect(...) once for each purpose")
    return About(title="; ".join(dict.fromkeys(printable(p.title) for p in pending)), purpose=purposes.pop())


def _waiting(pending: Iterable[Pending[Any]]) -> list[Pending[Any]]:
    waiting: list[Pending[Any]] = []
    for p in pending:
        if not p.done and p not in waiting:
            waiting.append(p)
    return waiting


def _job(pending: Sequence[Pending[Any]]) -> tuple[Session, list[Summarise], dict[str, Scalar]]:
    if not pending:
        raise PlanError("nothing is waiting", hint="with sf.defer() as study: df['age'].mean()")
    session = pending[0].session
    if any(p.session is not session for p in pending):
        raise PlanError("releases of different federations are different jobs", hint="sf.collect(...) once for each")
    nodes = list(dict.fromkeys(node for p in pending for node in p.nodes))
    return session, nodes, merge_parameters(*(p.parameters for p in pending))


def _hand_out(waiting: Sequence[Pending[Any]], nodes: Sequence[Summarise], tables: Sequence[ReleasedTable]) -> None:
    found = dict(zip(nodes, tables, strict=True))
    for p in waiting:
        p.accept([found[node] for node in p.nodes])


def merge_parameters(*bindings: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return the values of all parameters; one name cannot have two values."""
    merged: dict[str, Scalar] = {}
    for binding in bindings:
        for name, value in binding.items():
            if merged.setdefault(name, value) != value:
                raise PlanError(f"parameter {name!r} has two values in one job", hint="give them different names")
    return merged
