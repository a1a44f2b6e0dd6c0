"""The strongest directions of a change are those of its singular value decomposition, whichever side is short."""

import numpy as np
import pytest

from benchshadow.errors import TensorRefused
from benchshadow.spectra import ArraySource, Factors
from benchshadow.spectra.directions import directions_of
from benchshadow.spectra.leading import leading_directions


def pair(shape, *, rng, rank=6, kind=np.float64):
    base = rng.standard_normal(shape).astype(kind)
    left, right = rng.standard_normal((shape[0], rank)), rng.standard_normal((rank, shape[1]))
    return base, (base + 0.01 * (left * 2.0 ** -np.arange(rank)) @ right).astype(kind)


@pytest.mark.parametrize("shape", [(40, 25), (25, 40), (30, 30)])
def test_they_are_those_of_the_decomposition(shape):
    base, tuned = pair(shape, rng=np.random.default_rng(0))
    found = leading_directions(ArraySource(base), ArraySource(tuned), 4)
    left, values, right = np.linalg.svd(tuned - base)
    np.testing.assert_allclose(found.values, values[:4], rtol=1e-9)
    for k in range(4):
        assert abs(found.left[:, k] @ left[:, k]) == pytest.approx(1, abs=1e-9)
        assert abs(found.right[:, k] @ right[k]) == pytest.approx(1, abs=1e-9)
    # Their signs belong together: U diag(s) V^T is the change's best approximation.
    best = (left[:, :4] * values[:4]) @ right[:4]
    np.testing.assert_allclose((found.left * found.values) @ found.right.T, best, atol=1e-9 * values[0])


def test_they_are_what_the_whole_measurement_finds_of_the_change():
    base, tuned = pair((50, 30), rng=np.random.default_rng(1), kind=np.float32)
    sources = ArraySource(base), ArraySource(tuned)
    whole = directions_of(
        *sources, np.linalg.svd(base.astype(float), compute_uv=False), rng=np.random.default_rng(0)
    ).change
    found = leading_directions(*sources, 5)
    np.testing.assert_allclose(found.values, whole.values[:5], rtol=1e-6)
    np.testing.assert_allclose(np.abs(np.sum(found.left * whole.left[:, :5], axis=0)), 1, atol=1e-6)


def test_no_more_are_given_than_the_change_has():
    base, tuned = pair((20, 12), rng=np.random.default_rng(2), rank=3)
    found = leading_directions(ArraySource(base), ArraySource(tuned), 9)
    assert 3 <= len(found.values) <= 9
    assert (found.values[3:] < 1e-6 * found.values[0]).all()
    none = leading_directions(ArraySource(base), ArraySource(base), 9)
    assert (none.values.shape, none.left.shape, none.right.shape) == ((0,), (20, 0), (12, 0))


def test_of_factors_they_are_those_of_the_product_without_its_rounding():
    rng = np.random.default_rng(3)
    base = ArraySource(rng.standard_normal((20, 12)))
    factors = Factors(rng.standard_normal((20, 2)), rng.standard_normal((2, 12)), 0.5)
    found = leading_directions(base, base, 9, factors=factors)
    assert len(found.values) == 2
    np.testing.assert_allclose(
        (found.left * found.values) @ found.right.T, 0.5 * factors.left @ factors.right, atol=1e-12
    )


def test_a_side_that_is_not_finite_is_refused():
    base = np.ones((4, 3))
    tuned = base.copy()
    tuned[1, 1] = np.nan
    with pytest.raises(TensorRefused, match="must be finite"):
        leading_directions(ArraySource(base), ArraySource(tuned), 2)
