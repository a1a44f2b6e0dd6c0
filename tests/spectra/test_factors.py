"""A product decomposed from its factors is what the dense decomposition of the product gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchshadow.errors import InputError, TensorRefused
from benchshadow.spectra.factors import factored_values, product_values


def factors(m, n, r, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((r, n)).astype(dtype), rng.standard_normal((m, r)).astype(dtype)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.floats(0.01, 100), st.integers(0, 9))
def test_it_is_the_dense_decomposition(m, n, r, scale, seed):
    A, B = factors(m, n, r, seed)
    product = scale * (B @ A)
    found = factored_values(A, B, scale)
    k = min(m, n, r)
    expected = np.linalg.svd(product, compute_uv=False)[:k]
    assert found.values.shape == (k,)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-12 * expected[0])
    np.testing.assert_allclose((found.left * found.values) @ found.right.T, product, rtol=0, atol=1e-12 * expected[0])
    for vectors in (found.left, found.right):
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-12)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_factors_without_full_rank_give_zeros(rank):
    A, B = factors(30, 20, 8, 0)
    A = A[:, :rank] @ np.random.default_rng(1).standard_normal((rank, 20))
    found = factored_values(A, B, 2.0)
    assert (found.values > 1e-12 * max(found.values[0], 1)).sum() == rank
    np.testing.assert_allclose(found.left.T @ found.left, np.eye(8), atol=1e-12)


def test_a_planted_spectrum_is_found_from_float32_factors():
    planted = np.array([8.0, 2.0, 0.5, 0.25])
    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.standard_normal((size, 4)))[0] for size in (50, 40))
    found = factored_values((right * planted).T.astype(np.float32), left.astype(np.float32), 0.5)
    np.testing.assert_allclose(found.values, planted / 2, rtol=1e-6)
    overlap = np.abs(np.sum(found.left * left, axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)


def test_the_product_is_never_formed():
    A, B = factors(200_000, 100_000, 2, 3, np.float32)  # the product would take 160 GB
    found = factored_values(A, B, 1.0)
    small = np.linalg.eigvals((B.astype(float).T @ B) @ (A.astype(float) @ A.T))
    np.testing.assert_allclose(found.values, np.sqrt(np.sort(small.real)[::-1]), rtol=1e-12)


def test_a_change_that_was_never_trained_is_zero():
    A, B = factors(5, 4, 2, 0)
    np.testing.assert_array_equal(factored_values(A, 0 * B, 3.0).values, 0)


def test_what_is_no_pair_of_factors_is_refused():
    A, B = factors(5, 4, 2, 0)
    with pytest.raises(InputError, match="must share a rank but A has 2 rows and B 3 columns"):
        factored_values(A, factors(5, 4, 3, 0)[1], 1.0)
    A[0, 0] = np.nan
    with pytest.raises(TensorRefused, match="factor A: must hold finite numbers"):
        factored_values(A, B, 1.0)


@pytest.mark.parametrize("decay", [0, 2, 6, 30], ids=lambda each: f"decay {each}")
@pytest.mark.parametrize(("rows", "columns", "rank"), [(300, 200, 8), (30, 10, 16), (7, 400, 16), (5, 5, 1)])
def test_values_alone_are_those_with_vectors_however_the_factors_are_conditioned(rows, columns, rank, decay):
    A, B = factors(rows, columns, rank, 1)
    B = B * np.arange(1.0, rank + 1) ** -decay
    expected = factored_values(A, B, -1.5).values
    values = product_values(A, B, -1.5)
    np.testing.assert_allclose(values[: len(expected)], expected, rtol=1e-9, atol=1e-14 * expected[0])
    assert not np.any(values[len(expected) :] > 1e-14 * expected[0])


def test_values_of_huge_and_of_vanishing_factors_neither_overflow_nor_vanish():
    A, B = factors(30, 20, 4, 1)
    for factor in (1e200, 1e-200):
        np.testing.assert_allclose(product_values(A, factor * B, 1.0), factor * product_values(A, B, 1.0), rtol=1e-12)
    np.testing.assert_array_equal(product_values(A, 0 * B, 1.0), 0)
