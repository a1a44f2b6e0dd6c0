"""Spectra agree with NumPy's SVD and with closed forms, on matrices of every awkward kind."""

import numpy as np
import pytest
from spectra_samples import of_matrix, planted, rotation

from benchshadow.errors import InputError, TensorRefused
from benchshadow.spectra import ArraySource, MatrixSource, Spectrum

DEVICES = {"cpu": "lapack", "torch:cpu": "torch cpu"}
RANKS = ["stable_rank", "effective_rank", "energy_rank", "participation_ratio"]


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


def by_numpy(array):
    """The ranks from NumPy's SVD and the definitions, in the shortest way."""
    s = np.linalg.svd(array.astype(np.float64), compute_uv=False)
    s = s[s > s[0] * 1e-15]
    e, p = s**2 / np.sum(s**2), s / np.sum(s)
    return {
        "stable_rank": np.sum(s**2) / s[0] ** 2,
        "effective_rank": np.exp(-np.sum(p * np.log(p))),
        "energy_rank": np.exp(-np.sum(e * np.log(e))),
        "participation_ratio": 1 / np.sum(e**2),
    }


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "shape", [(300, 200), (200, 300), (128, 128), (5000, 9), (9, 5000), (1100, 1000), (1600, 1000)], ids=str
)
def test_values_and_ranks_agree_with_numpys_svd(shape, device):
    rng = np.random.default_rng(shape[0])
    array = (rng.standard_normal(shape) * rng.lognormal(size=(shape[0], 1))).astype(np.float32)
    spectrum = Spectrum.of(ArraySource(array), device=device)
    expected = np.linalg.svd(array.astype(np.float64), compute_uv=False)
    carried = "float32" if min(shape) >= 384 and max(shape) > 1.5 * min(shape) else "float64"
    assert spectrum.method == ("zero" if shape == () else f"gram {carried}, {DEVICES[device]}")
    np.testing.assert_allclose(
        spectrum.values, expected, rtol=1e-9 if carried == "float64" else 1e-4, atol=spectrum.floor
    )
    measures = of_matrix(spectrum)
    for name, value in by_numpy(array).items():
        measure = measures[name, None]
        assert measure.value == pytest.approx(value, rel=1e-8 if carried == "float64" else 1e-5)
        assert abs(measure.value - value) <= measure.error_bound + 1e-12 * value


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("decay", [0.0, 1e-3, 1e-6, 1e-9])
def test_ranks_hold_their_promised_accuracy_when_a_low_rank_stands_on_a_faint_floor(decay, device):
    rng = np.random.default_rng(3)
    array = planted([5, 4, 3, 2, 1], (300, 200), rng) + decay * rng.standard_normal((300, 200))
    measures = of_matrix(Spectrum.of(ArraySource(array), device=device))
    for name, value in by_numpy(array).items():
        assert measures[name, None].value == pytest.approx(value, rel=1e-5)
        assert abs(measures[name, None].value - value) <= measures[name, None].error_bound + 1e-12 * value


def test_both_devices_agree():
    array = np.random.default_rng(0).standard_normal((400, 250))
    one, other = (Spectrum.of(ArraySource(array), device=device).values for device in DEVICES)
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_an_orthogonal_matrix_has_every_rank_k():
    measures = of_matrix(Spectrum.of(ArraySource(rotation(70, np.random.default_rng(0)))))
    for name in [*RANKS, "numerical_rank"]:
        assert measures[name, None].value == pytest.approx(70, rel=1e-9)
        assert measures[f"{name}_share", None].value == pytest.approx(1, rel=1e-9)
    assert measures["frobenius_norm", None].value == pytest.approx(70**0.5)
    assert measures["spectral_norm", None].value == pytest.approx(1)
    assert measures["nuclear_norm", None].value == pytest.approx(70)
    assert measures["rank_at_energy", 0.5].value == 35
    assert measures["rank_at_energy", 0.9].value == 63
    assert measures["top_energy", 8].value == pytest.approx(8 / 70)


@pytest.mark.parametrize("shape", [(90, 80), (1, 40), (40, 1), (1, 1), (2, 3000)], ids=str)
def test_a_matrix_of_rank_one_has_every_rank_one(shape):
    array = np.outer(np.arange(1, shape[0] + 1), np.ones(shape[1]))
    measures = of_matrix(Spectrum.of(ArraySource(array)))
    for name in [*RANKS, "numerical_rank"]:
        assert measures[name, None].value == pytest.approx(1, rel=1e-9)
    assert measures["spectral_norm", None].value == pytest.approx(np.linalg.norm(array))
    assert measures["rank_at_energy", 0.99].value == 1
    assert measures["top_energy", 1].value == pytest.approx(1)


def test_a_planted_spectrum_gives_the_numbers_of_paper_and_pencil():
    measures = of_matrix(Spectrum.of(ArraySource(planted([2, 1, 1], (120, 100), np.random.default_rng(5)))))
    # Energies 4/6, 1/6, 1/6; shares 1/2, 1/4, 1/4.
    expected = {
        ("stable_rank", None): 6 / 4,
        ("effective_rank", None): 2**1.5,
        ("energy_rank", None): 1.5 ** (2 / 3) * 6 ** (1 / 3),
        ("participation_ratio", None): 2,
        ("numerical_rank", None): 3,
        ("rank_at_energy", 0.5): 1,
        ("rank_at_energy", 0.9): 3,
        ("top_energy", 1): 2 / 3,
        ("nuclear_norm", None): 4,
    }
    for key, value in expected.items():
        assert measures[key].value == pytest.approx(value, rel=1e-9), key


