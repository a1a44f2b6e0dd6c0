"""The strongest directions of a change and of its sides are those of the SVD."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from spectra_samples import of_change, planted

from benchshadow.spectra import ArraySource, Update
from benchshadow.spectra.directions import KEPT, BaseVectors
from benchshadow.spectra.lapack import add_gram, symmetric_eigenvalues, top_eigenvectors

SHAPES = [(300, 200), (200, 300), (40, 30), (30, 400), (2500, 450), (450, 2500)]


def pair(shape, seed=3):
    rng = np.random.default_rng(seed)
    base = planted(np.linspace(40, 10, 8), shape, rng) + 0.3 * rng.standard_normal(shape)
    change = planted(np.linspace(9, 4, 6), shape, rng) + 0.01 * rng.standard_normal(shape)
    return base, base + change


def directions(base, tuned):
    update = Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(0), level=3)
    assert update.level == 3
    return update.directions


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_top_vectors_are_those_of_the_svd(shape):
    base, tuned = pair(shape)
    found = directions(base, tuned)
    for vectors, array, count in ((found.base, base, 8), (found.tuned, tuned, 6), (found.change, tuned - base, 6)):
        left, values, right = np.linalg.svd(array, full_matrices=False)
        assert vectors.left.shape == (shape[0], min(KEPT, *shape))
        np.testing.assert_allclose(vectors.values[:count], values[:count], rtol=1e-9)
        np.testing.assert_allclose(np.abs(np.sum(vectors.left * left[:, : vectors.left.shape[1]], 0))[:count], 1)
        np.testing.assert_allclose(np.abs(np.sum(vectors.right.T * right[: vectors.right.shape[1]], 1))[:count], 1)
        rebuilt = (vectors.left * vectors.values) @ vectors.right.T
        np.testing.assert_allclose(vectors.left.T @ rebuilt @ vectors.right, np.diag(vectors.values), atol=1e-8)
    expected = found.base.left.T @ (tuned - base) @ found.base.right
    np.testing.assert_allclose(found.projected, expected, atol=1e-8)


@pytest.mark.parametrize("shape", [(90, 60), (60, 90)], ids=str)
def test_more_vectors_of_the_base_come_when_asked_for(shape):
    base, _ = pair(shape)
    left, _, right = np.linalg.svd(base, full_matrices=False)
    gram = np.tril(base.T @ base if shape[0] > shape[1] else base @ base.T)
    for expected, long_side in ((left, shape[0] > shape[1]), (right.T, shape[0] < shape[1])):
        more = BaseVectors(gram, ArraySource(base), long_side)
        for count in (5, 60, 12, 500):
            vectors = more(count)
            assert vectors.shape == (len(expected), min(count, 60))
            np.testing.assert_allclose(np.abs(np.sum(vectors * expected[:, : vectors.shape[1]], 0)), 1, atol=1e-6)


@pytest.mark.parametrize("shape", [(90, 60), (60, 90)], ids=str)
def test_the_records_of_directions_are_their_definitions(shape):
    base, tuned = pair(shape)
    update = Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(0), level=3)
    measures = of_change(update)
    (u0, _, v0), (u1, _, v1) = (np.linalg.svd(each, full_matrices=False) for each in (base, tuned))
    for side, before, after in (("left", u0, u1), ("right", v0.T, v1.T)):
        for r in (1, 8, 32):
            angle = np.max(subspace_angles(before[:, :r], after[:, :r]))
            assert measures["subspace_rotation", r, side].value == pytest.approx(angle, abs=1e-7)
            agreement = measures["subspace_agreement", r, side]
            expected = np.linalg.norm(before[:, :r].T @ after[:, :r]) ** 2 / r
            assert agreement.value == pytest.approx(expected, abs=1e-9)
            assert agreement.null_random == pytest.approx(r / len(before))
        strangers = np.max(np.abs(before.T @ after[:, :10]), axis=0) < 0.5
        assert measures["intruder_dimensions", None, side].value == np.count_nonzero(strangers)
        assert measures["intruder_dimensions", None, side].null_random is not None
    inside = np.linalg.norm(u0[:, :8].T @ (tuned - base) @ v0[:8].T) ** 2 / np.linalg.norm(tuned - base) ** 2
    assert measures["principal_overlap", 8, None].value == pytest.approx(inside, abs=1e-9)
    assert measures["principal_overlap", 8, None].null_random == pytest.approx(64 / 5400)


def test_vectors_beyond_the_rank_are_left_out():
    rng = np.random.default_rng(4)
    found = directions(np.zeros((80, 60)), planted([2, 1], (80, 60), rng))
    assert found.change.left.shape == (80, 2)
    assert found.base.left.shape == (80, 0)
    same = Update.of(*[ArraySource(np.ones((80, 60)))] * 2, rng=rng, level=3)
    assert same.directions is None


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (1, 4), (600, 130)], ids=str)
def test_the_gram_matrix_and_its_eigenvalues_are_numpys(shape, kind):
    array = np.random.default_rng(0).standard_normal(shape).astype(kind)
    wide = shape[0] < shape[1]
    expected = array @ array.T if wide else array.T @ array
    gram = np.zeros_like(expected)
    add_gram(gram, array, wide)
    add_gram(gram, array, wide)
    np.testing.assert_allclose(
        np.tril(gram), 2 * np.tril(expected), atol=1e-5 if kind == np.float32 else 1e-12, rtol=1e-5
    )
    assert not np.triu(gram, 1).any()
    truth = np.linalg.eigvalsh(2 * expected.astype(np.float64))
    eps = np.finfo(kind).eps
    np.testing.assert_allclose(symmetric_eigenvalues(gram), truth, atol=10 * eps * truth[-1])
    kept = gram.copy()
    values, vectors = top_eigenvectors(gram.astype(np.float64), 3)
    assert (gram == kept).all()
    np.testing.assert_allclose(values, truth[::-1][:3], atol=10 * eps * truth[-1])
    whole = np.tril(gram) + np.tril(gram, -1).T
    np.testing.assert_allclose(whole.astype(np.float64) @ vectors, vectors * values, atol=1e-9 * truth[-1])


def test_the_reduction_in_float32_loses_no_more_than_float32_has():
    """The iteration in float64 keeps seven digits where float32 throughout keeps five."""
    array = np.random.default_rng(1).standard_normal((1500, 900)).astype(np.float32)
    gram = array.T @ array
    truth = np.linalg.eigvalsh(array.T.astype(np.float64) @ array.astype(np.float64))
    assert np.max(np.abs(symmetric_eigenvalues(gram) - truth)) < 2e-7 * truth[-1]
