"""What people see: schemas, never rows; the same text and HTML every time; escaped, without scripts."""

from __future__ import annotations

import io
import re
import sys
import types
from typing import Any

import pandas as pd
import pytest

import secureframe as sf
from secureframe.display import ProgressLine, footnote
from secureframe.plan.nodes import Table
from tests.frame.conftest import Study
from tests.frame.pooled import PooledSession
from tests.frame.study import PATIENTS, SECRET

FRAME = """\
SecureFrame with 4 columns
  column  type                                               owner
  id      key of study                                       hospital
  stage   category {none, mild, moderate, severe}, nullable  hospital
  cost    int 0 to 90000, magnitude                          hospital
  sbp     float 0.0 to 300.0 by 0.0078125, nullable          laboratory
rows of hospital.patients, never shown; at most 240 (public), their number is hidden
person key: id in study
place: shared(hospital, laboratory)"""

LINEAGE = """\
inner merge on id
  columns id, stage, cost
    rows where ((age >= 50) & (male == 1))
      with band = cut(age, [18, 50, 98])
        table hospital.patients, data VERSION
  one row a id: sbp = mean(value)
    rows where (test == 'sbp')
      sorted by days
        table laboratory.labs, data VERSION"""

SERIES = """\
SecureSeries bmi: decimal 20.0 to 140.0 by 0.1, nullable
  = (bmi * 2)
  owner: hospital; place: local(hospital); values are never shown"""

SERIES_HTML = (
    '<div class="secureframe"><p>SecureSeries age: bool<br>= (age &gt; 50)'
    "<br>owner: hospital; place: local(hospital); values are never shown</p></div>"
)


def cohort(study: Study) -> sf.SecureFrame:
    labs = study.labs.sort_values("days")
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    patients = study.patients.assign(band=sf.cut(study.patients["age"], [18, 50, 98]))
    chosen = patients[(patients["age"] >= 50) & (patients["male"] == 1)]
    return chosen[["id", "stage", "cost"]].merge(sbp, on="id")


def test_text_of_a_frame(study: Study) -> None:
    assert repr(cohort(study)) == str(cohort(study)) == FRAME


def test_lineage(study: Study) -> None:
    found = cohort(study).lineage()
    head, *lines = found.splitlines()
    assert head.split() == ["step", "place", "digest"]
    steps = [re.sub("data .*", "data VERSION", re.split("  +", line.strip())[0]) for line in lines]
    assert steps == [line.strip() for line in LINEAGE.splitlines()]
    assert [len(line) - len(line.lstrip()) for line in lines] == [len(t) - len(t.lstrip()) for t in LINEAGE.splitlines()]
    places = [re.split("  +", line.strip())[1] for line in lines]
    assert places[0] == "shared(hospital, laboratory)"
    assert set(places[1:5]) == {"local(hospital)"} and set(places[5:]) == {"local(laboratory)"}
    dropped = study.patients.drop(columns=["note", "cost"]).rename(columns={"age": "years"})
    assert dropped.lineage().splitlines()[1].startswith("with years = age; without age ")
    assert dropped.lineage().splitlines()[2].startswith("  without cost, note ")


def test_lineage_names_a_frame_by_its_digest(study: Study) -> None:
    def named(frame: sf.SecureFrame) -> list[str]:
        return [line.split()[-1] for line in frame.lineage().splitlines()[1:]]

    assert named(cohort(study)) == named(cohort(study))
    old, young = study.patients[study.patients["age"] > 60], study.patients[study.patients["age"] > 61]
    assert named(old)[0] != named(young)[0] and named(old)[1:] == named(young)[1:] == named(study.patients)
    assert len(set(named(cohort(study)))) == len(named(cohort(study)))


def test_lineage_in_a_notebook(study: Study) -> None:
    found = study.patients[study.patients["age"] > 60].lineage()
    html = found._repr_html_()
    assert repr(found) == str(found)
    assert html.count("<tr>") == 3 and "(age &gt; 60)" in html and "local(hospital)" in html
    assert all(line.split()[-1] in html for line in found.splitlines()[1:])


def test_html_of_a_frame(study: Study) -> None:
    html = cohort(study)[["stage"]]._repr_html_()
    assert html == (
        '<div class="secureframe"><table><caption>SecureFrame with 1 columns</caption>'
        "<thead><tr><th>column</th><th>type</th><th>owner</th></tr></thead>"
        "<tbody><tr><td>stage</td><td>category {none, mild, moderate, severe}, nullable</td><td>hospital</td></tr></tbody>"
        "</table>"
        "<p>rows of hospital.patients, never shown; at most 240 (public), their number is hidden<br>"
        "persons of study; the key is not a column<br>place: shared(hospital, laboratory)</p></div>"
    )


