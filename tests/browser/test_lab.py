"""What an analyst does in JupyterLab, in the order of a first day: a notebook, a column, a frame, a job, its end, and widgets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.lab import SECONDS, Lab, Notebook, output, serious
from tests.browser.pictures import Picture

pytestmark = [pytest.mark.browser, pytest.mark.ray, pytest.mark.timeout(300)]

JOIN = """
pressure = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
cohort = patients.merge(pressure, on="id")
"""
MEAN_AGE = "52.65"
LONG = """
with sf.defer() as study:
    for years in (2, 3, 4, 5):
        banded = cohort.assign(band=sf.cut(cohort["age"], list(range(18, 111, years))))
        banded.groupby(["male", "band"])[["bmi", "weight", "height", "sbp"]].agg(["mean", "std", "median", "skew"])
study.collect()
"""
"""Several seconds, if nobody stops it."""


@pytest.fixture(scope="module")
def notebook(lab: Lab, context: BrowserContext) -> Iterator[Notebook]:
    """A new notebook with the SecureFrame kernel, connected to the federation."""
    page = context.new_page()
    opened = lab.new_notebook(page)
    opened.run('import secureframe as sf\nfed = sf.connect("invited/federation.toml")')
    opened.run('patients, labs = fed["hospital.patients"], fed["laboratory.labs"]')
    yield opened
    page.close()


def test_a_column_is_completed(notebook: Notebook) -> None:
    page, cell = notebook.page, notebook.write('patients["')
    page.keyboard.press("Tab")
    offered = page.locator(".jp-Completer-item")
    for column in ("weight", "case_id", "futime"):
        expect(offered.filter(has_text=column)).to_be_visible(timeout=20 * SECONDS)
    page.keyboard.type("fut")
    expect(offered.filter(has_text="weight")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(cell.locator(".cm-content")).to_contain_text('patients["futime')
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(cell.locator(".cm-content")).to_have_text("")


def test_a_frame_shows_its_columns_and_no_row(notebook: Notebook, picture: Picture) -> None:
    cell = notebook.run('patients[patients["age"] >= 50].assign(obese=patients["bmi"] >= 30)')
    shown = output(cell)
    for text in ("futime", "hospital", "sensitive", "never shown"):
        expect(shown).to_contain_text(text)
    # Our style outweighs JupyterLab's own.
    expect(shown.locator("th code").first).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    assert serious(notebook.page) == []
    picture(notebook, cell, "frame")


def test_a_job_says_what_it_took_and_by_which_rules_its_result_left(notebook: Notebook, picture: Picture) -> None:
    joined = notebook.run(JOIN.strip())
    cell = notebook.run('cohort.groupby("male")["sbp"].agg(["count", "mean", "std", "median"])')
    expect(output(cell)).to_contain_text(re.compile(r"✓ .* s, \d+ rounds, .* MB among hospital, laboratory, registry"))
    expect(output(cell)).to_contain_text("Released under open-research (threshold 10 persons")
    expect(output(cell).locator("progress")).to_have_count(0)
    picture(notebook, cell, "result")
    figure = notebook.run('cohort["sbp"].hist(bins=list(range(90, 191, 10))).plot(title="Systolic pressure, mmHg")')
    expect(output(figure).get_by_role("img", name=re.compile("Histogram of sbp"))).to_be_visible()
    picture.window(notebook, joined, "window")


def test_a_plan_is_a_graph(notebook: Notebook, picture: Picture) -> None:
    cell = notebook.run('%explain cohort.groupby("male")["sbp"].agg(["count", "mean"])')
    cards = output(cell).locator(".sf-card")
    expect(cards).to_have_count(4)
    expect(cards.nth(1)).to_contain_text("laboratory.labs")
    # What is folded opens by keyboard.
    folded = output(cell).locator("summary", has_text="What is sent")
    folded.focus()
    notebook.page.keyboard.press("Enter")
    expect(output(cell)).to_contain_text("one bit a row: still in the cohort")
    assert serious(notebook.page) == []
    notebook.page.keyboard.press("Enter")
    picture(notebook, cell, "plan")


def test_an_interrupt_cancels_the_job_that_shows_how_far_it_is(notebook: Notebook) -> None:
    cell = notebook.start(LONG)
    expect(output(cell).locator("progress")).to_be_visible(timeout=20 * SECONDS)
    expect(output(cell)).to_contain_text(re.compile(r"\d/4 \w+"))
    notebook.interrupt()
    notebook.wait(cell, 30)
    expect(output(cell)).to_contain_text("cancelled at every institution")
    expect(output(cell)).not_to_contain_text("threshold 10")
    expect(output(notebook.run('patients["age"].mean()'))).to_contain_text(MEAN_AGE)
    expect(output(notebook.run("%jobs -n 2"))).to_contain_text(re.compile("cancelled.*released", re.DOTALL))


def test_the_panel_cancels_a_job_while_its_cell_runs(notebook: Notebook, picture: Picture) -> None:
    cell = notebook.run("from kernel_ext.widgets import federation_panel\nfederation_panel(fed)")
    panel = output(cell)
    panel.get_by_role("button", name="Ask all institutions").click()
    expect(panel).to_contain_text("3 of 3 institutions are ready", timeout=20 * SECONDS)
    assert serious(notebook.page, ".jupyter-widgets") == []
    running = notebook.start(LONG)
    panel.get_by_role("button", name="Cancel at all parties").click(timeout=20 * SECONDS)
    notebook.wait(running, 30)
    expect(output(running)).to_contain_text("the job was cancelled at every institution; nothing was released")
    expect(output(notebook.run('patients["age"].mean()'))).to_contain_text(MEAN_AGE)
    expect(panel.get_by_role("button", name="Cancel at all parties")).to_be_disabled(timeout=20 * SECONDS)
    picture(notebook, cell, "panel", ".jupyter-widgets")


def test_the_explorer_shows_a_plan_before_it_runs(notebook: Notebook, picture: Picture) -> None:
    notebook.run("from kernel_ext.widgets import results_explorer")
    notebook.run('by_sex = cohort.groupby("male")["sbp"].agg(["mean", "median"])')
    cell = notebook.run("results_explorer(by_sex, frame=cohort)")
    explorer = output(cell)
    explorer.get_by_label("Chart").select_option("bars")
    expect(explorer.get_by_role("img", name=re.compile("^Bar chart of mean"))).to_be_visible(timeout=20 * SECONDS)
    explorer.get_by_label("Values of").select_option("bmi")
    expect(explorer).to_contain_text(re.compile("of bmi by male”. Nothing (of it )?has run"), timeout=20 * SECONDS)
    picture(notebook, cell, "explorer", ".jupyter-widgets")
    explorer.get_by_role("button", name="Release this table").click()
    expect(explorer.get_by_label("Table", exact=True)).to_contain_text("count, mean of bmi by male", timeout=60 * SECONDS)
    expect(explorer.get_by_role("img", name=re.compile("^Bar chart of .*bmi"))).to_be_visible(timeout=20 * SECONDS)


def test_jupyterlab_neither_fetches_news_nor_asks_whether_it_may(notebook: Notebook) -> None:
    expect(notebook.root).to_be_visible()
    expect(notebook.page.get_by_text("Jupyter news")).to_have_count(0)
    settings = notebook.page.evaluate("() => JSON.parse(document.getElementById('jupyter-config-data').textContent)")
    assert settings["news"] == {"disabled": True}
    assert not settings.get("collaborative")
