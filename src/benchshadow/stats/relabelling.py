"""Whether a label could be told by chance: labels exchanged inside blocks, all ways where there are few, else drawn."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import factorial, prod

import numpy as np
from jaxtyping import Bool, Float64, Int64

from benchshadow.errors import InputError

from .classification import Fold, held_out

__all__ = ["Relabelling", "permuted", "relabelled"]


@dataclass(frozen=True)
class Relabelling:
    """The outcome of a permutation test of labels.

    Attributes:
        p: share of the relabellings that score at least as well as the observed labels.
        floor: the smallest p that is possible.
        n: number of relabellings that were compared, the identity among them.
    """

    p: float
    floor: float
    n: int


def permuted(
    rows: Sequence[tuple[Float64[np.ndarray, "n d"], Fold]],
    labels: Float64[np.ndarray, "n k"],
    relabellings: Int64[np.ndarray, "b n"],
) -> Relabelling:
    """Permutation test of a held-out log score: share of the relabellings that score at least as well.

    The log score averages the labels alike. The identity counts as one of the relabellings. The test holds where rows
    that are relabelled with each other could have been exchanged if the label made no difference; its floor is the
    share of those that only give the labels other names, which no classifier can tell from the observed one.

    Passed over is a relabelling that leaves a row, in the fold that tells it, without a row of its label to learn from,
    where the observed one leaves none so: it could never score as well. That rests on the labels alone and not on what
    was measured, so that of those that remain each was as likely as the observed one.

    Args:
        rows: as for `held_out`; the folds must be those of every relabelling that remains, not of the observed alone.
        labels: the observed ones.
        relabellings: each the order in which rows give their labels to rows 0, 1, ...; from `relabelled`.
    """
    observed = _mean_score(held_out(rows, labels)[None], labels[None])[0]
    others = labels[relabellings]
    others = others[_learnable(rows, others) == _learnable(rows, labels)]
    scores = _mean_score(held_out(rows, others), others)
    same = np.array([_renamed(labels, each) for each in others], bool)
    identity = bool((others == labels).all(axis=(1, 2)).any())
    total = len(others) + (not identity)
    reached = int((same | (scores >= observed - 1e-9)).sum()) + (not identity)
    return Relabelling(reached / total, (int(same.sum()) + (not identity)) / total, total)


def _learnable(
    rows: Sequence[tuple[Float64[np.ndarray, "n d"], Fold]], labels: Float64[np.ndarray, "*batch n k"]
) -> Bool[np.ndarray, "*batch"]:
    """Whether every row has, in the fold that tells it, a row of its label to learn from."""
    found = np.ones(labels.shape[:-2], bool)
    for _, fold in rows:
        learnt, told = (labels[..., part, :].any(axis=-2) for part in (fold.train, fold.test))
        found &= (learnt | ~told).all(axis=-1)
    return found


def _renamed(labels: np.ndarray, other: np.ndarray) -> bool:
    """Whether one labelling is the other under other names: every label meets one label alone."""
    return bool(((labels.T @ other > 0).sum(axis=1) <= 1).all())


def _mean_score(
    log_probability: Float64[np.ndarray, "b n k"], labels: Float64[np.ndarray, "b n k"]
) -> Float64[np.ndarray, " b"]:
    """Mean over the labels of the mean log-probability of the right one, over the rows that were told."""
    told = np.isfinite(log_probability).all(axis=-1, keepdims=True)
    weights = np.where(told, labels, 0.0)
    sums = (weights * np.where(told, log_probability, 0.0)).sum(axis=-2)
    counts = weights.sum(axis=-2)
    return (sums / np.maximum(counts, 1)).sum(axis=-1) / np.maximum((counts > 0).sum(axis=-1), 1)


def relabelled(
    blocks: Sequence[Sequence[Hashable]], labels: Sequence[Hashable], *, most: int, rng: np.random.Generator
) -> Int64[np.ndarray, "b n"]:
    """Orders in which the units of each block exchange their labels: all that differ, or `most` drawn.

    Args:
        blocks: of every row, its block and its unit inside that block, as pairs; rows of one unit move together.
        labels: of every row; one per unit.
        most: beyond so many distinct relabellings they are drawn instead, with replacement.
        rng: draws them.
    """
    inside: dict[Hashable, dict[Hashable, int]] = {}
    for i, (block, unit) in enumerate(blocks):
        inside.setdefault(block, {}).setdefault(unit, i)
    kinds = [[labels[i] for i in units.values()] for units in inside.values()]
    if most < 1:
        raise InputError("most", f"must be at least 1 but is {most}")
    number = prod(_distinct(each) for each in kinds)
    starts = [list(units.values()) for units in inside.values()]
    orders = _all(starts, labels) if number <= most else _drawn(starts, most, rng)
    found = np.empty((0, len(labels)), int)
    made = []
    for order in orders:
        gives = dict(zip((i for start in starts for i in start), (i for each in order for i in each), strict=True))
        made.append([gives[inside[block][unit]] for block, unit in blocks])
    return np.array(made, int) if made else found


def _distinct(labels: Sequence[Hashable]) -> int:
    counts = [list(labels).count(each) for each in dict.fromkeys(labels)]
    return factorial(len(labels)) // prod(factorial(count) for count in counts)


def _all(starts: Sequence[Sequence[int]], labels: Sequence[Hashable]) -> Iterator[list[list[int]]]:
    """Every assignment of the labels of each block to its units, once."""
    if not starts:
        yield []
        return
    for rest in _all(starts[1:], labels):
        for first in _arrangements(list(starts[0]), labels):
            yield [first, *rest]


def _arrangements(units: list[int], labels: Sequence[Hashable]) -> Iterator[list[int]]:
    """Orders of the units that differ in their labels."""
    if not units:
        yield []
        return
    tried: set[Hashable] = set()
    for i, unit in enumerate(units):
        if labels[unit] not in tried:
            tried.add(labels[unit])
            for rest in _arrangements(units[:i] + units[i + 1 :], labels):
                yield [unit, *rest]


def _drawn(starts: Sequence[Sequence[int]], most: int, rng: np.random.Generator) -> Iterator[list[list[int]]]:
    for _ in range(most):
        yield [[int(i) for i in rng.permutation(list(start))] for start in starts]
