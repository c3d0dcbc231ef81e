"""Every text exists in every language and names the same facts; what is said follows the environment."""

from __future__ import annotations

import math
import string

import pandas as pd
import pytest

from secureframe import wording
from secureframe.disclosure.policy import preset
from secureframe.display.released import released_html
from secureframe.results.decode import rounding_text
from secureframe.results.distinct import LEVELS
from secureframe.results.numbers import SecureFloat
from secureframe.results.record import footnote_text
from secureframe.results.summaries import TOTALS


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", wording.TEXTS)
def test_languages_name_the_same_facts(key: str) -> None:
    texts = wording.TEXTS[key]
    assert set(texts) == set(wording.LANGUAGES)
    assert len({frozenset(facts(text)) for text in texts.values()}) == 1


@pytest.mark.parametrize("phrase", [LEVELS, TOTALS, rounding_text(preset("standard"))])
def test_records_are_translated(phrase: str) -> None:
    assert wording.translated(phrase, "en") == phrase != wording.translated(phrase, "nl")
    assert wording.translated("anything else", "nl") == "anything else"


def test_footnotes_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"plan": "0123456789", "policy": "standard", "threshold": 10, "rounding": rounding_text(preset("standard")),
              "suppressed": [{}], "cells": 4, "notes": [TOTALS]}  # fmt: skip
    english = footnote_text(record)
    monkeypatch.setenv(wording.VARIABLE, "nl")
    dutch = footnote_text(record)
    monkeypatch.setenv(wording.VARIABLE, "xx")
    assert footnote_text(record) == english != dutch
    assert dutch.startswith("Vrijgegeven volgens standard (drempel 10 personen, afgerond: frequenties op veelvouden van ")
    assert "1 cel onderdrukt: minder dan 10 personen" in dutch and "totalen en aandelen komen uit" in dutch
    assert not {"Released", "withheld", "rounded"} & set(dutch.replace(",", " ").split())


def test_withheld_cells_and_numbers_are_named_in_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wording.VARIABLE, "nl")
    record = {"plan": "0123456789", "suppressed": [{"row": "b", "column": "count"}], "cells": 2}
    table = pd.Series(pd.array([12, pd.NA], dtype="Int64"), index=["a", "b"], name="count")
    table.attrs["release"] = record
    assert '<td class="sf-withheld">onderdrukt</td>' in (released_html(table) or "")
    assert ">onderdrukt<" in SecureFloat(math.nan, record)._repr_html_()
