"""Numbers as they are read: three significant digits, true minus signs, a dash where there is no value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

__all__ = ["NONE", "absent", "counted", "decimals", "fixed", "number", "shown", "signed", "span"]

NONE = "—"
_GROUP = "\u202f"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def absent(value: Any) -> bool:
    """Whether there is no value: nothing at all, or not a finite number."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def number(value: float | None) -> str:
    """Three significant digits; whole numbers in full, in groups of three; very small ones as powers of ten."""
    if value is None or absent(value):
        return NONE
    size = abs(value)
    if size >= 999.5 or float(value).is_integer():
        text = f"{round(value):,}".replace(",", _GROUP) if size < 1e15 else _power(value)
    elif size < 1e-4:
        text = _power(value)
    else:
        text = f"{value:#.3g}".rstrip(".")
    return text.replace("-", "−")


def _power(value: float) -> str:
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}"


def signed(value: float | None) -> str:
    """A difference: its sign is always written."""
    if value is None or absent(value):
        return NONE
    return f"+{number(value)}" if value > 0 else number(value)


def span(low: float | None, high: float | None, places: int | None = None) -> str:
    """From low to high; one number where they look the same, a dash where there is none."""
    if absent(low) or absent(high):
        return NONE
    first, last = (number(each) if places is None else fixed(each, places) for each in (low, high))
    if first == last:
        return first
    return f"{first}–{last}" if "−" not in first + last else f"{first} to {last}"


def decimals(values: Iterable[float | None]) -> int:
    """How many decimals a column needs for its largest value to show three significant digits."""
    largest = max((abs(value) for value in values if value is not None and not absent(value)), default=0.0)
    return min(8, max(0, 2 - math.floor(math.log10(largest)))) if largest > 0 else 0


def fixed(value: float | None, places: int) -> str:
    """A number with so many decimals, as its column asks for."""
    if value is None or absent(value):
        return NONE
    # What rounds to nothing has no sign.
    return f"{round(value, places) + 0.0:,.{places}f}".replace(",", _GROUP).replace("-", "−")


def shown(value: Any) -> str:
    """Any value of a record or a manifest, in words that fit a cell."""
    if absent(value):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value) if len(value) <= 8 else f"{len(value)} values"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(each)}" for key, each in value.items())
    return str(value)


def counted(many: int, noun: str, plural: str = "") -> str:
    """A number with its noun."""
    return f"{number(many)} {noun if many == 1 else plural or noun + 's'}"
