"""The part of a change along directions: by its definition, exact in energy, and matched by its control."""

import numpy as np
import pytest

from benchshadow.errors import InputError, TensorRefused
from benchshadow.spectra import Along, ArraySource, component
from benchshadow.spectra.along import Component

SHAPES = [(30, 50), (50, 30), (40, 40), (1, 20), (20, 1)]


def pair(shape, rng, rank=6, size=1.0):
    """A base and a change of low rank."""
    left, right = rng.standard_normal((shape[0], rank)), rng.standard_normal((rank, shape[1]))
    return rng.standard_normal(shape), size * (left * 0.5 ** np.arange(rank)) @ right


def found(base, change, text, seed=0) -> Component:
    return component(ArraySource(base), ArraySource(base + change), Along.read(text), rng=np.random.default_rng(seed))


def part(component: Component) -> np.ndarray:
    return component.left @ component.right


def outside(vectors):
    """The projector on what is orthogonal to some columns."""
    return np.eye(len(vectors)) - vectors @ vectors.T


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_strongest_directions_give_the_best_approximation_of_their_rank(shape, count):
    base, change = pair(shape, np.random.default_rng(1))
    left, values, right = np.linalg.svd((base + change) - base, full_matrices=False)
    top = found(base, change, f"top:{count}")
    np.testing.assert_allclose(part(top), (left[:, :count] * values[:count]) @ right[:count], atol=1e-12)
    assert top.energy == pytest.approx(np.sum(values[:count] ** 2), rel=1e-12)
    assert top.whole == pytest.approx(np.sum(values**2), rel=1e-12)
    assert top.share <= 1 + 1e-12


def intruding(base, tuned, side):
    """Intruder dimensions by their definition, from full decompositions."""
    (old_left, _, old_right), (left, _, right) = (np.linalg.svd(each, full_matrices=False) for each in (base, tuned))
    old, new = (old_left, left) if side == "left" else (old_right.T, right.T)
    top = new[:, :10]
    return top[:, np.abs(old.T @ top).max(axis=0) < 0.5]


@pytest.mark.parametrize("shape", SHAPES[:3])
def test_intruders_are_those_of_the_definition_and_the_base_is_back_along_them(shape):
    base, change = pair(shape, np.random.default_rng(2))
    a, b = (intruding(base, base + change, side) for side in ("left", "right"))
    assert min(a.shape[1], b.shape[1]) > 0
    intruders = found(base, change, "intruders")
    assert intruders.directions == (a.shape[1], b.shape[1])
    np.testing.assert_allclose(part(intruders), change - outside(a) @ change @ outside(b), atol=1e-10)
    assert intruders.energy == pytest.approx(np.sum(part(intruders) ** 2), rel=1e-10)
    restored = base + change - part(intruders)
    np.testing.assert_allclose(a.T @ restored, a.T @ base, atol=1e-10)
    np.testing.assert_allclose(restored @ b, base @ b, atol=1e-10)


def test_a_small_change_has_no_intruders_and_its_control_takes_nothing():
    rng = np.random.default_rng(3)
    base = np.diag(np.arange(1.0, 31.0))
    change = 1e-3 * rng.standard_normal((30, 30))
    for text in ("intruders", "random:intruders"):
        none = found(base, change, text)
        assert (none.directions, none.energy, none.share) == ((0, 0), 0.0, 0.0)
        assert np.abs(part(none)).max(initial=0.0) == 0.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("of", ["1", "4", "intruders"])
def test_random_directions_take_the_energy_of_those_they_are_the_control_of(shape, of):
    base, change = pair(shape, np.random.default_rng(4), size=0.7)
    named = found(base, change, "intruders" if of == "intruders" else f"top:{of}")
    control = found(base, change, f"random:{of}")
    assert control.energy == pytest.approx(named.energy, rel=1e-9, abs=1e-12)
    assert np.sum(part(control) ** 2) == pytest.approx(named.energy, rel=1e-9, abs=1e-12)
    # It takes from the change what lies along its directions, and adds nothing of its own.
    left_over = change - part(control)
    assert np.sum(left_over**2) <= np.sum(change**2) + 1e-9
    assert np.sum(part(control) * change) >= named.energy - 1e-9


def test_random_directions_are_those_of_their_seed():
    base, change = pair((30, 50), np.random.default_rng(5))
    one, again, other = (part(found(base, change, "random:2", seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1e-3


def test_among_equal_directions_the_control_takes_as_many_and_of_one_direction_it_takes_all():
    rng = np.random.default_rng(6)
    base = rng.standard_normal((12, 40))
    even = np.linalg.qr(rng.standard_normal((40, 12)))[0].T
    control = found(base, even, "random:5")
    assert control.directions in ((5, 0), (6, 0))  # the sixth, where rounding leaves a trace of energy to be held
    np.testing.assert_allclose(np.linalg.svd(part(control), compute_uv=False)[:5], 1.0, atol=1e-9)
    # All energy of a change of rank one lies along its direction, so that its control needs all twelve directions.
    control = found(base, rng.standard_normal((12, 1)) @ rng.standard_normal((1, 40)), "random:1")
    assert control.directions == (12, 0)


def test_scaling_goes_from_the_base_to_the_tuned_matrix_in_blocks():
    base, change = pair((300, 20), np.random.default_rng(7))
    tuned = ArraySource(base + change)
    all_of_it = found(base, change, "top:20")
    for scale in (0.0, 0.25, 1.0):
        blocks = list(all_of_it.scaled(tuned, scale))
        together = np.vstack([values for _, values in blocks])
        np.testing.assert_allclose(together, base + scale * change, atol=1e-12)


def test_nothing_changed_leaves_nothing_to_take():
    base = np.random.default_rng(8).standard_normal((10, 12))
    for text in ("top:3", "random:3", "intruders"):
        assert (found(base, 0 * base, text).energy, found(base, 0 * base, text).share) == (0.0, 0.0)


@pytest.mark.parametrize("text", ["", "intruder", "intruders:2", "top", "top:0", "top:-1", "top:x", "random", "low:3"])
def test_unknown_directions_are_refused(text):
    with pytest.raises(InputError, match=r"directions: must be intruders, top:K, random:K .* but is '"):
        Along.read(text)


@pytest.mark.parametrize("text", ["intruders", "top:3", "random:3", "random:intruders"])
def test_directions_are_spelt_as_they_are_read(text):
    assert str(Along.read(text)) == text


def test_what_is_no_number_is_refused():
    base, change = pair((10, 12), np.random.default_rng(9))
    change[0, 0] = np.nan
    with pytest.raises(TensorRefused, match="must be finite"):
        found(base, change, "top:1")
