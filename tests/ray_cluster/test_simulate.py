"""A whole federation on this machine: jobs, losses in mid-job, restarts, and what is left at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ray_cluster.cluster import prepare_environment
from ray_cluster.records import load_payloads
from ray_cluster.simulate import read_events, start
from secureframe.backend import Member, Progress, ProgressEvent, members_for
from secureframe.errors import PartyUnavailable, PolicyError, RegistrationError, SecureFrameError
from secureframe.governance.identity import AnalystIdentity
from tests.ray_cluster.engine_double import SECRET
from tests.ray_cluster.federations import INSTITUTIONS, ROOT, Federation, launcher_of, wait_for_end


def test_the_first_three_institutions_host_the_parties() -> None:
    assert members_for(["a", "b"])[2] == Member(name="neutral", party=2, data=False)
    assert [each.name for each in members_for(["a", "neutral"])] == ["a", "neutral", "neutral-2"]
    assert [each.party for each in members_for(["a", "b", "c", "d"])] == [0, 1, 2, None]


def test_a_path_that_is_too_long_for_sockets_is_refused_at_once(tmp_path: Path) -> None:
    directory = tmp_path / "with a name that is too long"
    directory.mkdir()
    with pytest.raises(PartyUnavailable, match="too long a path"):
        start(
            declarations={},
            policies={},
            directory=directory,
            analyst=AnalystIdentity.generate("ana"),
            progress=lambda text: None,
        )
    assert list(directory.iterdir()) == []


def test_a_launcher_killed_in_mid_word_has_ended() -> None:
    assert list(read_events([b'{"event": "progress"}\n', b'{"event": "rea'])) == [{"event": "progress"}]


def test_ray_takes_no_setting_of_another_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"RAY_ADDRESS": "elsewhere", "RAY_RUNTIME_ENV_HOOK": "module.hook", "HOME": "/home/ana"})
    prepare_environment(tmp_path)
    assert not {"RAY_ADDRESS", "RAY_RUNTIME_ENV_HOOK"} & set(os.environ)
    assert os.environ["HOME"] == "/home/ana"
    assert Path(os.environ["RAY_AUTH_TOKEN_PATH"]).stat().st_mode & 0o777 == 0o600


def test_a_slow_module_is_left_out_of_rays_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What jsonschema would load wherever it finds it; what was on the path before still is."""
    monkeypatch.setattr(os, "environ", {"PYTHONPATH": "/somewhere"})
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)
    prepare_environment(tmp_path)
    text = "import sys; assert '/somewhere' in sys.path\ntry: import rfc3987_syntax\nexcept ImportError: print('left out')"
    found = subprocess.run([sys.executable, "-c", text], env=os.environ, capture_output=True, text=True, check=True)
    assert found.stdout == "left out\n"


pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def federation() -> Iterator[Federation]:
    """Four institutions, of which the last hosts no party."""
    started = Federation({name: {"visits": {}} for name in (*INSTITUTIONS, "pharmacy")}, record=True)
    yield started
    started.backend.close()
    assert started.processes() == []
    assert not started.directory.exists()


