"""The words of a report's own pages, in English and Dutch; what the notebook says is its author's."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from secureframe.wording import LANGUAGES

LABELS: Mapping[str, Mapping[str, str]] = {
    "report": {"en": "Report", "nl": "Rapport"},
    "contents": {"en": "Contents", "nl": "Inhoud"},
    "purpose": {"en": "Purpose", "nl": "Doel"},
    "period": {"en": "Period", "nl": "Periode"},
    "selection": {"en": "Selection", "nl": "Selectie"},
    "federation": {"en": "Federation", "nl": "Federatie"},
    "institutions": {"en": "Institutions", "nl": "Instellingen"},
    "recipients": {"en": "For", "nl": "Voor"},
    "made": {"en": "Made on", "nl": "Gemaakt op"},
    "made_text": {"en": "{day} from {start} to {end} UTC", "nl": "{day} van {start} tot {end} UTC"},
    "made_days": {"en": "{first}, {start} to {last}, {end} UTC", "nl": "{first}, {start} tot {last}, {end} UTC"},
    "resumed": {
        "en": "{count} of the results had been released before and were not computed again",
        "nl": "{count} van de resultaten waren al eerder vrijgegeven en zijn niet opnieuw berekend",
    },
    "results": {"en": "Results", "nl": "Resultaten"},
    "results_text": {
        "en": "{count} released results, {withheld} withheld cells",
        "nl": "{count} vrijgegeven resultaten, {withheld} onderdrukte cellen",
    },
    "results_one": {
        "en": "1 released result, {withheld} withheld cells",
        "nl": "1 vrijgegeven resultaat, {withheld} onderdrukte cellen",
    },
    "plans": {"en": "Plans", "nl": "Plannen"},
    "plans_text": {
        "en": "What was computed is written down in these plans; every institution checked them against its own policy before "
        "anything was computed. A plan is named by its SHA-256 digest.",
        "nl": "Wat is berekend staat in deze plannen; elke instelling heeft ze aan haar eigen beleid getoetst voordat er iets "
        "werd berekend. Een plan heet naar zijn SHA-256-controlegetal.",
    },
    "record": {"en": "What was released, and under which rules", "nl": "Wat is vrijgegeven, en volgens welke regels"},
    "record_text": {
        "en": "Every result of this report left the institutions under the rules below. Withheld cells were never put together "
        "by anyone: the rules are evaluated on secret shares, before anything is opened.",
        "nl": "Elk resultaat in dit rapport is vrijgegeven volgens de regels hieronder. Onderdrukte cellen zijn door niemand "
        "samengesteld: de regels worden op geheime delen getoetst, voordat er iets wordt geopend.",
    },
    "number": {"en": "No.", "nl": "Nr."},
    "plan": {"en": "Plan", "nl": "Plan"},
    "statistics": {"en": "Statistics", "nl": "Statistieken"},
    "policy": {"en": "Policy", "nl": "Beleid"},
    "threshold": {"en": "Threshold", "nl": "Drempel"},
    "rounding": {"en": "Rounding", "nl": "Afronding"},
    "withheld": {"en": "Withheld", "nl": "Onderdrukt"},
    "cells": {"en": "{count} of {cells} cells", "nl": "{count} van {cells} cellen"},
    "not rounded": {"en": "none", "nl": "geen"},
    "rules": {"en": "Rules", "nl": "Regels"},
    "not_enforced": {"en": "Not enforced by this version", "nl": "Door deze versie niet afgedwongen"},
    "error": {"en": "Numeric error", "nl": "Numerieke fout"},
    "deliveries": {"en": "Results that went to an institution", "nl": "Resultaten die naar een instelling gingen"},
    "delivered_to": {"en": "Delivered to", "nl": "Geleverd aan"},
    "asked": {"en": "Asked", "nl": "Gevraagd"},
    "footer": {"en": "Page", "nl": "Pagina"},
    "of": {"en": "of", "nl": "van"},
    "failed": {"en": "This part of the report failed", "nl": "Dit deel van het rapport is mislukt"},
    "image": {"en": "image", "nl": "afbeelding"},
    "nothing": {"en": "Nothing was released.", "nl": "Er is niets vrijgegeven."},
}
"""Every text by its key, in every language; a test compares the facts that they name."""

MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "nl": (
        "januari", "februari", "maart", "april", "mei", "juni",
        "juli", "augustus", "september", "oktober", "november", "december",
    ),
}  # fmt: skip


def label(key: str, language: str, /, **facts: object) -> str:
    """Return a text of a report in a language.

    Raises
    ------
    ValueError
        If the language is none of `LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise ValueError(f"a report speaks {' or '.join(LANGUAGES)}, not {language!r}")
    return LABELS[key][language].format(**facts)


def day(moment: datetime.datetime, language: str) -> str:
    """Return a day as people write it."""
    return f"{moment.day} {MONTHS[language][moment.month - 1]} {moment.year}"


def span(start: datetime.datetime, end: datetime.datetime, language: str) -> str:
    """Return when something began and ended."""
    start, end = (moment.astimezone(datetime.UTC) if moment.tzinfo else moment for moment in (start, end))
    times = {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}
    if start.date() == end.date():
        return label("made_text", language, day=day(start, language), **times)
    return label("made_days", language, first=day(start, language), last=day(end, language), **times)
