"""A report over real institutions: one of them is killed in the middle, and the report goes on later with the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

import secureframe as sf
from kernel_ext.report.exits import Exit
from kernel_ext.report.running import EXECUTED
from ray_cluster.processes import members_of_session
from secureframe.federation import Federation
from tests.kernel_ext.report.mishap import wait_for
from tests.kernel_ext.report.notebooks import log_line, outputs, write
from tests.ray_cluster.federations import ROOT, launcher_of

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

COUNT = 300
VICTIM = "laboratory"
PARAMETERS = 'period = "1990"\nfederation = "demo:nafld"\nyoungest = 30\n'
CONNECT = """
import os, warnings
from pathlib import Path
import secureframe as sf
from tests.kernel_ext.report import mishap
warnings.simplefilter("ignore")
fed = sf.connect(federation, purpose="a monthly report", quiet=True)
patients = fed["patients"]
joined = patients[patients["age"] >= youngest].merge(fed["labs"], on="id").merge(fed["events"], on="id")
"""
BEFORE = (
    'print(float(patients["age"].mean()))',
    'print(joined.groupby("male")["value"].agg(["count", "mean"]).to_csv())',
)
MISHAP = f'if os.environ.get("MISHAP"):\n    mishap.prepare(Path(os.environ["MISHAP"]), "{VICTIM}")'
AFTER = (
    'print(joined.groupby("site")["value"].mean().to_csv())',
    'print(int(joined["value"].quantile(0.5)))',
    'print(sf.crosstab(joined["male"], joined["site"]).to_csv())',
    'print(float(joined["value"].std()))',
    "print(len(fed.jobs))",
)


def people() -> dict[str, pd.DataFrame]:
    """Values of seven digits, which occur by chance nowhere else."""
    generator = np.random.default_rng(11)
    ids = np.arange(1, COUNT + 1)
    return {
        "patients": pd.DataFrame(
            {"id": ids, "age": generator.integers(20, 90, COUNT), "male": generator.integers(0, 2, COUNT)}
        ),
        "labs": pd.DataFrame({"id": ids, "value": generator.integers(1_000_000, 9_999_999, COUNT)}),
        "events": pd.DataFrame({"id": ids, "site": generator.choice(["a", "b", "c"], COUNT)}),
    }


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return people()


@pytest.fixture(scope="module")
def fed(frames: dict[str, pd.DataFrame]) -> Iterator[Federation]:
    person = sf.key("person", 1, 4000, nullable=False)
    columns: dict[str, dict[str, Any]] = {
        "patients": {"id": person, "age": sf.integer(0, 120, nullable=False), "male": sf.integer(0, 1, nullable=False)},
        "labs": {"id": person, "value": sf.integer(0, 10_000_000, nullable=False)},
        "events": {"id": person, "site": sf.category(["a", "b", "c"], nullable=False)},
    }
    declared = {
        name: sf.Table(frame, columns=columns[name], roster_size=COUNT, rows_per_person=1) for name, frame in frames.items()
    }
    tables = {"hospital": "patients", VICTIM: "labs", "registry": "events"}
    with sf.simulate({o: {t: declared[t]} for o, t in tables.items()}, purpose="a test", quiet=True) as federation:
        yield federation


def expected(frames: dict[str, pd.DataFrame]) -> list[str]:
    """The same in pandas, on the pooled rows."""
    patients = frames["patients"]
    joined = patients[patients["age"] >= 30].merge(frames["labs"], on="id").merge(frames["events"], on="id")
    return [
        str(patients["age"].mean()),
        joined.groupby("male")["value"].agg(["count", "mean"]).to_csv(),
        joined.groupby("site")["value"].mean().to_csv(),
        str(int(joined["value"].quantile(0.5, interpolation="lower"))),
        pd.crosstab(joined["male"], joined["site"]).to_csv(),
        str(joined["value"].std()),
    ]


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.replace("\n", ",").split(",") if word.replace(".", "").isdigit()]


def started(notebook: Path, federation: Path, *arguments: str, mishap: Path | None = None) -> subprocess.Popen[str]:
    """Start the command as cron does: no terminal, and little in its environment."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH")} | {"PYTHONPATH": ROOT}
    temporary = notebook.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    environment |= {"TMPDIR": str(temporary), "JUPYTER_RUNTIME_DIR": str(temporary)}
    environment |= {} if mishap is None else {"MISHAP": str(mishap)}
    places = ["--out", str(notebook.parent / "out"), "--state", str(notebook.parent / "state")]
    command = [sys.executable, "-m", "tests.kernel_ext.report.cli", str(notebook), "-p", "federation", str(federation)]
    return subprocess.Popen(
        [*command, *places, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment,
        text=True,
        start_new_session=True,
    )


def process_of(fed: Federation, institution: str) -> int:
    """The process behind an institution's gateway."""
    backend: Any = fed._backend
    _, port = backend.description.member(institution).gateway
    for pid in members_of_session(launcher_of(backend._simulation._guardian.pid)):
        connections = psutil.Process(pid).net_connections("tcp4")
        if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections):
            return pid
    raise AssertionError("nobody listens there")


