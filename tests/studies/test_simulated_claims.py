"""Simulated studies, claimed from their records, get each verdict at its nominal rate."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
import scipy.stats
from planted import plain, records, study_of

from benchshadow.stats import FEWEST_BASES, PLACES
from benchshadow.studies.conclusions.claims import AT_END, claims

STUDIES = 120
SPREAD = 0.01
NARROW, BROAD = "held-out items", "other skills"
"""The tasks that the measures narrow and broad are made of, each of one."""
ONE = """
[margins.narrow]
value = {margin}
unit = "share"
because = "planted"
[[families]]
name = "main"
tests = [{{arm = "aligned", measure = "narrow"}}]
"""
FOUR = """
[margins.narrow]
value = {margin}
unit = "share"
because = "planted"
[margins.broad]
value = {margin}
unit = "share"
because = "planted"
[[families]]
name = "main"
[[families.tests]]
arm = "aligned"
measure = "narrow"
[[families.tests]]
arm = "half"
measure = "narrow"
[[families.tests]]
arm = "aligned"
measure = "broad"
[[families.tests]]
arm = "half"
measure = "broad"
"""


def simulated(study, shifts, *, seed, studies=STUDIES):
    """The verdicts at the last step of many studies: (arm, measure) to verdict.

    Args:
        shifts: (arm, task) to the true difference; every arm varies by `SPREAD` around it, the second draw too.
    """
    rng = np.random.default_rng(seed)
    table = records(study, lambda arm, replicate, step, name: plain("control", replicate, step, name))
    table = table.filter(pl.col("step") == study.settings.steps)
    # Every copy of a task's value in a run moves together.
    keys = table.select("arm", "replicate", "benchmark").rows()
    runs = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    place = np.array([runs[key] for key in keys])
    moved = np.array([shifts.get((arm, task), 0.0) for arm, _, task in runs])
    varies = np.array([arm != "control" and task in (NARROW, BROAD) for arm, _, task in runs])
    for _ in range(studies):
        noise = (moved + SPREAD * varies * rng.standard_normal(len(runs)))[place]
        made = claims(study, table.with_columns(value=pl.col("value") + pl.Series(noise)))
        yield {(c.arm, c.measure): c.verdict for c in made if c.at == AT_END and c.verdict is not None}


def labels(study, shift, *, seed) -> Counter:
    found = simulated(study, {("aligned", NARROW): shift}, seed=seed)
    return Counter(made["aligned", "narrow"].label for made in found)


def nominal(shift, n, margin, alpha=0.05, draws=20_000):
    """Share of each verdict by tests written down anew: all patterns of signs at once, and one-sided t tests."""
    values = shift + SPREAD * np.random.default_rng(99).standard_normal((draws, n))
    signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    sums = np.abs(values @ signs.T)
    differs = (sums >= np.abs(values.sum(axis=1, keepdims=True)) - 1e-12).mean(axis=1) <= alpha
    error = values.std(axis=1, ddof=1) / np.sqrt(n)
    above = scipy.stats.t.sf((values.mean(axis=1) + margin) / error, n - 1)
    below = scipy.stats.t.cdf((values.mean(axis=1) - margin) / error, n - 1)
    equal = np.maximum(above, below) <= alpha
    return {
        "shift": (differs & ~equal).mean(),
        "no shift": (equal & ~differs).mean(),
        "shift below the margin": (equal & differs).mean(),
        "cannot tell": (~equal & ~differs).mean(),
    }


def between(count, probability, number=STUDIES) -> bool:
    low, high = scipy.stats.binom.interval(0.9995, number, probability)
    return low <= count <= high


SCENES = {
    "a planted shift": (3 * SPREAD, SPREAD, "shift", 0.95),
    "none": (0.0, 2 * SPREAD, "no shift", 0.9),
    "a shift below the margin": (1.5 * SPREAD, 4 * SPREAD, "shift below the margin", 0.85),
    "too small a margin": (0.0, 0.3 * SPREAD, "cannot tell", 0.9),
    "at the margin": (SPREAD, SPREAD, "shift", 0.4),
}


@pytest.mark.parametrize(("shift", "margin", "label", "least"), SCENES.values(), ids=SCENES.keys())
def test_each_verdict_comes_at_its_nominal_rate(tmp_path, shift, margin, label, least):
    study = study_of(tmp_path, 8, bases=True, more=ONE.format(margin=margin))
    expected, found = nominal(shift, 8, margin), labels(study, shift, seed=1)
    assert expected[label] >= least
    assert found.total() == STUDIES
    for each, probability in expected.items():
        assert between(found[each], probability), (each, found[each], probability)


@pytest.mark.parametrize("replicates", [3, 5])
@pytest.mark.parametrize("shift", [0.0, 5 * SPREAD])
def test_with_too_few_replicates_everything_is_descriptive(tmp_path, replicates, shift):
    study = study_of(tmp_path, replicates, bases=True, more=ONE.format(margin=SPREAD))
    found = labels(study, shift, seed=2)
    assert sum(found[f"descriptive: {place} the A/A range"] for place in PLACES) == STUDIES


def test_on_too_few_bases_everything_is_descriptive(tmp_path):
    changed = ('[base]\nsource = "broad"', f'[base]\nsource = "broad"\nnumber = {FEWEST_BASES - 1}')
    study = study_of(tmp_path, 8, changed, more=ONE.format(margin=SPREAD))
    found = labels(study, 5 * SPREAD, seed=3)
    assert sum(found[f"descriptive: {place} the A/A range"] for place in PLACES) == STUDIES


def test_a_family_errs_on_any_side_at_most_at_its_alpha(tmp_path):
    """Two claims without any difference and two at the margin: shifts of the first and equivalences of the others."""
    margin = 2 * SPREAD
    study = study_of(tmp_path, 9, bases=True, more=FOUR.format(margin=margin))
    shifts, wrong = {("aligned", BROAD): margin, ("half", BROAD): -margin}, 0
    for made in simulated(study, shifts, seed=4, studies=2 * STUDIES):
        said = {key: made[key].label for key in made if key[1] in ("narrow", "broad")}
        false = {"shift", "shift below the margin"} & {said["aligned", "narrow"], said["half", "narrow"]}
        false |= {"no shift", "shift below the margin"} & {said["aligned", "broad"], said["half", "broad"]}
        wrong += bool(false)
    assert wrong <= scipy.stats.binom.ppf(0.9995, 2 * STUDIES, 0.05)


def test_a_single_test_errs_as_often_as_its_exact_level(tmp_path):
    """With eight replicates the largest p that is at most .05 is 12 / 256."""
    study = study_of(tmp_path, 8, bases=True, more=ONE.format(margin=1e-6))
    found = labels(study, 0.0, seed=5)
    assert between(found["shift"], 12 / 256)
    assert found["no shift"] == found["shift below the margin"] == 0


def test_intervals_of_claims_hold_the_planted_difference_at_their_level(tmp_path):
    study = study_of(tmp_path, 8, bases=True)
    held = Counter()
    for made in simulated(study, {("aligned", NARROW): 0.2}, seed=6):
        for measure, true in (("narrow", 0.2), ("broad", 0.0)):
            interval = made["aligned", measure].interval
            assert interval.low is not None
            assert interval.high is not None
            held[measure] += interval.low <= true <= interval.high
    assert between(held["narrow"], 0.95)
    assert between(held["broad"], 0.95)
