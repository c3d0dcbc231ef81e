"""The command line ``secureframe``: what people at an institution type in a shell.

``secureframe results`` is here. Further commands are found by their entry points (group ``secureframe.commands``, each a
`typer.Typer`), so that nothing here imports what runs the institutions.
"""

from __future__ import annotations

import copy
import importlib.metadata
import json
import warnings
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from secureframe.display.released import footnote
from secureframe.errors import SecureFrameError, SuppressedWarning
from secureframe.inbox import Results, received
from secureframe.results.histogram import Histogram

GROUP = "secureframe.commands"
results = typer.Typer(no_args_is_help=True, help="Results that this institution received, sealed with its key.")

Directory = Annotated[
    Path,
    typer.Option("--directory", "-d", envvar="SECUREFRAME_DIRECTORY", help="The institution's private directory."),
]


@results.command("list")
def list_results(directory: Directory = Path()) -> None:
    """List the results, without opening any."""
    found = received(directory)
    if not found:
        Console().print("No results were received.", markup=False)
        return
    table = Table(*Results.HEADER)
    for each in found:
        table.add_row(*map(Text, each.row()))
    Console().print(table)


@results.command("open")
def open_result(
    job: Annotated[str, typer.Argument(help="The job, or how it begins; see `list`.")],
    directory: Directory = Path(),
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the table as CSV; --table chooses one of several.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON, with the release records.")] = False,
    table: Annotated[int | None, typer.Option(help="Which of several tables, counted from 1.")] = None,
) -> None:
    """Open a result with the institution's key, and print it."""
    with warnings.catch_warnings():
        # The footnote says which cells were withheld.
        warnings.simplefilter("ignore", SuppressedWarning)
        sealed = received(directory)[job]
        opened = sealed.open()
    several = opened if isinstance(opened, tuple) and len(sealed.titles) > 1 else (opened,)
    found = [(title, value) for title, result in zip(sealed.titles, several, strict=True) for value in parts_of(result)]
    if table is not None:
        if not 1 <= table <= len(found):
            raise SecureFrameError(f"the result has {len(found)} tables", hint=f"--table 1 to {len(found)}")
        found = [found[table - 1]]
    if as_json:
        typer.echo(json.dumps([as_record(title, value) for title, value in found], indent=1, allow_nan=False))
    elif as_csv:
        if len(found) > 1:
            raise SecureFrameError(f"the result has {len(found)} tables, and CSV holds one", hint="--csv --table 1")
        typer.echo(as_frame(found[0][1]).to_csv(lineterminator="\n"), nl=False)
    else:
        for title, value in found:
            typer.echo(title)
            typer.echo(as_frame(value).to_string() if isinstance(value, pd.Series | pd.DataFrame) else str(value))
            typer.echo(f"{footnote(value) or ''}\n")


def parts_of(result: Any) -> list[Any]:
    """Return what a result is made of as numbers, Series and DataFrames."""
    match result:
        case tuple() | list():
            return [part for each in result for part in parts_of(each)]
        case dict():
            return [part for each in result.values() for part in parts_of(each)]
        case Histogram():
            return [result.to_series()]
        case _:
            return [result]


def as_frame(value: Any) -> pd.DataFrame:
    """Return a released number, Series or DataFrame as a DataFrame."""
    if isinstance(value, pd.DataFrame):
        return value
    if isinstance(value, pd.Series):
        return value.to_frame(value.name if value.name is not None else "value")
    return pd.DataFrame({"value": [value]})


def as_record(title: str, value: Any) -> dict[str, Any]:
    """Return a released number, Series or DataFrame as plain JSON, with its release record."""
    frame = as_frame(value)
    record = value.attrs["release"] if isinstance(value, pd.Series | pd.DataFrame) else value.release
    table = json.loads(frame.to_json(orient="split", date_format="iso"))
    return {"title": title, "table": table, "release": record}


def application() -> typer.Typer:
    """Return the command line with everything that is installed."""
    app = typer.Typer(name="secureframe", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_root)
    app.add_typer(results, name="results")
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda e: e.name):
        add(app, loaded(entry), entry.name)
    return app


def loaded(entry: importlib.metadata.EntryPoint) -> typer.Typer:
    """Return what an entry point gives; where a module that it needs is not installed, a command that says so."""
    try:
        found: typer.Typer = entry.load()
    except ModuleNotFoundError as error:
        missing = error.name
    else:
        return found
    found = typer.Typer()

    @found.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, help=f"Needs {missing}.")
    def tell() -> None:
        raise SecureFrameError(
            f"`secureframe {entry.name}` needs {missing}, which is not installed", hint="pip install 'secureframe[jupyter]'"
        )

    return found


def add(app: typer.Typer, found: typer.Typer, name: str) -> None:
    """Add what an entry point gives: a group of commands, or where it holds one command and no more, that command."""
    if len(found.registered_commands) == 1 and found.registered_callback is None and not found.registered_groups:
        command = copy.copy(found.registered_commands[0])
        command.name = name
        app.registered_commands.append(command)
    else:
        app.add_typer(found, name=name)


def _root() -> None:
    """SecureFrame at an institution."""


def main() -> None:
    """Run the command line; an error of SecureFrame is told without a traceback."""
    try:
        application()()
    except SecureFrameError as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
