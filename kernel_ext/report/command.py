"""``secureframe report NOTEBOOK -p name value``: a notebook with parameters becomes a report, from a shell or from cron.

It needs no terminal, asks nothing, ends with one of the codes of `Exit`, and says in one line how it ended: to standard error,
without a value of a parameter or a result. The paths of what it wrote go to standard output.
"""

from __future__ import annotations

import datetime
import itertools
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import platformdirs
import typer
from typer.core import TyperCommand

from kernel_ext.report import pages, pdf, running
from kernel_ext.report.exits import Ended, Exit
from kernel_ext.report.meta import ReportMeta
from kernel_ext.report.parameters import FEDERATION, declared, given
from kernel_ext.report.state import claimed, directory_of, remove_old
from secureframe.errors import PlanError, SecureFrameError
from secureframe.released_store import ReleasedStore
from secureframe.starting import DEMO

app = typer.Typer()


class Language(StrEnum):
    """Languages of a report's cover and labels."""

    ENGLISH = "en"
    DUTCH = "nl"


class WithPairs(TyperCommand):
    """A command whose parameters are typed as two words, ``-p name value``, where typer itself knows no repeated pairs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words, joined = iter(args), []
        for word in words:
            joined.append(word)
            if word in _PAIRED:
                joined += [PAIR.join(pair)] if (pair := list(itertools.islice(words, 2))) else []
        return super().parse_args(ctx, joined)


_PAIRED = ("--parameter", "-p")
PAIR = "="
"""Between a parameter's name, which is an identifier, and its value, once they are one word."""


@app.command(cls=WithPairs)
def report(
    notebook: Annotated[Path, typer.Argument(help="The notebook; a cell tagged `parameters` declares what -p may set.")],
    parameter: Annotated[
        list[str], typer.Option(*_PAIRED, metavar="NAME VALUE", help="A parameter and its value; may be repeated.")
    ] = [],  # noqa: B006  # typer takes a list, and nobody changes it
    out: Annotated[Path, typer.Option(help="Where to write the report; made if it is not there.")] = Path(),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from what a run that failed was released.")] = False,
    language: Annotated[Language, typer.Option(help="Of the cover, the labels, footnotes and figures.")] = Language.ENGLISH,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write a PDF too; needs chromium.")] = False,
    state: Annotated[
        Path | None,
        typer.Option(help="Where a report is kept until it is whole, private to this user.", show_default="this user's own"),
    ] = None,
) -> None:
    """Run a notebook with parameters and write it as a report: HTML, and a PDF on request.

    Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 institution unavailable, 4 plan refused, 5 approval missing, 6 aborted by
    the parties, 7 notebook failed, 8 cancelled, 9 running already, 10 no PDF.
    """
    root = state or platformdirs.user_state_path("secureframe") / "reports"
    asked = Run(notebook=notebook, words=tuple(parameter), out=out, root=root, resume=resume, language=language, pdf=pdf)
    code = asked.run()
    raise typer.Exit(int(code))