def found_in(paths: list[Path], values: pd.Series) -> list[str]:
    """The names of files in which one of some values occurs."""
    return [path.name for path in paths if any(str(value) in path.read_text() for value in values)]


def test_a_report_goes_on_after_an_institution_was_killed(
    fed: Federation, frames: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    notebook = write(tmp_path / "monthly.ipynb", CONNECT, *BEFORE, MISHAP, *AFTER, parameters=PARAMETERS)
    federation = fed.invite("ana", directory=tmp_path / "ana")
    mishap = tmp_path / "mishap"
    mishap.mkdir()
    victim = process_of(fed, VICTIM)
    killed = started(notebook, federation, mishap=mishap)
    wait_for(mishap / "admitted")
    os.kill(victim, signal.SIGKILL)
    (mishap / "done").touch()
    out, err = killed.communicate(timeout=120)
    assert killed.returncode == Exit.UNAVAILABLE and out == "", err
    assert f"PartyUnavailable: {VICTIM}" in err and "Traceback" not in err
    facts = log_line(err)
    assert facts["status"] == "unavailable" and facts["jobs"] == "2" and facts["resumed"] == "0" and facts["cell"] == "7"
    (state,) = (tmp_path / "state").iterdir()
    before = outputs(state / EXECUTED)
    kept = list((state / "released").iterdir())
    assert len(kept) == 2 and not (tmp_path / "out").exists()

    fed._backend._client.wait_ready()  # type: ignore[attr-defined]
    assert process_of(fed, VICTIM) != victim
    resumed = started(notebook, federation, "--resume")
    out, err = resumed.communicate(timeout=120)
    assert resumed.returncode == Exit.DONE, err
    assert log_line(err)["jobs"] == "6" and log_line(err)["resumed"] == "2"
    written = [Path(line) for line in out.splitlines()]
    assert sorted(path.name for path in written) == ["monthly.executed.ipynb", "monthly.html"]
    texts = outputs(tmp_path / "out" / "monthly.executed.ipynb")
    assert texts[:2] == before[:2], "what had been released is the same to the last digit"
    assert texts[-1].strip() == "4", "the institutions were asked for the others alone"
    for text, oracle in zip(texts, expected(frames), strict=False):
        assert numbers(text) == pytest.approx(numbers(oracle), rel=1e-12)
    assert list((tmp_path / "state").iterdir()) == [] and list((tmp_path / "temporary").iterdir()) == []

    values = frames["labs"]["value"]
    released = numbers(texts[3])
    values = values[~values.isin(released)]
    assert found_in(written, values) == []
    planted = written[0].with_name("planted")
    planted.write_text(written[0].read_text() + str(values.iloc[17]))
    assert found_in([planted], values) == ["planted"]


def test_a_signal_cancels_the_job_at_every_institution(fed: Federation, tmp_path: Path) -> None:
    notebook = write(tmp_path / "monthly.ipynb", CONNECT, BEFORE[0], MISHAP, *AFTER, parameters=PARAMETERS)
    federation = fed.invite("ben", directory=tmp_path / "ben")
    mishap = tmp_path / "mishap"
    mishap.mkdir()
    stopped = started(notebook, federation, mishap=mishap)
    wait_for(mishap / "admitted")
    stopped.send_signal(signal.SIGTERM)
    out, err = stopped.communicate(timeout=60)
    assert stopped.returncode == Exit.CANCELLED and out == "", err
    assert "Traceback" not in err and log_line(err)["jobs"] == "1"
    assert list((tmp_path / "temporary").iterdir()) == [], "its kernel has ended"
    assert fed["patients"].merge(fed["labs"], on="id")["value"].count() == COUNT, "nobody holds a place for it any more"
