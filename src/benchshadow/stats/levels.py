"""Which level inference is made on: replicates, or the bases that several replicates share."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = ["over_bases"]


def over_bases(differences: Float64[np.ndarray, " n"], bases: Sequence[Hashable]) -> Float64[np.ndarray, " units"]:
    """What inference counts: the mean over the replicates of each base, or the differences themselves.

    Replicates of one base share what is peculiar to it, so where there are several bases with several replicates each,
    the base is the top level: its mean is one unit. With a base to every replicate the two are the same; on a single
    base the replicates are the units, and nothing is inferred beyond it.

    Args:
        differences: one per replicate.
        bases: the base that each replicate started from.
    """
    if len(bases) != len(differences):
        raise InputError("bases", f"must be one per difference but are {len(bases)} for {len(differences)}")
    distinct = list(dict.fromkeys(bases))
    if len(distinct) in (1, len(differences)):
        return differences
    return np.array([differences[[base == own for own in bases]].mean() for base in distinct])
