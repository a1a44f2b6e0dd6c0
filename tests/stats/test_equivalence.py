"""TOST agrees with SciPy's one-sided tests and holds its size at the margin."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import equivalence, replicates_for_margin, tost


@pytest.mark.parametrize("mean", [-0.4, 0.0, 0.2, 2.0])
def test_p_is_the_larger_of_two_one_sided_t_tests(mean):
    sample = np.random.default_rng(0).standard_normal(9) * 0.5 + mean
    lower = scipy.stats.ttest_1samp(sample, -0.7, alternative="greater").pvalue
    upper = scipy.stats.ttest_1samp(sample, 0.7, alternative="less").pvalue
    assert tost(sample, 0.7) == pytest.approx(max(lower, upper))


def test_at_the_margin_it_rejects_at_its_level():
    draws = np.random.default_rng(1).standard_normal((4000, 8)) * 0.3 + 1.0
    assert np.mean([tost(draw, 1.0) <= 0.05 for draw in draws]) == pytest.approx(0.05, abs=0.011)


def test_differences_without_spread_are_inside_or_not():
    assert tost(np.full(4, 0.1), 0.2) == 0
    assert tost(np.full(4, 0.2), 0.2) == 1


@pytest.mark.parametrize("margin", [0.4, 0.7])
def test_the_replicates_reckoned_give_the_power_asked_for(margin):
    rng, n = np.random.default_rng(2), replicates_for_margin(0.5, margin)
    at_zero = np.mean([tost(draw, margin) <= 0.05 for draw in 0.5 * rng.standard_normal((2000, n))])
    assert 0.74 < at_zero < 0.92


def test_bad_margins_are_named():
    for margin in (0.0, -1.0, np.inf):
        with pytest.raises(InputError, match="margin: must be above zero"):
            tost(np.array([0.1, 0.2]), margin)
    with pytest.raises(InputError, match="at least 2 values but holds 1"):
        tost(np.array([0.1]), 1.0)


def test_a_measure_that_never_moves_shows_no_equivalence():
    still, moved = np.zeros(6), np.array([0.0, 0.01, 0.0, 0.0, 0.0, 0.0])
    assert tost(still, 0.1) == 0.0
    assert equivalence(still, still, 0.1) == 1.0
    # The second draw moves it, so it can be moved, and the arm did not.
    assert equivalence(still, moved, 0.1) == 0.0
    assert equivalence(moved, still, 0.1) == tost(moved, 0.1) < 0.01
    with pytest.raises(InputError, match="margin: must be above zero"):
        equivalence(still, still, 0.0)
