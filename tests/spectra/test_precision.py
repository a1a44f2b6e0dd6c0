"""Whichever type was chosen, what is reported is within what is promised: 1e-5 for ranks, 1e-3 for counts and tails."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spectra_samples import planted, to_bf16

from benchshadow.spectra import ArraySource, Spectrum, Update, matrix_of, measure_matrix
from benchshadow.spectra.precision import carries, first_kind, value_errors
from benchshadow.spectra.streaming import stream

SHAPES = [(400, 384), (384, 700), (520, 400), (1200, 390)]


def svd(array):
    return np.linalg.svd(np.asarray(array, np.float64), compute_uv=False)


def numbers(s):
    """The ranks and energies, written out."""
    p, e = s / s.sum(), s**2 / np.sum(s**2)
    p, e_kept = p[p > 0], e[e > 0]
    return {
        "effective_rank": np.exp(-np.sum(p * np.log(p))),
        "energy_rank": np.exp(-np.sum(e_kept * np.log(e_kept))),
        "participation_ratio": 1 / np.sum(e**2),
        "stable_rank": 1 / e[0],
        "frobenius_norm": np.linalg.norm(s),
        "spectral_norm": s[0],
    }


def check(found, exact, where=""):
    """A spectrum keeps all promises; the exact singular values are float64."""
    measures = {(each.diagnostic, each.parameter): each.value for each in measure_matrix(found)}
    for name, expected in numbers(exact).items():
        assert measures[name, None] == pytest.approx(expected, rel=1e-5), (where, name)
    np.testing.assert_allclose(found.energies, exact**2 / np.sum(exact**2), rtol=0, atol=1e-5, err_msg=str(where))
    assert measures["nuclear_norm", None] == pytest.approx(exact.sum(), rel=1e-3), where
    few = max(1.0, 1e-3 * len(exact))
    threshold = max(found.rounding_edge, found.floor)
    assert abs(measures["numerical_rank", None] - np.count_nonzero(exact > threshold)) <= few, where
    for q in (0.5, 0.9, 0.99):
        expected = np.argmax(np.cumsum(exact**2) >= (q - 1e-12) * np.sum(exact**2)) + 1
        assert abs(measures["rank_at_energy", q] - expected) <= few, (where, q)
    if found.tail is not None:
        top = exact[: found.tail.points]
        alpha = 1 + len(top) / np.sum(2 * np.log(top / top[-1]))
        assert found.tail.exponent == pytest.approx(alpha, rel=1e-3), where
    # LAPACK's own decomposition is right to a few units of 1e-15 s_1.
    assert np.all(np.abs(found.values - exact) <= found.errors + 2e-14 * exact[0]), where


def flat(k, depth):
    return np.full(k, 1.0 - 0.1 * depth)


def line(k, depth):
    return np.linspace(1, 10.0 ** -(1 + 4 * depth), k)


def power(k, depth):
    return np.arange(1.0, k + 1) ** -(2 * depth)


def decay(k, depth):
    return np.exp(-8 * depth * np.arange(k) / k)


def strong(k, depth):
    return np.append(np.full(8, 10 ** (4 * depth)), np.ones(k - 8))


def steps(k, depth):
    s = np.ones(k)
    s[int(k * (0.4 + 0.55 * depth)) :] = 10.0 ** -(5 * depth)
    return s


def staircase(k, depth):
    return np.repeat(10.0 ** -np.linspace(0, 5 * depth, 8), -(-k // 8))[:k]


def edge(k, depth):
    """Many values about where float32 ceases to tell them from zero, beside one strong one."""
    return np.append(1.0, np.full(k - 1, 10 ** (-2.5 - 2 * depth)))


SPECTRA = (flat, line, power, decay, strong, steps, staircase, edge)


@pytest.mark.parametrize("depth", [0.0, 0.1, 0.25, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("kind", SPECTRA, ids=lambda each: each.__name__)
def test_planted_spectra_that_tempt_float32(kind, depth):
    rng = np.random.default_rng(round(100 * depth))
    shape = SHAPES[round(100 * depth) % len(SHAPES)]
    array = planted(np.sort(kind(min(shape), depth))[::-1], shape, rng).astype(np.float32)
    check(Spectrum.of(ArraySource(array)), svd(array), kind.__name__)


def test_all_three_ways_are_taken_and_keep_the_promises():
    rng = np.random.default_rng(5)
    k = 400
    ways = {
        "gram float32": planted(np.linspace(1, 0.3, k), (k, 800), rng),
        "gram float64": planted(np.geomspace(1, 1e-4, k), (k, 800), rng),
        "qr svdvals float64": planted(np.append(np.ones(4), np.full(k - 4, 1e-9)), (k, 800), rng),
    }
    for way, array in ways.items():
        array = array if way.startswith("qr") else array.astype(np.float32)
        found = Spectrum.of(ArraySource(array))
        assert found.method.startswith(way)
        check(found, svd(array), way)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 90),
    kind=st.sampled_from(SPECTRA),
    depth=st.floats(0, 1),
    stored=st.sampled_from(["float32", "float16", "bfloat16", "float64"]),
    seed=st.integers(0, 1000),
)
def test_any_small_shape_type_and_spectrum(rows, columns, kind, depth, stored, seed):
    rng, k = np.random.default_rng(seed), min(rows, columns)
    values = np.sort(kind(max(k, 9), depth))[::-1][:k]
    array = planted(values, (rows, columns), rng)
    array = to_bf16(array) if stored == "bfloat16" else array.astype(stored)
    check(Spectrum.of(ArraySource(array, stored)), svd(array))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    shape=st.sampled_from([(384, 384), (390, 640), (640, 390), (450, 460)]),
    knots=st.lists(st.floats(-5, 0), min_size=2, max_size=6),
    stored=st.sampled_from(["float32", "float16", "bfloat16"]),
    seed=st.integers(0, 1000),
)
def test_any_spectrum_of_a_side_on_which_float32_is_tried(shape, knots, stored, seed):
    """Singular values along any broken line in the logarithm."""
    rng, k = np.random.default_rng(seed), min(shape)
    exponents = np.interp(np.linspace(0, 1, k), np.linspace(0, 1, len(knots)), sorted(knots, reverse=True))
    array = planted(10.0**exponents, shape, rng)
    array = to_bf16(array) if stored == "bfloat16" else array.astype(stored)
    check(Spectrum.of(ArraySource(array, stored)), svd(array), knots)


@pytest.mark.parametrize("relative", [0.3, 0.01, 0.001])
@pytest.mark.parametrize("shape", [(900, 400), (390, 800), (400, 420)], ids=str)
@pytest.mark.parametrize("planned", ["noise", "rank 8"])
def test_changes_of_stored_pairs(planned, shape, relative):
    rng = np.random.default_rng(8)
    base = to_bf16(0.02 * rng.standard_normal(shape))
    if planned == "noise":
        change = rng.standard_normal(shape)
    else:
        change = rng.standard_normal((shape[0], 8)) @ rng.standard_normal((8, shape[1]))
    change *= relative * np.linalg.norm(base) / np.linalg.norm(change)
    tuned = to_bf16(base + change)
    found = Update.of(ArraySource(base, "bfloat16"), ArraySource(tuned, "bfloat16"), rng=rng)
    check(found.change, svd(tuned.astype(np.float64) - base), relative)


def test_squares_that_leave_the_range_of_float32_are_taken_in_float64():
    rng = np.random.default_rng(9)
    for size in (1e-30, 1e-12, 1e12, 1e19):
        array = (size * rng.standard_normal((400, 390))).astype(np.float32)
        for level in (0, 1, 2):
            found = matrix_of(ArraySource(array), level=level)
            assert "float64" in found.method
            assert found.norm == pytest.approx(np.linalg.norm(array.astype(np.float64)), rel=1e-12)


def test_float32_is_tried_only_where_it_saves_time_and_holds_the_values():
    assert first_kind((384, 700), ["float32", "bfloat16"], 2) == "float32"
    assert first_kind((383, 9000), ["float32"], 2) == "float64"
    assert first_kind((4096, 9000), ["float32", "float64"], 2) == "float64"
    assert [first_kind((4096, 4096), ["float32"], level) for level in (0, 1, 2, 3)] == ["float32"] * 2 + ["float64"] * 2


def test_the_bound_on_a_value_grows_as_the_value_falls_until_it_is_all_that_is_known():
    relative = np.geomspace(1, 1e-9, 50)
    for kind, eps in (("float32", 2**-23), ("float64", 2**-52)):
        errors = value_errors(relative, (400, 400), kind)
        assert (np.diff(errors) >= 0).all()
        assert errors[0] < 100 * eps
        assert errors[-1] == errors[-2]


def test_values_that_float32_loses_are_not_carried_by_it():
    flat_ones, lost = np.ones(400), np.append(np.ones(200), np.full(200, 1e-4))
    assert carries(flat_ones, "float32", 0.0, 5e-4, None)
    assert not carries(lost, "float32", 0.0, 5e-4, None)
    assert carries(lost, "float64", 0.0, 3e-7, None)
    assert not carries(np.append(np.ones(4), np.full(396, 1e-9)), "float64", 0.0, 3e-7, None)


@pytest.mark.parametrize("stored", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("shape", [(640, 390), (390, 640), (1500, 400)], ids=str)
def test_sums_of_squares_with_few_bits_do_not_drift(shape, stored):
    """Such squares often fall halfway between two sums in float32, and rounding then prefers one side."""
    rng = np.random.default_rng(0)
    array = planted(10.0 ** np.interp(np.linspace(0, 1, min(shape)), [0, 0.5, 1], [0, -0.5, -3]), shape, rng)
    array = to_bf16(array) if stored == "bfloat16" else array.astype(stored)
    source = ArraySource(array, stored)
    done = stream([source], ["tuned"], {"tuned": 1.0}, "float32")
    squares = array.astype(np.float64) ** 2
    exact = squares.sum(axis=0 if shape[0] > shape[1] else 1)
    np.testing.assert_allclose(np.diag(done.grams["tuned"]), exact, rtol=2e-7)
    assert abs(np.mean(np.diag(done.grams["tuned"]) / exact - 1)) < 3e-8
    assert done.energy["tuned"] == pytest.approx(squares.sum(), rel=3e-8)
    check(Spectrum.of(source), svd(array), stored)


@pytest.mark.parametrize("shape", [(681, 426), (400, 500)], ids=str)
def test_a_value_that_is_zero_does_not_count_as_one_that_float32_makes_of_it(shape):
    """Sparse matrices are singular; a float32 Gram matrix gives 3e-4 s_1 for the zero."""
    rng = np.random.default_rng(0)
    for _ in range(8):
        array = (rng.standard_normal(shape) * (rng.random(shape) < 0.01)).astype(np.float32)
        check(Spectrum.of(ArraySource(array)), svd(array))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_foot_of_a_long_fall_is_not_left_to_float32(seed):
    """Rounding pushes a few dozen crowded small values the same way."""
    exponents = np.interp(np.linspace(0, 1, 517), np.linspace(0, 1, 5), [-0.82, -0.87, -3.29, -3.55, -3.73])
    array = planted(10.0**exponents, (517, 517), np.random.default_rng(seed)).astype(np.float32)
    check(Spectrum.of(ArraySource(array)), svd(array))
