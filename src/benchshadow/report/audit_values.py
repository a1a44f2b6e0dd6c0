"""One value of the panel as it is read: its number with its interval, what it is read beside, or why there is none."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from benchshadow.data.panel import PANEL

from .elements import Cell
from .numbers import NONE, absent, number

__all__ = ["dashes", "margin", "measure_title", "order_of", "percent", "quoted", "reason", "value_cell"]

_UNDEFINED = "undefined: "
_PANEL = {measure.name: measure for measure in PANEL}
_SPLITS = {"documents": "over documents", "words": "over words", "domains": "over domains"}
_CLUSTERED = ("effective_clusters", "clusters_hit")
_PASSAGE = 200
"""Characters of a passage that an audit keeps: one as long as that may go on."""
_NO_REASON = "no reason was recorded"


def percent(share: float | None) -> str:
    """A share as a percentage of three digits that never rounds to nothing or to all."""
    if share is None or absent(share):
        return NONE
    if 0 < share < 1e-4:
        return "below 0.01%"
    text = number(100 * share)
    return f"{'99.9' if share < 1 and text in ('100', '100.') else text}%"


def reason(row: dict[str, Any]) -> str:
    """Why a record holds no value."""
    return str(row["method"] or _NO_REASON).removeprefix(_UNDEFINED)


def quoted(passage: str) -> str:
    """A passage in quotation marks, with dots where it was cut."""
    return f"“{passage.rstrip()} …”" if len(passage) >= _PASSAGE else f"“{passage}”"


def margin(half: float) -> str:
    """Half the width of an interval, with two significant digits."""
    return f"{half:.2g}" if 1e-4 <= half < 99 else number(half)


def dashes(found: Iterable[tuple[str, str]], of: str = "") -> str:
    """A sentence for every reason why cells hold a dash; `found` has what each cell is about, and its reason."""
    by_reason: dict[str, dict[str, None]] = {}
    for about, why in found:
        by_reason.setdefault(why, {})[about] = None
    return " ".join(f"No value of {', '.join(names)}{of}: {why}." for why, names in by_reason.items())


def value_cell(row: dict[str, Any] | None, beside: str = "") -> Cell:
    """The cell of a record; `beside` names what its null is the value of, empty where that is not shown."""
    if row is None:
        return Cell(NONE, hint="not measured")
    if absent(row["value"]):
        return Cell(NONE, means=reason(row), hint=reason(row))
    # Draws among documents that all say 0 cannot tell how far off it is.
    below = [f"± {margin(row['error_bound'])}"] if row["error_bound"] else []
    if beside and row["null_random"] is not None:
        below.append(f"{beside} {number(row['null_random'])}")
    return Cell(number(row["value"]), "; ".join(below), hint=row["method"] or "", order=row["value"])


def measure_title(name: str, parameter: float | None = None, split: str | None = None) -> str:
    """What a measure is called, with its n, q, share or number of copies in place, and what it is taken over."""
    found = _PANEL.get(name)
    title = found.title if found else name.replace("_", " ").capitalize()
    if parameter is not None:
        title = _placed(name, title, parameter)
    return f"{title}, {_SPLITS.get(split, split)}" if split else title


def _placed(name: str, title: str, parameter: float) -> str:
    text = "∞" if math.isinf(parameter) else f"{parameter:g}"
    if name == "distinct_n":
        return re.sub(r"\bn-grams", f"{text}-grams" if parameter != 1 else "words", title)
    if name == "unseen_mass":
        return title
    if name == "top_share":
        return f"{title} {100 * parameter:g}%"
    if name == "copies":
        return f"Texts that stand {text} times" if parameter != 1 else "Texts that stand once"
    ways = {"vendi": "q = {}", "near_duplicate_share": "Jaccard {} or more"} | dict.fromkeys(
        _CLUSTERED, "of {} clusters"
    )
    return f"{title}, {ways[name].format(text)}" if name in ways else f"{title} ({text})"


def order_of(row: dict[str, Any]) -> tuple[int, str, float]:
    """Where a record stands on the page: as the panel lists it, then by what it is taken over and its parameter."""
    names = list(_PANEL)
    place = names.index(row["diagnostic"]) if row["diagnostic"] in _PANEL else len(names)
    return place, row["split"] or "", row["parameter"] if row["parameter"] is not None else -1.0
