"""What a spectrum is told to be is what slow and independent programs, closed forms and drawn matrices say it is."""

import numpy as np
import pytest
from spectra_samples import of_change, of_matrix, planted, rotation

from benchshadow.spectra import ArraySource, Factors, Spectrum, Update
from benchshadow.spectra.marchenko_pastur import edge, fit_bulk, noise_values
from benchshadow.spectra.tails import fit_tail

# Tails, against Clauset, Shalizi & Newman 2009 followed to the letter.


def slow_tail(values):
    """Exponent, start, distance, points: section 3.1 for the exponent, 3.3 for the start, every value a candidate."""
    best = None
    for start in sorted(values):
        tail = sorted(value for value in values if value >= start)
        n, logs = len(tail), [np.log(value / start) for value in tail]
        if n < 10 or sum(logs) <= 0:
            continue
        alpha = 1 + n / sum(logs)
        distance = 0.0
        for i, each in enumerate(logs):
            model = 1 - np.exp((1 - alpha) * each)
            distance = max(distance, abs((i + 1) / n - model), abs(i / n - model))
        if best is None or distance < best[2]:
            best = (alpha, start, distance, n)
    return best


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["pareto", "gaussian matrix", "trained-like"])
def test_a_tail_is_that_of_the_paper_over_every_start(kind, seed):
    rng = np.random.default_rng(seed)
    if kind == "pareto":
        values = rng.pareto(1.5, 120) + 1
    else:
        array = rng.standard_normal((130, 110))
        if kind == "trained-like":
            array += planted(np.arange(1, 41.0) ** -0.7 * 60, array.shape, rng)
        values = Spectrum.of(ArraySource(array)).values ** 2
    alpha, start, distance, points = slow_tail(values)
    fit = fit_tail(values)
    assert (fit.exponent, fit.distance, fit.start) == pytest.approx((alpha, distance, start), rel=1e-9)
    assert fit.points == points


def test_with_more_values_than_candidates_the_distance_is_near_the_least_of_all_starts():
    rng = np.random.default_rng(3)
    for _ in range(3):
        values = rng.pareto(2.0, 450) + 0.3
        alpha, _, distance, _ = slow_tail(values)
        fit = fit_tail(values)
        assert distance <= fit.distance <= 1.05 * distance
        assert fit.exponent == pytest.approx(alpha, rel=0.05)


def test_a_spectrum_reports_the_tail_of_its_squares():
    rng = np.random.default_rng(4)
    values = np.sort(np.sqrt(rng.pareto(1.8, 90) + 1))[::-1]
    measures = of_matrix(Spectrum.of(ArraySource(planted(values, (100, 90), rng))))
    alpha, _, distance, points = slow_tail(values**2)
    assert measures["tail_exponent", None].value == pytest.approx(alpha, rel=1e-6)
    assert measures["tail_distance", None].value == pytest.approx(distance, rel=1e-6)
    assert measures["tail_points", None].value == points
    assert measures["tail_exponent_error", None].value == pytest.approx((alpha - 1) / points**0.5, rel=1e-6)


# The law of noise, against drawn matrices.


@pytest.mark.parametrize("shape", [(100, 100), (100, 150), (80, 400)], ids=str)
def test_the_quantiles_of_noise_are_those_of_drawn_wishart_matrices(shape):
    rng = np.random.default_rng(0)
    drawn = [np.linalg.svd(rng.standard_normal(shape), compute_uv=False) for _ in range(60)]
    mean = np.mean([each / np.linalg.norm(each) for each in drawn], axis=0)
    predicted = noise_values(shape)
    np.testing.assert_allclose(predicted, mean, rtol=0, atol=0.007 * mean[0])


@pytest.mark.parametrize("shape", [(90, 90), (120, 300)], ids=str)
def test_the_edge_of_a_bulk_is_the_99th_percentile_of_drawn_norms(shape):
    rng = np.random.default_rng(1)
    tops = np.array([np.linalg.norm(rng.standard_normal(shape), 2) for _ in range(500)])
    assert edge(shape) == pytest.approx(np.quantile(tops, 0.99), rel=0.01)
    sigmas = [
        fit_bulk(np.linalg.svd(2.5 * rng.standard_normal(shape), compute_uv=False), shape).sigma for _ in range(9)
    ]
    assert np.mean(sigmas) == pytest.approx(2.5, rel=0.01)


# Ranks, against closed forms.

RANKS = ("effective_rank", "energy_rank", "participation_ratio", "stable_rank")


