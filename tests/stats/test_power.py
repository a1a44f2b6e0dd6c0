"""The replicates reckoned give the power asked for, by simulation and by SciPy's noncentral t."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import (
    p_floor,
    power_of_difference,
    power_of_equivalence,
    replicates_for_difference,
    replicates_for_equivalence,
    replicates_for_margin,
    sign_flip,
    spread_at_most,
    tost,
)

DRAWS = 3000


def close(count: int, probability: float) -> bool:
    """Whether a count of simulated rejections is what a probability gives, but for one time in a thousand."""
    low, high = scipy.stats.binom.interval(0.999, DRAWS, probability)
    return low <= count <= high


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.6, 2.5])
@pytest.mark.parametrize(("n", "alpha"), [(6, 0.05), (8, 0.01)])
def test_at_the_floor_all_signs_must_agree(n, alpha, ratio):
    agree = scipy.stats.norm.cdf(ratio) ** n + scipy.stats.norm.cdf(-ratio) ** n
    assert abs(power_of_difference(n, ratio, alpha) - agree) < 4 * np.sqrt(agree * (1 - agree) / 4000)


@pytest.mark.parametrize(("n", "ratio", "alpha"), [(7, 1.2, 0.05), (9, 1.0, 0.02), (13, 0.8, 0.05), (14, 0.9, 0.01)])
def test_the_power_of_a_difference_is_what_the_exact_test_finds(n, ratio, alpha):
    draws = np.random.default_rng(100 + n).standard_normal((DRAWS // 5, n)) + ratio
    rejected = np.mean([sign_flip(draw).p <= alpha for draw in draws])
    assert abs(rejected - power_of_difference(n, ratio, alpha)) < 0.06


@pytest.mark.parametrize(("n", "ratio", "alpha"), [(20, 0.5, 0.01), (16, 0.8, 0.05)])
def test_beyond_twelve_replicates_it_is_that_of_the_t_test(n, ratio, alpha):
    draws = np.random.default_rng(n).standard_normal((DRAWS, n)) + ratio
    t = np.sqrt(n) * draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    rejected = int((2 * scipy.stats.t.sf(np.abs(t), n - 1) <= alpha).sum())
    assert close(rejected, power_of_difference(n, ratio, alpha))


@pytest.mark.parametrize(("n", "ratio", "alpha"), [(3, 3.0, 0.05), (8, 1.0, 0.05), (8, 2.0, 0.0125), (30, 0.5, 0.05)])
def test_the_power_of_equivalence_is_what_simulation_gives(n, ratio, alpha):
    draws = np.random.default_rng(n).standard_normal((DRAWS, n))
    rejected = sum(tost(draw, ratio) <= alpha for draw in draws)
    assert close(rejected, power_of_equivalence(n, ratio, alpha))


def test_below_its_floor_the_sign_flip_test_finds_nothing():
    assert p_floor(5) > 0.05 >= p_floor(6)
    assert power_of_difference(5, 100.0) == 0.0
    assert power_of_difference(6, 100.0) == 1.0
    # TOST has no floor.
    assert power_of_equivalence(2, 1000.0) > 0.99


@pytest.mark.parametrize("ratio", [0.3, 0.8, 2.0])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6])
def test_the_fewest_replicates_have_the_power_and_one_fewer_has_not(ratio, alpha):
    for power_at, found in (
        (power_of_difference, replicates_for_difference(1.0, ratio, alpha)),
        (power_of_equivalence, replicates_for_equivalence(1.0, ratio, alpha)),
    ):
        assert found is not None
        assert power_at(found, ratio, alpha) >= 0.8
        assert found == 2 or power_at(found - 1, ratio, alpha) < 0.8


def test_a_margin_needs_enough_for_both_tests():
    both = replicates_for_difference(1.0, 0.7), replicates_for_equivalence(1.0, 0.7)
    assert replicates_for_margin(1.0, 0.7) == max(each for each in both if each)


def test_what_cannot_be_had_is_none_and_what_does_not_vary_needs_the_least():
    assert replicates_for_difference(1.0, 1e-4) is None
    assert replicates_for_equivalence(1.0, 1e-4) is None
    assert replicates_for_margin(1.0, 1e-4) is None
    assert replicates_for_difference(0.0, 1.0) == 6
    assert replicates_for_equivalence(0.0, 1.0) == 2


def test_the_upper_limit_of_a_spread_is_above_the_true_one_as_often_as_it_says():
    draws = np.random.default_rng(0).standard_normal((DRAWS, 4))
    above = sum(spread_at_most(float(draw.std(ddof=1)), 4) >= 1 for draw in draws)
    assert close(above, 0.8)
    # chi2 quantile of .2 with two degrees is -2 log .8.
    assert spread_at_most(1.0, 3) == pytest.approx(np.sqrt(2 / (-2 * np.log(0.8))))


def test_bad_input_is_named():
    with pytest.raises(InputError, match="replicates: must be at least 2 but are 1"):
        power_of_difference(1, 1.0)
    with pytest.raises(InputError, match=r"alpha: must be in \(0, 1\) but is 5"):
        power_of_equivalence(4, 1.0, 5.0)
    with pytest.raises(InputError, match="margin: must be above zero but is 0"):
        replicates_for_equivalence(1.0, 0.0)
    with pytest.raises(InputError, match="effect: must be above zero but is -1"):
        replicates_for_difference(1.0, -1.0)
    with pytest.raises(InputError, match="spread: must be zero or more but is nan"):
        replicates_for_difference(float("nan"), 1.0)
    with pytest.raises(InputError, match="must be of at least 2 differences but is of 1"):
        spread_at_most(1.0, 1)
