"""The runs a classifier learns from and is asked about: their features in units of the A/A spread, and the folds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchshadow.stats import Fold, folds
from benchshadow.studies.declaring.footprint_settings import Signature
from benchshadow.studies.declaring.study import Study

from .signature import AT_EQUAL, AT_LAST, LOSS, SIZE, Feature, Footprints

__all__ = [
    "BASELINES",
    "FEWEST",
    "OF_LOSS",
    "OF_SIZE",
    "SCHEMES",
    "SETS",
    "SPECTRA",
    "Rows",
    "left_out_in_turn",
    "matrix",
    "rows_of",
    "sets_of",
    "usable",
]

FEWEST = 3
"""Replicates below which nothing is left to learn from: two, with their A/A spread, and one to be told."""
SPECTRA, OF_SIZE, OF_LOSS, OF_BOTH = "spectra", "relative change", "training loss", "relative change and training loss"
BASELINES = (OF_SIZE, OF_LOSS, OF_BOTH)
SETS = (SPECTRA, *BASELINES, *(f"{baseline} and spectra" for baseline in BASELINES))
"""Sets of features: what the spectra tell, each baseline, and each baseline with the spectra added to it."""
SCHEMES = ("replicate", "base", "arm", "benchmark")
"""What is left out at a time; arms and benchmarks together with the replicate that they are told in."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Runs of the declared arms, and what is known of each."""

    runs: tuple[tuple[str, int], ...]
    regimes: tuple[str, ...]
    labels: np.ndarray
    clusters: tuple[int, ...]

    @property
    def arms(self) -> list[str]:
        return [arm for arm, _ in self.runs]

    @property
    def replicates(self) -> list[int]:
        return [replicate for _, replicate in self.runs]


def sets_of(signature: Signature) -> dict[str, tuple[Feature, ...]]:
    """Features by set: spectra at the last step and at equal change, each baseline where the training ended."""
    spectra = tuple(Feature(name, at) for name in signature.diagnostics for at in (AT_LAST, AT_EQUAL))
    size, loss = (Feature(SIZE, AT_LAST),), (Feature(LOSS, AT_LAST),)
    baselines = (size, loss, size + loss)
    return dict(zip(SETS, (spectra, *baselines, *(each + spectra for each in baselines)), strict=True))


def rows_of(study: Study, signature: Signature, found: Footprints) -> Rows:
    """The runs of replicates in which every declared arm and the second draw are whole."""
    last = found.differences.get(Feature(SIZE, AT_LAST), {})
    placed = {arm: regime for regime, arms in signature.regimes.items() for arm in arms}
    whole = [r for r in study.replicates if all((arm, r) in last for arm in (*placed, study.same))]
    runs = tuple((arm, r) for r in whole for arm in placed)
    names = tuple(signature.regimes)
    labels = np.array([[float(placed[arm] == name) for name in names] for arm, _ in runs]).reshape(-1, len(names))
    shared = 1 < study.bases < len(study.replicates)
    clusters = tuple(study.base_of(r) if shared else r for _, r in runs)
    return Rows(runs, names, labels, clusters)


def usable(
    found: Footprints, rows: Rows, sets: Mapping[str, Sequence[Feature]]
) -> tuple[dict[str, tuple[Feature, ...]], tuple[str, ...]]:
    """The features that every run has and whose A/A differences vary, and sentences on the others."""
    said = {}
    for feature in dict.fromkeys(feature for features in sets.values() for feature in features):
        there = found.differences.get(feature, {})
        lacking = sum(run not in there for run in rows.runs)
        if lacking:
            said[feature] = f"{feature.name}: {lacking} of {len(rows.runs)} runs lack it"
        elif any(found.spread(feature, [run for run in rows.runs if run[1] != r]) == 0 for r in set(rows.replicates)):
            said[feature] = f"{feature.name}: the control and its second draw do not differ in it"
    used = {name: tuple(each for each in features if each not in said) for name, features in sets.items()}
    return used, tuple(said.values())


def left_out_in_turn(study: Study, signature: Signature, rows: Rows, scheme: str) -> list[Fold] | str:
    """What is left out in turn; a sentence where nothing can be."""
    if scheme == "replicate":
        return folds(rows.replicates)
    if scheme == "base":
        if study.bases < FEWEST:
            return f"the study has {study.bases} base{'s' * (study.bases > 1)}, and {FEWEST} or more are needed"
        if study.bases == len(study.replicates):
            return "every replicate has a base of its own: leaving out replicates leaves out bases"
        return folds([study.base_of(r) for r in rows.replicates])
    groups: list[Hashable]
    if scheme == "arm":
        alone = {arms[0] for arms in signature.regimes.values() if len(arms) == 1}
        groups = [None if arm in alone else arm for arm in rows.arms]
        why = "every regime has one arm alone: none is left to learn it from"
    else:
        groups = [_benchmark(signature, arm) for arm in rows.arms]
        why = "no regime has arms made after two benchmarks or more (signature.benchmarks)"
    made = folds(groups, also=rows.replicates)
    return made or why


def _benchmark(signature: Signature, arm: str) -> str | None:
    """The benchmark of an arm, where its regime has arms of another one to be learnt from."""
    mine = signature.benchmarks.get(arm)
    arms = next(arms for arms in signature.regimes.values() if arm in arms)
    others = [other for other in arms if signature.benchmarks.get(other) != mine]
    return mine if mine is not None and others else None


def matrix(
    found: Footprints, features: Sequence[Feature], runs: Sequence[tuple[str, int]], rows: Rows, fold: Fold
) -> np.ndarray:
    """Runs by features, in units of the A/A spread of the runs that the fold learns from."""
    known = [run for run, here in zip(rows.runs, fold.train, strict=True) if here]
    columns = []
    for feature in features:
        spread = found.spread(feature, known)
        here = found.differences[feature]
        values = np.array([here[run] for run in runs])
        columns.append(np.arcsinh(values / spread) if spread > 0 else np.zeros(len(runs)))
    return np.array(columns).T
