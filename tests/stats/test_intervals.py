"""The paired t interval agrees with SciPy and covers at its level; Hedges g with a published correction."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import hedges_g, paired_t

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
