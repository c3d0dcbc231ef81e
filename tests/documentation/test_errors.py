"""The catalogue of errors: every class, with statements that raise it and exactly what they print.

``python -m tests.documentation.test_errors`` writes the page anew.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest

import secureframe as sf
from ray_cluster import client
from ray_cluster.client import FederationClient
from ray_cluster.federation import FederationDescription, FederationMember
from ray_cluster.identities import ProcessIdentity
from secureframe.errors import SecureFrameError
from secureframe.mpc.channel import Channel
from secureframe.testing import InMemoryBackend, start_in_memory
from tests.documentation.statements import STATEMENT, filled, printed

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


@contextmanager
def broken_link(fed: sf.Federation) -> Iterator[None]:
    """A federation whose party 1 loses its links in the middle of every job."""
    backend = fed._backend
    assert isinstance(backend, InMemoryBackend)

    def breaking(channel: Channel) -> Channel:
        if channel.index == 1:  # type: ignore[attr-defined]  # the channel in memory knows its party
            channel.close()
        return channel

    backend.wrap = breaking
    try:
        yield
    finally:
        backend.wrap = None


class LostInstitution:
    """Sends statements to the gateway of an institution that is not there any more."""

    def __init__(self, fed: sf.Federation, name: str) -> None:
        self._fed = fed
        gone = FederationMember(
            name=name, party=None, data=True, certificate=ProcessIdentity.generate(name).certificate, gateway=free_address()
        )
        description = FederationDescription(members=(gone,), catalog={})
        self._client = FederationClient(description, ProcessIdentity.generate("analyst"))

    def run(self, statement: Callable[[], Any]) -> Any:
        with patch.object(self._fed._backend, "run", self._client.run), patch.object(client, "READY_SECONDS", 0.0):
            return statement()


def free_address() -> tuple[str, int]:
    """An address of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address: tuple[str, int] = probe.getsockname()
    return address


def start(stack: ExitStack) -> dict[str, Any]:
    """The names that the page uses."""
    in_memory = partial(start_in_memory)
    fed = stack.enter_context(sf.demo("nafld", quiet=True, start=in_memory))
    tumours = stack.enter_context(sf.demo("breast-cancer", quiet=True, start=in_memory))["tumours"]
    people = pd.DataFrame({"id": range(1, 41), "age": range(60, 100)})
    incomes = sf.Table(
        pd.DataFrame({"id": range(1, 41), "income": range(40)}),
        columns={"id": sf.key(low=1, high=99), "income": sf.integer(0, 99, nullable=False, uses=["filter"])},
        roster_size=40,
        rows_per_person=1,
    )
    office = stack.enter_context(sf.simulate({"office": {"incomes": incomes}}, purpose="a try", quiet=True, start=in_memory))
    labs = fed["laboratory.labs"]
    return {
        "sf": sf,
        "pd": pd,
        "fed": fed,
        "patients": fed["hospital.patients"],
        "labs": labs,
        "events": fed["registry.events"],
        "sbp": labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean")),
        "tumours": tumours,
        "private": office["office.incomes"],
        "people": people,
        "in_memory": in_memory,
        "broken_link": broken_link,
        "lost_registry": LostInstitution(fed, "registry"),
    }


@pytest.fixture(scope="module")
def names() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        yield start(stack)


STATEMENTS = [(found[1], found[2]) for found in STATEMENT.finditer(PAGE.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("statement", "wanted"), STATEMENTS, ids=[s.splitlines()[-1].strip()[:60] for s, _ in STATEMENTS])
def test_what_the_page_says_is_what_is_printed(names: dict[str, Any], statement: str, wanted: str) -> None:
    assert printed(statement, names) == wanted
    assert "Hint: " in wanted or wanted.startswith("SuppressedWarning"), "every error says what to type instead"


def test_every_class_has_its_section_and_an_example_of_itself() -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {section.split(":")[0]: {text.split(":")[0] for _, text in STATEMENT.findall(section)} for section in sections}
    assert found.keys() == {name for name, cls in SecureFrameError._classes.items() if cls.told} | {"SuppressedWarning"}
    for name, raised in found.items():
        assert raised == {name}


if __name__ == "__main__":
    with ExitStack() as stack:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), start(stack)), encoding="utf-8")
