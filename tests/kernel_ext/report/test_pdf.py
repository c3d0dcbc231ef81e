"""Printing: a PDF with numbered pages where there is a chromium, and an error that says so where there is none."""

from __future__ import annotations

import os
import re
import stat
import zlib
from pathlib import Path

import pytest

from kernel_ext.report import pdf
from kernel_ext.report.pages import to_html
from secureframe.errors import SecureFrameError
from tests.kernel_ext.report.notebook import executed, meta


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report & more.html"
    path.write_text(to_html(executed(), language="nl", meta=meta()), "utf-8")
    return path


def test_without_a_browser_an_error_says_what_to_do(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(report.parent))
    monkeypatch.delenv(pdf.VARIABLE, raising=False)
    with pytest.raises(SecureFrameError, match="this machine has none; the HTML file is complete") as caught:
        pdf.to_pdf(report, report.with_suffix(".pdf"))
    assert caught.value.hint == "apt-get install chromium, or SECUREFRAME_CHROMIUM=/path/to/chromium"


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 7\n", "#!/bin/sh\nexec sleep 60\n", "not a program"])
def test_a_browser_that_does_not_print(script: str, report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = report.parent / "browser"
    browser.write_text(script)
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(pdf.VARIABLE, str(browser))
    monkeypatch.setattr(pdf, "SECONDS", 0.5)
    with pytest.raises(SecureFrameError, match=r"did not print the report: it (ended with status 7|took more than|could not be)"):
        pdf.to_pdf(report, report.with_suffix(".pdf"))
    assert not report.with_suffix(".pdf").exists()


@pytest.mark.browser
@pytest.mark.skipif(pdf.chromium() is None and "browser" not in os.environ.get("SECUREFRAME_REQUIRE", ""), reason="no chromium")
def test_pages_are_printed(report: Path) -> None:
    target = report.with_suffix(".pdf")
    pdf.to_pdf(report, target)
    printed = target.read_bytes()
    assert printed.startswith(b"%PDF") and printed.rstrip().endswith(b"%%EOF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 6
    assert b"/StructTreeRoot" in printed and b"/Lang" in printed and b"/Outlines" in printed
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", printed, re.S)
    texts = [zlib.decompress(stream) for stream in streams if stream[:1] == b"x"]
    assert texts and str(report.parent).encode() not in printed + b"".join(texts)
