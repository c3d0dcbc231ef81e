"""pandas draws released tables with our backend and everything else as before; pyplot is never asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from secureframe import figures
from secureframe.figures import Picture
from tests.figures.tables import counts, description, means, monthly

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_use() -> Iterator[None]:
    figures.use()
    yield
    figures.stop()


@pytest.mark.parametrize(
    "draw",
    [
        lambda: means(41.2, 55.1, None, 62.4).plot.bar(),
        lambda: means(41.2, 55.1, None, 62.4).plot(kind="barh", title="Ages"),
        lambda: counts().plot.bar(y="NL"),
        lambda: counts().plot.bar(y=["NL", "DE"], legend=False),
        lambda: counts().reset_index().plot.bar(x="stage", y="DE"),
        lambda: monthly().plot(),
        lambda: monthly()["mean"].plot.line(),
        lambda: monthly().plot.line(subplots=True),
        lambda: description().plot.box(),
        lambda: description().boxplot(),
    ],
)
def test_released_tables_become_pictures(draw: Any) -> None:
    picture = draw()
    assert isinstance(picture, Picture) and "withheld" in picture.alt


def test_stopping_restores_pandas() -> None:
    figures.stop()
    assert pd.get_option("plotting.backend") == "matplotlib"
    pd.set_option("plotting.backend", "matplotlib")
    figures.stop()
    assert pd.get_option("plotting.backend") == "matplotlib"


def test_the_entry_point_names_the_backend() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pandas_plotting_backends"] == {"secureframe": figures.__name__}


def run(text: str) -> str:
    return subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_pyplot_is_never_imported() -> None:
    """Nor is a setting of matplotlib's other after a picture was drawn and shown."""
    text = (
        "import sys, matplotlib\n"
        "def settings(): return {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "from tests.figures.tables import counts; from secureframe import figures\n"
        "figures.use(); counts().plot.bar().to_html(); counts().plot.barh().to_png()\n"
        "print('matplotlib.pyplot' in sys.modules, settings() == before)"
    )
    assert run(text).split() == ["False", "True"]


def test_other_tables_are_drawn_by_pandas() -> None:
    text = (
        "import matplotlib; matplotlib.use('agg'); import pandas as pd; from secureframe import figures\n"
        "figures.use(); frame = pd.DataFrame({'a': [1, 2, 3], 'b': [3, 1, 2]})\n"
        "print(type(frame.plot()).__module__, type(frame['a'].plot.bar()).__module__)\n"
        "print(frame.plot.scatter(x='a', y='b').get_xlabel())\n"
        "print(type(frame['a'].hist()).__module__, frame.hist().size, type(frame.boxplot()).__module__)\n"
        "print(len(frame.groupby('b').boxplot()), len(frame.plot(subplots=True)))"
    )
    assert run(text).split() == ["matplotlib.axes._axes", "matplotlib.axes._axes", "a", "matplotlib.axes._axes", "2",
                                 "matplotlib.axes._axes", "3", "2"]  # fmt: skip


def test_a_backend_is_imported_without_matplotlib() -> None:
    assert run("import sys, secureframe.figures; print('matplotlib' in sys.modules)").strip() == "False"
