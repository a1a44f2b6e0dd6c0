"""The change between two matrices agrees with the shortest NumPy, reads each side once, and stands beside its nulls."""

import numpy as np
import pytest
from spectra_samples import of_change, of_matrix, planted

from benchshadow.errors import InputError, TensorRefused
from benchshadow.spectra import ArraySource, Spectrum, Update, engines, measure_change, measure_matrix


class Counting:
    """A source that counts the lines it was asked for."""

    def __init__(self, array):
        self.array, self.shape, self.stored, self.read = array, array.shape, "float32", 0

    def rows(self, start, stop):
        self.read += min(stop, self.shape[0]) - start
        return self.array[start:stop]

    def columns(self, start, stop):
        self.read += min(stop, self.shape[1]) - start
        return self.array[:, start:stop]


def pair(shape, seed=0, kind=np.float32, relative=0.1):
    rng = np.random.default_rng(seed)
    base = rng.standard_normal(shape).astype(kind)
    return base, (base + relative * rng.standard_normal(shape)).astype(kind)


def svd(array):
    return np.linalg.svd(array.astype(np.float64), compute_uv=False)


@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2100, 600), (600, 2100), (90, 90), (1, 50)], ids=str)
def test_the_three_spectra_are_numpys(shape, kind, device):
    base, tuned = pair(shape, kind=kind)
    update = Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(0), device=device)
    change = tuned.astype(np.float64) - base.astype(np.float64)
    for spectrum, array in ((update.base, base), (update.tuned, tuned), (update.change, change)):
        np.testing.assert_allclose(spectrum.values, svd(array), rtol=1e-8, atol=spectrum.floor)
    alone = Spectrum.of(ArraySource(tuned), device=device)
    np.testing.assert_allclose(update.tuned.values, alone.values, rtol=1e-12)
    assert update.tuned.rounding_edge == pytest.approx(alone.rounding_edge)


def test_the_numbers_of_a_change_are_their_definitions():
    base, tuned = pair((150, 100))
    tuned[:, :25] = base[:, :25]
    update = Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(0))
    measures = of_change(update)
    b, t = base.astype(np.float64), tuned.astype(np.float64)
    expected = {
        "relative_change": np.linalg.norm(t - b) / np.linalg.norm(b),
        "spectral_shift": np.linalg.norm(svd(t) - svd(b)) / np.linalg.norm(svd(b)),
        "unchanged_share": 0.25,
        "unchanged_share_within_rounding": 0.25,
        "delta_effective_rank": of_matrix(Spectrum.of(ArraySource(t - b)))["effective_rank", None].value,
    }
    for name, value in expected.items():
        assert measures[name, None, None].value == pytest.approx(value, rel=1e-9, abs=1e-5), name
    before, after = (of_matrix(Spectrum.of(ArraySource(each))) for each in (base, tuned))
    for (name, parameter), measure in after.items():
        if measure.unit == "dimensions":
            difference = measure.value - before[name, parameter].value
            assert measures[f"{name}_change", parameter, None].value == pytest.approx(difference, abs=1e-9)
            share = measures[f"{name}_change_share", parameter, None]
            assert share.value == pytest.approx(difference / 100, abs=1e-9)
    assert measures["spectral_shift", None, None].value <= measures["relative_change", None, None].value


@pytest.mark.parametrize("shape", [(3000, 700), (700, 3000)], ids=str)
def test_each_side_is_read_once_but_for_the_block_that_tells_them_apart(shape):
    base, tuned = (Counting(array) for array in pair(shape))
    Update.of(base, tuned, rng=np.random.default_rng(0))
    assert base.read == tuned.read
    assert max(shape) < base.read < max(shape) + 2_000_000 // shape[1]


def test_equal_sides_have_no_change_and_cost_one_decomposition(monkeypatch):
    calls = []
    solve = engines.eigenvalues
    monkeypatch.setattr(engines, "eigenvalues", lambda *given: calls.append(1) or solve(*given))
    array = pair((120, 90))[0]
    update = Update.of(ArraySource(array), ArraySource(array.copy()), rng=np.random.default_rng(0))
    assert len(calls) == 1
    assert update.is_unchanged
    assert update.unchanged.exact == update.unchanged.within_rounding == 1
    assert update.remarks == ("unchanged: base and tuned are equal entry by entry",)
    measures = of_change(update)
    assert measures["relative_change", None, None].value == 0
    assert measures["spectral_shift", None, None].value == 0
    assert measures["effective_rank_change", None, None].value == 0
    for name in ("stable_rank", "tail_exponent", "outliers"):
        assert measures[name, None, None].value is None
        assert measures[name, None, None].reason == "every entry is zero"
    for name, side in (("delta_effective_rank", None), ("signal_rank", "tuned"), ("rounding_share", "both")):
        assert measures[name, None, side].value is None
        assert measures[name, None, side].reason.startswith("unchanged")


def test_spectra_that_were_not_asked_for_are_absent_and_so_is_what_needs_them():
    base, tuned = pair((90, 60))
    whole = Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(0))
    part = Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(0), spectra_of=("change",))
    assert part.base is None
    assert part.tuned is None
    complete, partial = of_change(whole), of_change(part)
    assert complete.keys() - partial.keys() == {
        key
        for key in complete
        if key[0] == "spectral_shift"
        or key[0].endswith(("_rank_change", "_rank_change_share"))
        or key[0].startswith(("participation_ratio_change", "rank_at_energy_change"))
    }
    assert all(partial[key] == complete[key] for key in partial)


