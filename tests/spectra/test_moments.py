"""What is told without an eigensolver is what the singular values tell, and every record has a method and a bound."""

import numpy as np
import pytest
from spectra_samples import of_change, of_matrix, planted, to_bf16

from benchshadow.spectra import ArraySource, Moments, Spectrum, Update, matrix_of
from benchshadow.spectra.moments import fill_upper, largest_eigenvalue

RNG = np.random.default_rng(0)
LARGE = (400, 620)


def shaped(shape, kind, relative=0.05):
    """A base and a tuned matrix in a stored type, as sources, and both in float64."""
    rng = np.random.default_rng(shape[0] + 7 * shape[1])
    base = rng.standard_normal(shape) * 0.02
    tuned = base + relative * 0.02 * rng.standard_normal(shape)
    arrays = [to_bf16(each) if kind == "bfloat16" else each.astype(kind) for each in (base, tuned)]
    return [ArraySource(each, kind) for each in arrays], [each.astype(np.float64) for each in arrays]


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("shape", [(1, 9), (7, 1), (60, 90), LARGE, (620, 400), (400, 410)], ids=str)
def test_levels_agree_with_each_other_and_with_the_entries(shape, kind):
    sources, (base, tuned) = shaped(shape, kind)
    found = [of_change(Update.of(*sources, rng=np.random.default_rng(0), level=level)) for level in (0, 1, 2, 3)]
    change = tuned - base
    ulps = [np.spacing(np.abs(each).astype("float16" if kind == "float16" else "float32")) for each in (base, tuned)]
    slack = sum(each.astype(np.float64) for each in ulps) / 2 * (2**16 if kind == "bfloat16" else 1)
    if kind == "float64":
        slack = (np.spacing(np.abs(base)) + np.spacing(np.abs(tuned))) / 2
    angle = np.sum(base * tuned) / np.linalg.norm(base) / np.linalg.norm(tuned)
    for measures in found:
        for name, expected in {
            "frobenius_norm": np.linalg.norm(change),
            "relative_change": np.linalg.norm(change) / np.linalg.norm(base),
            "cosine": angle,
            "unchanged_share": np.mean(change == 0),
            "unchanged_share_within_rounding": np.mean(np.abs(change) <= slack),
        }.items():
            assert measures[name, None, None].value == pytest.approx(expected, rel=1e-5, abs=1e-12), name
    s = np.linalg.svd(change, compute_uv=False)
    exact = {
        "spectral_norm": s[0],
        "stable_rank": np.sum(s**2) / s[0] ** 2,
        "participation_ratio": np.sum(s**2) ** 2 / np.sum(s**4),
    }
    for measures in found[1:]:
        for name, expected in exact.items():
            assert measures[name, None, None].value == pytest.approx(expected, rel=1e-5), name
    for name in exact:
        assert (name, None, None) not in found[0]


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("shape", [(30, 20), LARGE, (512, 390)], ids=str)
def test_every_record_has_a_method_and_the_true_error_is_within_its_bound(shape, level):
    array = RNG.standard_normal(shape).astype(np.float32)
    measures = of_matrix(matrix_of(ArraySource(array), level=level))
    exact = of_matrix(exactly(array))
    assert {key: each for key, each in measures.items() if not each.method} == {}
    bounded = {key: each for key, each in measures.items() if each.error_bound is not None and each.value is not None}
    assert ("frobenius_norm", None) in bounded
    for key, each in bounded.items():
        assert abs(each.value - exact[key].value) <= each.error_bound + 1e-12 * abs(exact[key].value), key


def exactly(array):
    """The spectrum as LAPACK's float64 decomposition of the matrix gives it."""
    found = Spectrum.of(ArraySource(array))
    values = np.linalg.svd(array.astype(np.float64), compute_uv=False)
    return Spectrum(values, found.shape, found.stored, found.rounding_edge, found.floor, "svd float64")


CONSTANTS = [0.1, 0.3, 1 / 3, 0.7071, 0.013, 1.0]


@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize("signs", ["equal", "drawn", "ternary"])
def test_entries_of_one_size_add_up_without_bias(signs, constant):
    """Rounding errors of equal terms have one sign: a long sum in float32 drifts."""
    shape = (392, 500)
    draw = {
        "equal": np.ones,
        "drawn": lambda s: RNG.choice([-1.0, 1.0], s),
        "ternary": lambda s: RNG.integers(-1, 2, s),
    }
    array = (constant * draw[signs](shape)).astype(np.float32)
    s = np.linalg.svd(array.astype(np.float64), compute_uv=False)
    for level in (0, 1, 2):
        found = matrix_of(ArraySource(array), level=level)
        assert abs(found.norm - np.linalg.norm(s)) <= max(found.norm_error, 1e-12 * found.norm)
        if level:
            assert (found.norm / found.top) ** 2 == pytest.approx(np.sum(s**2) / s[0] ** 2, rel=1e-5)
            assert found.concentration == pytest.approx(np.sum(s**4) / np.sum(s**2) ** 2, rel=1e-5)


