"""A report is one file that asks for nothing, shows what came out and no code, and says what was released and how."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from nbformat.v4 import new_output

from kernel_ext.report.labels import LABELS, MONTHS, label
from kernel_ext.report.pages import css_text, to_html
from kernel_ext.report.sanitise import WIDE, clean
from secureframe.wording import LANGUAGES
from tests.kernel_ext.report.notebook import CODE, PNG, executed, meta
from tests.test_wording import facts


class Page(HTMLParser):
    """What stands in a page: elements with their attributes, texts, and whether elements are closed in order."""

    VOID = frozenset({"meta", "img", "br", "hr", "col", "wbr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def html(language: str) -> str:
    return to_html(executed(), language=language, meta=meta())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_a_report_asks_for_nothing(html: str, page: Page) -> None:
    policy = next(m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline';")
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "input", "svg", "base", "video", "audio"}
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in {"srcset", "background", "action", "ping", "poster"}
            if "://" in value:
                assert (tag, name) == ("a", "href"), "a link waits for the reader; nothing else may name an address"
    assert all(image["src"].startswith("data:image/") and image["alt"] for image in page.named("img"))
    assert "url(" not in html and "@import" not in html


def test_hostile_outputs_lose_what_could_act(html: str, page: Page) -> None:
    assert "alert" not in html and "example.org/" not in html.replace('href="https://example.org/about"', "")
    assert "kept" in page.text and "[a map]" in page.text and "styled" in page.text and "inside" not in page.text
    assert "<style>.mine{color:green}</style>" in html


def test_code_metadata_and_progress_are_not_shown(html: str) -> None:
    for hidden in (CODE, "SECRET", "METADATA", "stage 3 of 9", "only the analyst is warned", "left out", "Panel()"):
        assert hidden not in html


def test_outputs_are_shown(page: Page) -> None:
    assert "printed <b>" in page.text and "boldly" in page.text and "0.25" in page.text
    sources = [image["src"] for image in page.named("img")]
    assert sources.count(f"data:image/png;base64,{PNG}") == 2
    assert "a chart" in [image["alt"] for image in page.named("img")]


def test_a_picture_is_shown_once_on_light_paper(page: Page) -> None:
    classes = [image.get("class") for image in page.named("img")]
    assert classes.count("sf-light") == 1 and "sf-dark" not in classes
    assert any("moderate withheld" in image["alt"] for image in page.named("img"))
    assert page.named("body") == [{"class": "sf-report", "data-jp-theme-light": "true"}]


def test_the_cover_says_what_the_report_is(page: Page, language: str) -> None:
    cover = page.text.split(label("contents", language))[0]
    assert "Ages & stages" in cover and "to see <how> old" in cover and "2026-02" in cover and "hospital, registry" in cover
    assert "0123456789abcdef" * 4 in cover and "fedcba9876543210" * 4 in cover
    assert {"en": "1 March 2026 from 05:00 to 05:03 UTC", "nl": "1 maart 2026 van 05:00 tot 05:03 UTC"}[language] in cover
    assert label("results_text", language, count=2, withheld=2) in cover
    assert label("selection", language) not in cover
    assert page.named("html") == [{"lang": language}]


def test_contents_lead_to_every_section(page: Page, language: str) -> None:
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [attributes["href"] for attributes in page.named("a") if attributes.get("href", "").startswith("#")]
    assert len(links) == 4 and {link[1:] for link in links} <= targets
    listed = page.text.split(label("contents", language))[1]
    assert listed.startswith(f" Ages of Pictures Said {label('record', language)}")


def test_the_title_stands_once(page: Page) -> None:
    assert page.text.count("Ages & stages") == 2  # in the head and on the cover, not again above the text


def test_records_are_told_in_the_language(page: Page, language: str) -> None:
    record = page.text.split(label("record_text", language))[1]
    assert "01234567 " in record and "open-research" in record
    assert label("cells", language, count=1, cells=4) in record
    dutch = ("Elke andere statistiek gaat over ten minste 10 personen", "Een budget", "gemiddelde van age")
    english = ("Every other statistic is about at least 10 persons", "Budget", "mean of age")
    for said, unsaid in zip(*((dutch, english) if language == "nl" else (english, dutch)), strict=True):
        assert said in record and unsaid not in record


def test_deliveries_and_resumed_results_are_told(language: str) -> None:
    receipt = {"plan": "77" * 32, "recipient": "registry", "statistics": ["count of <id>"], "institutions": ["hospital"]}
    page = Page(to_html(executed(), language=language, meta=meta(deliveries=(receipt,), resumed=2, releases=())))
    assert "77777777" in page.text and "count of <id>" in page.text
    assert label("resumed", language, count=2) in page.text
    assert label("nothing", language) in Page(to_html(executed(), language=language, meta=meta(releases=(), plans=()))).text


def test_a_failed_cell_says_so(language: str) -> None:
    notebook = executed()
    notebook.cells[3].outputs = [new_output("error", ename="PartyUnavailable", evalue="a <host>", traceback=["in line 1"])]
    page = Page(to_html(notebook, language=language, meta=meta()))
    assert label("failed", language) in page.text and "PartyUnavailable: a <host>" in page.text and "in line 1" not in page.text


def test_footnotes_leave_out_what_to_type(language: str) -> None:
    notebook = executed()
    line = "1 cell withheld: fewer than 10 persons; merge levels, e.g. sf.cut with wider bands; totals are missing."
    notebook.cells[4].outputs[0]["data"] = {"text/html": f"<p>{line}</p>"}
    assert "1 cell withheld: fewer than 10 persons; totals are missing." in to_html(notebook, language=language, meta=meta())


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="en or nl, not 'fr'"):
        to_html(executed(), language="fr", meta=meta())


@pytest.mark.parametrize("key", LABELS)
def test_labels_name_the_same_facts(key: str) -> None:
    assert set(LABELS[key]) == set(LANGUAGES) == set(MONTHS)
    assert len({frozenset(facts(text)) for text in LABELS[key].values()}) == 1


def test_titles_cannot_break_out_of_the_style() -> None:
    assert css_text('a"}</style><b> \\ é') == '"a\\22 \\7d \\3c \\2f style\\3e \\3c b\\3e  \\5c  é"'
    hostile = to_html(executed(), language="en", meta=meta(title="</style><script>alert(1)</script>"))
    assert "<script" not in hostile and "</style><b" not in hostile


# -- what may stand in a report --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<p>a<b>b</p>c", "<p>a<b>b</b></p>c"),
        ("</p>a</div>", "a"),
        ('<a href="HTTPS://x.y">a</a>', '<a href="HTTPS://x.y">a</a>'),
        ('<a href=" javascript:alert(1)">a</a>', "<a>a</a>"),
        ('<a href="data:text/html,x">a</a>', "<a>a</a>"),
        ('<img src="data:text/html;base64,xx">', "[image]"),
        ('<img src="/etc/x.png" alt="<x>">', "[&lt;x&gt;]"),
        ('<td style="color:red">1</td>', '<td style="color:red">1</td>'),
        ('<td style="position:fixed">1</td>', "<td>1</td>"),
        (r'<td style="background:u\72l(x)">1</td>', "<td>1</td>"),
        ("<scr<script>ipt>alert(1)</script>", "ipt&gt;alert(1)"),
        ("<svg><script>x</script></svg>after", "after"),
        ("<!-- <script>x</script> -->a", "a"),
        ("a &lt;b&gt; &amp;lt;", "a &lt;b&gt; &amp;lt;"),
        ("<details><summary>s</summary>d</details>", '<details open=""><summary>s</summary>d</details>'),
        ("<br/><p/>x", "<br><p></p>x"),
    ],
)
def test_cleaning(given: str, kept: str) -> None:
    assert clean(given) == kept
    assert clean(kept) == kept


def test_wide_tables_lie_on_their_side() -> None:
    def table(columns: int) -> str:
        return f"<table><tr>{'<td>1</td>' * columns}</tr></table>"

    assert clean(table(WIDE)).startswith("<table>")
    assert clean(table(WIDE + 1)).startswith('<div class="wide"><table>')
    assert clean('<table><tr><td colspan="12">1</td></tr></table>').startswith('<div class="wide">')
    assert not re.search("wide", clean(table(3) * 5))
