"""Where a simulation keeps its files: sockets want a short path, and somebody may not write to /tmp."""

from __future__ import annotations

import os

import pytest

from secureframe import starting


def test_a_place_that_cannot_be_written_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert starting._short_directory() == "/tmp"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert starting._short_directory() is None
