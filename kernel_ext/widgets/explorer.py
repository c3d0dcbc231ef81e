"""Released results to choose from, and further ones to ask for: what has been released is cut and drawn, nothing is asked again.

A choice that no released table answers is shown as its plan (what is sent, what each role learns, what it costs). It runs when
its button is pressed, beside the kernel, and at no other time.
"""

from __future__ import annotations

import asyncio
import math
import re
import threading
import time
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets
import pandas as pd

import secureframe as sf
from kernel_ext.widgets import questions
from kernel_ext.widgets.aside import Aside
from kernel_ext.widgets.chosen import Choice, Table, name_of, released
from kernel_ext.widgets.parts import StatusLine, button, choices, column, dropdown, html, lines, row, show, title, unique
from kernel_ext.widgets.questions import Question
from secureframe import figures, progress
from secureframe.display.page import element
from secureframe.display.released import released_html
from secureframe.errors import PlanError, SuppressedWarning
from secureframe.frame import SecureFrame
from secureframe.pending import Pending

# What is withheld is said under every table that is shown; a warning of the thread would stand under some cell.
warnings.filterwarnings("ignore", category=SuppressedWarning, module=re.escape(__name__))

CHARTS = {"no chart": "", "bars": "bar", "bars to the right": "barh", "line": "line"}
SEVERAL = "Of a list of several lines, Ctrl or Shift chooses more than one."
EVERYBODY = ("everybody", "")
NO_COLUMNS = ("none", "")


