"""Generators by what they are for: one seed in the study file, and none that two purposes share."""

from __future__ import annotations

import numpy as np

from benchshadow.records import digest

__all__ = ["generator", "seed"]


def seed(*purpose: object) -> int:
    """A seed of 63 bits that depends on the purpose alone: the same on every machine and in every process."""
    return int(digest([str(part) for part in purpose])[:16], 16) >> 1


def generator(*purpose: object) -> np.random.Generator:
    """A generator of its own for a purpose such as (7, "benchmark", 2)."""
    return np.random.default_rng(seed(*purpose))
