"""What is said about a release in the languages of its readers: English, and Dutch for reports.

Footnotes, marks in figures and the texts that describe figures are read by people who never typed a statement. Their language is
the environment's, so that a report's notebook speaks one language from its first cell on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

VARIABLE = "SECUREFRAME_LANGUAGE"
"""Environment variable: one of `LANGUAGES`; anything else is read as English."""
LANGUAGES = ("en", "nl")

TEXTS: Mapping[str, Mapping[str, str]] = {
    "the threshold of": {"en": "the threshold of", "nl": "de drempel van"},
    "value withheld": {
        "en": "value withheld: fewer than {threshold} persons, or as few left out or on one side of a condition in it",
        "nl": "waarde onderdrukt: minder dan {threshold} personen, of zo weinig weggelaten of aan een kant van een voorwaarde",
    },
    "cell withheld": {
        "en": "1 cell withheld: fewer than {threshold} persons, or needed to protect one that is",
        "nl": "1 cel onderdrukt: minder dan {threshold} personen, of nodig om zo'n cel te beschermen",
    },
    "cells withheld": {
        "en": "{count} cells withheld: fewer than {threshold} persons, or needed to protect one that is",
        "nl": "{count} cellen onderdrukt: minder dan {threshold} personen, of nodig om zo'n cel te beschermen",
    },
    "widen the cohort": {"en": "widen the cohort", "nl": "neem een ruimere groep"},
    "merge levels": {
        "en": "merge levels, e.g. sf.cut with wider bands",
        "nl": "voeg niveaus samen, bijvoorbeeld sf.cut met bredere klassen",
    },
    "released": {"en": "Released", "nl": "Vrijgegeven"},
    "released under": {"en": "Released under {policy}", "nl": "Vrijgegeven volgens {policy}"},
    "threshold": {"en": "threshold {threshold} persons", "nl": "drempel {threshold} personen"},
    "not rounded": {"en": "not rounded", "nl": "niet afgerond"},
    "rounded": {"en": "rounded: {rounding}", "nl": "afgerond: {rounding}"},
    "plan": {"en": "plan {digest}", "nl": "plan {digest}"},
    "withheld": {"en": "withheld", "nl": "onderdrukt"},
    "no value": {"en": "no value", "nl": "geen waarde"},
    "value": {"en": "value", "nl": "waarde"},
    "count": {"en": "count", "nl": "aantal"},
    "statistic of": {"en": "{statistic} of {column}", "nl": "{statistic} van {column}"},
    "mean": {"en": "mean", "nl": "gemiddelde"},
    "median": {"en": "median", "nl": "mediaan"},
    "std": {"en": "standard deviation", "nl": "standaarddeviatie"},
    "var": {"en": "variance", "nl": "variantie"},
    "sem": {"en": "standard error", "nl": "standaardfout"},
    "sum": {"en": "sum", "nl": "som"},
    "quantile": {"en": "quantile", "nl": "kwantiel"},
    "corr": {"en": "correlation", "nl": "correlatie"},
    "proportion": {"en": "proportion", "nl": "aandeel"},
    "skew": {"en": "skewness", "nl": "scheefheid"},
    "kurtosis": {"en": "kurtosis", "nl": "kurtosis"},
    "cov": {"en": "covariance", "nl": "covariantie"},
    "bar chart": {"en": "Bar chart", "nl": "Staafdiagram"},
    "line chart": {"en": "Line chart", "nl": "Lijndiagram"},
    "box plot": {"en": "Box plot", "nl": "Boxplot"},
    "histogram": {"en": "Histogram", "nl": "Histogram"},
    "chart of": {"en": "{chart} of {what}", "nl": "{chart} van {what}"},
    "by": {"en": "{what} by {key}", "nl": "{what} naar {key}"},
    "box": {"en": "median {median}, quartiles {low} to {high}", "nl": "mediaan {median}, kwartielen {low} tot {high}"},
    "whiskers": {"en": "whiskers {low} to {high}", "nl": "staarten {low} tot {high}"},
    "whiskers are": {"en": "Whiskers: {low} and {high} quantiles.", "nl": "Staarten: kwantielen {low} en {high}."},
    "whisker withheld": {"en": "whiskers withheld: {where}", "nl": "staarten onderdrukt: {where}"},
    "and more": {"en": "and {count} more", "nl": "en nog {count}"},
}
"""Every text by its key, in every language; a test compares the facts that they name."""

PHRASES: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = tuple(
    (re.compile(pattern), {"nl": dutch})
    for pattern, dutch in (
        (
            r"frequencies to base (\d+); means, deviations, correlations to 3 significant digits",
            r"frequenties op veelvouden van \1; gemiddelden, spreidingen en correlaties op 3 significante cijfers",
        ),
        (r"frequencies to base (\d+)", r"frequenties op veelvouden van \1"),
        (
            r"a frequency is 0 or at least (\d+) distinct persons, and so is what its frame has beyond it",
            r"een frequentie is 0 of telt ten minste \1 verschillende personen, en wat de tabel daarbuiten heeft ook",
        ),
        (
            r"every other statistic is about at least (\d+) persons",
            r"elke andere statistiek gaat over ten minste \1 personen",
        ),
        (
            r"each side of a condition inside an aggregated column is 0 or at least (\d+) persons",
            r"elke kant van een voorwaarde binnen een samengevatte kolom telt 0 of ten minste \1 personen",
        ),
        (
            r"cells that would give a withheld one away by subtraction are withheld too",
            r"cellen waaruit een onderdrukte cel door aftrekken zou volgen, zijn ook onderdrukt",
        ),
        (
            r"empty cells of tables by a sensitive column are withheld",
            r"lege cellen van tabellen naar een gevoelige kolom zijn onderdrukt",
        ),
        (
            r"every other statistic is about as many persons without the rows of (.+), the recipient's own, or nobody else",
            r"elke andere statistiek gaat ook zonder de rijen van \1, de ontvanger, over zoveel personen, of over niemand anders",
        ),
        (
            r"exact integers on the grid; quotients and roots to 1e-15 relative",
            r"gehele getallen op het rooster zijn exact; quotiënten en wortels tot op 1e-15 relatief",
        ),
        (r"ledger against differencing", r"een register tegen verschilberekening over meer uitkomsten"),
        (r"budget", r"een budget"),
        (r"approval", r"goedkeuring vooraf"),
        (r"dominance", r"dominantieregels"),
        (
            r"totals and shares are taken from the released cells and missing where one of theirs is withheld",
            r"totalen en aandelen komen uit de vrijgegeven cellen en ontbreken waar een daarvan is onderdrukt",
        ),
        (
            r"numbers of levels are taken from released frequencies and missing where one of theirs is withheld",
            r"aantallen niveaus komen uit vrijgegeven frequenties en ontbreken waar een daarvan is onderdrukt",
        ),
    )
)
"""What a release record itself says, in English as it travels, with its translations."""


def language() -> str:
    """Return the language of whoever reads: the environment's, or English."""
    wanted = os.environ.get(VARIABLE, "en")
    return wanted if wanted in LANGUAGES else "en"


def say(key: str, /, *, language: str | None = None, **facts: Any) -> str:
    """Return a text in a language, by default in the environment's, with its facts filled in."""
    return TEXTS[key][language or _language()].format(**facts)


def translated(text: str, language: str | None = None) -> str:
    """Return a phrase of a release record in a language; one that is not ours stays as it is."""
    wanted = language or _language()
    for pattern, translations in PHRASES:
        if wanted in translations and pattern.fullmatch(text):
            return pattern.sub(translations[wanted], text)
    return text


_language = language
