"""Intervals agree with SciPy and cover at their level, over strata too; Hedges g with a published correction."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import hedges_g, paired_t, stratified_t

SAMPLE = np.array([0.11, 0.07, 0.15, 0.02, 0.12])


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_the_interval_is_scipys(level):
    interval = paired_t(SAMPLE, level)
    expected = scipy.stats.ttest_1samp(SAMPLE, 0).confidence_interval(level)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.mean == pytest.approx(0.094)
    assert (interval.n, interval.level) == (5, level)


@pytest.mark.parametrize("n", [3, 6, 8])
def test_it_covers_at_its_level_where_a_percentile_bootstrap_does_not(n):
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((2000, n)) + 1.0
    intervals = [paired_t(draw) for draw in draws]
    covered = np.mean([interval.low <= 1.0 <= interval.high for interval in intervals])
    assert covered == pytest.approx(0.95, abs=0.016)
    means = draws[:400, rng.integers(0, n, (500, n))].mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert np.mean((low <= 1) & (high >= 1)) < 0.93


def test_one_replicate_has_a_mean_and_no_interval():
    interval = paired_t(np.array([0.3]))
    assert (interval.mean, interval.low, interval.high) == (0.3, None, None)


def test_over_two_strata_it_is_half_of_students_interval_for_two_samples():
    """The mean of two means is half the difference between the one and the other with its sign turned."""
    other = np.array([0.9, 1.4])
    found = stratified_t(np.concatenate([SAMPLE, other]), np.array([3] * 5 + [1] * 2), 0.9)
    expected = scipy.stats.ttest_ind(SAMPLE, -other).confidence_interval(0.9)
    assert found.mean == pytest.approx((0.094 + 1.15) / 2)
    assert (found.low, found.high) == pytest.approx((expected.low / 2, expected.high / 2))
    assert (found.n, found.level) == (7, 0.9)


def test_over_one_stratum_it_is_the_paired_interval():
    one, other = stratified_t(SAMPLE, np.zeros(5, int)), paired_t(SAMPLE)
    assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


def test_over_strata_of_unlike_means_and_sizes_it_covers_at_its_level():
    """Student's interval about the plain mean takes the strata's means for noise, and lies about another number."""
    rng, strata, means = np.random.default_rng(2), np.array([0] * 5 + [1] * 2 + [2]), np.array([0.0, 3.0, 9.0])
    draws = rng.standard_normal((2000, len(strata))) + means[strata]
    intervals = [stratified_t(draw, strata) for draw in draws]
    assert np.mean([each.low <= 4.0 <= each.high for each in intervals]) == pytest.approx(0.95, abs=0.016)


def test_one_value_in_every_stratum_has_a_mean_and_no_interval():
    interval = stratified_t(np.array([0.2, 0.4]), np.array([0, 1]))
    assert (interval.mean, interval.low, interval.high) == (pytest.approx(0.3), None, None)


def test_hedges_g_is_cohens_d_times_the_published_correction():
    d = SAMPLE.mean() / SAMPLE.std(ddof=1)
    # Hedges 1981, table of c(m): c(4) = .7979.
    assert hedges_g(SAMPLE) == pytest.approx(0.7979 * d, rel=1e-4)


def test_hedges_g_is_unbiased_in_small_samples():
    draws = np.random.default_rng(1).standard_normal((20_000, 5)) + 0.8
    assert np.mean([hedges_g(draw) for draw in draws]) == pytest.approx(0.8, abs=0.02)


def test_hedges_g_is_undefined_without_spread_or_with_two():
    assert hedges_g(np.full(5, 0.1)) is None
    # One item of two hundred more in every replicate: the differences vary in their last bits alone.
    assert hedges_g(np.array([0.505, 0.605, 0.805, 0.705]) - np.array([0.5, 0.6, 0.8, 0.7])) is None
    assert hedges_g(np.array([0.1, 0.2])) is None


def test_bad_input_is_named():
    with pytest.raises(InputError, match="at least 1 values but holds 0"):
        paired_t(np.array([]))
    with pytest.raises(InputError, match="must be finite"):
        paired_t(np.array([0.1, np.nan]))
    with pytest.raises(InputError, match=r"level: must be in \(0, 1\) but is 95.0"):
        paired_t(SAMPLE, 95.0)
    with pytest.raises(InputError, match=r"level: must be in \(0, 1\) but is 95.0"):
        stratified_t(SAMPLE, np.zeros(5, int), 95.0)
