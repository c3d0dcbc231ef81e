"""Magics: ``%federation``, ``%catalog``, ``%explain``, ``%%study`` and ``%jobs``; ``%federation?`` shows their help.

A magic without a federation in its arguments means the newest open one in the notebook. Nothing is connected before
``%federation demo`` or ``%federation connect``, and nothing heavy is imported before either.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from secureframe.errors import PlanError

if TYPE_CHECKING:
    from secureframe.federation import Federation

ACTIONS = ("status", "members", "connect", "demo", "close")
DEFAULT = "nafld"
"""The demonstration that is meant where none is named."""


def install(ip: Any) -> Callable[[], None]:
    """Register the magics and return what removes them, or brings back what they replaced."""
    known = ip.magics_manager.magics
    before = {kind: dict(found) for kind, found in known.items()}
    ours = SecureFrameMagics(ip)
    ip.register_magics(ours)

    def restore() -> None:
        for kind, names in ours.magics.items():
            for name in names:
                if name in before[kind]:
                    known[kind][name] = before[kind][name]
                else:
                    known[kind].pop(name, None)

    return restore


def federation_of(namespace: Mapping[str, Any]) -> Federation:
    """Return the federation that was opened last, of those in a namespace that are open.

    Raises
    ------
    PlanError
        If there is none.
    """
    loaded = sys.modules.get("secureframe.federation")
    found = [v for v in namespace.values() if loaded and isinstance(v, loaded.Federation) and not v.closed]
    if not found:
        raise PlanError("no federation is open in this notebook", hint="%federation demo nafld, or %federation connect PATH")
    latest: Federation = max(found, key=lambda fed: fed.opened)
    return latest


def parsed(magic: Any, line: str) -> Any:
    """Return the arguments of a magic; quotes hold words together, as in a shell."""
    try:
        return magic.parser.parse_args(shlex.split(line))
    except ValueError:
        raise UsageError(f"a quotation in the line of %{magic.__name__} is not closed") from None


@magics_class
class SecureFrameMagics(Magics):
    """What an analyst types in a notebook beside Python."""

    shell: Any

    def _federation(self) -> Federation:
        return federation_of(self.shell.user_ns)

    @magic_arguments()
    @argument("action", nargs="?", default="status", choices=ACTIONS, help="What to do; by default show the federation's status.")
    @argument("what", nargs="?", help="Of connect the path of a federation.toml, of demo the name of a demonstration.")
    @argument("-p", "--purpose", help="What the answers are for, in place of what the federation's file says.")
    @argument("-n", "--name", default="fed", help="The name that a new federation gets in the notebook; by default fed.")
    @line_magic
    def federation(self, line: str) -> Any:
        """Show the federation, or open one: its status, its members, one that runs already, or a demonstration.

        Examples::

            %federation demo nafld
            %federation connect ~/study/federation.toml --purpose "heart disease in young adults"
            %federation members
        """
        chosen = parsed(self.federation, line)
        if chosen.what is not None and chosen.action not in ("connect", "demo"):
            raise UsageError(f"%federation {chosen.action} takes nothing behind it")
        if chosen.action in ("connect", "demo"):
            if not chosen.name.isidentifier():
                raise UsageError(f"{chosen.name!r} is no name for a variable")
            return self._open(chosen.action, chosen.what, chosen.purpose, chosen.name)
        from kernel_ext.summary import members, status

        fed = self._federation()
        if chosen.action == "close":
            fed.close()
            return None
        return members(fed) if chosen.action == "members" else status(fed)

    def _open(self, action: str, what: str | None, purpose: str | None, name: str) -> Any:
        import secureframe.starting as opening
        from kernel_ext.summary import status

        if action == "demo":
            fed = opening.demo(what or DEFAULT)
            if purpose is not None:
                fed.purpose = purpose
        elif what is None:
            raise UsageError("%federation connect needs the path of a federation.toml")
        else:
            from pathlib import Path

            fed = opening.connect(Path(what).expanduser(), purpose=purpose)
        self.shell.push({name: fed})
        return status(fed)

    @magic_arguments()
    @argument("search", nargs="*", help="Show what all of these words are about: names, owners, types, categories.")
    @line_magic
    def catalog(self, line: str) -> Any:
        """Show which tables and columns there are, with type, range, owner and allowed use; never data.

        Examples::

            %catalog
            %catalog laboratory sbp
        """
        words = " ".join(parsed(self.catalog, line).search)
        found = self._federation().catalog
        return found.search(words) if words else found

    @magic_arguments()
    @argument("expression", nargs="+", help="A frame, a column, or a statement that yields numbers.")
    @line_magic
    def explain(self, line: str) -> Any:
        """Say where an expression is computed, what is sent, what each role learns and what it costs. Runs nothing.

        Examples::

            %explain cohort
            %explain cohort.groupby("male")["sbp"].mean()
        """
        if not line.strip():
            raise UsageError('%explain needs an expression, for instance %explain df["age"].mean()')
        from kernel_ext.study import explained

        __tracebackhide__ = True
        return explained(self.shell, line)

    @magic_arguments()
    @argument("purpose", nargs="*", help="What these answers are for, by default what the federation's are for.")
    @argument("-t", "--title", help="What the study is called.")
    @argument("-r", "--recipient", help="The institution that receives the results, sealed; by default you.")
    @argument("-m", "--meta", action="append", default=[], metavar="KEY=VALUE", help="A fact kept with the results; repeatable.")
    @argument("-x", "--explain", action="store_true", help="Explain the one job that it would be, and run nothing.")
    @cell_magic
    def study(self, line: str, cell: str) -> Any:
        """Ask for everything in a cell as one job.

        Statements that yield numbers wait until the cell has been read, and are then computed together. Names that were given
        to them hold the results afterwards, and what no name was given to is shown, in order.

        Examples::

            %%study heart disease in young adults --title "Table 2" --meta protocol=2026-17
            ages = cohort["age"].describe()
            by_sex = cohort.groupby("male")["sbp"].agg(["count", "mean"])
            cohort["sbp"].median()
        """
        from kernel_ext.study import run_study

        __tracebackhide__ = True
        chosen = parsed(self.study, line)
        facts = {}
        for pair in chosen.meta:
            key, is_pair, value = pair.partition("=")
            if not is_pair or not key:
                raise UsageError(f"{pair!r} is no KEY=VALUE, as in --meta protocol=2026-17")
            facts[key] = value
        purpose = " ".join(chosen.purpose) or None
        return run_study(
            self.shell,
            cell,
            purpose=purpose,
            title=chosen.title,
            recipient=chosen.recipient,
            facts=facts,
            explain_only=chosen.explain,
        )

    @magic_arguments()
    @argument("job", nargs="?", help="How a job's identifier begins: show all that is known of it.")
    @argument("-n", "--number", type=int, default=20, help="How many of the latest jobs to show; by default 20.")
    @line_magic
    def jobs(self, line: str) -> Any:
        """Show the latest jobs of the federation, newest last: what was asked, how it ended and what it took.

        Examples::

            %jobs
            %jobs -n 5
        """
        from kernel_ext.summary import job

        chosen = parsed(self.jobs, line)
        fed = self._federation()
        if chosen.job is not None:
            return job(fed, chosen.job)
        return fed.jobs.latest(chosen.number)