@pytest.mark.ray
class TestJobs:
    def test_the_kernel_imports_no_ray(self, federation: Federation) -> None:
        assert "ray" not in sys.modules
        assert federation.told[0] == "starting Ray"
        assert federation.told[-1] == "ready"
        assert len(federation.backend.members) == 4

    def test_parties_agree_on_fresh_pairwise_keys(self, federation: Federation) -> None:
        seen = set()
        for _ in range(2):
            sealed = [json.loads(package) for package in federation.run().packages]
            assert [each["party"] for each in sealed] == [0, 1, 2]
            for index in range(3):
                assert sealed[index]["next"] == sealed[(index + 1) % 3]["previous"]
                seen.add(sealed[index]["next"])
        assert len(seen) == 6

    def test_the_report_counts_what_travelled(self, federation: Federation) -> None:
        told: list[ProgressEvent] = []
        report = federation.run(told.append, owners=["pharmacy", "registry"], words=10).report
        stages = [("share", 0), ("count", 1), ("release", 2), ("release", 3)]
        assert list(dict.fromkeys((each.stage, each.number) for each in told)) == stages
        assert (told[-1].total, told[-1].rounds, told[-1].bytes) == (3, 9, 3 * 3 * 3 * 160)
        assert [(each["name"], each["rounds"], each["bytes"]) for each in report["stages"]] == [
            (name, 3, 3 * 3 * 160) for name in ("share", "count", "release")
        ]
        assert report["links"] == {
            f"{sender} -> {receiver}": 9 * 80 for sender in INSTITUTIONS for receiver in INSTITUTIONS if sender != receiver
        }
        assert report["dealt"] == {"pharmacy": 102_400, "registry": 102_400}
        assert report["dealt_links"]["pharmacy -> laboratory"] == 1600

    def test_large_messages(self, federation: Federation) -> None:
        assert federation.run(words=400_000).report["links"]["hospital -> registry"] == 9 * 3_200_000

    def test_payloads_are_recorded_where_asked(self, federation: Federation) -> None:
        before = set(federation.directory.glob("institutions/*/records/*.npz"))
        federation.run(words=6)
        recorded = sorted(set(federation.directory.glob("institutions/*/records/*.npz")) - before)
        assert len(recorded) == 3
        for path in recorded:
            payloads = load_payloads(path)
            assert len(payloads) == 18
            assert {len(each.words) for each in payloads} == {6}

    def test_a_refusal_by_one_is_raised_and_ends_the_job_at_all(self, federation: Federation) -> None:
        with pytest.raises(PolicyError) as caught:
            federation.run(refused_by="laboratory")
        assert caught.value.institution == "laboratory"
        federation.run()

    def test_an_error_inside_says_no_more_than_its_class(self, federation: Federation) -> None:
        for stages in (["share", "fail"], ["undealt"]):
            with pytest.raises(SecureFrameError, match="ValueError") as caught:
                federation.run(stages=stages)
            assert SECRET not in str(caught.value)
        federation.run()

    def test_a_dealt_message_has_the_size_that_the_program_says(self, federation: Federation) -> None:
        with pytest.raises(SecureFrameError):
            federation.run(stages=["share", "overlong"])
        federation.run()

    def test_several_jobs_at_once(self, federation: Federation) -> None:
        with ThreadPoolExecutor(3) as pool:
            running = [pool.submit(federation.run, words=2000, rounds=50) for _ in range(6)]
            assert {each.result(timeout=60).report["rounds"] for each in running} == {150}

    def test_an_interrupt_cancels_at_all_parties(self, federation: Federation, tmp_path: Path) -> None:
        seen: list[ProgressEvent] = []
        moments: list[float] = []

        def interrupt(event: ProgressEvent) -> None:
            seen.append(event)
            if event.stage == "hold" and event.rounds > 3:
                moments.append(time.monotonic())
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            federation.run(interrupt, stages=["share", "hold"])
        assert time.monotonic() - moments[0] < 5
        # The stage that does not end was told of while it ran.
        assert (seen[-1].number, seen[-1].total) == (1, 2) and seen[-1].bytes > 3 * 3 * 80
        federation.run()

    def test_no_socket_is_left_behind(self, federation: Federation, tmp_path: Path) -> None:
        federation.run(marks=str(tmp_path))
        parties = [int((tmp_path / f"share-{index}").read_text()) for index in range(3)]
        before = [open_files(pid) for pid in parties]
        for _ in range(5):
            federation.run()
            with pytest.raises(SecureFrameError):
                federation.run(stages=["share", "fail"])
        after = [open_files(pid) for pid in parties]
        assert all(late <= early + 4 for early, late in zip(before, after, strict=True))


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def kill_when_shared(pid_of: Callable[[], int]) -> tuple[Progress, list[float]]:
    """Return a progress callback that kills a process once the first stage has ended, and when it did."""
    moments: list[float] = []

    def kill(event: ProgressEvent) -> None:
        if event.number == 1 and not moments:
            os.kill(pid_of(), signal.SIGKILL)
            moments.append(time.monotonic())

    return kill, moments


@pytest.mark.ray
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_killed_party_is_named_and_comes_back(federation: Federation, tmp_path: Path, index: int) -> None:
    federation.run()
    kill, moments = kill_when_shared(lambda: int((tmp_path / f"share-{index}").read_text()))
    with pytest.raises(PartyUnavailable) as caught:
        federation.run(kill, stages=["share", "hold"], marks=str(tmp_path))
    assert time.monotonic() - moments[0] < 5
    assert caught.value.institution == INSTITUTIONS[index]
    federation.run()


