"""Page's test agrees with his published table and with permutations."""

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.stats import page_trend


def test_the_statistic_and_its_p_in_the_least_case():
    # Two replicates in perfect order of three doses: L = 2 (1 + 4 + 9), one of 36 arrangements.
    trend = page_trend(np.array([[0.1, 0.2, 0.3], [0.4, 0.7, 0.9]]))
    assert trend.statistic == 28
    assert trend.p == pytest.approx(1 / 36)
    assert trend.method == "exact"


def test_p_agrees_with_permutations_within_replicates():
    rng = np.random.default_rng(0)
    table = rng.standard_normal((5, 4)) + 0.4 * np.arange(4)
    trend = page_trend(table)
    ranks = table.argsort(axis=1).argsort(axis=1) + 1
    shuffled = rng.permuted(np.broadcast_to(ranks, (20_000, 5, 4)), axis=2)
    null = (shuffled.sum(axis=1) * np.arange(1, 5)).sum(axis=1)
    assert trend.statistic == (ranks.sum(axis=0) * np.arange(1, 5)).sum()
    assert trend.p == pytest.approx(np.mean(null >= trend.statistic), abs=0.01)


def test_a_falling_dose_curve_is_no_rising_trend():
    table = -np.arange(4.0) + np.random.default_rng(0).standard_normal((4, 4)) * 0.1
    assert page_trend(table).p > 0.99
    assert page_trend(-table).p < 0.001


def test_bad_tables_are_named():
    with pytest.raises(InputError, match="at least 2 replicates and 3 doses but is 3 x 2"):
        page_trend(np.zeros((3, 2)))
    with pytest.raises(InputError, match="must be finite"):
        page_trend(np.full((3, 3), np.nan))
