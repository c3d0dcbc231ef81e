"""Colours of a style as a browser would resolve them, and how well one is read upon another."""

from __future__ import annotations

import re

Colour = tuple[float, float, float]
NAMED = {"white": "#ffffff", "black": "#000000"}


def variables(style: str) -> dict[str, str]:
    """The variables that some declarations set; the last one of a name counts."""
    return {name: text.strip() for name, text in re.findall(r"(--[\w-]+)\s*:\s*([^;{}]+)", style)}


def resolved(name: str, given: dict[str, str]) -> str | None:
    """What a variable stands for, with every ``var(...)`` looked up; None where one is unknown and has no fallback."""
    return _looked_up(given[name], given) if name in given else None


def _looked_up(text: str, given: dict[str, str]) -> str | None:
    while found := re.search(r"var\((--[\w-]+)(?:,((?:[^()]|\([^()]*\))*))?\)", text):
        other, fallback = found.groups()
        value = resolved(other, given)
        if value is None and fallback is not None:
            value = _looked_up(fallback.strip(), given)
        if value is None:
            return None
        text = text[: found.start()] + value + text[found.end() :]
    return text


def colour(text: str | None, ground: Colour) -> Colour:
    """A colour as red, green and blue from 0 to 1, laid upon a ground where it lets one shine through."""
    assert text is not None
    text = NAMED.get(text, text)
    if found := re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", text):
        digits = found.group(1) if len(found.group(1)) == 6 else "".join(2 * digit for digit in found.group(1))
        red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
        return red, green, blue
    found = re.fullmatch(r"rgba\((\d+), ?(\d+), ?(\d+), ?([\d.]+)\)", text)
    assert found, text
    opacity = float(found.group(4))
    red, green, blue = (
        opacity * int(part) / 255 + (1 - opacity) * under for part, under in zip(found.groups()[:3], ground, strict=True)
    )
    return red, green, blue


def luminance(of: Colour) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in of)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio, as WCAG 2.2 defines it: 1 to 21."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)
