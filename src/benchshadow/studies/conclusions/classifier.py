"""The regime told from the footprint alone, on runs that were left out, beside what their size or loss alone tells."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np

from benchshadow.stats import (
    MOST,
    Fold,
    Relabelling,
    Scores,
    folds,
    held_out,
    permuted,
    relabelled,
    scored,
    share_interval,
    sign_flip,
    sorting,
    stratified_t,
)
from benchshadow.studies.declaring.footprint_settings import Signature
from benchshadow.studies.declaring.study import CONTROL, Study
from benchshadow.studies.preparing.seeds import seed

from .regime_results import Classified, Gain, Result, Shown
from .regime_rows import (
    BASELINES,
    FEWEST,
    OF_LOSS,
    OF_SIZE,
    SCHEMES,
    SPECTRA,
    Rows,
    left_out_in_turn,
    matrix,
    rows_of,
    sets_of,
    usable,
)
from .signature import Feature, Footprints

__all__ = ["ALPHA", "LEAST", "classified"]

ALPHA = 0.05
"""Of the test by relabelling that the spectra must pass before it is said that they add anything."""
LEAST = 0.05
"""Nats below which a gain in log score is too small to speak of: a right regime at .53 in place of .50."""


def classified(study: Study, signature: Signature, found: Footprints) -> Classified:
    """Tell the regimes of a study from each set of features, on replicates, bases, arms and benchmarks left out.

    Every number is a paired difference from the control in units of the A/A spread of the runs learnt from, as its
    inverse hyperbolic sine, so that a spread that is small by chance weighs little. Nothing is tuned, and nothing of
    what is left out is used. Leaving out replicates tells whether *these arms* can be told again; only leaving out arms
    (or the benchmark they are made after) tells whether a regime is more than the one recipe it was learnt from.
    Intervals are over arms there, regimes weighing alike, and over replicates, or the bases that they share, elsewhere.
    Where arms are left out and nothing is to be told, accuracy lies below a guess, as of any score that leaves out one
    row of few: p, from relabellings scored alike, is the number to read.

    Args:
        study: replicates, arms, bases, seed.
        signature: its regimes.
        found: from `footprints`.
    """
    sets, rows = sets_of(signature), rows_of(study, signature, found)
    count = len(set(rows.replicates))
    if count < FEWEST:
        why = f"{FEWEST} replicates are needed in which every declared arm is whole, but there are {count}"
        return _refused(signature, (), why)
    used, left_out = usable(found, rows, sets)
    lacking = [name for name in (SPECTRA, OF_SIZE, OF_LOSS) if not used[name]]
    if lacking:
        return _refused(signature, left_out, f"no feature of the set '{lacking[0]}' is there in every run")
    results, gains, refused = [], [], {}
    for scheme in SCHEMES:
        parts = left_out_in_turn(study, signature, rows, scheme)
        if isinstance(parts, str):
            refused[scheme] = parts
            continue
        told, gained = _scored(study, signature, found, rows, used, scheme, parts)
        results += told
        gains += gained
    names = {name: tuple(feature.name for feature in features) for name, features in used.items()}
    shown = tuple(_shown(study, found, rows, used))
    lost = _not_shown(study, found, rows, used)
    return Classified(dict(signature.regimes), names, left_out, tuple(results), tuple(gains), shown, lost, refused)


def _refused(signature: Signature, left_out: tuple[str, ...], why: str) -> Classified:
    return Classified(dict(signature.regimes), {}, left_out, (), (), (), {}, dict.fromkeys(SCHEMES, why))


def _scored(
    study: Study,
    signature: Signature,
    found: Footprints,
    rows: Rows,
    used: Mapping[str, Sequence[Feature]],
    scheme: str,
    parts: Sequence[Fold],
) -> tuple[list[Result], list[Gain]]:
    """Every set of features on the same folds, and what the spectra add to each baseline."""
    by_arm = scheme in ("arm", "benchmark")
    # An arm that is never told keeps its label: with another it would be another arm that is not told.
    told_at_all = np.any([fold.test for fold in parts], axis=0)
    blocks: list[tuple[Hashable, Hashable]] = [
        ((bool(there) or arm) if by_arm else r, arm) for (arm, r), there in zip(rows.runs, told_at_all, strict=True)
    ]
    labels = [rows.regimes[int(each)] for each in rows.labels.argmax(axis=1)]
    rng = np.random.default_rng(seed(study.seed, "signature", scheme))
    orders = relabelled(blocks, labels, most=signature.permutations, rng=rng)
    # What is left out is what one would generalise to: intervals over replicates say nothing of another arm.
    clusters = rows.arms if by_arm else rows.clusters
    every = list(dict.fromkeys(feature for features in used.values() for feature in features))
    whole = [(matrix(found, every, rows.runs, rows, fold), fold) for fold in parts]
    results, scores = [], {}
    for name, features in used.items():
        chosen = [every.index(feature) for feature in features]
        inputs = [(values[:, chosen], fold) for values, fold in whole]
        told = held_out(inputs, rows.labels)
        scores[name] = scored(told, rows.labels, clusters)
        p = permuted(inputs, rows.labels, orders) if name in (SPECTRA, *BASELINES) else None
        results.append(_result(scheme, name, len({fold.name for fold in parts}), rows, told, scores[name], p))
    known = any(each.p is not None and each.p.p <= ALPHA for each in results if each.features == SPECTRA)
    both = {over: scores[f"{over} and spectra"] for over in BASELINES}
    return results, [_gain(scheme, over, scores[over], both[over], known) for over in BASELINES]


def _result(
    scheme: str, name: str, groups: int, rows: Rows, told: np.ndarray, scores: Scores, p: Relabelling | None
) -> Result:
    there = np.isfinite(told).all(axis=1)
    confusion = {}
    for k, regime in enumerate(rows.regimes):
        here = told[there & (rows.labels[:, k] > 0)]
        if len(here):
            confusion[regime] = dict(zip(rows.regimes, map(float, np.exp(here).mean(axis=0)), strict=True))
    accuracy = share_interval(scores.balanced_accuracy, scores.strata)
    log_score = stratified_t(scores.log_score, scores.strata)
    return Result(scheme, groups, name, accuracy, log_score, 1 / len(rows.regimes), p, confusion)


def _gain(scheme: str, over: str, baseline: Scores, both: Scores, told: bool) -> Gain:
    """What the spectra add; nothing where they do not tell the regimes at all.

    With few arms, marks that have nothing to do with the regimes fall into line with them often, one time in three with
    two and two: only the test by relabelling reckons with that.
    """
    gained = both.log_score - baseline.log_score
    interval = stratified_t(gained, both.strata)
    adds = told and interval.low is not None and interval.low > 0 and interval.mean >= LEAST
    accuracy = stratified_t(both.balanced_accuracy - baseline.balanced_accuracy, both.strata)
    p = sign_flip(gained * both.weights) if len(gained) <= MOST else None
    return Gain(scheme, over, interval, accuracy, p, adds)


def _shown(study: Study, found: Footprints, rows: Rows, used: Mapping[str, Sequence[Feature]]) -> Iterator[Shown]:
    """Where the arms of no regime fall, told by what was learnt from the other replicates."""
    placed, others = list(dict.fromkeys(rows.arms)), _others(study, rows)
    for name in (SPECTRA, OF_SIZE, OF_LOSS):
        features = used[name]
        far: dict[str, list[tuple[int, float]]] = {}
        told: dict[str, list[np.ndarray]] = {}
        for replicate, fold in zip(dict.fromkeys(rows.replicates), folds(rows.replicates), strict=True):
            runs = [(arm, replicate) for arm in (*placed, *others)]
            runs = [run for run in runs if all(run in found.differences[feature] for feature in features)]
            learnt = matrix(found, features, rows.runs, rows, fold)[fold.train]
            sorted_ = sorting(learnt, rows.labels[fold.train], matrix(found, features, runs, rows, fold))
            for i, (arm, _) in enumerate(runs):
                far.setdefault(arm, []).append((replicate, float(sorted_.distance[i])))
                told.setdefault(arm, []).append(np.exp(sorted_.log_probability[i]))
        for arm in others:
            if arm in told:
                yield _fallen(arm, name, rows.regimes, np.array(told[arm]), far[arm], [far[each] for each in placed])


def _others(study: Study, rows: Rows) -> list[str]:
    """The arms of no regime, the second draw among them."""
    return [arm for arm in study.arms if arm not in rows.arms and arm != CONTROL]


def _not_shown(study: Study, found: Footprints, rows: Rows, used: Mapping[str, Sequence[Feature]]) -> dict[str, str]:
    """The arms of no regime that some set of features cannot be asked about, and why."""
    replicates, reasons = list(dict.fromkeys(rows.replicates)), {}
    for arm in _others(study, rows):
        for name in (SPECTRA, OF_SIZE, OF_LOSS):
            absent = [[each for each in used[name] if (arm, r) not in found.differences[each]] for r in replicates]
            if all(absent):
                first = min(absent, key=len)[0].name
                reasons[arm] = f"{name}: no replicate has all that is looked at; {first} is among what is missing"
                break
    return reasons


def _fallen(
    arm: str,
    features: str,
    regimes: Sequence[str],
    told: np.ndarray,
    far: Sequence[tuple[int, float]],
    members: Sequence[Sequence[tuple[int, float]]],
) -> Shown:
    falls = np.bincount(told.argmax(axis=1), minlength=len(regimes))
    probability = dict(zip(regimes, map(float, told.mean(axis=0)), strict=True))
    counts = dict(zip(regimes, map(int, falls), strict=True))
    # A replicate tells all of its runs by one discriminant, so that distances are compared inside it.
    widest = {replicate: max(dict(each)[replicate] for each in members) for replicate, _ in far}
    outside = all(distance > widest[replicate] for replicate, distance in far)
    inside = max(float(np.mean([distance for _, distance in each])) for each in members)
    return Shown(arm, features, probability, counts, float(np.mean([each for _, each in far])), inside, outside)
