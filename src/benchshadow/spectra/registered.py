"""The registry that the diagnostics of this room enter, and what such a function may answer."""

from __future__ import annotations

from dataclasses import dataclass

from benchshadow._registry import Registry

__all__ = ["Reading", "Undefined", "diagnostic"]

diagnostic = Registry()
"""Decorator that registers a diagnostic; see `benchshadow._registry`."""


@dataclass(frozen=True)
class Reading:
    """A value with what is known of its error, and what it must be read beside.

    Attributes:
        value: the number.
        error_bound: first order, same unit; None where not known.
        reason: words that belong beside it.
        null_random: the value that chance gives, where the diagnostic knows it itself.
        method: how it was computed, where that is not how its matrix was.
    """

    value: float
    error_bound: float | None = None
    reason: str | None = None
    null_random: float | None = None
    method: str | None = None


@dataclass(frozen=True)
class Undefined:
    """No value, and why."""

    reason: str
