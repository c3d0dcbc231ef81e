"""Packages on their way to an institution: only those of admitted jobs, of the right length, once a party."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from secureframe.disclosure.sealing import seal
from secureframe.engine.receiving import MAX_EXPECTED, Receiving
from secureframe.errors import ProtocolAborted
from secureframe.governance.identity import AnalystIdentity
from secureframe.governance.kept import PACKAGE_OVERHEAD, KeptResult, kept

JOB = "0123456789abcdef" * 2
SIZE = 32


@pytest.fixture
def receiving(tmp_path: Path) -> Receiving:
    return Receiving("registry", tmp_path / "results", lambda: {"registry": {"tables": []}})


def package(size: int = SIZE) -> bytes:
    key = AnalystIdentity.generate("registry").public()["sealing_key"]
    return seal(bytes(size), key, job_id=JOB, plan_digest="p", party=0)


def test_a_package_is_longer_than_its_shares_by_this() -> None:
    assert len(package(160)) == 160 + PACKAGE_OVERHEAD


def test_three_packages_are_a_result(receiving: Receiving, tmp_path: Path) -> None:
    receiving.expect(JOB, b"request", b"signature", SIZE)
    packages = [package() for _ in range(3)]
    for party in (2, 0):
        receiving.receive(JOB, party, packages[party])
        assert not receiving.complete(JOB, 0) and not kept(tmp_path), "nothing is kept before it is whole"
    receiving.receive(JOB, 1, packages[1])
    assert receiving.complete(JOB, 0)
    (path,) = kept(tmp_path)
    found = KeptResult.load(path)
    assert found.packages == tuple(packages) and found.recipient == "registry"
    assert (found.request, found.signature, found.catalog) == (b"request", b"signature", {"registry": {"tables": []}})


def test_what_was_never_finished_is_no_result(receiving: Receiving, tmp_path: Path) -> None:
    receiving.expect(JOB, b"", b"", SIZE)
    for party in range(3):
        receiving.receive(JOB, party, package())
    (path,) = kept(tmp_path)
    draft = path.with_name("." + path.name)
    draft.write_bytes(path.read_bytes()[:100])
    assert kept(tmp_path) == [path]
    KeptResult.load(path).save(path.parent)
    assert not draft.exists() and kept(tmp_path) == [path]


def test_what_is_not_expected_is_refused(receiving: Receiving, tmp_path: Path) -> None:
    with pytest.raises(ProtocolAborted, match="expects no result"):
        receiving.receive(JOB, 0, package())
    receiving.expect(JOB, b"", b"", SIZE)
    receiving.receive(JOB, 0, package())
    for party, size in ((0, SIZE), (1, SIZE + 16), (1, SIZE - 16), (3, SIZE), (-1, SIZE)):
        with pytest.raises(ProtocolAborted, match="not what the plan says"):
            receiving.receive(JOB, party, package(size))
    for party in (1, 2):
        receiving.receive(JOB, party, package())
    with pytest.raises(ProtocolAborted, match="expects no result"):
        receiving.receive(JOB, 0, package())
    assert len(kept(tmp_path)) == 1


def test_a_package_waits_for_a_slower_admission(receiving: Receiving) -> None:
    threading.Timer(0.1, receiving.expect, (JOB, b"", b"", SIZE)).start()
    receiving.receive(JOB, 0, package(), seconds=10)


def test_a_job_that_failed_leaves_nothing(receiving: Receiving, tmp_path: Path) -> None:
    receiving.expect(JOB, b"", b"", SIZE)
    for party in (0, 1):
        receiving.receive(JOB, party, package())
    receiving.forget(JOB)
    with pytest.raises(ProtocolAborted, match="expects no result"):
        receiving.receive(JOB, 2, package())
    assert not kept(tmp_path) and not receiving.complete(JOB, 0)


def test_no_more_than_so_many_are_waited_for(receiving: Receiving) -> None:
    for number in range(MAX_EXPECTED + 1):
        receiving.expect(f"{number:032x}", b"", b"", SIZE)
    with pytest.raises(ProtocolAborted, match="expects no result"):
        receiving.receive(f"{0:032x}", 0, package())
    receiving.receive(f"{1:032x}", 0, package())


def test_completion_is_waited_for_no_longer_than_said(receiving: Receiving) -> None:
    started = time.perf_counter()
    assert not receiving.complete(JOB, 0.05)
    assert time.perf_counter() - started < 5