def test_delta_effective_rank_always_stands_beside_its_random_null():
    rng = np.random.default_rng(0)
    for shape in ((90, 60), (1, 9), (300, 4)):
        base, tuned = pair(shape)
        measures = of_change(Update.of(ArraySource(base), ArraySource(tuned), rng=rng))
        for name in ("delta_effective_rank", "delta_effective_rank_share", "stable_rank", "participation_ratio"):
            measure = measures[name, None, None]
            assert measure.null_random is not None
            assert measure.null_random >= 0.5 * measure.value


def test_a_random_change_has_the_values_of_its_random_null_and_a_narrow_one_does_not():
    rng = np.random.default_rng(1)
    base, tuned = pair((200, 320), kind=np.float64)
    narrow = base + planted([3, 2, 1], (200, 320), rng)
    for after, tolerance in ((tuned, 0.03), (narrow, None)):
        measures = of_change(Update.of(ArraySource(base), ArraySource(after), rng=rng))
        for name in ("delta_effective_rank", "stable_rank", "energy_rank", "spectral_norm", "nuclear_norm"):
            measure = measures[name, None, None]
            if tolerance:
                assert measure.value == pytest.approx(measure.null_random, rel=tolerance), name
            else:
                assert abs(np.log(measure.value / measure.null_random)) > np.log(2), name


def test_the_rounding_null_of_a_norm_is_that_of_drawn_rounding_errors():
    base, tuned = pair((200, 300), relative=1e-3)
    measures = of_change(Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(0)))
    exact = np.random.default_rng(2).standard_normal((200, 300))
    errors = exact.astype(np.float32) - exact
    both = 2**0.5 * np.linalg.norm(errors)
    assert measures["frobenius_norm", None, None].null_rounding == pytest.approx(both, rel=0.02)
    assert measures["relative_change", None, None].null_rounding == pytest.approx(both / np.linalg.norm(base), rel=0.02)
    nuclear = 2**0.5 * svd(errors).sum()
    assert measures["nuclear_norm", None, None].null_rounding == pytest.approx(nuclear, rel=0.02)


@pytest.mark.parametrize(("before", "after"), [(1e200, 1e200), (1e-200, 1e-200), (1.0, 1.0 + 1e-12)])
def test_float64_pairs_far_from_one_or_close_together_are_measured(before, after):
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((70, 50))
    base = before * rng.standard_normal((70, 50))
    tuned = base + 1e-3 * before * noise if before == after else base * after
    measures = of_change(Update.of(ArraySource(base), ArraySource(tuned), rng=rng))
    expected = 1e-3 * np.linalg.norm(noise) / np.linalg.norm(base / before) if before == after else 1e-12
    assert measures["relative_change", None, None].value == pytest.approx(expected, rel=1e-3)
    assert np.isfinite([each.value for each in measures.values() if each.value is not None]).all()


def test_a_base_of_zeros_leaves_relative_numbers_undefined_with_a_reason():
    rng = np.random.default_rng(6)
    tuned = rng.standard_normal((40, 30)).astype(np.float32)
    measures = of_change(Update.of(ArraySource(np.zeros_like(tuned)), ArraySource(tuned), rng=rng))
    for name in ("relative_change", "spectral_shift"):
        assert measures[name, None, None].value is None
        assert measures[name, None, None].reason == "the base is zero"
    assert measures["stable_rank_change", None, None].reason == "base: every entry is zero"
    assert measures["stable_rank", None, None].value > 1


def test_equal_measures_come_from_equal_seeds():
    base, tuned = pair((120, 100), relative=1e-7)
    one, other = (
        measure_change(Update.of(ArraySource(base), ArraySource(tuned), rng=np.random.default_rng(7))) for _ in range(2)
    )
    assert one == other


def test_no_value_is_a_sentinel():
    base = pair((30, 20))[0]
    for spectrum in (np.zeros((30, 20)), base):
        for measure in measure_matrix(Spectrum.of(ArraySource(spectrum))):
            assert (measure.value is None) == (measure.reason is not None)
            assert measure.value is None or np.isfinite(measure.value)


@pytest.mark.parametrize(("side", "named"), [(0, "old"), (1, "new")])
def test_a_side_that_is_not_finite_is_refused_by_name(side, named):
    arrays = [array.copy() for array in pair((40, 30))]
    arrays[side][3, 4] = np.inf
    sources = [ArraySource(array, name=name) for array, name in zip(arrays, ("old", "new"), strict=True)]
    with pytest.raises(TensorRefused, match=f"{named} .*must be finite"):
        Update.of(*sources, rng=np.random.default_rng(0), spectra_of=("change",))


def test_shapes_that_differ_are_refused_with_both():
    sources = ArraySource(np.ones((4, 5))), ArraySource(np.ones((4, 6)), name="head")
    with pytest.raises(
        TensorRefused, match="head: must have one shape but is 4 x 5 in the base and 4 x 6 in the tuned"
    ):
        Update.of(*sources, rng=np.random.default_rng(0))


def test_a_misspelt_spectrum_is_refused():
    source = ArraySource(np.eye(4))
    with pytest.raises(InputError, match="spectra_of: must hold some of base, tuned, change"):
        Update.of(source, source, rng=np.random.default_rng(0), spectra_of=("delta",))