def test_text_and_html_of_a_column(study: Study) -> None:
    assert repr(study.patients["bmi"] * 2) == SERIES
    assert (study.patients["age"] > 50)._repr_html_() == SERIES_HTML
    assert study.patients["age"].explain().endswith("frame of hospital")
    assert study.patients.explain() == "frame of hospital"


def test_html_is_escaped() -> None:
    named = sf.SecureFrame(PooledSession({}), Table(PATIENTS)).rename(columns={"age": "<script>alert(1)</script>"})
    for html in (named._repr_html_(), named["<script>alert(1)</script>"]._repr_html_()):
        assert "<script" not in html and "&lt;script&gt;" in html


def test_nothing_shown_holds_a_value(study: Study) -> None:
    planted = study.clear["patients"]
    planted.loc[5, "bmi"] = SECRET
    seen = [repr(study.patients), study.patients._repr_html_(), repr(study.patients["bmi"]), study.patients.lineage()]
    seen += [repr(study.patients.groupby("male")), repr(study.labs.groupby("id")), repr(dir(study.patients))]
    with sf.defer() as waiting:
        seen.append(repr(study.patients["bmi"].mean()))
    seen.append(repr(waiting))
    for statement in (lambda: study.patients["bmi"].max(), lambda: study.patients.head(), lambda: study.patients["bmi"] == "x"):
        with pytest.raises(sf.SecureFrameError) as caught:
            statement()
        seen.append(str(caught.value))
    assert not any(str(SECRET)[:6] in text or "confidential" in text for text in seen)


# -- footnotes -------------------------------------------------------------------------------------------------------------


def test_footnotes(study: Study) -> None:
    plain = "Released under open-research (threshold 10 persons, not rounded), plan 01234567."
    assert footnote(study.patients.groupby("male").size()) == plain
    assert sf.footnote(study.patients["age"].mean()) == plain
    assert footnote(study.patients["age"].hist(bins=4)) == plain
    assert footnote(study.patients) is footnote(3.5) is footnote(pd.DataFrame()) is footnote("text") is None


def test_a_withheld_cell_explains_itself(study: Study) -> None:
    with pytest.warns(sf.SuppressedWarning) as caught:
        table = sf.crosstab(study.patients["male"], study.patients["stage"], margins=True)
    words = "1 cell withheld: fewer than 10 persons, or needed to protect one that is; merge levels, e.g. sf.cut with wider bands"
    line = footnote(table)
    assert line is not None and words in line and line.endswith("missing where one of theirs is withheld.")
    assert str(caught[0].message) == f"{words} (withheld: 0 / moderate)"
    assert caught[0].filename == __file__


# -- progress --------------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_one_line() -> None:
    terminal = Terminal()
    line = ProgressLine(stream=terminal)
    for number, stage in enumerate(["deal", "join on shares", "release", "open"], 1):
        line(stage, number, 4)
    assert terminal.getvalue() == (
        "\r[#####...............] 1/4 deal"
        "\r[##########..........] 2/4 join on shares"
        "\r[###############.....] 3/4 release       "
        "\r[####################] 4/4 open   \n"
    )
    line.close()
    assert terminal.getvalue().count("\n") == 1


def test_progress_is_silent_where_nobody_looks() -> None:
    stream = io.StringIO()
    ProgressLine(stream=stream)("deal", 1, 2)
    assert stream.getvalue() == ""
    ProgressLine(enabled=True, stream=stream)("deal", 1, 2)
    assert "deal" in stream.getvalue()
    terminal = Terminal()
    ProgressLine(enabled=False, stream=terminal)("deal", 1, 2)
    assert terminal.getvalue() == ""


def test_an_interrupted_line_is_ended() -> None:
    terminal = Terminal()
    line = ProgressLine(stream=terminal)
    line("deal", 1, 2)
    line.close()
    line.close()
    assert terminal.getvalue().count("\n") == 1


def test_progress_in_a_notebook_is_one_updated_display(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, dict[str, str]]] = []

    class Handle:
        def update(self, bundle: dict[str, str], **_: Any) -> None:
            shown.append(("update", bundle))

    def display(bundle: dict[str, str], **options: Any) -> Handle:
        assert options == {"raw": True, "display_id": True}
        shown.append(("display", bundle))
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    fake = types.SimpleNamespace(get_ipython=lambda: shell, display=types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    line = ProgressLine()
    line("deal <b>", 1, 2)
    line("open", 2, 2)
    assert [kind for kind, _ in shown] == ["display", "update"]
    assert shown[0][1]["text/html"] == '<progress value="1" max="2"></progress> 1/2 deal &lt;b&gt;'
