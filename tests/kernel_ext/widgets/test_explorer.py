"""The explorer: what was released is cut and drawn, a further table is a plan until its button is pressed."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import pandas as pd
import pytest

import secureframe as sf
from kernel_ext.widgets import ResultsExplorer, results_explorer
from kernel_ext.widgets.questions import Question, keys, statistics, values
from secureframe.errors import PlanError
from secureframe.federation import Federation
from tests.kernel_ext.widgets.conftest import MANY, Runs, until
from tests.kernel_ext.widgets.looking import controls, named, press, text_of

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.SuppressedWarning")


def of(description: str, explorer: ResultsExplorer) -> object:
    """A control of the part that shows what was released."""
    (found,) = [c for c in controls(explorer) if c.description == description and c not in controls(explorer.asking or c)]
    return found


# -- what was released ---------------------------------------------------------------------------------------------------------


def test_rows_and_columns_are_cut_out_of_what_was_released(by_stage: pd.DataFrame, runs: Runs) -> None:
    explorer = results_explorer(by_stage)
    assert explorer.wait() and list(explorer.tables) == ["count, mean by stage"]
    shown = text_of(explorer._cells)
    assert f"third {MANY}" in shown and shown.count("withheld") == 5, "four cells, and the note on them"
    assert "Released under strict here (threshold 1500 persons" in shown
    named(explorer, "stage").value = (3,)
    named(explorer, "Statistics").value = (0,)
    assert explorer.wait()
    shown = text_of(explorer._cells)
    assert f"count stage third {MANY} Released" in shown
    named(explorer, "stage").value = ()
    assert explorer.wait() and "No row" in text_of(explorer._cells) and runs.count == 0


def test_levels_of_several_keys_are_chosen_one_by_one(fed: Federation) -> None:
    people = fed["hospital.people"]
    table = people.assign(old=sf.cut(people["age"], [0, 60, 120], labels=["young", "old"]))
    found = table.groupby(["old", "male"])[["age", "dose"]].agg(["count", "mean"])
    explorer = results_explorer(two=found)
    assert [c.description for c in controls(explorer)] == ["Table", "Chart", "old", "male", "Columns", "Statistics"]
    named(explorer, "male").value = (1,)
    named(explorer, "Columns").value = (0,)
    assert explorer.wait() and "dose" not in text_of(explorer._cells) and "young, 0" not in text_of(explorer._cells)


def test_charts_are_drawn_without_pyplot(by_stage: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib.pyplot
    from matplotlib.figure import Figure

    def forbidden(*arguments: object, **named: object) -> None:
        raise AssertionError("pyplot was used")

    monkeypatch.setattr(matplotlib.pyplot, "figure", forbidden)
    monkeypatch.setattr(matplotlib.pyplot, "subplots", forbidden)
    mine = Figure()
    open_before = matplotlib.pyplot.get_fignums()
    explorer = results_explorer(by_stage)
    for chart in ("bar", "barh", "line"):
        named(explorer, "Chart").value = chart
        assert explorer.wait()
        assert "<img" in explorer._picture.value and 'alt="' in explorer._picture.value and explorer.status.text == ""
    named(explorer, "Chart").value = ""
    assert explorer.wait() and explorer._picture.value == ""
    assert matplotlib.pyplot.get_fignums() == open_before and mine.axes == []


def test_charts_that_do_not_fit_are_not_offered(fed: Federation, by_sex: pd.DataFrame) -> None:
    people = fed["hospital.people"]
    explorer = results_explorer(by_sex, hist=people["age"].hist(bins=4), described=people[["age"]].describe())
    offered = {}
    for name in explorer.tables:
        explorer._table.value = name
        offered[name] = [kind for _, kind in explorer._chart.options]
    assert "hist" in offered["hist"] and "box" in offered["described"]
    assert offered["count, mean by male"] == ["", "bar", "barh", "line"]
    for name, kind in (("hist", "hist"), ("described", "box")):
        explorer._table.value = name
        explorer._chart.value = kind
        assert explorer.wait() and "<img" in explorer._picture.value, explorer.status.text


@pytest.mark.parametrize("thing", [pd.DataFrame({"dose": [1, 2]}), pd.Series([1]), 3, "table"])
def test_what_was_not_released_is_not_taken(thing: object) -> None:
    with pytest.raises(PlanError, match="released"):
        results_explorer(thing)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="nothing to explore"):
        results_explorer()


# -- further tables ------------------------------------------------------------------------------------------------------------


def test_a_choice_is_a_plan_until_its_button_is_pressed(fed: Federation, by_sex: pd.DataFrame, runs: Runs) -> None:
    people = fed["hospital.people"]
    explorer = results_explorer(by_sex, frame=people)
    asking = explorer.asking
    assert asking is not None and explorer.wait()
    for rows, columns, value, chosen in (
        ("male", None, "age", ("mean",)),
        ("stage", None, "dose", ("count", "std")),
        (None, None, "age", ("median",)),
        ("male", "stage", "age", ("count",)),
    ):
        asking._rows.value, asking._columns.value, asking._value.value = rows or "", columns or "", value
        asking._statistics.value = chosen
        assert explorer.wait()
        question = Question(rows=rows, columns=columns, value=value, statistics=chosen)
        assert asking._plan.value == question.pending(people).explain()._repr_html_(), "the plan that would run"  # type: ignore[attr-defined]
        assert f"The plan of “{question.title}”. Nothing of it has run" in text_of(asking._waits) and not asking._run.disabled
    assert runs.count == 0
    press(asking._run)
    assert explorer.wait() and runs.count == 1
    name = "count of age by male and stage"
    assert list(explorer.tables)[-1] == name == explorer._table.value
    expected = people.pivot_table(values="age", index="male", columns="stage", aggfunc=["count"])
    pd.testing.assert_frame_equal(explorer.tables[name], expected)
    assert "released in" in asking.status.text and asking._run.disabled


def test_how_far_a_release_is_stands_in_the_widget(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = results_explorer(frame=fed["hospital.people"])
    asking = explorer.asking
    assert asking is not None and explorer.wait()
    monkeypatch.setattr(fed, "_quiet", False)
    press(asking._run)
    assert explorer.wait() and asking.status.text.startswith("released in ")
    assert "rounds" in asking.status.text and "among hospital, laboratory, neutral" in asking.status.text


def test_no_warning_stands_under_some_cell(fed: Federation) -> None:
    """What is withheld is said under the table; the warning comes from where the explorer leaves it out."""
    explorer = results_explorer(frame=fed["hospital.people"])
    asking = explorer.asking
    assert asking is not None and asking._rows.value == "stage" and explorer.wait()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        press(asking._run)
        assert explorer.wait()
    assert [Path(w.filename).name for w in seen] == ["explorer.py"] and "withheld" in text_of(explorer._cells)


def test_what_has_been_released_is_not_asked_again(fed: Federation, by_sex: pd.DataFrame, runs: Runs) -> None:
    explorer = results_explorer(by_sex, frame=fed["hospital.people"])
    asking = explorer.asking
    assert asking is not None and explorer.wait()
    press(asking._run)
    assert explorer.wait()
    first = explorer._table.value
    asking._rows.value = "male"
    assert explorer.wait()
    explorer._table.value = "count, mean by male"
    asking._rows.value = "stage"
    assert explorer.wait() and explorer._table.value == first == "count, mean of dose by stage"
    assert "has been released: nothing is asked again" in text_of(asking._waits) and asking._run.disabled
    assert runs.count == 1


def test_the_kernel_is_free_while_a_release_runs_and_the_button_cancels_it(fed: Federation, runs: Runs) -> None:
    explorer = results_explorer(frame=fed["hospital.people"])
    asking = explorer.asking
    assert asking is not None and explorer.wait() and asking._cancel.disabled
    with runs.held():
        press(asking._run)
        assert runs.started.wait(30), "pressing has returned, and the job waits"
        assert asking._run.disabled and not asking._cancel.disabled
        asking._rows.value = "male"
        assert asking._planning.wait(30) and "by male" in text_of(asking._waits), "choosing goes on meanwhile"
        assert asking._run.disabled, "one release at a time"
        press(asking._cancel)
        assert asking._running.wait(30)
    assert explorer.wait() and fed.jobs[-1].status == "cancelled"
    assert asking.status.text == "cancelled at all institutions; nothing was released" and explorer.tables == {}
    assert not asking._run.disabled and asking._cancel.disabled
    press(asking._run)
    assert explorer.wait() and list(explorer.tables) == ["count, mean of dose by male"]


def test_only_the_plan_that_is_shown_runs(fed: Federation, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = results_explorer(frame=fed["hospital.people"])
    asking = explorer.asking
    assert asking is not None and explorer.wait()
    go_on, explain = threading.Event(), fed.explain

    def slow(*arguments: object, **named: object) -> str:
        assert go_on.wait(30)
        return explain(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(fed, "explain", slow)
    asking._rows.value = "male"
    assert asking._run.disabled, "its plan is not shown yet"
    asking.run()
    go_on.set()
    assert explorer.wait() and runs.count == 0 and not asking._run.disabled


def test_what_cannot_be_asked_is_said_with_a_hint(fed: Federation, runs: Runs) -> None:
    explorer = results_explorer(frame=fed["hospital.people"])
    asking = explorer.asking
    assert asking is not None
    for change, words in (
        ({"_columns": "stage"}, "the same key"),
        ({"_columns": "", "_statistics": ()}, "no statistic"),
    ):
        for name, value in change.items():
            getattr(asking, name).value = value
        assert explorer.wait() and asking._run.disabled
        assert asking.status.failed and words in asking.status.text and "Hint:" in asking.status.text
    assert runs.count == 0


def test_a_failure_is_told_and_can_be_tried_again(fed: Federation, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = results_explorer(frame=fed["hospital.people"])
    asking = explorer.asking
    assert asking is not None and explorer.wait()

    def breaks(*arguments: object) -> None:
        raise ValueError("a value of a row")

    with monkeypatch.context() as patched:
        patched.setattr(fed._backend, "run", breaks)
        press(asking._run)
        assert explorer.wait()
    assert asking.status.failed and asking.status.text == "an internal error (ValueError)"
    assert until(lambda: not asking._run.disabled)
    press(asking._run)
    assert explorer.wait() and len(explorer.tables) == 1


def test_what_owners_do_not_allow_is_not_offered(fed: Federation) -> None:
    people = fed["hospital.people"]
    assert keys(people) == ["stage", "male"] and set(values(people)) == {"dose", "age", "male"}
    cohort = people.merge(fed["laboratory.scores"], on="id")
    assert "id" not in keys(cohort) and "score" in values(cohort)
    assert {"count", "mean", "median"} <= set(statistics(people, "age"))