@pytest.mark.ray
@pytest.mark.parametrize("name", ["hospital", "pharmacy"])
def test_a_killed_institution_is_named_and_comes_back(federation: Federation, name: str) -> None:
    federation.run()
    gateway = federation.backend._client._gateways[[each.name for each in federation.backend.members].index(name)]
    kill, moments = kill_when_shared(lambda: gateway.catalog()["process"])
    if name == "pharmacy":
        # It deals nothing and hosts no party, so its part ends early: it is killed between two statements.
        os.kill(gateway.catalog()["process"], signal.SIGKILL)
    else:
        with pytest.raises(PartyUnavailable) as caught:
            federation.run(kill, stages=["share", "hold"])
        assert time.monotonic() - moments[0] < 5
        assert caught.value.institution == name
    federation.run(owners=["pharmacy"])
    assert gateway.catalog()["tables"] == ["visits"]


@pytest.mark.ray
def test_a_refused_table_ends_everything() -> None:
    def start() -> None:
        Federation({"hospital": {"visits": {}}, "laboratory": {"samples": {"malformed": True}}})

    with pytest.raises(RegistrationError, match="column age of samples") as caught:
        start()
    assert caught.value.institution == "laboratory"


@pytest.mark.ray
def test_a_failed_restart_is_told_and_a_killed_launcher_leaves_nothing() -> None:
    federation = Federation({"hospital": {"visits": {"changing": True}}})
    os.kill(federation.backend.catalog()["hospital"]["process"], signal.SIGKILL)
    with pytest.raises(PartyUnavailable, match="hospital could not be restarted: another version") as caught:
        federation.run()
    assert caught.value.institution == "hospital"
    os.kill(federation.launcher, signal.SIGKILL)
    wait_for_end(federation.guardian)
    assert federation.processes() == []
    assert not federation.directory.exists()
    with pytest.raises(PartyUnavailable, match=r"sf\.simulate"):
        federation.run()
    federation.backend.close()


@pytest.mark.ray
def test_a_killed_guardian_leaves_nothing() -> None:
    federation = Federation({"hospital": {}})
    os.kill(federation.guardian, signal.SIGKILL)
    wait_for_end(federation.launcher)
    federation.backend.close()
    assert federation.processes() == []
    assert not federation.directory.exists()


@pytest.mark.ray
def test_closing_ends_a_statement_that_runs(tmp_path: Path) -> None:
    federation = Federation({"hospital": {}})
    running = threading.Event()

    def told(event: ProgressEvent) -> None:
        if event.number:
            running.set()

    with ThreadPoolExecutor(1) as pool:
        statement = pool.submit(federation.run, told, owners=["hospital"], stages=["share", "hold"])
        assert running.wait(60)
        federation.backend.close()
        with pytest.raises(PartyUnavailable, match="is closed"):
            statement.result(timeout=30)
    federation.backend.close()
    assert federation.processes() == []
    with pytest.raises(PartyUnavailable, match="is closed"):
        federation.run()


_KERNEL = """
import sys
from tests.ray_cluster.federations import Federation
federation = Federation({"hospital": {}})
print(federation.guardian, federation.launcher, federation.directory, flush=True)
if sys.argv[1] == "wait":
    sys.stdin.read()
"""


@pytest.mark.ray
@pytest.mark.parametrize("end", ["wait", "leave"])
def test_a_kernel_that_is_gone_leaves_nothing(end: str) -> None:
    """Killed with -9, or at its regular end without a close."""
    kernel = subprocess.Popen(
        [sys.executable, "-c", _KERNEL, end], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert kernel.stdout is not None
    guardian, launcher, directory = kernel.stdout.readline().split()
    if end == "wait":
        assert launcher_of(int(guardian)) == int(launcher)
        kernel.kill()
    wait_for_end(int(guardian))
    kernel.communicate()
    listed = subprocess.run(["ps", "-eo", "sid="], capture_output=True, text=True, check=True)
    assert int(launcher) not in [int(line) for line in listed.stdout.split()]
    assert not Path(directory).exists()
