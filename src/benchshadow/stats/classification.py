"""Whether a few numbers per run tell a label apart: a linear discriminant whose prior is the noise, scored held out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import stats

from .intervals import Interval, stratified_t

__all__ = ["Fold", "Scores", "Sorting", "folds", "held_out", "scored", "share_interval", "sorting"]

_LEAST = -6.0
"""Log-probabilities are cut here: one run that is taken for something else must not outweigh all others."""

_NONE = 1e-9
"""Of a trial, or of a width: what the last bits of a mean leave of none."""


@dataclass(frozen=True, eq=False)
class Sorting:
    """What a discriminant makes of some rows.

    Attributes:
        log_probability: of every label, nats, at least -6.
        distance: mean squared distance to the nearest label's centre, in units of the noise expected of one feature;
            about 1 for a row that belongs there.
    """

    log_probability: Float64[np.ndarray, "*batch t k"]
    distance: Float64[np.ndarray, "*batch t"]


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to learn from and rows to be told.

    Attributes:
        name: what is left out.
        train: rows learnt from.
        test: rows told.
    """

    name: Hashable
    train: Bool[np.ndarray, " n"]
    test: Bool[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Scores:
    """How well held-out rows were told, by cluster.

    Attributes:
        balanced_accuracy: mean over the labels of the share told right, one per cluster; 1 / labels is chance.
        log_score: mean over the labels of the mean log-probability of the right label, nats, one per cluster; chance
            has -log(labels), 0 is perfect.
        strata: the label of each cluster where every cluster holds one alone, as arms do: only the mean over labels of
            the means over their clusters is balanced then. Else 0 for all.
    """

    balanced_accuracy: Float64[np.ndarray, " c"]
    log_score: Float64[np.ndarray, " c"]
    strata: Int64[np.ndarray, " c"]

    @property
    def weights(self) -> Float64[np.ndarray, " c"]:
        """Of the clusters, with mean one: a mean over all of them with these weights is the mean over the strata."""
        _, index, sizes = np.unique(self.strata, return_inverse=True, return_counts=True)
        return len(self.strata) / (len(sizes) * sizes[index])


def sorting(
    train: Float64[np.ndarray, "n d"],
    labels: Float64[np.ndarray, "*batch n k"],
    test: Float64[np.ndarray, "t d"],
    noise: float = 1.0,
) -> Sorting:
    """Log-probability of every label for every row to be told, all labels being equally likely beforehand.

    A discriminant after Fisher (1936): normal laws about the label's means with one covariance, whose prior is an
    inverse Wishart law worth d rows of independent noise, so it can be used with fewer rows than features. A row is
    told by its predictive density, a multivariate t that knows of the error of means and covariance (Geisser 1964).
    Nothing is tuned. It looks at means: labels told apart by a spread or a curve alone are not found. Means are not
    drawn together, so with few rows and no difference between the labels it is surer of itself than it should be.

    Args:
        train: rows by features, each in units of its own noise.
        labels: 1 where a row has a label and 0 elsewhere; batches share the rows.
        test: rows to be told.
        noise: variance of a feature within a label that is expected beforehand.
    """
    centre = train.mean(axis=0)
    train, test = train - centre, test - centre
    d, counts = train.shape[1], labels.sum(axis=-2)
    means = np.swapaxes(labels, -1, -2) @ train / np.maximum(counts, 1)[..., None]
    between = np.swapaxes(means * counts[..., None], -1, -2) @ means
    freedom = np.maximum(labels.shape[-2] - (counts > 0).sum(axis=-1), 0)[..., None, None]
    rows = d + freedom
    root = np.linalg.cholesky((noise * d * np.eye(d) + train.T @ train - between) / rows)
    apart = test[:, None, :] - means[..., None, :, :]
    shape = apart.shape
    flat = np.swapaxes(apart.reshape(*shape[:-3], -1, d), -1, -2)
    squared = (np.linalg.solve(root, flat) ** 2).sum(axis=-2).reshape(shape[:-1])
    wider = (1 + 1 / np.maximum(counts, 1))[..., None, :]
    fit = -0.5 * ((rows + 1) * np.log1p(squared / wider / rows) + d * np.log(wider))
    fit = np.where(counts[..., None, :] > 0, fit, -np.inf)
    top = fit.max(axis=-1, keepdims=True)
    told = fit - top - np.log(np.exp(fit - top).sum(axis=-1, keepdims=True))
    distance = np.where(counts[..., None, :] > 0, squared / wider, np.inf).min(axis=-1) / d
    return Sorting(np.maximum(told, _LEAST), distance)


def folds(groups: Sequence[Hashable], *, also: Sequence[Hashable] | None = None) -> list[Fold]:
    """Leave one group out at a time; rows whose group is None are learnt from but never told.

    Args:
        groups: of every row.
        also: a second grouping: rows are told one (group, second group) at a time, and nothing that shares either is
            learnt from. So an arm can be left out together with the replicate it is told in.
    """
    first = np.array([_number(groups, each) for each in groups])
    second = first if also is None else np.array([_number(also, each) for each in also])
    there = np.array([each is not None for each in groups], bool)
    found = []
    for one, other in dict.fromkeys(zip(first[there].tolist(), second[there].tolist(), strict=True)):
        test = there & (first == one) & (second == other)
        train = ((first != one) | ~there) & ((second != other) if also is not None else True)
        name = groups[int(np.argmax(test))]
        found.append(Fold(name, train, test))
    return found


def _number(names: Sequence[Hashable], name: Hashable) -> int:
    return list(names).index(name)


def held_out(
    rows: Sequence[tuple[Float64[np.ndarray, "n d"], Fold]], labels: Float64[np.ndarray, "*batch n k"]
) -> Float64[np.ndarray, "*batch n k"]:
    """Log-probabilities of every row by the discriminant that never saw it; NaN for a row that no fold tells.

    Args:
        rows: one entry per fold, with all rows in the units that its training rows give.
        labels: 1 where a row has a label and 0 elsewhere.
    """
    found = np.full(labels.shape, np.nan)
    for features, fold in rows:
        told = sorting(features[fold.train], labels[..., fold.train, :], features[fold.test])
        found[..., fold.test, :] = told.log_probability
    return found


def scored(
    log_probability: Float64[np.ndarray, "n k"], labels: Float64[np.ndarray, "n k"], clusters: Sequence[Hashable]
) -> Scores:
    """Balanced accuracy and log score of each cluster, over the rows that were told."""
    told = np.isfinite(log_probability).all(axis=1)
    right = (log_probability.argmax(axis=1) == labels.argmax(axis=1)).astype(float)
    of_right = (np.where(labels > 0, log_probability, 0.0)).sum(axis=1)
    accuracy, score, held = [], [], []
    for cluster in dict.fromkeys(clusters):
        here = told & np.array([each == cluster for each in clusters], bool)
        weights = labels[here] / np.maximum(labels[here].sum(axis=0), 1)
        present = max(1, int((labels[here].sum(axis=0) > 0).sum()))
        if here.any():
            accuracy.append(float(right[here] @ weights.sum(axis=1)) / present)
            score.append(float(of_right[here] @ weights.sum(axis=1)) / present)
            held.append(np.flatnonzero(labels[here].any(axis=0)))
    alone = all(len(each) == 1 for each in held)
    return Scores(np.array(accuracy), np.array(score), np.array([each[0] if alone else 0 for each in held], int))


def share_interval(shares: Float64[np.ndarray, " c"], strata: Int64[np.ndarray, " c"], level: float = 0.95) -> Interval:
    """Interval for the mean over strata of shares, one per cluster, inside [0, 1].

    Student's t over the clusters of each stratum. Where shares vary within no stratum they show no spread, which does
    not mean that there is none: then the exact interval of as many trials as there are clusters (Clopper & Pearson
    1934), a share being so many of them. Clusters that share rows to learn from are not independent: the interval takes
    them as if they were.

    Args:
        shares: in [0, 1], one per cluster.
        strata: of every cluster, as in `Scores`.
        level: coverage, in (0, 1).
    """
    found = stratified_t(shares, strata, level)
    if found.low is None or found.high is None:
        return found
    low, high = max(0.0, found.low), min(1.0, found.high)
    if found.high - found.low <= _NONE:
        n, right, tail = found.n, float(np.clip(found.mean, 0, 1)) * found.n, (1 - level) / 2
        low = float(stats.beta.ppf(tail, right, n - right + 1)) if right > _NONE else 0.0
        high = float(stats.beta.ppf(1 - tail, right + 1, n - right)) if right < n - _NONE else 1.0
    return Interval(found.mean, low, high, found.n, found.level)
