"""How arms and charts look: a palette safe for the colour-blind, a shape per arm, and colours of page and paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["PAGE", "PAPER", "Series", "configuration", "series_of"]

# Okabe & Ito 2008, without black and yellow, and a violet: each can be seen on a light and on a dark page.
_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#0072B2", "#E69F00", "#56B4E9", "#7E57C2")
_SHAPES = ("triangle-up", "square", "diamond", "cross", "triangle-down", "circle")
_CONTROL, _PLACEBO = ("#808080", "circle"), ("#56B4E9", "circle")
_PATHS = {
    "circle": "M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z",
    "square": "M2 2h8v8H2z",
    "diamond": "M6 .5L11 6L6 11.5L1 6z",
    "triangle-up": "M6 1.2L11.2 10.4H.8z",
    "triangle-down": "M6 10.8L.8 1.6H11.2z",
    "line": "M0 5h12v2H0z",
    "dash": "M0 5h4.5v2H0zM7.5 5H12v2H7.5z",
    "cross": "M4.2 1h3.6v3.2H11v3.6H7.8V11H4.2V7.8H1V4.2h3.2z",
}


@dataclass(frozen=True)
class Series:
    """What is told apart in a chart: its name, colour and shape."""

    name: str
    colour: str
    shape: str

    @property
    def path(self) -> str:
        """The shape as an SVG path in a box of twelve."""
        return _PATHS[self.shape]


def _look(place: int) -> tuple[str, str]:
    """Colour and shape of a place: every turn through the colours goes one shape further."""
    turn, colour = divmod(place % (len(_COLOURS) * len(_SHAPES)), len(_COLOURS))
    return _COLOURS[colour], _SHAPES[(colour + turn) % len(_SHAPES)]


def series_of(names: Sequence[str], control: str | None = None, placebo: str | None = None) -> list[Series]:
    """A colour and a shape for every name; the control is grey, and no two share both until all pairs are used."""
    found, taken = [], 0
    for name in names:
        if name in (control, placebo):
            found.append(Series(name, *(_CONTROL if name == control else _PLACEBO)))
            continue
        if placebo in names and _look(taken) == _PLACEBO:
            taken += 1
        found.append(Series(name, *_look(taken)))
        taken += 1
    return found


PAGE = {"ink": "var(--ink)", "soft": "var(--soft)", "line": "var(--line)", "paper": "transparent"}
"""Colours by name, as the style sheet sets them for light, dark and print."""
PAPER = {"ink": "#1b1f24", "soft": "#5a626b", "line": "#d9dde2", "paper": "#ffffff"}
"""Colours of a figure that stands alone."""


def configuration(colours: dict[str, str], *, legend: bool) -> dict[str, Any]:
    """The Vega-Lite configuration of every chart."""
    ink, soft, line = colours["ink"], colours["soft"], colours["line"]
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
    axis = {"labelColor": soft, "titleColor": ink, "domainColor": line, "tickColor": line, "gridColor": line}
    sizes = {"labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "gridOpacity": 0.6}
    return {
        "font": font,
        "background": colours["paper"],
        "view": {"stroke": None},
        "axis": axis
        | sizes
        | {"labelOverlap": True, "labelFlush": False, "labelSeparation": 6, "tickCount": 5, "titlePadding": 8},
        "title": {"color": ink, "fontSize": 13, "fontWeight": 600, "anchor": "start"},
        "legend": {"disable": not legend, "labelColor": ink, "titleColor": ink},
        "rule": {"color": soft},
        "text": {"color": soft},
    }
