"""Adjusted p values agree with definitions and with SciPy."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import benjamini_hochberg, holm


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