@pytest.mark.parametrize(
    ("shape", "rank"), [((60, 60), 60), ((40, 90), 40), ((400, 450), 400), ((80, 50), 7), ((9, 9), 1)]
)
def test_of_a_flat_spectrum_every_rank_is_the_number_of_directions(shape, rank):
    array = 0.3 * planted(np.ones(rank), shape, np.random.default_rng(0))
    measures = of_matrix(Spectrum.of(ArraySource(array)))
    for name in RANKS:
        assert measures[name, None].value == pytest.approx(rank, rel=1e-5), name
        assert measures[f"{name}_share", None].value == pytest.approx(rank / min(shape), rel=1e-5), name
    assert measures["numerical_rank", None].value == rank
    for q in (0.5, 0.9, 0.99):
        assert measures["rank_at_energy", q].value == pytest.approx(np.ceil(q * rank - 1e-6), abs=1.01)
    assert measures["top_energy", 1.0].value == pytest.approx(1 / rank, rel=1e-5)


def geometric(ratio, k):
    """Entropy-like numbers of s_i = ratio^i, i < k, from the sums of geometric series."""

    def entropy(x):
        # p_i = x^i (1 - x) / (1 - x^k); sum i p_i = x / (1 - x) - k x^k / (1 - x^k).
        mean = x / (1 - x) - k * x**k / (1 - x**k)
        return -np.log((1 - x) / (1 - x**k)) - mean * np.log(x)

    whole = (1 - ratio ** (2 * k)) / (1 - ratio**2)
    fourth = (1 - ratio ** (4 * k)) / (1 - ratio**4)
    return {
        "effective_rank": np.exp(entropy(ratio)),
        "energy_rank": np.exp(entropy(ratio**2)),
        "participation_ratio": whole**2 / fourth,
        "stable_rank": whole,
        "frobenius_norm": whole**0.5,
        "nuclear_norm": (1 - ratio**k) / (1 - ratio),
        "spectral_norm": 1.0,
    }


@pytest.mark.parametrize(
    ("ratio", "shape"), [(0.5, (30, 40)), (0.9, (50, 50)), (0.99, (390, 500)), (0.999, (500, 400))]
)
def test_of_a_geometric_spectrum_every_number_is_a_sum_in_closed_form(ratio, shape):
    k = min(shape)
    array = planted(ratio ** np.arange(k), shape, np.random.default_rng(1))
    for kind in (np.float64, np.float32):
        measures = of_matrix(Spectrum.of(ArraySource(array.astype(kind))))
        for name, expected in geometric(ratio, k).items():
            assert measures[name, None].value == pytest.approx(expected, rel=1e-5), name
    for r in (1, 8):
        expected = (1 - ratio ** (2 * r)) / (1 - ratio ** (2 * k))
        assert measures["top_energy", float(r)].value == pytest.approx(expected, rel=1e-5)


def test_a_change_of_full_rank_has_its_full_effective_rank():
    rng = np.random.default_rng(2)
    for shape in ((120, 120), (400, 390)):
        base = rng.standard_normal(shape)
        turned = rotation(max(shape), rng)[: shape[0], : shape[1]]
        found = Update.of(ArraySource(base), ArraySource(base + 0.1 * turned), rng=rng, spectra_of=("change",))
        assert of_change(found)["delta_effective_rank", None, None].value == pytest.approx(min(shape), rel=1e-3)


def test_a_change_given_by_factors_is_the_change_of_its_product():
    rng = np.random.default_rng(5)
    left, right = rng.standard_normal((70, 4)), rng.standard_normal((4, 50))
    product = 1.5 * left @ right
    base = rng.standard_normal((70, 50))
    by_factors = of_change(Update.of_factors(Factors(left, right, 1.5)))
    formed = of_change(Update.of(ArraySource(base), ArraySource(base + product), rng=rng))
    for name in (*RANKS, "frobenius_norm", "spectral_norm", "nuclear_norm", "numerical_rank"):
        assert by_factors[name, None, None].value == pytest.approx(formed[name, None, None].value, rel=1e-9), name


def test_the_cosine_of_identical_matrices_is_exactly_one_and_of_turned_ones_that_of_the_turn():
    rng = np.random.default_rng(6)
    base = rng.standard_normal((900, 700)).astype(np.float32)
    for level in (0, 1, 2):
        found = of_change(Update.of(ArraySource(base), ArraySource(base.copy()), rng=rng, level=level))
        assert found["cosine", None, None].value == 1
    other = rng.standard_normal(base.shape)
    other -= np.sum(other * base) / np.sum(base.astype(np.float64) ** 2) * base
    other *= np.linalg.norm(base) / np.linalg.norm(other)
    for angle in (1e-6, 1e-3, 0.3, 2.0):
        tuned = np.cos(angle) * base + np.sin(angle) * other
        found = of_change(Update.of(ArraySource(base), ArraySource(tuned), rng=rng, level=0))
        assert 1 - found["cosine", None, None].value == pytest.approx(1 - np.cos(angle), rel=1e-4)