@pytest.mark.parametrize("device", DEVICES)
def test_a_zero_matrix_has_norms_and_no_ranks(device):
    measures = of_matrix(Spectrum.of(ArraySource(np.zeros((60, 80), np.float32)), device=device))
    for (name, _), measure in measures.items():
        if name.endswith("_norm"):
            assert measure.value == 0
        else:
            assert measure.value is None, name
            assert measure.reason == "every entry is zero"


@pytest.mark.parametrize("factor", [1e200, 1e-200, 1e-300, 1e300])
def test_float64_far_from_one_neither_overflows_nor_vanishes(factor):
    array = np.random.default_rng(0).standard_normal((90, 70))
    near, far = (of_matrix(Spectrum.of(ArraySource(array * by))) for by in (1.0, factor))
    for name in RANKS:
        assert far[name, None].value == pytest.approx(near[name, None].value, rel=1e-9)
    assert far["frobenius_norm", None].value == pytest.approx(factor * np.linalg.norm(array))
    assert far["numerical_rank", None].value == 70


def test_float32_denormals_are_measured():
    whole = np.random.default_rng(0).integers(-90, 90, (80, 70)).astype(np.float64)
    spectrum = Spectrum.of(ArraySource((whole * 2.0**-149).astype(np.float32)))
    np.testing.assert_allclose(spectrum.values * 2.0**149, np.linalg.svd(whole, compute_uv=False), rtol=1e-9)


@pytest.mark.parametrize("shape", [(5000, 600), (600, 5000)], ids=str)
def test_a_source_is_read_once_and_in_blocks(shape):
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    source = Counting(array)
    assert isinstance(source, MatrixSource)
    assert isinstance(ArraySource(array), MatrixSource)
    values = Spectrum.of(source).values
    assert source.read == max(shape)  # rows of a tall matrix, columns of a wide one
    np.testing.assert_allclose(values, Spectrum.of(ArraySource(array)).values, rtol=1e-9)
    assert np.sum(values**2) == pytest.approx(np.sum(array.astype(np.float64) ** 2))


def test_float16_and_views_that_are_not_contiguous_are_read_exactly():
    array = np.random.default_rng(0).standard_normal((160, 90)).astype(np.float16)
    source = ArraySource(array[::2, ::-1])
    assert source.stored == "float16"
    expected = np.linalg.svd(array[::2].astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(Spectrum.of(source).values, expected, rtol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_entries_that_are_not_finite_are_refused_by_name(value, kind):
    array = np.ones((50, 60), kind)
    array[7, 9] = value
    with pytest.raises(TensorRefused, match=r"layer\.7: must be finite"):
        Spectrum.of(ArraySource(array, name="layer.7"))


def test_what_is_no_matrix_is_refused_in_a_sentence():
    with pytest.raises(TensorRefused, match="must have two dimensions but has 3"):
        ArraySource(np.zeros((2, 2, 2)))
    with pytest.raises(TensorRefused, match="but holds int64"):
        ArraySource(np.zeros((2, 2), np.int64))
    with pytest.raises(InputError, match="but is 'fp8'"):
        ArraySource(np.zeros((2, 2)), "fp8")
    with pytest.raises(TensorRefused, match="at least one entry but is 0 x 4"):
        Spectrum.of(ArraySource(np.zeros((0, 4))))
    with pytest.raises(InputError, match="but is 'jax'"):
        Spectrum.of(ArraySource(np.ones((2, 2))), device="jax")


def test_numerical_rank_of_a_rounded_low_rank_matrix_is_the_planted_one():
    array = planted(np.linspace(2, 1, 7), (300, 200), np.random.default_rng(2)).astype(np.float32)
    assert of_matrix(Spectrum.of(ArraySource(array)))["numerical_rank", None].value == 7
    # In float64 arithmetic with a tolerance from float64, the rounding of float32 counts as rank.
    assert np.linalg.matrix_rank(array.astype(np.float64)) == 200


def test_top_energy_beyond_the_number_of_values_is_undefined_with_a_reason():
    measure = of_matrix(Spectrum.of(ArraySource(np.eye(20))))["top_energy", 32]
    assert measure.value is None
    assert measure.reason == "has only 20 singular values"


def test_an_exact_low_rank_is_decomposed_the_stable_way_and_a_full_one_by_its_gram_matrix():
    rng = np.random.default_rng(1)
    low, full = planted([3, 2, 1], (700, 300), rng), rng.standard_normal((700, 300))
    stable = Spectrum.of(ArraySource(low))
    assert stable.method.startswith("qr svdvals float64")
    assert of_matrix(stable)["effective_rank", None].value == pytest.approx(by_numpy(low)["effective_rank"], rel=1e-9)
    assert (stable.values[3:] < 1e-12).all()
    assert Spectrum.of(ArraySource(full)).method.startswith("gram float64")


def test_the_stable_way_through_many_blocks_is_the_svd():
    array = planted([3, 2, 1], (9000, 300), np.random.default_rng(2))
    for each in (array, array.T):
        spectrum = Spectrum.of(ArraySource(each))
        assert spectrum.method.startswith("qr")
        np.testing.assert_allclose(spectrum.values[:3], [3, 2, 1], rtol=1e-12)
