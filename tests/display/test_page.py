"""The look of everything shown: readable on every ground, escaped, fetched from nowhere, without scripts."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from secureframe.display import page
from tests.display.contrast import colour, contrast, resolved, variables

THEMES = Path(sys.prefix) / "share" / "jupyter" / "lab" / "themes" / "@jupyterlab"
LIGHT_THEME = {
    "--jp-content-font-color1": "rgba(0, 0, 0, 0.87)",
    "--jp-layout-color0": "white",
    "--jp-rendermime-table-row-background": "#f5f5f5",
    "--jp-border-color2": "#e0e0e0",
}
DARK_THEME = {
    "--jp-content-font-color1": "rgba(255, 255, 255, 1)",
    "--jp-layout-color0": "#111111",
    "--jp-rendermime-table-row-background": "#212121",
    "--jp-border-color2": "#424242",
}
GROUNDS = {
    "light": (page.LIGHT, {}),
    "dark": (page.DARK, {}),
    "JupyterLab light": (page.LIGHT, LIGHT_THEME),
    "JupyterLab dark": (page.DARK, DARK_THEME),
}
READ_ON = [
    *((text, ground) for text in ("text", "muted") for ground in ("surface", "raised")),
    *((f"{word}-text", f"{word}-surface") for word in ("local", "partial", "shared", "withheld", "refused")),
]
SEEN_ON = [("accent", "surface"), ("accent", "raised"), ("strong-line", "surface")]


def colours_of(own: dict[str, str], theme: dict[str, str]) -> dict[str, str]:
    """Variables as they are on a ground: the style's own, its palette for that ground, and the theme's."""
    return {**variables(page.STYLE), **{f"--sf-own-{name}": text for name, text in own.items()}, **theme}


def ratio(one: str, other: str, given: dict[str, str]) -> float:
    surface = colour(resolved("--sf-surface", given), (1, 1, 1))
    ground = colour(resolved(f"--sf-{other}", given), surface)
    return contrast(colour(resolved(f"--sf-{one}", given), ground), ground)


@pytest.mark.parametrize("ground", GROUNDS)
def test_everything_can_be_read(ground: str) -> None:
    given = colours_of(*GROUNDS[ground])
    for one, other in READ_ON:
        assert ratio(one, other, given) >= 4.5, (one, other)
    for one, other in SEEN_ON:
        assert ratio(one, other, given) >= 3, (one, other)


@pytest.mark.skipif(not THEMES.is_dir(), reason="needs the themes of an installed JupyterLab")
@pytest.mark.parametrize("theme", ["light", "dark", "dark-high-contrast"])
def test_everything_can_be_read_in_themes_as_installed(theme: str) -> None:
    installed = variables((THEMES / f"theme-{theme}-extension" / "index.css").read_text())
    given = installed | colours_of(page.LIGHT if theme == "light" else page.DARK, {})
    for one, other in READ_ON:
        assert ratio(one, other, given) >= 4.5, (one, other)


def test_contrast_is_that_of_the_standard() -> None:
    black, white, grey = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), colour("#767676", (1, 1, 1))
    assert contrast(black, white) == pytest.approx(21) and contrast(white, white) == 1
    assert contrast(grey, white) == pytest.approx(4.54, abs=0.01)
    assert colour("rgba(0, 0, 0, 0.5)", white) == pytest.approx((0.5, 0.5, 0.5))


def test_every_colour_has_a_light_and_a_dark_form() -> None:
    assert page.LIGHT.keys() == page.DARK.keys() >= page.FOLLOWED.keys()
    used = set(re.findall(r"var\(--sf-([a-z-]+)\)", page.STYLE.replace("--sf-own-", "--own-")))
    assert used <= page.LIGHT.keys()
    for name, followed in page.FOLLOWED.items():
        assert f"--sf-{name}:var({followed},var(--sf-own-{name}))" in page.STYLE


def test_the_theme_of_the_notebook_goes_before_that_of_the_system() -> None:
    system = page.STYLE.index("prefers-color-scheme:dark")
    for light, colours in (("true", page.LIGHT), ("false", page.DARK)):
        rule = f'[data-jp-theme-light="{light}"] .secureframe{{--sf-own-text:{colours["text"]};'
        assert page.STYLE.index(rule) > system


class Reader(HTMLParser):
    """Notes the elements of a fragment, and that all of them are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_fragment_fetches_nothing_and_runs_nothing() -> None:
    body = page.table(["<a>", "b"], [["<script>x</script>", 3]], caption='"&', numbers=[1])
    body = page.details("more", page.scrolling(page.Html(body + page.facts([("<dt>", "<dd>")])), '"><img src=x>'), opened=True)
    shown = page.styled(body, kind='frame"><script>')
    read = Reader(shown)
    tags = "div style details summary table caption thead tbody tr th td dl dt dd"
    assert " ".join(sorted(read.tags)) == " ".join(sorted(tags.split()))
    assert read.attributes <= {"class", "open", "role", "tabindex", "aria-label", "scope"}
    assert "&lt;script&gt;x&lt;/script&gt;" in shown and "&lt;dt&gt;" in shown and "&quot;&amp;" in shown
    assert not re.search(r"url\(|@import|https?:|src=[^x]|javascript:|expression\(", shown)


def test_html_stays_as_it_is_and_text_does_not() -> None:
    assert page.escape(page.Html("<b>")) == "<b>" and page.escape("<b>'\"") == "&lt;b&gt;&#x27;&quot;"
    assert page.element("p", "<", page.chip("a", "local"), classes="sf-note") == (
        '<p class="sf-note">&lt;<span class="sf-chip sf-local">a</span></p>'
    )


def test_tables_name_their_rows_and_columns() -> None:
    assert page.table(["name", "size"], [["a", 1]], numbers=[1]) == (
        '<table><thead><tr><th scope="col">name</th><th class="sf-number" scope="col">size</th></tr></thead>'
        '<tbody><tr><th scope="row">a</th><td class="sf-number">1</td></tr></tbody></table>'
    )
    assert 'tabindex="0"' in page.scrolling("x", "results") and 'aria-label="results"' in page.scrolling("x", "results")
