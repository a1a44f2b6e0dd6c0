"""The power-law fit agrees with a slow loop over the definition, and finds planted exponents."""

import numpy as np
import pytest

from benchshadow.spectra import ArraySource, Spectrum, measure_matrix
from benchshadow.spectra.tails import fit_tail


def by_loop(values):
    """Clauset, Shalizi & Newman 2009, equations 3.1 and 3.9, for every candidate that leaves ten points."""
    values, best = np.sort(values), None
    for start in values[:-9]:
        tail = values[values >= start]
        n = len(tail)
        alpha = 1 + n / np.sum(np.log(tail / start))
        model = 1 - (tail / start) ** (1 - alpha)
        distance = max(np.max(np.abs(np.arange(1, n + 1) / n - model)), np.max(np.abs(np.arange(n) / n - model)))
        if best is None or distance < best[1]:
            best = (alpha, distance, n, start)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_below_two_hundred_values_the_fit_is_the_exhaustive_one(seed):
    values = np.random.default_rng(seed).pareto(1.7, 150) + 0.3
    fit = fit_tail(values)
    alpha, distance, points, start = by_loop(values)
    assert fit.exponent == pytest.approx(alpha, rel=1e-9)
    assert fit.distance == pytest.approx(distance, rel=1e-9)
    assert fit.points == points
    assert fit.start == pytest.approx(start, rel=1e-9)
    assert fit.error == pytest.approx((alpha - 1) / points**0.5, rel=1e-9)


def test_two_hundred_candidates_of_many_move_the_exponent_little():
    values = np.random.default_rng(0).pareto(2.0, 1500) + 0.2
    assert fit_tail(values).exponent == pytest.approx(by_loop(values)[0], abs=0.05)


@pytest.mark.parametrize("exponent", [2.0, 2.5, 3.5])
def test_a_planted_exponent_is_found_within_its_standard_error(exponent):
    rng = np.random.default_rng(4)
    fits = [fit_tail((1 - rng.random(2000)) ** (-1 / (exponent - 1))) for _ in range(20)]
    misses = [abs(fit.exponent - exponent) / fit.error for fit in fits]
    assert np.mean(misses) < 2
    assert np.mean([fit.exponent for fit in fits]) == pytest.approx(exponent, rel=0.05)


def test_order_and_zeros_do_not_matter():
    rng = np.random.default_rng(0)
    values = rng.pareto(2, 300) + 1
    assert fit_tail(rng.permutation(np.concatenate([values, np.zeros(5)]))) == fit_tail(values)


def test_too_few_or_equal_values_have_no_tail():
    assert fit_tail(np.arange(1.0, 10)) is None
    assert fit_tail(np.ones(50)) is None
    assert fit_tail(np.zeros(50)) is None


def test_a_fit_that_is_undefined_says_why():
    measures = {each.diagnostic: each for each in measure_matrix(Spectrum.of(ArraySource(np.eye(9))))}
    for name in ("tail_exponent", "tail_distance", "tail_points", "tail_exponent_error", "weighted_alpha"):
        assert measures[name].value is None
        assert "fewer than 10 distinct singular values" in measures[name].reason


def test_weighted_alpha_is_the_exponent_times_the_logarithm_of_the_largest_eigenvalue():
    spectrum = Spectrum.of(ArraySource(np.random.default_rng(0).standard_normal((90, 60))))
    measures = {each.diagnostic: each.value for each in measure_matrix(spectrum)}
    expected = measures["tail_exponent"] * np.log10(spectrum.values[0] ** 2)
    assert measures["weighted_alpha"] == pytest.approx(expected)
