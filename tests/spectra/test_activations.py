"""Ranks, decay and likeness of states against planted spectra, closed forms, and the laws that they obey."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.errors import InputError
from benchshadow.spectra import ArraySource, matrix_of
from benchshadow.spectra.activations import cka, debiased_cka, decay_exponent, evened, gram_rank, rank_of_noise, rankme
from benchshadow.spectra.ranks import effective_rank

SEEDS = st.integers(0, 2**32 - 1)


def orthogonal(rng, n):
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def planted(rng, values, n, d, *, centred=False):
    """States with given singular values; centred ones have a mean of zero and so at most n - 1 of them."""
    left = rng.normal(size=(n, len(values)))
    left = np.linalg.qr(left - left.mean(axis=0) if centred else left)[0]
    return left @ np.diag(values) @ orthogonal(rng, d)[: len(values)]


@pytest.mark.parametrize("rank", [1, 3, 12])
def test_equal_singular_values_have_their_number_as_rank(rank):
    states = planted(np.random.default_rng(0), np.full(rank, 2.5), 20, 12)
    assert rankme(states) == pytest.approx(rank, rel=1e-9)
    assert gram_rank(states @ states.T) == pytest.approx(rank, rel=1e-5)


def test_two_singular_values_have_the_perplexity_of_their_shares():
    states = planted(np.random.default_rng(1), np.array([3.0, 1.0]), 9, 5)
    expected = 4 / 3**0.75
    assert rankme(states) == pytest.approx(expected, rel=1e-12)


def test_rankme_is_the_effective_rank_of_the_matrix_of_states():
    states = np.random.default_rng(2).normal(size=(30, 17)) * np.arange(1, 18) ** -0.7
    assert rankme(states) == pytest.approx(effective_rank(matrix_of(ArraySource(states))).value, rel=1e-9)


@pytest.mark.parametrize("shape", [(64, 16), (64, 64), (24, 200)])
def test_noise_has_the_rank_of_noise_and_nothing_else_comes_as_high(shape):
    rng = np.random.default_rng(10)
    found = [rankme(rng.normal(size=shape)) for _ in range(8)]
    assert np.mean(found) == pytest.approx(rank_of_noise(shape), rel=0.02)
    assert max(found) < min(shape)
    assert rankme(rng.normal(size=shape) + 1) < rank_of_noise(shape)


def test_evened_rows_have_length_one_and_no_row_outweighs_the_others():
    rng = np.random.default_rng(11)
    rows = orthogonal(rng, 6) * np.array([1e3, 1, 1, 1, 1, 0])[:, None]
    assert gram_rank(rows @ rows.T) < 1.1
    even = evened(rows @ rows.T)
    assert np.diag(even) == pytest.approx([1, 1, 1, 1, 1, 0])
    assert gram_rank(even) == pytest.approx(5, rel=1e-6)


def test_states_of_zero_have_no_rank_no_decay_and_no_likeness():
    zero, other = np.zeros((20, 16)), np.random.default_rng(0).normal(size=(20, 16))
    assert rankme(zero) is None
    assert gram_rank(zero @ zero.T) is None
    assert decay_exponent(zero) is None
    assert cka(zero, other) is None
    assert debiased_cka(other, zero) is None


@pytest.mark.parametrize("alpha", [0.4, 1.0, 2.3])
def test_a_planted_decay_is_found_and_its_range_is_told(alpha):
    values = np.arange(1, 31) ** (-alpha / 2)
    found = decay_exponent(planted(np.random.default_rng(3), values, 40, 60, centred=True))
    assert found.exponent == pytest.approx(alpha, rel=1e-9)
    assert (found.first, found.last) == (3, 19)


def test_too_few_ranks_have_no_decay():
    rng = np.random.default_rng(4)
    assert decay_exponent(rng.normal(size=(14, 40))) is None
    assert decay_exponent(rng.normal(size=(16, 40))) is not None
    assert decay_exponent(planted(rng, np.ones(4), 40, 40)) is None


def test_the_weights_of_the_decay_are_those_of_weighted_least_squares():
    states = np.random.default_rng(5).normal(size=(64, 50))
    energies = np.linalg.eigvalsh(np.cov(states.T))[::-1]
    ranks = np.arange(3, 26)
    slope = np.polyfit(np.log(ranks), np.log(energies[2:25]), 1, w=ranks**-0.5)[0]
    assert decay_exponent(states).exponent == pytest.approx(-slope, rel=1e-9)


def test_unrelated_states_are_alike_only_to_the_biased_estimate():
    rng = np.random.default_rng(6)
    pairs = [(rng.normal(size=(24, 200)), rng.normal(size=(24, 200))) for _ in range(40)]
    assert np.mean([cka(*pair) for pair in pairs]) > 0.85
    debiased = np.array([debiased_cka(*pair) for pair in pairs])
    assert abs(debiased.mean()) < 4 * debiased.std() / 40**0.5
    assert debiased.min() < 0 < debiased.max()


def test_the_unbiased_estimate_is_the_mean_over_all_quadruples():
    """Song et al. 2012: HSIC is a U-statistic of order four; here it is summed out, quadruple by quadruple."""
    from itertools import permutations

    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)) + 1

    def slow(a, b):
        k, l = a @ a.T, b @ b.T
        found = [k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in permutations(range(6), 4)]
        return np.mean(found)

    expected = slow(x, y) / np.sqrt(slow(x, x) * slow(y, y))
    assert debiased_cka(x, y) == pytest.approx(expected, rel=1e-9)


def test_plain_likeness_is_that_of_the_definition():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(15, 4)) + 3, rng.normal(size=(15, 6))
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    expected = np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    assert cka(x, y) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0.01, 100), st.integers(5, 30), st.integers(1, 20))
def test_rotation_scale_and_order_change_nothing(seed, factor, n, d):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)) + 1, rng.normal(size=(n, d))
    turned = factor * x @ orthogonal(rng, d)
    order = rng.permutation(n)
    assert rankme(turned[order]) == pytest.approx(rankme(x), rel=1e-8)
    for likeness in (cka, debiased_cka):
        expected = likeness(x, y)
        for found in (likeness(turned, y), likeness(y, x), likeness(x[order], y[order]), likeness(x + 5.0, y)):
            assert (found is None) == (expected is None)
            if expected is not None:
                assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert cka(x, turned) == pytest.approx(1, rel=1e-8)
    assert 0 <= cka(x, y) <= 1 + 1e-12


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0.01, 100))
def test_decay_knows_neither_scale_nor_mean_nor_rotation(seed, factor):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 20))
    moved = factor * (x @ orthogonal(rng, 20) + 3.0)
    assert decay_exponent(moved).exponent == pytest.approx(decay_exponent(x).exponent, rel=1e-7, abs=1e-9)


def test_what_cannot_be_compared_is_refused_in_words():
    rng = np.random.default_rng(9)
    with pytest.raises(InputError, match="one of 5 x 2 is not"):
        rankme(np.full((5, 2), np.nan))
    with pytest.raises(InputError, match="one of 0 x 2 is empty"):
        rankme(np.zeros((0, 2)))
    assert debiased_cka(rng.normal(size=(3, 2)), rng.normal(size=(3, 2))) is None
