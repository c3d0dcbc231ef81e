"""No widget holds what was not released: every trait of every widget of a run is searched for a planted value and a count."""

from __future__ import annotations

import pytest

from kernel_ext.widgets import federation_panel, owner_dashboard, results_explorer
from kernel_ext.widgets.parts import html, show
from secureframe.errors import SecureFrameError
from secureframe.federation import Federation
from tests.kernel_ext.widgets.conftest import FEW, MANY, NEXT, PLANTED
from tests.kernel_ext.widgets.looking import controls, everything, holds, states

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.SuppressedWarning")


def test_no_trait_holds_a_planted_value(fed: Federation) -> None:
    people, scores = fed["hospital.people"], fed["laboratory.scores"]
    panel = federation_panel(fed)
    table = people.groupby("stage")["dose"].agg(["count", "mean"])
    explorer = results_explorer(table, frame=people.merge(scores, on="id"))
    asking = explorer.asking
    assert asking is not None
    for rows, value, statistics in (("stage", "dose", ("count", "mean")), ("stage", "dose", ("median", "std"))):
        asking._rows.value, asking._value.value, asking._statistics.value = rows, value, statistics
        assert explorer.wait()
        asking.run()
        assert explorer.wait() and "released" in asking.status.text
        for chart in ("bar", "line"):
            explorer._chart.value = chart
            assert explorer.wait()
    with pytest.raises(SecureFrameError):
        people["dose"].max()
    people[people["stage"] == "late"]["dose"].mean()
    panel.refresh()
    assert panel._asking.wait(30) and panel._following.wait(30)
    dashboards = [owner_dashboard(fed[name]) for name in ("hospital", "laboratory", "neutral")]
    explorer._table.value = next(iter(explorer.tables))
    assert explorer.wait()
    whole = states()
    assert holds(whole, MANY), "what was released is found: the search works"
    for number in (PLANTED, FEW, NEXT):
        assert not holds(whole, number), number
    assert len(dashboards) == 3


@pytest.mark.parametrize("planted", [str(FEW), f"{FEW:,}", f"mean {PLANTED}", f"{PLANTED:,}"])
def test_a_planted_one_would_be_found(planted: str) -> None:
    widget = html()
    show(widget, f"<p>{planted}</p>")
    whole = states()
    assert holds(whole, FEW) or holds(whole, PLANTED)


def test_every_control_has_a_name_and_says_what_it_does(fed: Federation) -> None:
    people = fed["hospital.people"]
    table = people.groupby("male")["age"].agg(["count", "mean"])
    for widget in (federation_panel(fed), results_explorer(table, frame=people), owner_dashboard(fed["hospital"])):
        found = controls(widget)
        assert len(found) >= 3
        for control in found:
            assert control.description.strip() and control.tooltip and control.tooltip != control.description, control
            assert control.tabbable is not False
        assert all(each.comm is not None for each in everything(widget)), "it reaches the browser"
        names = [control.description for control in found]
        assert len([w for w in everything(widget) if type(w).__name__ == "StatusLine"]) >= 1, names


def test_keyboard_order_is_reading_order(fed: Federation) -> None:
    table = fed["hospital.people"].groupby("male")["age"].agg(["count", "mean"])
    explorer = results_explorer(table, frame=fed["hospital.people"])
    assert [c.description for c in controls(explorer)] == [
        "Table", "Chart", "male", "Statistics",
        "Rows", "Columns", "Values of", "Statistics", "Release this table", "Cancel",
    ]  # fmt: skip
    assert [c.description for c in controls(federation_panel(fed))] == [
        "Ask all institutions", "Running job", "Cancel at all parties",
    ]  # fmt: skip
    assert [c.description for c in controls(owner_dashboard(fed["hospital"]))] == [
        "Read again", "Jobs shown", "Received result", "Open it here",
    ]  # fmt: skip


def test_no_asset_fetches_anything() -> None:
    from kernel_ext.widgets.parts import ASSETS

    found = {path.name: path.read_text() for path in ASSETS.iterdir()}
    assert set(found) == {"widgets.css", "status.js"}
    for name, text in found.items():
        assert not any(word in text for word in ("http:", "https:", "//cdn", "import(", "fetch(", "@import", "url(")), name
