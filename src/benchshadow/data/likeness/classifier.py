"""Separation: how well a classifier tells a corpus from a benchmark by its words, as an AUROC with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from benchshadow.data.documents import Document
from benchshadow.errors import InputError
from benchshadow.stats.areas import area, area_interval

from .features import count_rows, unit_rows
from .sampling import evenly_sampled

__all__ = ["Separation", "SeparationSettings", "separation"]


@dataclass(frozen=True, kw_only=True)
class SeparationSettings:
    """How the classifier is made.

    Attributes:
        most: documents sampled from each side.
        longest: characters kept of each text, so that length itself tells less.
        buckets: of hashed words and pairs.
        folds: of the cross-validation.
        penalty: inverse strength of the squared penalty, C of scikit-learn.
        level: coverage of the interval.
    """

    most: int = 2_000
    longest: int = 1_000
    buckets: int = 2**16
    folds: int = 5
    penalty: float = 1.0
    level: float = 0.95


@dataclass(frozen=True)
class Separation:
    """How well two sides are told apart: .5 not at all, 1 without a mistake.

    Attributes:
        area: mean over folds of the area under the ROC curve: the chance that a text of the benchmark is scored above
            one of the corpus.
        low: lower end of its interval.
        high: upper end.
        level: coverage of the interval.
        corpus: number of the corpus's texts.
        benchmark: number of the benchmark's texts.
        folds: number of folds.
    """

    area: float
    low: float
    high: float
    level: float
    corpus: int
    benchmark: int
    folds: int


def separation(
    corpus: Iterable[Document],
    benchmark: Iterable[Document],
    settings: SeparationSettings | None = None,
    *,
    rng: np.random.Generator,
) -> Separation:
    """Cross-validated AUROC of a logistic regression on hashed words and pairs, corpus against benchmark.

    Rows are 1 + log counts of unit length. It tells whether the two can be told apart, not by what: a fixed format is
    enough for an area of 1. The interval knows of the texts drawn, not of other folds.

    Raises:
        InputError: a side has fewer texts with words than there are folds.
    """
    chosen = settings or SeparationSettings()
    sides = [_texts(side, name, chosen, rng) for side, name in ((corpus, "corpus"), (benchmark, "benchmark"))]
    is_benchmark = np.repeat([False, True], [len(side) for side in sides])
    folds = np.concatenate([rng.permutation(np.arange(len(side)) % chosen.folds) for side in sides])
    areas = _areas(sides[0] + sides[1], is_benchmark, folds, chosen)
    middle = float(np.mean(areas))
    low, high = area_interval(middle, len(sides[1]), len(sides[0]), chosen.level)
    return Separation(middle, low, high, chosen.level, len(sides[0]), len(sides[1]), chosen.folds)


def _texts(side: Iterable[Document], name: str, chosen: SeparationSettings, rng: np.random.Generator) -> list[str]:
    texts = (document.text[: chosen.longest] for document in side)
    found = evenly_sampled((text for text in texts if text.strip()), chosen.most, rng=rng)
    if not 2 <= chosen.folds <= len(found):
        raise InputError(f"folds of the {name}", f"must be from 2 to its {len(found)} texts but are {chosen.folds}")
    return found


def _areas(
    texts: list[str], is_benchmark: Bool[np.ndarray, " n"], folds: np.ndarray, chosen: SeparationSettings
) -> list[float]:
    """Area of each fold, its texts scored by a classifier that was trained on the other folds."""
    from sklearn.linear_model import LogisticRegression

    rows = count_rows(texts, chosen.buckets, pairs=True, marks=True)
    rows.data = 1 + np.log(rows.data)
    rows = unit_rows(rows)
    areas = []
    for fold in range(chosen.folds):
        out = folds == fold
        model = LogisticRegression(C=chosen.penalty, class_weight="balanced", max_iter=1_000)
        model.fit(rows[~out], is_benchmark[~out])
        areas.append(area(model.decision_function(rows[out]), is_benchmark[out]))
    return areas
