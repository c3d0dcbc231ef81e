"""Where a simulation keeps its files: sockets want a short path, and somebody may not write to /tmp."""

from __future__ import annotations

import os

import pytest

from secureframe import federation


def test_a_place_that_cannot_be_written_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert federation._short_directory() == "/tmp"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert federation._short_directory() is None
