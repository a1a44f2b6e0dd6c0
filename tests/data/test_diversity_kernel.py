"""Vendi scores have their closed forms, are one functional with the ranks of spectra, and follow score_K."""

import math

import numpy as np
import pytest
from scipy import linalg

from benchshadow.data.diversity import ORDERS, entropy_number, kernel_spectra, kernel_spectrum, vendi
from benchshadow.errors import InputError
from benchshadow.spectra import Spectrum
from benchshadow.spectra.ranks import energy_rank, participation_ratio
from benchshadow.spectra.source import ArraySource

ALL = (0.0, 0.25, *ORDERS, 5.0)


def rows(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * np.geomspace(1, 0.05, d)


def score_k(K, q):
    """As `vendi_score.score_K` (PyPI, 0.0.3) computes it, all eigenvalues above zero counted."""
    w = linalg.eigvalsh(K / len(K))
    p = w[w > 0]
    if q == 1:
        return np.exp(-(p * np.log(p)).sum())
    if q == math.inf:
        return 1 / w.max()
    return np.exp(np.log((p**q).sum()) / (1 - q))


@pytest.mark.parametrize("q", ALL)
def test_closed_forms(q):
    assert vendi(np.ones((7, 3)), q) == pytest.approx(1, rel=1e-12)
    assert vendi(5 * np.eye(6), q) == pytest.approx(6, rel=1e-12)
    assert vendi(np.repeat(np.eye(2, 9), 10, axis=0), q) == pytest.approx(2, rel=1e-12)
    assert vendi(np.eye(4)[[0]], q) == 1


@pytest.mark.parametrize("q", ALL)
def test_two_unequal_clusters_have_the_entropy_of_their_shares(q):
    p = np.array([0.75, 0.25])
    expected = {0.0: 2.0, 1.0: np.exp(-np.sum(p * np.log(p))), math.inf: 4 / 3}
    value = expected.get(q) or np.sum(p**q) ** (1 / (1 - q))
    assert vendi(np.eye(5)[[0, 0, 0, 4]], q) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("shape", [(90, 20), (20, 90), (40, 40)])
def test_order_one_is_the_energy_rank_and_order_two_the_participation_ratio(shape):
    X = rows(*shape)
    found = Spectrum.of(ArraySource(X / np.linalg.norm(X, axis=1, keepdims=True)))
    assert vendi(X, 1) == pytest.approx(energy_rank(found).value, rel=1e-10)
    assert vendi(X, 2) == pytest.approx(participation_ratio(found).value, rel=1e-10)


@pytest.mark.parametrize("q", ORDERS)
@pytest.mark.parametrize("shape", [(200, 40), (60, 150)])
def test_it_is_score_k(shape, q):
    X = rows(*shape)
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert vendi(X, q) == pytest.approx(score_k(U @ U.T, q), rel=1e-9 if q >= 1 else 1e-6)


def test_the_spectrum_sums_to_one_falls_and_holds_no_rounding():
    X = rows(80, 30)
    X[:, 20:] = 0
    found = kernel_spectrum(X)
    assert found.sum() == pytest.approx(1, rel=1e-12)
    assert np.all(np.diff(found) <= 0)
    assert len(found) == 30
    assert np.count_nonzero(found) == 20


def test_draws_side_by_side_have_the_bits_of_each_alone():
    draws = [rows(90, 40, seed=seed) for seed in range(7)]
    for together, alone in zip(kernel_spectra(draws), map(kernel_spectrum, draws), strict=True):
        assert together.tobytes() == alone.tobytes()


def test_orders_fall_and_nothing_passes_the_dimension():
    X = rows(300, 12, seed=1)
    scores = [vendi(X, q) for q in sorted(ALL)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 12
    assert vendi(X, 0.999999) == pytest.approx(vendi(X, 1), rel=1e-4)
    assert vendi(3 * X[::-1], 0.5) == pytest.approx(vendi(X, 0.5), rel=1e-10)


@pytest.mark.parametrize("X", [np.zeros((0, 3)), np.array([[1.0, 0], [0, 0]]), np.array([[1.0, np.nan], [0, 1]])])
def test_rows_without_a_direction_are_refused(X):
    with pytest.raises(InputError, match=r"must be rows with a direction but [01] of [02] have none"):
        vendi(X)


@pytest.mark.parametrize("q", [-1.0, math.nan])
def test_an_order_below_zero_is_refused(q):
    with pytest.raises(InputError, match="order of an entropy: must be 0 or above"):
        entropy_number(np.array([0.5, 0.5]), q)