def awkward(order):
    """Symmetric matrices without negative eigenvalues that end a Krylov space early, or hide their largest value."""
    flat = np.ones(order)
    yield np.eye(order)
    yield np.ones((order, order))
    yield np.diag([3.0, *np.zeros(order - 1)])
    yield np.diag([2.0, *flat[1:]])
    yield np.diag(np.repeat([3.0, 1.0], [order // 2, order - order // 2]))
    yield np.diag(1 + 1e-7 * np.arange(order))
    turn = np.linalg.qr(RNG.standard_normal((order, order)))[0]
    yield turn @ np.diag(np.linspace(1, 0, order)) @ turn.T
    yield turn @ np.diag(np.geomspace(1, 1e-12, order)) @ turn.T
    yield turn @ turn.T


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("order", [1, 2, 3, 5, 40, 200])
def test_the_largest_eigenvalue_is_found_and_lies_within_its_bound(order, kind):
    for gram in awkward(order):
        value, error = largest_eigenvalue(gram.astype(kind))
        exact = np.linalg.eigvalsh(gram.astype(kind).astype(np.float64))[-1]
        eps = np.finfo(kind).eps
        assert value == pytest.approx(exact, rel=1e-5)
        assert abs(value - exact) <= error + 16 * eps * exact


def test_orthogonal_and_constant_matrices_have_moments():
    for order in (5, 64, 400):
        turn = np.linalg.qr(RNG.standard_normal((order, order)))[0]
        for array, top in ((turn, 1.0), (np.eye(order), 1.0), (np.full((order, order), 0.3), 0.3 * order)):
            found = matrix_of(ArraySource(array.astype(np.float32)), level=1)
            assert isinstance(found, Moments)
            assert found.top == pytest.approx(top, rel=1e-5)
            assert np.isfinite(found.top_error)


def test_the_upper_triangle_is_the_mirror_of_the_lower_one():
    for order in (1, 255, 256, 257, 600):
        whole = RNG.standard_normal((order, order))
        whole += whole.T
        lower = np.tril(whole)
        fill_upper(lower)
        np.testing.assert_array_equal(lower, whole)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("exponent", [-140, -126, -90, -70, -40, 0, 60, 100])
def test_float32_of_any_size_is_measured_and_never_taken_for_zero(exponent, level):
    """Squares of entries below 1e-23 vanish in float32."""
    array = (planted([3.0, 2.0, 1.0], (390, 400), RNG) * 2.0**exponent).astype(np.float32)
    found = matrix_of(ArraySource(array), level=level)
    assert not found.is_zero
    assert found.norm == pytest.approx(np.linalg.norm(array.astype(np.float64)), rel=1e-5)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("exponent", [-1040, -700, 0, 500])
def test_float64_of_any_size_is_measured_alike_at_every_level(exponent, level):
    rng = np.random.default_rng(3)
    base = rng.standard_normal((40, 30))
    tuned = base + 0.1 * rng.standard_normal((40, 30))
    plain, sized = (
        of_change(
            Update.of(ArraySource(base * scale), ArraySource(tuned * scale), rng=np.random.default_rng(0), level=level)
        )
        for scale in (1.0, 2.0**exponent)
    )
    assert plain.keys() == sized.keys()
    # Below 2^-1022 float64 has fewer digits.
    near = 1e-9 if exponent > -1000 else 1e-2
    names = {"relative_change", "cosine", "stable_rank", "effective_rank", "intruder_dimensions", "principal_overlap"}
    for key, each in plain.items():
        if key[0] in names:
            assert (sized[key].value is None) == (each.value is None), key
            assert each.value is None or sized[key].value == pytest.approx(each.value, rel=near), key


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (30, 40), LARGE], ids=str)
def test_zeros_have_a_norm_and_no_rank(shape, level):
    zeros, ones = np.zeros(shape, np.float32), np.full(shape, 0.1, np.float32)
    for before, after in ((zeros, zeros), (zeros, ones), (ones, zeros)):
        pair = ArraySource(before), ArraySource(after)
        measures = of_change(Update.of(*pair, rng=np.random.default_rng(0), level=level))
        moved = float(np.linalg.norm(after.astype(np.float64) - before))
        assert measures["frobenius_norm", None, None].value == pytest.approx(moved, rel=1e-5)
        assert all(each.value is None or np.isfinite(each.value) for each in measures.values())
        assert (measures["cosine", None, None].reason or "").startswith("base or tuned is zero")
        if level:
            rank = measures["stable_rank", None, None]
            assert rank.value == pytest.approx(1, rel=1e-5) if moved else rank.reason == "every entry is zero"


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("spectra_of", [("change",), ("base", "change"), ("base", "tuned", "change")])
@pytest.mark.parametrize("shape", [(30, 40), (40, 30)], ids=str)
def test_equal_sides_have_one_null_whatever_is_asked_of_them(shape, spectra_of, level):
    source = ArraySource(RNG.standard_normal(shape).astype(np.float32))
    whole, part = (
        Update.of(source, source, rng=np.random.default_rng(0), level=level, spectra_of=asked)
        for asked in (("base", "tuned", "change"), spectra_of)
    )
    assert part.is_unchanged
    assert [each.edge for each in part.rounding] == [each.edge for each in whole.rounding]
    assert all((each.edge is None) == (level == 0) for each in part.rounding)
    measures = of_change(part)
    assert measures["relative_change", None, None].value == 0
    assert measures["cosine", None, None].value == 1


@pytest.mark.parametrize("shape", [(700, 390), (390, 700), (400, 400)], ids=str)
def test_a_record_names_the_type_of_its_gram_matrix(shape):
    sources, _ = shaped(shape, "float32")
    found = Update.of(*sources, rng=np.random.default_rng(0), level=1)
    for each in (found.base, found.tuned, found.change):
        assert each.method == "gram float32, Lanczos, lapack"


@pytest.mark.parametrize("stored", ["float16", "float32"])
def test_denormal_entries_count_as_they_are(stored):
    array = np.full((20, 30), np.finfo(stored).smallest_subnormal, stored)
    for level in (0, 1, 2):
        found = matrix_of(ArraySource(array, stored), level=level)
        assert found.norm == pytest.approx(float(np.finfo(stored).smallest_subnormal) * 600**0.5, rel=1e-6)
