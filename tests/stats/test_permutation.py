"""The sign-flip test agrees with SciPy's exact permutation test, holds its size, and knows its floor."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import p_floor, replicates_needed, sign_flip


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("shift", [-0.5, 0.0, 1.0])
def test_p_is_scipys(alternative, shift):
    sample = np.random.default_rng(3).standard_normal(8) + shift
    expected = scipy.stats.permutation_test(
        (sample,), np.mean, permutation_type="samples", alternative=alternative, n_resamples=np.inf
    )
    assert sign_flip(sample, alternative).p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("n", [1, 3, 6, 8, 12])
def test_differences_of_one_sign_reach_the_floor(n):
    sample = np.arange(1.0, n + 1)
    assert sign_flip(sample).p == sign_flip(sample).floor == p_floor(n) == 2 / 2**n
    assert sign_flip(sample, "greater").p == p_floor(n, "greater") == 1 / 2**n
    assert sign_flip(sample, "less").p == 1
    assert sign_flip(-sample, "less").p == 1 / 2**n


def test_ties_that_rounding_would_break_are_counted():
    # 0.1 + 0.2 - 0.3 is not zero in floating point, the three patterns below tie on paper.
    assert sign_flip(np.array([0.1, 0.2, -0.3])).p == 1
    assert sign_flip(np.zeros(4)).p == 1


def test_the_size_is_exact_for_skewless_heavy_tails():
    rng = np.random.default_rng(4)
    ps = np.array([sign_flip(draw).p for draw in rng.standard_t(1.5, (3000, 7))])
    for alpha in (4 / 128, 16 / 128):
        assert np.mean(ps <= alpha) == pytest.approx(alpha, abs=3 * (alpha / 3000) ** 0.5)


def test_replicates_needed_are_those_of_the_definitions():
    assert replicates_needed(1, 0.05) == 6
    assert replicates_needed(6, 0.05) == 8
    assert replicates_needed(7, 0.05) == 9
    for family in range(1, 40):
        n = replicates_needed(family, 0.01)
        assert family * 2 / 2**n <= 0.01 < family * 2 / 2 ** (n - 1)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="at most 24 values for an exact test but holds 25"):
        sign_flip(np.ones(25))
    with pytest.raises(InputError, match="but is 'both'"):
        sign_flip(np.ones(3), "both")
    with pytest.raises(InputError, match="at least one test but holds 0"):
        replicates_needed(0)
    with pytest.raises(InputError, match=r"alpha: must be in \(0, 1\)"):
        replicates_needed(1, 0.0)
