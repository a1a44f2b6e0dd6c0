"""Adjusted p values agree with definitions and with SciPy."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import benjamini_hochberg, holm, holm_of_sides


def test_holm_on_a_family_worked_by_hand():
    # Holm 1979: .005 x 4, .01 x 3, .03 x 2 and, kept monotone, .04 x 1.
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_holm_rejects_what_the_step_down_procedure_rejects():
    rng = np.random.default_rng(0)
    for _ in range(200):
        ps, alpha = rng.random(7) ** 3, 0.05
        rejected = np.zeros(7, bool)
        for step, index in enumerate(np.argsort(ps)):
            if ps[index] > alpha / (7 - step):
                break
            rejected[index] = True
        np.testing.assert_array_equal(holm(ps) <= alpha, rejected)


def test_benjamini_hochberg_is_scipys():
    rng = np.random.default_rng(1)
    for size in (1, 2, 30):
        ps = rng.random(size) ** 2
        np.testing.assert_allclose(benjamini_hochberg(ps), scipy.stats.false_discovery_control(ps))


def test_holm_holds_the_family_wise_error():
    ps = np.random.default_rng(2).random((4000, 5))
    assert np.mean([holm(row).min() <= 0.05 for row in ps]) == pytest.approx(0.05, abs=0.011)


def test_no_tests_and_one_test():
    for adjust in (holm, benjamini_hochberg):
        assert adjust(np.array([])).shape == (0,)
        np.testing.assert_array_equal(adjust(np.array([0.3])), [0.3])
        np.testing.assert_array_equal(adjust(np.array([1.0, 1.0])), [1, 1])


@pytest.mark.parametrize("bad", [-0.1, 1.2, np.nan])
def test_a_number_that_is_no_p_value_is_refused(bad):
    for adjust in (holm, benjamini_hochberg):
        with pytest.raises(InputError, match=r"must be in \[0, 1\]"):
            adjust(np.array([0.5, bad]))


def test_sides_of_one_claim_count_once():
    # Three claims of two sides: .004 x 3, .01 x 3, .02 x 3 (a side of every claim is left), then .5 x 2 and so on.
    ps = np.array([0.004, 0.9, 0.02, 0.5, 0.01, 0.8])
    claims = ["a", "a", "b", "b", "c", "c"]
    np.testing.assert_allclose(holm_of_sides(ps, claims), [0.012, 1.0, 0.06, 1.0, 0.03, 1.0])
    # Both sides of `a` are rejected first, so that two claims are left for the third step.
    ps = np.array([0.004, 0.005, 0.02, 0.5])
    np.testing.assert_allclose(holm_of_sides(ps, ["a", "a", "b", "b"]), [0.008, 0.01, 0.02, 0.5])


def test_with_one_side_each_it_is_holms_procedure():
    rng = np.random.default_rng(3)
    for size in (1, 2, 9):
        ps = rng.random(size) ** 2
        np.testing.assert_allclose(holm_of_sides(ps, range(size)), holm(ps))


def test_it_never_asks_for_less_than_holm_over_the_true_hypotheses():
    """Whichever side of each claim is true, the smallest true p is adjusted at least by the number of true ones."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        ps, claims = rng.random(8) ** 3, np.repeat(np.arange(4), 2)
        true = 2 * np.arange(4) + rng.integers(0, 2, 4)
        first = true[np.argmin(ps[true])]
        assert holm_of_sides(ps, claims.tolist())[first] >= min(1.0, 4 * ps[first]) - 1e-15


def test_sides_without_claims_are_refused():
    with pytest.raises(InputError, match="must be one per p value but are 1 for 2"):
        holm_of_sides(np.array([0.1, 0.2]), ["a"])
