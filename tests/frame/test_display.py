"""What people see: schemas, never rows; the same text and HTML every time; escaped, without scripts."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import secureframe as sf
from secureframe.display import footnote
from secureframe.plan.nodes import Table
from tests.display.looks import body_of
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
place: shared(hospital, laboratory)
release: open-research: 0 or at least 10 persons in every cell, not rounded"""

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
    '<p class="sf-title">SecureSeries <code>age</code></p><dl class="sf-facts"><dt>type</dt><dd>bool</dd>'
    "<dt>defined as</dt><dd><code>(age &gt; 50)</code></dd><dt>owner</dt><dd>hospital</dd>"
    '<dt>place</dt><dd><span class="sf-chip sf-local">local(hospital)</span></dd><dt>values</dt><dd>never shown</dd>'
    "<dt>a release may give</dt><dd>groups (2), counts, means, quantiles</dd></dl>"
    "<details><summary>release: open-research: 0 or at least 10 persons in every cell, not rounded</summary><ul>"
    "<li>every count is 0 or at least 10 persons, every other statistic is about at least 10</li>"
    "<li>numbers are not rounded</li><li>quantiles over several institutions leave at least 3 values on either side</li>"
    "</ul></details>"
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
    html = body_of(cohort(study)[["stage", "sbp"]]._repr_html_(), "frame")
    table, facts = html.split("<dl", 1)
    assert table == (
        '<div class="sf-scroll" role="group" tabindex="0" aria-label="SecureFrame with 2 columns"><table>'
        "<caption>SecureFrame with 2 columns</caption><thead><tr>"
        '<th scope="col">column</th><th scope="col">type</th><th scope="col">owner</th><th scope="col">place</th>'
        '<th scope="col">a release may give</th></tr></thead><tbody>'
        '<tr><th scope="row"><code>stage</code></th><td>category {none, mild, moderate, severe}, nullable</td><td>hospital</td>'
        '<td><span class="sf-chip sf-local">local(hospital)</span></td><td>groups (4), counts</td></tr>'
        '<tr><th scope="row"><code>sbp</code></th><td>float 0.0 to 300.0 by 0.0078125, nullable</td><td>laboratory</td>'
        '<td><span class="sf-chip sf-local">local(laboratory)</span></td><td>counts, means, quantiles</td></tr>'
        "</tbody></table></div>"
    )
    assert facts.startswith(
        ' class="sf-facts"><dt>rows</dt><dd>of hospital.patients, never shown; at most 240 (public), their number is hidden</dd>'
        "<dt>persons</dt><dd>of study; the key is not a column</dd><dt>place</dt><dd>shared(hospital, laboratory)</dd></dl>"
    )
    assert "<li>hospital follows open-research</li><li>laboratory follows open-research</li>" in facts


def test_html_of_a_frame_says_what_may_be_asked_of_its_columns(study: Study) -> None:
    rows = dict(re.findall(r"<code>(\w+)</code></th>(.*?)</tr>", study.patients._repr_html_()))
    said = {name: re.findall(r"<td>(.*?)</td>", row)[3:] for name, row in rows.items()}
    assert said["id"] == ["nothing: it links rows", "everything"] and said["stage"] == ["groups (4), counts", "everything"]
    assert said["age"] == ["counts, means, quantiles", "everything"] and said["cost"] == ["counts, quantiles", "everything"]
    assert "magnitude</span>" in rows["cost"]
    assert said["note"] == ["nothing", "filter"]


def test_text_and_html_of_a_column(study: Study) -> None:
    assert repr(study.patients["bmi"] * 2) == SERIES
    assert body_of((study.patients["age"] > 50)._repr_html_(), "series") == SERIES_HTML
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