@dataclass(kw_only=True)
class Run:
    """One run of the command.

    Parameters
    ----------
    notebook : Path
        What is run.
    words : tuple of str
        Parameters as they were typed, each ``name=value``.
    out : Path
        Where the report goes.
    root : Path
        Where reports lie that are not whole.
    resume, language, pdf
        As typed.
    """

    notebook: Path
    words: tuple[str, ...]
    out: Path
    root: Path
    resume: bool = False
    language: Language = Language.ENGLISH
    pdf: bool = False
    _began: float = field(default_factory=time.monotonic, init=False)
    _counts: dict[str, int] = field(default_factory=dict, init=False)

    def run(self) -> Exit:
        """Make the report, say how it ended, and return the exit code."""
        cell = None
        try:
            with running.Interrupts() as interrupts:
                self._make(interrupts)
            code = Exit.DONE
        except Ended as ended:
            code, cell = ended.code, ended.cell
            _tell(ended.message)
        except KeyboardInterrupt:
            code = Exit.CANCELLED
        except (SecureFrameError, OSError) as error:
            code = Exit.FAILED
            _tell(f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001  # what it says may quote the notebook's outputs
            code = Exit.FAILED
            _tell(f"the report failed inside ({type(error).__name__})")
        self._log(code, cell)
        return code

    def _make(self, interrupts: running.Interrupts) -> None:
        path = self.notebook.resolve()
        notebook = running.read(path)
        defaults = declared(notebook)
        values = self._values(defaults)
        effective = {**defaults, **values}
        remove_old(self.root)
        with claimed(directory_of(self.root, path, effective)) as state:
            started = _now()
            store = ReleasedStore(state)
            store.begin(resume=self.resume)
            try:
                executed = running.execute(
                    notebook, values, place=path.parent, state=state, interrupts=interrupts, language=self.language.value
                )
            except Ended as ended:
                ended.message += f"\nThe notebook as far as it came: {state / running.EXECUTED}"
                raise
            finally:
                found = store.asked()
                self._counts = {"jobs": len(found), "resumed": sum(resumed for _, resumed in found)}
            meta = meta_of(executed, path.stem, effective, store, started)
            self._write(path.stem, executed, meta)
            shutil.rmtree(state)

    def _values(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        try:
            pairs = [(name, value) for name, found, value in (word.partition(PAIR) for word in self.words) if found]
            if len(pairs) < len(self.words):
                raise PlanError("a parameter has a name and a value", hint="-p period 2026-10")
            return given(pairs, defaults, Path.cwd())
        except SecureFrameError as error:
            raise Ended(Exit.ARGUMENTS, str(error)) from None

    def _write(self, name: str, executed: Any, meta: ReportMeta) -> None:
        """Write the pages, the executed notebook for this user alone, and the PDF; each appears once it is whole."""
        import nbformat

        self.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=self.out) as drafts:
            html, printed, copy = (Path(drafts) / f"{name}{suffix}" for suffix in (".html", ".pdf", ".executed.ipynb"))
            html.write_text(pages.to_html(executed, language=self.language.value, meta=meta), encoding="utf-8")
            copy.touch(mode=0o600)
            copy.write_text(nbformat.writes(executed), encoding="utf-8")  # type: ignore[no-untyped-call]  # nbformat has no types
            self._publish(copy)
            if self.pdf:
                self._print(html, printed)
            self._publish(html)

    def _print(self, html: Path, target: Path) -> None:
        try:
            pdf.to_pdf(html, target)
        except SecureFrameError as error:
            self._publish(html)
            raise Ended(Exit.NO_PDF, f"{type(error).__name__}: {error}") from None
        self._publish(target)

    def _publish(self, draft: Path) -> None:
        path = self.out / draft.name
        draft.replace(path)
        typer.echo(str(path))

    def _log(self, code: Exit, cell: int | None) -> None:
        facts: dict[str, Any] = {"notebook": self.notebook.name, "status": code.status, "exit": int(code)}
        facts |= {"cell": cell} if cell is not None else {}
        facts |= self._counts
        facts["seconds"] = round(time.monotonic() - self._began, 1)
        text = " ".join(f"{name}={value if isinstance(value, int | float) else _word(value)}" for name, value in facts.items())
        _tell(f"{_now().isoformat(timespec='seconds')} secureframe report {text}")


def meta_of(
    executed: Any, name: str, parameters: Mapping[str, Any], store: ReleasedStore, started: datetime.datetime
) -> ReportMeta:
    """Return what a report says of itself."""
    found = store.asked()
    kept = [each for each, _ in found]
    federation = str(parameters.get(FEDERATION) or "")
    return ReportMeta(
        title=running.title_of(executed, name),
        purpose="; ".join(dict.fromkeys(each.purpose for each in kept)),
        period=_shown(parameters.get("period")),
        selection=_shown(parameters.get("selection")),
        federation=federation if federation.startswith(DEMO) else Path(federation).name,
        started=started,
        finished=_now(),
        releases=tuple(record for each in kept for record in each.records),
        plans=tuple(dict.fromkeys(each.job.plan for each in kept)),
        deliveries=tuple(each.receipt.to_json() for each in kept if each.receipt is not None),
        resumed=sum(resumed for _, resumed in found),
    )


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _word(text: str) -> str:
    return text if text.replace("-", "").replace(".", "").replace("_", "").isalnum() else json.dumps(text)


def _tell(text: str) -> None:
    """Say something to whoever reads the log, if anybody does."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)
