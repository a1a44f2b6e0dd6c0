"""Generators by what they are for: one seed for all arms, and no generator that two purposes share."""

from __future__ import annotations

import numpy as np

from benchshadow.records import digest

__all__ = ["generator"]


def generator(*purpose: object) -> np.random.Generator:
    """A generator of its own for a purpose such as (7, "positions"): the same on every machine."""
    return np.random.default_rng(int(digest([str(part) for part in purpose])[:16], 16) >> 1)
