"""The law of noise agrees with published constants and with drawn matrices; planted outliers are counted."""

import numpy as np
import pytest
from spectra_samples import of_matrix, planted

from benchshadow.spectra import ArraySource, Spectrum
from benchshadow.spectra.marchenko_pastur import edge, fit_bulk, median, noise_values


@pytest.mark.parametrize(("aspect", "omega"), [(0.05, 1.5194), (0.5, 2.1711), (1.0, 2.8582)])
def test_the_median_gives_the_threshold_table_of_gavish_and_donoho(aspect, omega):
    # Gavish & Donoho 2014, table of omega(beta) = lambda*(beta) / sqrt(mu_beta).
    shrink = np.sqrt(2 * (aspect + 1) + 8 * aspect / (aspect + 1 + np.sqrt(aspect**2 + 14 * aspect + 1)))
    assert shrink / np.sqrt(median(aspect)) == pytest.approx(omega, abs=2e-3)


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (80, 80)], ids=str)
def test_the_edge_is_reached_by_about_one_noise_matrix_in_a_hundred(shape):
    rng = np.random.default_rng(0)
    tops = [np.linalg.norm(rng.standard_normal(shape), 2) for _ in range(400)]
    assert 0 <= np.mean(np.array(tops) > edge(shape)) <= 0.025
    assert np.mean(tops) == pytest.approx(edge(shape, -1.2065), rel=5e-3)


@pytest.mark.parametrize("shape", [(128, 384), (384, 128), (200, 200)], ids=str)
def test_the_predicted_spectrum_of_noise_has_the_ranks_of_drawn_noise(shape):
    rng = np.random.default_rng(1)
    drawn = [of_matrix(Spectrum.of(ArraySource(rng.standard_normal(shape)))) for _ in range(8)]
    predicted = of_matrix(Spectrum(noise_values(shape), shape, "float64", 0.0, 0.0, "law"))
    for name in ("stable_rank", "effective_rank", "energy_rank", "participation_ratio"):
        mean = np.mean([each[name, None].value for each in drawn])
        assert predicted[name, None].value == pytest.approx(mean, rel=0.015), name
    for q in (0.5, 0.9, 0.99):
        mean = np.mean([each["rank_at_energy", q].value for each in drawn])
        assert predicted["rank_at_energy", q].value == pytest.approx(mean, abs=1.5)
    # The participation ratio of noise has a closed form: m n / (m + n + 1).
    closed = shape[0] * shape[1] / (sum(shape) + 1)
    assert predicted["participation_ratio", None].value == pytest.approx(closed, rel=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (3, 4000)], ids=str)
def test_tiny_and_elongated_shapes_have_a_predicted_spectrum_of_norm_one(shape):
    values = noise_values(shape)
    assert len(values) == min(shape)
    assert np.sum(values**2) == pytest.approx(1)
    assert (np.diff(values) <= 0).all()


def test_noise_has_hardly_any_outliers_and_its_own_sigma():
    rng = np.random.default_rng(2)
    fits = [
        fit_bulk(np.linalg.svd(0.3 * rng.standard_normal((150, 220)), compute_uv=False), (150, 220)) for _ in range(20)
    ]
    assert np.mean([fit.outliers for fit in fits]) <= 0.15
    assert np.mean([fit.sigma for fit in fits]) == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("strength", [1.2, 3.0, 30.0])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_planted_outliers_are_counted_and_do_not_move_the_edge(count, strength):
    rng = np.random.default_rng(3)
    shape = (160, 240)
    # A planted value above (m n)^(1/4) leaves the bulk (Benaych-Georges & Nadakuditi 2012).
    signal = np.full(count, strength * (np.sqrt(160) + np.sqrt(240)))
    array = rng.standard_normal(shape) + planted(signal, shape, rng)
    measures = of_matrix(Spectrum.of(ArraySource(array)))
    assert measures["outliers", None].value == count
    assert measures["bulk_edge", None].value == pytest.approx(edge((160 - count, 240 - count)), rel=0.04)
    energies = np.linalg.svd(array, compute_uv=False) ** 2
    assert measures["outlier_energy", None].value == pytest.approx(energies[:count].sum() / energies.sum())


def test_without_a_bulk_the_edge_is_undefined_with_a_reason():
    low_rank = planted(np.ones(6), (60, 50), np.random.default_rng(0))
    for array in (np.eye(5), low_rank):
        measure = of_matrix(Spectrum.of(ArraySource(array)))["bulk_edge", None]
        assert measure.value is None
        assert measure.reason.startswith("no bulk")
