"""Simulated studies get each verdict at its nominal rate, and what is descriptive says so."""

from collections import Counter

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.stats import LABELS, PLACES, placed, verdict

QUIET = np.array([0.01, -0.02, 0.015])


def simulated(shift, n, *, spread=0.1, margin=0.2, studies=600, seed=0, bases=8):
    """Shares of the verdicts over studies with a planted mean difference."""
    rng = np.random.default_rng(seed)
    labels = Counter(
        verdict(
            shift + spread * rng.standard_normal(n),
            aa=spread * rng.standard_normal(n),
            margin=margin,
            confirmatory=True,
            bases=bases,
        ).label
        for _ in range(studies)
    )
    return {label: labels[label] / studies for label in LABELS}


def test_a_planted_shift_is_found():
    assert simulated(0.5, 8)["shift"] > 0.98


def test_without_a_shift_the_difference_test_errs_at_its_level():
    rates = simulated(0.0, 8)
    # With eight replicates the largest p that is at most .05 is 12 / 256.
    assert rates["shift"] + rates["shift below the margin"] == pytest.approx(12 / 256, abs=0.025)
    assert rates["no shift"] > 0.9


def test_at_the_margin_no_shift_is_said_at_the_level_of_the_equivalence_test():
    rates = simulated(0.2, 8)
    assert rates["no shift"] + rates["shift below the margin"] <= 0.08


def test_a_small_shift_measured_well_is_below_the_margin():
    assert simulated(0.1, 10, spread=0.04)["shift below the margin"] > 0.95


def test_too_much_noise_for_the_margin_cannot_tell():
    rates = simulated(0.0, 6, spread=0.5)
    assert rates["cannot tell"] > 0.9


def test_with_too_few_replicates_or_bases_or_undeclared_everything_is_descriptive():
    for settings in ({"n": 5}, {"n": 3}, {"n": 8, "bases": 1}, {"n": 8, "bases": 2}):
        rates = simulated(0.5, **settings, studies=50)
        assert sum(rates[f"descriptive: {place} the A/A range"] for place in PLACES) == 1
    undeclared = verdict(np.full(8, 0.5) + np.arange(8) / 100, aa=QUIET, margin=0.2, bases=8)
    assert undeclared.label == "descriptive: outside the A/A range"
    assert undeclared.p is None
    assert undeclared.p_equivalence is None


def test_the_adjusted_p_decides_where_it_is_given():
    sample = np.linspace(0.4, 0.6, 8)
    settings = {"aa": QUIET, "confirmatory": True, "bases": 3}
    assert verdict(sample, **settings).label == "shift"
    assert verdict(sample, **settings, p_adjusted=0.06).label == "cannot tell"
    assert "p = 0.00781 (no less than 0.0078 is possible)" in verdict(sample, **settings).sentence
    corrected = verdict(sample, **settings, p_adjusted=0.06)
    assert "p = 0.06 (corrected; no less than 0.0078 is possible before)" in corrected.sentence


def test_without_a_margin_no_shift_is_never_said():
    flat = np.array([0.01, -0.01, 0.02, -0.02, 0.01, -0.01])
    settings = {"aa": QUIET, "confirmatory": True, "bases": 3}
    assert verdict(flat, **settings).label == "cannot tell"
    assert verdict(flat, **settings, margin=0.1).label == "no shift"


def test_cannot_tell_says_how_many_replicates_would_be_needed():
    sample = np.array([0.5, -0.4, 0.3, -0.5, 0.2, 0.4])
    found = verdict(sample, aa=0.4 * np.array([1.0, -1, 1, -1, 1, -1]), margin=0.2, confirmatory=True, bases=3)
    assert found.label == "cannot tell"
    assert found.needed > 6
    assert f"about {found.needed} replicates would be needed" in found.sentence


@pytest.mark.parametrize(
    ("differences", "aa", "place"),
    [
        ([0.3, 0.4], [0.1, -0.2], "outside"),
        ([-0.4, -0.3], [0.1, -0.2], "outside"),
        ([0.2, 0.4], [0.1, -0.2], "partly outside"),
        ([0.15, 0.4], [0.1, -0.2], "partly outside"),
        ([-0.4, 0.4], [0.1, -0.2], "partly outside"),
        ([-0.2, 0.15], [0.1, -0.2], "inside"),
        ([0.1], [0.0], "outside"),
        ([0.0], [0.0], "inside"),
    ],
)
def test_outside_means_that_the_ranges_do_not_meet_and_inside_that_none_lies_beyond(differences, aa, place):
    assert placed(np.array(differences), np.array(aa)) == place
    found = verdict(np.array(differences), aa=np.array(aa))
    assert (found.place, found.label) == (place, f"descriptive: {place} the A/A range")
    assert found.label in LABELS


def test_what_was_not_declared_says_what_its_test_would_have_said():
    differences = -np.array([0.21, 0.24, 0.2, 0.25, 0.22, 0.23, 0.26, 0.2])
    aa = np.array([0.01, -0.02, 0.22, 0.01, 0.0, -0.01, 0.02, 0.01])
    found = verdict(differences, aa=aa, bases=8)
    assert found.label == "descriptive: partly outside the A/A range"
    assert "sign-flip p = 0.00781, which confirms nothing" in found.sentence
    assert "sign-flip" not in verdict(differences[:5], aa=aa[:5], bases=5).sentence


def test_the_sentence_holds_the_numbers():
    found = verdict(np.array([0.30, 0.34, 0.32]), aa=QUIET)
    assert found.sentence == (
        "descriptive: outside the A/A range: +0.32 [0.27, 0.37], 3 replicates, 1 base, A/A within 0.02"
    )
    assert found.p_floor == 0.25
    assert found.aa_range == 0.02


def test_no_a_a_differences_is_refused():
    with pytest.raises(InputError, match="A/A differences: must hold at least 1 values"):
        verdict(np.array([0.1, 0.2]), aa=np.array([]))


def test_a_tie_with_the_a_a_range_is_not_told_by_its_last_bits():
    """One item of two hundred, at two places of the number line: .005 and .005 and a bit."""
    differences, aa = np.array([0.605 - 0.6]), np.array([0.145 - 0.14])
    assert differences[0] != aa[0]
    assert placed(differences, aa) != "outside"
    assert placed(aa, differences) != "outside"
    assert placed(-differences, aa) != "outside"


def test_a_second_draw_that_never_differs_plans_no_replicates():
    sample = np.array([0.3, 0.25, 0.28, -0.2, 0.22, 0.3])
    for aa in (np.zeros(6), np.array([0.505 - 0.5, 0.705 - 0.7, 0.605 - 0.6])):
        found = verdict(sample, aa=aa, margin=0.1, confirmatory=True, bases=6)
        assert found.label == "cannot tell"
        assert found.needed is None
        assert "would be needed" not in found.sentence


def test_at_a_floor_nothing_can_be_told():
    found = verdict(np.zeros(8), aa=np.zeros(8), margin=0.1, confirmatory=True, bases=8)
    assert found.label == "cannot tell"
    assert found.sentence.endswith(
        "p of equivalence within 0.1 = 1; the measure never varied, as at a floor or a ceiling"
    )
