"""An interval for a mean over items that come in clusters, within one replicate."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

from .intervals import Interval
from .samples import checked

__all__ = ["clustered_bootstrap"]


def clustered_bootstrap(
    values: Float64[np.ndarray, " n"],
    clusters: Sequence[Hashable],
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of the mean of items, drawn by whole clusters (passages, subjects).

    Clusters are drawn with replacement, and the mean is over the items of those drawn (Cameron, Gelbach & Miller 2008).
    For items within a replicate, of which there are hundreds; over a handful of replicates it covers too seldom, and
    with fewer than some thirty clusters likewise. It holds the model and the training fixed: it does not tell what
    another seed would give.

    Args:
        values: one per item.
        clusters: what each item belongs to, at least two of them.
        rng: draws the clusters.
        draws: how often.
        level: coverage, in (0, 1).
    """
    checked(values, "values", 2)
    if len(clusters) != len(values):
        raise InputError("clusters", f"must be one per value but are {len(clusters)} for {len(values)}")
    if not 0 < level < 1:
        raise InputError("level", f"must be in (0, 1) but is {level}")
    place = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    if len(place) < 2:
        raise InputError("clusters", "must be two or more but is one")
    owner = np.array([place[cluster] for cluster in clusters])
    sums, sizes = np.bincount(owner, values), np.bincount(owner)
    times = rng.multinomial(len(place), np.full(len(place), 1 / len(place)), size=draws)
    low, high = np.quantile((times @ sums) / (times @ sizes), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high), len(values), level)
