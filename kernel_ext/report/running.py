"""Runs a report's notebook in a kernel of its own, and has a signal cancel the job that runs at every party."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from kernel_ext.report.exits import Ended, Exit, exit_of, ours
from secureframe import wording
from secureframe.released_store import ENVIRONMENT

KERNEL = "secureframe"
"""The kernel that is used where it is installed; else it is Python's with the extension."""
PLAIN_KERNEL = "python3"
EXTENSION = "kernel_ext"
EXECUTED = "executed.ipynb"
KERNEL_LOG = "kernel.log"
INJECTED = "injected-parameters"
EXPECTED = "raises-exception"
START_SECONDS = 120
GRACE_SECONDS = 30.0
"""How long an interrupted cell has to end its job everywhere before its kernel is killed."""
SHUTDOWN_SECONDS = 60.0
"""How long a kernel has at its end, half of it to close what it started by itself."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What signals do while a report runs; a context manager of the main thread.

    A signal interrupts the cell that runs, as the stop button of a notebook does, so that its job is cancelled at every party;
    no further cell is begun. A second one, or one while no notebook runs, raises `KeyboardInterrupt`.
    """

    def __init__(self) -> None:
        self.requested = False
        self._client: Any = None
        self._timer: threading.Timer | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def of(self, client: Any) -> Iterator[None]:
        """While a client of a kernel runs a notebook."""
        self._client = client
        try:
            yield
        finally:
            self._client = None
            if self._timer is not None:
                self._timer.cancel()

    def check(self, **_: Any) -> None:
        """End the report if a signal has come."""
        if self.requested:
            raise cancelled()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested or self._client is None:
            raise KeyboardInterrupt
        self.requested = True
        process = _process(self._client)
        if process is not None:
            process.send_signal(signal.SIGINT)
            self._timer = threading.Timer(GRACE_SECONDS, process.kill)
            self._timer.daemon = True
            self._timer.start()


def _process(client: Any) -> subprocess.Popen[bytes] | None:
    """The process of a client's kernel, once it has one."""
    provisioner = getattr(client.km, "provisioner", None)
    found: subprocess.Popen[bytes] | None = getattr(provisioner, "process", None)
    return found


def cancelled(cell: int | None = None) -> Ended:
    """How a report ends that was stopped."""
    return Ended(Exit.CANCELLED, "the report was stopped; its job was cancelled at every party\nHint: --resume goes on", cell)


def read(path: Path) -> Any:
    """Return a notebook.

    Raises
    ------
    Ended
        With `Exit.ARGUMENTS`, where it cannot be read as one.
    """
    from papermill.iorw import load_notebook_node

    try:
        notebook = load_notebook_node(str(path))
    except Exception as error:  # noqa: BLE001  # a parser's message may quote the notebook, which may hold results
        raise Ended(
            Exit.ARGUMENTS, f"{path} cannot be read as a notebook ({type(error).__name__})\nHint: the path of an .ipynb file"
        ) from None
    if notebook.metadata.get("kernelspec", {}).get("language", "python") != "python":
        raise Ended(Exit.ARGUMENTS, f"{path} is not a notebook of Python")
    return notebook


def kernel_arguments() -> tuple[str, list[str]]:
    """Return the name of the kernel that reports run in, and what it is started with besides."""
    from jupyter_client.kernelspec import KernelSpecManager

    installed = KERNEL in KernelSpecManager().find_kernel_specs()
    return (KERNEL, []) if installed else (PLAIN_KERNEL, ["--ext", EXTENSION])


def execute(
    notebook: Any, parameters: Mapping[str, Any], *, place: Path, state: Path, interrupts: Interrupts, language: str = "en"
) -> Any:
    """Run a notebook with parameters and return it with its outputs.

    Parameters
    ----------
    notebook : NotebookNode
        As `read` returns it.
    parameters : mapping
        Values for some of the parameters that it declares.
    place : Path
        The directory that it runs in.
    state : Path
        The report's own directory: the store of what is released, and `EXECUTED`, the notebook as far as it has come.
    interrupts : Interrupts
        What signals do.
    language : str
        Of footnotes and figures: ``"en"`` or ``"nl"``.

    Raises
    ------
    Ended
        If a cell fails, the kernel dies, or a signal comes.
    """
    import zmq
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NotebookExecutionManager
    from papermill.parameterize import parameterize_notebook
    from traitlets.config import Config

    if parameters:
        notebook = parameterize_notebook(notebook, dict(parameters), kernel_name=PLAIN_KERNEL, language="python")
    kernel, arguments = kernel_arguments()
    # What the kernel and this process tell each other goes over loopback.
    encryption = {"transport_encryption": "auto"} if zmq.has("curve") else {}
    manager = NotebookExecutionManager(notebook, output_path=str(state / EXECUTED), progress_bar=False)
    client = PapermillNotebookClient(
        manager,
        kernel_name=kernel,
        extra_arguments=arguments,
        startup_timeout=START_SECONDS,
        timeout=None,
        on_cell_start=interrupts.check,
        config=Config({"KernelManager": {"shutdown_wait_time": SHUTDOWN_SECONDS, **encryption}}),
    )
    environment = {**os.environ, ENVIRONMENT: str(state), wording.VARIABLE: language}
    failure = None
    manager.notebook_start()
    try:
        with (state / KERNEL_LOG).open("wb") as log, interrupts.of(client):
            client.execute(cwd=str(place), env=environment, stdout=log, stderr=log)
    except Ended:
        raise
    except Exception as error:  # noqa: BLE001  # what it says may hold outputs; a signal's is no failure
        failure = type(error).__name__
    finally:
        manager.notebook_complete()
    check(manager.nb, stopped=interrupts.requested)
    if failure is not None:
        raise Ended(Exit.NOTEBOOK, f"the notebook's kernel died ({failure})\nHint: see whether this machine has memory left")
    return cleaned(manager.nb)


def check(notebook: Any, *, stopped: bool = False) -> None:
    """Raise `Ended` for the first cell of a notebook that has failed, or if the report was stopped.

    Of an error of SecureFrame all is told, since none holds a value; of any other exception its class alone. A cell tagged
    ``raises-exception`` means to fail.
    """
    own = [cell for cell in notebook.cells if INJECTED not in cell.metadata.get("tags", ())]
    for number, cell in enumerate(own, start=1):
        for shown in cell.get("outputs", ()):
            if shown.output_type == "error" and EXPECTED not in cell.metadata.get("tags", ()):
                code = exit_of(shown.ename)
                if stopped or code is Exit.CANCELLED:
                    raise cancelled(number)
                told = f"{shown.ename}: {shown.evalue}" if ours(shown.ename) else _unexpected(shown.ename)
                raise Ended(code, told, number)
    if stopped:
        raise cancelled()


def _unexpected(name: str) -> str:
    return f"a cell of the notebook raised {name}\nHint: run its cells in JupyterLab, with the same parameters"


def cleaned(notebook: Any) -> Any:
    """Return a notebook without what papermill notes of this machine and this run."""
    for each in (notebook, *notebook.cells):
        each.metadata.pop("papermill", None)
    for cell in notebook.cells:
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
    return notebook


def title_of(notebook: Any, name: str) -> str:
    """Return a notebook's first heading, or the name where it has none."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return str(line[2:].strip())
    return name