class ResultsExplorer(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Tables to choose from; see `results_explorer`.

    Parameters
    ----------
    tables : dict
        Released tables by title.
    frame : SecureFrame, optional
        What further tables are asked of.
    """

    def __init__(self, tables: dict[str, Table], frame: SecureFrame | None = None) -> None:
        self.tables = dict(tables)
        self._drawing = Aside("results explorer")
        self._choice: Choice | None = None
        self._table = dropdown("Table", "Released tables, of which one is shown", list(tables))
        self._chart = dropdown("Chart", "How the chosen cells are drawn", list(CHARTS.items()))
        self._chosen = row()
        self._cells, self._picture = html(), html()
        self.status = StatusLine()
        self._table.observe(lambda _: self._take_table(), names="value")
        self._chart.observe(lambda _: self._draw(), names="value")
        self.asking = Asking(frame, self) if frame is not None else None
        head = html(title("Released results") + element("p", SEVERAL, classes="sf-note"))
        more = [] if self.asking is None else [self.asking]
        super().__init__([head, row(self._table, self._chart), self._chosen, self._cells, self._picture, self.status, *more])
        self._take_table()

    def take(self, name: str, found: Table) -> None:
        """Take a table that was released, and show it."""
        if name not in self.tables:
            self.tables[name] = found
            self._table.options = list(self.tables)
        self._table.value = name

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until everything that was chosen is shown; return whether it is."""
        return self._drawing.wait(seconds) and (self.asking is None or self.asking.wait(seconds))

    def _take_table(self) -> None:
        found = self.tables.get(self._table.value)
        if found is None:
            show(self._cells, element("p", "Nothing has been released yet.", classes="sf-note"))
            return
        before = self._chosen.children
        self._choice = Choice(found, self._draw)
        self._chosen.children = tuple(self._choice.controls)
        for control in before:
            control.close()
        self._chart.options = list(_charts(found).items())
        self._draw()

    def _draw(self) -> None:
        part = None if self._choice is None else self._choice.part()
        kind = self._chart.value
        self._drawing.start(lambda: self._drawn(part, kind))

    def _drawn(self, part: Table | None, kind: str) -> None:
        if part is None:
            show(self._cells, element("p", "No row or no column is chosen.", classes="sf-note"))
            self._picture.value = ""
            return
        self._cells.value = released_html(part) or ""
        try:
            self._picture.value = figures.plot(part, kind=kind, subplots=_apart(part)).to_html() if kind else ""
        except Exception as error:  # noqa: BLE001  # it is told in the widget
            self._picture.value = ""
            self.status.tell(error)
        else:
            self.status.say("")


class Asking(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The part of an explorer that asks for further tables: choices, their plan, and the button that runs it."""

    def __init__(self, frame: SecureFrame, explorer: ResultsExplorer) -> None:
        keys, values = questions.keys(frame), questions.values(frame)
        if not values:
            raise PlanError("the frame has no column of numbers that may be summarised", hint="results_explorer(table)")
        self._frame, self._explorer = frame, explorer
        self._planning, self._running = Aside("plan of a release"), Aside("release")
        self._asked: dict[Hashable, str] = {}
        self._ready: tuple[Question, Pending[Any]] | None = None
        self._stop: Stop | None = None
        self._settled = True
        named = [(key, key) for key in keys]
        self._rows = dropdown("Rows", "The key whose levels are the rows", [*named, EVERYBODY])
        self._columns = dropdown("Columns", "The key whose levels are the columns", [NO_COLUMNS, *named])
        self._value = dropdown("Values of", "The column that is summarised", values)
        self._statistics = choices("Statistics", "What is computed of the values")
        self._run = button("Release this table", "Run this plan as a job, beside the notebook", self.run, disabled=True)
        self._cancel = button("Cancel", "Cancel the job at every institution", self.cancel, disabled=True, icon="stop")
        self._waits, self._plan = html(), html()
        self.status = StatusLine()
        self._offer_statistics()
        self._value.observe(lambda _: self._offer_statistics(), names="value")
        for control in (self._rows, self._columns, self._value, self._statistics):
            control.observe(lambda _: self.plan(), names="value")
        controls = row(column(self._rows, self._columns, self._value), self._statistics)
        head = html(title("Ask for a further table"))
        super().__init__([head, controls, self._waits, self._plan, row(self._run, self._cancel), self.status])
        self.plan()

    @property
    def question(self) -> Question:
        """What is chosen."""
        return Question(
            rows=self._rows.value or None,
            columns=self._columns.value or None,
            value=self._value.value,
            statistics=tuple(self._statistics.value),
        )

    def plan(self) -> None:
        """Show the plan of what is chosen. Nothing runs."""
        if not self._settled:
            return
        self._ready = None
        self._run.disabled = True
        question = self.question
        self._planning.start(lambda: self._planned(question, chosen=True))

    def run(self) -> None:
        """Run the plan that is shown, beside the kernel."""
        ready, self._ready = self._ready, None
        if ready is not None:
            self._run.disabled = True
            self._stop = stop = Stop()
            self._cancel.disabled = False
            self.status.say("the release is under way; the notebook can be used meanwhile")
            self._running.start(lambda: self._ran(*ready, stop))

    def cancel(self) -> None:
        """Cancel the job that runs, at every institution."""
        if self._stop is not None:
            self._cancel.disabled = True
            self.status.say("cancelling at all institutions …")
            self._stop.press()

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until the plan is shown, and what was asked for has been released."""
        return self._planning.wait(seconds) and self._running.wait(seconds) and self._explorer._drawing.wait(seconds)

    def _offer_statistics(self) -> None:
        offered = questions.statistics(self._frame, self._value.value)
        before = [kind for kind in self._statistics.value if kind in offered]
        self._settled = False
        self._statistics.options = offered
        self._statistics.rows = lines(offered)
        self._statistics.value = before or [kind for kind in ("count", "mean") if kind in offered]
        self._settled = True

    def _planned(self, question: Question, *, chosen: bool) -> None:
        """Show the plan of a question; where it was not ``chosen`` just now, the line that says how it went is left alone."""
        try:
            pending = question.pending(self._frame)
            key = (pending.nodes, tuple(sorted(pending.parameters.items())))
            known = self._asked.get(key)
            plan = None if known is not None else pending.explain()
        except Exception as error:  # noqa: BLE001  # it is told in the widget
            self._show_no_plan("No plan: this cannot be asked.")
            self.status.tell(error)
            return
        if question != self.question:
            return
        if known is not None:
            self._show_no_plan(f"“{known}” has been released: nothing is asked again.")
            if chosen:
                self._explorer.take(known, self._explorer.tables[known])
                self.status.say("")
            return
        show(self._waits, element("p", f"The plan of “{question.title}”. Nothing of it has run.", classes="sf-title"))
        self._plan.value = plan._repr_html_()  # type: ignore[union-attr]  # a federation explains itself as HTML too
        if chosen and self._stop is None:
            self.status.say("nothing has run: this is the plan of what is chosen")
        self._ready = question, pending
        self._run.disabled = self._stop is not None

    def _show_no_plan(self, why: str) -> None:
        show(self._waits, element("p", why, classes="sf-note"))
        self._plan.value = ""

    def _ran(self, question: Question, pending: Pending[Any], stop: Stop) -> None:
        started = time.perf_counter()
        try:
            with following(self.status.say) as told:
                found = released(stop.run(pending))
        except asyncio.CancelledError:
            self.status.say("cancelled at all institutions; nothing was released")
        except Exception as error:  # noqa: BLE001  # it is told in the widget
            self.status.tell(error)
        else:
            name = unique(question.title, list(self._explorer.tables))
            self._asked[(pending.nodes, tuple(sorted(pending.parameters.items())))] = name
            self._explorer.take(name, found)
            took = told[-1].lstrip("✓ ") if told else f"{time.perf_counter() - started:.1f} s"
            self.status.say(f"released in {took}; it is shown above")
        finally:
            self._stop = None
            self._cancel.disabled = True
            now = self.question
            self._planning.start(lambda: self._planned(now, chosen=False))


class Stop:
    """A statement that runs in this thread, and can be given up from another one; its job is then cancelled at every party."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pressed = False
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def run(self, pending: Pending[Any]) -> Any:
        """Run a release as a job of its own and return its result; `asyncio.CancelledError` where it is given up."""
        return asyncio.run(self._run(pending))

    def press(self) -> None:
        """Give it up."""
        with self._lock:
            self._pressed = True
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)

    async def _run(self, pending: Pending[Any]) -> Any:
        task = asyncio.ensure_future(_collected(pending))
        with self._lock:
            if self._pressed:
                task.cancel()
            self._running = asyncio.get_running_loop(), task
        try:
            (found,) = await task
        finally:
            with self._lock:
                self._running = None
        return found


def _apart(part: Table) -> bool:
    """Whether columns are drawn apart: numbers of different kinds have no common axis."""
    if isinstance(part, pd.Series):
        return False
    last = {head[-1] if isinstance(head, tuple) else head for head in part.columns}
    first = {head[0] if isinstance(head, tuple) else head for head in part.columns}
    return len((last if last <= set(questions.STATISTICS) else first) & set(questions.STATISTICS)) > 1


def _charts(found: Table) -> dict[str, str]:
    """The charts that a table can be drawn as."""
    offered = dict(CHARTS)
    heads = [] if isinstance(found, pd.Series) else [head[-1] if isinstance(head, tuple) else head for head in found.columns]
    if {"25%", "50%", "75%"} <= {str(head) for head in [*heads, *found.index]}:
        offered["boxes"] = "box"
    if "edges" in found.attrs:
        offered["histogram"] = "hist"
    return offered


async def _collected(pending: Pending[Any]) -> Any:
    """Collect a release; warnings about it name this file."""
    return await sf.collect_async(pending)


@contextmanager
def following(say: Callable[[str], None]) -> Iterator[list[str]]:
    """Have the line of a statement that runs in this context said here, at most once a second; it yields all that it told."""
    lines: list[str] = []
    last = -math.inf

    def tell(line: str) -> None:
        nonlocal last
        lines.append(line)
        if time.monotonic() > last + 1.0:
            last = time.monotonic()
            say(line)

    token = progress.told.set(tell)
    try:
        yield lines
    finally:
        progress.told.reset(token)


def results_explorer(*tables: Table, frame: SecureFrame | None = None, **named: Table) -> ResultsExplorer:
    """Return a widget in which rows, columns, statistics and charts of released tables are chosen.

    Parameters
    ----------
    *tables : pandas.DataFrame, pandas.Series or Histogram
        Released tables.
    frame : SecureFrame, optional
        What further tables may be asked of. A choice is shown as its plan; it runs when its button is pressed.
    **named : pandas.DataFrame or pandas.Series
        Released tables with the titles under which they are offered.

    Returns
    -------
    ResultsExplorer
        A widget; ``.tables`` holds all released tables by title, with those that were asked for in it.

    Raises
    ------
    PlanError
        If something was not released, or there is nothing to show.

    Examples
    --------
    >>> by_sex = cohort.groupby("male")["sbp"].agg(["count", "mean"])
    >>> explorer = results_explorer(by_sex, frame=cohort)
    """
    if not tables and not named and frame is None:
        raise PlanError("there is nothing to explore", hint="results_explorer(table, frame=cohort)")
    found: dict[str, Table] = {}
    for given in map(released, tables):
        found[unique(name_of(given), [*found, *named])] = given
    for name, given in named.items():
        found[name] = released(given)
    return ResultsExplorer(found, frame)
