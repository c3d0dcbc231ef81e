"""Where there is no browser its tests are skipped, and fail where somebody relies on them."""

from __future__ import annotations

import shutil

import pytest

from tests.browser.lab import found_chromium


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip), ("other", pytest.skip), ("other,browser", pytest.fail)])
def test_a_browser_that_is_missing(monkeypatch: pytest.MonkeyPatch, required: str, outcome: type) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("SECUREFRAME_REQUIRE", required)
    with pytest.raises(outcome.Exception, match="apt-get install chromium"):  # type: ignore[attr-defined]
        found_chromium()


def test_a_browser_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", {"chromium": "/usr/bin/chromium"}.get)
    assert found_chromium() == "/usr/bin/chromium"
