"""A picture says what it shows, and its files hold nothing that its table does not."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from secureframe import figures, wording
from secureframe.figures import style
from tests.figures.tables import NOTE, counts, description, means, monthly

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {
    "bars": lambda: figures.plot(means(41.2, 55.1, None, 62.4), "bar"),
    "grouped bars": lambda: figures.plot(counts(), "bar"),
    "lying bars": lambda: figures.plot(counts(), "barh"),
    "lines": lambda: figures.plot(monthly(), "line", subplots=True),
    "boxes": lambda: figures.plot(description(), "box"),
}


def elements(svg: str) -> list[tuple[str, str]]:
    """Every element with its own attributes and text, in order."""
    return [(f"{e.tag} {sorted(e.attrib.items())}", (e.text or "").strip()) for e in ET.fromstring(svg).iter()]


def numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text.replace("\u202f", ""))]


def test_bars_in_a_file_are_the_released_cells_and_nothing_else() -> None:
    """Two tables of one shape: their files differ in the bars and what is written over them, and those say what was released."""
    one, other = (figures.plot(means(*values), "bar") for values in ((41.2, 55.1, None, 62.4), (30.5, 88.0, None, 19.9)))
    both = zip(elements(one.to_svg()), elements(other.to_svg()), strict=True)
    differing = [(a, b) for a, b in both if a != b and SVG + "title" not in a[0]]
    paths = [pair for pair in differing if pair[0][0].startswith(SVG + "path")]
    labels = [pair for pair in differing if pair[0][0].startswith(SVG + "text")]
    assert len(paths) == 3 and len(labels) == 3 and len(differing) == 6
    assert [a[1] for a, _ in labels] == ["41.2", "55.1", "62.4"] and [b[1] for _, b in labels] == ["30.5", "88", "19.9"]
    for drawn, values in ((0, (41.2, 55.1, 62.4)), (1, (30.5, 88.0, 19.9))):
        reached = []
        for pair in paths:
            ys = numbers(dict(re.findall(r"\('(\w+)', '([^']*)'\)", pair[drawn][0].replace("\\n", "")))["d"])[1::2]
            reached.append(max(ys) - min(ys))
        assert [h / reached[0] for h in reached] == pytest.approx([v / values[0] for v in values], rel=1e-4)


def test_what_was_withheld_leaves_no_trace() -> None:
    """A value under a withheld cell, were there one, would change nothing: the figure is the same for every order of drawing."""
    svg = figures.plot(means(41.2, 55.1, None, 62.4), "bar").to_svg()
    beside = figures.plot(means(41.2, 55.1, None, 62.4), "bar").to_svg()
    assert svg == beside
    bands = [e for e in ET.fromstring(svg).iter(SVG + "path") if "url(#h" in e.get("style", "")]
    assert len(bands) == 1
    top, bottom = max(ys := numbers(bands[0].get("d", ""))[1::2]), min(ys)
    axes = next(e for e in ET.fromstring(svg).iter(SVG + "clipPath")).find(SVG + "rect")
    assert axes is not None and top - bottom == pytest.approx(float(axes.get("height", "0")), rel=1e-6)


@pytest.mark.parametrize("name", DRAWN)
def test_files_hold_no_metadata(name: str) -> None:
    svg = DRAWN[name]().to_svg()
    root = ET.fromstring(svg)
    assert not list(root.iter(SVG + "metadata")) and "<!" not in svg and "matplotlib.org" not in svg
    assert not re.search(r"20\d\d-\d\d-\d\dT|/work/|/home/|/tmp/", svg)
    addresses = set(re.findall(r"https?://[^\"'\s]+", svg))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    ids = [e.get("id", "") for e in root.iter() if e.get("id")]
    drawn_as = r"(figure|axes|patch|line2d|text|legend|xtick|ytick|matplotlib\.axis)_\d+|[mhp][0-9a-f]{10}"
    assert all(re.fullmatch(drawn_as, each) for each in ids), ids


@pytest.mark.parametrize("name", DRAWN)
def test_texts_are_labels_released_cells_and_the_note(name: str) -> None:
    picture = DRAWN[name]()
    root = ET.fromstring(picture.to_svg())
    shown = {"".join(e.itertext()).strip() for e in root.iter(SVG + "text")}
    ticks = {t.get_text() for ax in picture.axes for axis in (ax.xaxis, ax.yaxis) for t in axis.get_ticklabels()}
    labels = {ax.get_xlabel() for ax in picture.axes} | {ax.get_ylabel() for ax in picture.axes} | {"withheld", "NL", "DE"}
    for text in shown - ticks - labels:
        assert text in picture.alt, text


def test_everything_that_is_said_of_a_table_is_in_it() -> None:
    """Numbers in the words for the blind are released cells, labels, or the threshold."""
    said = figures.plot(means(41.2, 55.1, None, 62.4), "bar").alt
    assert set(numbers(said)) <= {41.2, 55.1, 62.4, 1, 10, 1234567}
    assert "moderate withheld" in said and said.endswith(NOTE)


def test_a_file_says_what_it_shows(tmp_path: Path) -> None:
    picture = figures.plot(means(41.2, 55.1, None, 62.4), "bar")
    root = ET.fromstring(picture.to_svg())
    assert root.get("role") == "img" and root[0].tag == SVG + "title" and root[0].text == picture.alt
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        path = tmp_path / f"ages.{ending}"
        picture.savefig(path)
        assert path.read_bytes().startswith(start)
        assert str(tmp_path).encode() not in path.read_bytes()
    assert b"CreationDate" not in (tmp_path / "ages.pdf").read_bytes()


def test_dark_paper_has_other_colours_and_nothing_else() -> None:
    picture = figures.plot(counts(), "bar")
    light, dark, again = picture.to_svg(), picture.to_svg(dark=True), picture.to_svg()
    assert light == again

    def uncoloured(svg: str) -> str:
        return re.sub(r"#[0-9a-f]{6}\b|\b[hm][0-9a-f]{10}\b", "", svg)

    assert uncoloured(light) == uncoloured(dark)
    for colour in (style.PAPER, style.INK, style.SERIES[0]):
        assert colour in light and style.DARK[colour] in dark and colour not in dark


class Images(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "img":
            self.found.append(dict(attrs))


def test_a_notebook_shows_images_with_words() -> None:
    picture = figures.plot(means(41.2, 55.1, None, 62.4), "bar", title='<b> & "c"')
    bundle = picture._repr_mimebundle_()
    light, dark = Images(bundle["text/html"]).found
    assert light["alt"] == dark["alt"] == picture.alt and '<b> & "c"' in picture.alt
    assert "hidden" in dark and "hidden" not in light
    for image, is_dark in ((light, False), (dark, True)):
        kind, data = image["src"].split(",")
        assert kind == "data:image/svg+xml;base64"
        assert base64.b64decode(data).decode() == picture.to_svg(dark=is_dark)
    assert "<script" not in bundle["text/html"] and bundle["text/plain"] == f"Picture: {picture.alt}"


def test_changes_to_the_figure_are_shown() -> None:
    picture = figures.plot(means(41.2, 55.1, None, 62.4), "bar")
    picture.ax.set_xlabel("stage of disease")
    assert "stage of disease" in picture.to_svg() and "stage of disease" in picture.to_svg(dark=True)


def test_figures_speak_dutch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wording.VARIABLE, "nl")
    picture = figures.plot(means(41.2, 55.1, None, 62.4), "bar")
    assert picture.alt == (
        "Staafdiagram van age naar stage: none 41.2; mild 55.1; moderate onderdrukt; severe 62.4. "
        "1 cel onderdrukt: minder dan 10 personen, of nodig om zo'n cel te beschermen. "
        "Vrijgegeven volgens open-research (drempel 10 personen, niet afgerond), plan 01234567."
    )


def test_missing_cells_of_a_larger_table_are_not_counted_twice() -> None:
    """The note counts the cells of the figure, not those of the table that it was cut from."""
    assert "1 cell withheld" in figures.plot(counts()["NL"], "bar").alt
    assert isinstance(counts()["NL"], pd.Series)
