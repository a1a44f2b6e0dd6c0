"""The area under a ROC curve is Mann and Whitney's, and its interval holds its level and solves its equation."""

import numpy as np
import pytest
from scipy import stats

from benchshadow.errors import InputError
from benchshadow.stats.areas import area, area_interval


def test_the_area_is_mann_whitneys():
    rng = np.random.default_rng(3)
    scores, positive = rng.integers(6, size=50).astype(float), np.arange(50) % 3 == 0
    expected = stats.mannwhitneyu(scores[positive], scores[~positive]).statistic / (17 * 33)
    assert area(scores, positive) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_interval_holds_its_level(shift):
    rng = np.random.default_rng(4)
    truth, inside, trials, m, n = stats.norm.cdf(shift / np.sqrt(2)), 0, 400, 30, 40
    for _ in range(trials):
        scores = np.concatenate([rng.normal(shift, 1, m), rng.normal(0, 1, n)])
        low, high = area_interval(area(scores, np.arange(m + n) < m), m, n)
        inside += low <= truth <= high
    assert 0.92 <= inside / trials <= 0.99


def test_ends_of_the_interval_solve_its_equation():
    low, high = area_interval(0.8, 25, 35)
    for t in (low, high):
        v = t * (1 - t) * (1 + 29 * ((1 - t) / (2 - t) + t / (1 + t))) / (25 * 35)
        assert abs(0.8 - t) == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(v), rel=1e-9)
    assert area_interval(0.0, 5, 5)[0] == 0
    assert area_interval(0.2, 25, 35) == pytest.approx((1 - high, 1 - low), rel=1e-9)


def test_what_is_no_area_is_refused():
    with pytest.raises(InputError, match=r"must be in \[0, 1\] and \(0, 1\) but are 1.2 and 0.95"):
        area_interval(1.2, 5, 5)
    with pytest.raises(InputError, match="needs scores of both groups but has 3 and 0"):
        area(np.arange(3.0), np.ones(3, bool))
