"""Rounding noise is told from a change: planted ranks come back, noise is never counted, known figures hold."""

import numpy as np
import pytest
from spectra_samples import bf16_pair, of_change, planted, to_bf16

from benchshadow.errors import InputError
from benchshadow.spectra import ArraySource, Update
from benchshadow.spectra.rounding import corrected_values, largest_singular_value, simulated_edge


def measured(pair, seed=0, **settings):
    update = Update.of(*pair, rng=np.random.default_rng(seed), spectra_of=("change",), **settings)
    return update, of_change(update)


def scales_of(kind, shape, rng):
    """Even scales, rows of lognormal scale, or four columns times twenty."""
    scales = np.ones(shape)
    if kind == "lognormal rows":
        scales *= np.exp(rng.standard_normal((shape[0], 1)))
    if kind == "four columns":
        scales[:, :4] *= 20
    return scales


@pytest.mark.parametrize("both", [False, True], ids=["tuned", "both"])
@pytest.mark.parametrize("kind", ["even", "lognormal rows", "four columns"])
@pytest.mark.parametrize("relative", [0.02, 0.01])
def test_a_planted_rank_of_eight_comes_back(kind, relative, both):
    rng = np.random.default_rng(5)
    shape = (256, 512)
    pair = bf16_pair(relative, shape, rng, both=both, scales=scales_of(kind, shape, rng))
    _, measures = measured(pair)
    assert measures["signal_rank", None, "both" if both else "tuned"].value == 8


@pytest.mark.parametrize("both", [False, True], ids=["tuned", "both"])
@pytest.mark.parametrize("kind", ["even", "lognormal rows", "four columns"])
def test_below_the_resolution_it_is_said_and_no_noise_is_counted(kind, both):
    rng = np.random.default_rng(6)
    shape = (256, 512)
    pair = bf16_pair(0.0003, shape, rng, both=both, scales=scales_of(kind, shape, rng))
    update, measures = measured(pair)
    side = "both" if both else "tuned"
    assert measures["signal_rank", None, side].value <= 8
    assert measures["rounding_share", None, side].value > 0.5
    assert measures["signal_rank", None, side].reason.startswith(f"not resolved: rounding ({side}) explains")
    assert any(remark.startswith("not resolved") for remark in update.remarks)


@pytest.mark.slow
@pytest.mark.parametrize("both", [False, True], ids=["tuned", "both"])
@pytest.mark.parametrize("seed", range(2))
def test_the_figures_seen_on_a_matrix_of_1024_by_2048(seed, both):
    rng = np.random.default_rng(seed)
    side = "both" if both else "tuned"
    energy_ranks = []
    for relative in (0.01, 0.003, 0.001, 0.0003):
        update, measures = measured(bf16_pair(relative, (1024, 2048), rng, both=both), seed)
        signal = measures["signal_rank", None, side].value
        assert signal == 8 if relative >= 0.001 else signal <= 8
        energy_ranks.append(measures["energy_rank", None, None].value)
    if not both:
        assert update.rounding[0].edge / 1.02 == pytest.approx(2.57e-3, rel=0.005)
        np.testing.assert_allclose(energy_ranks, [10, 32, 174, 444], rtol=0.03)
    assert update.rounding[1].edge == pytest.approx(2**0.5 * update.rounding[0].edge, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("both", [False, True], ids=["tuned", "both"])
@pytest.mark.parametrize("kind", ["lognormal rows", "four columns"])
def test_uneven_scales_at_1024_by_2048_need_the_simulated_edge(kind, both):
    rng = np.random.default_rng(7)
    shape = (1024, 2048)
    pair = bf16_pair(0.01, shape, rng, both=both, scales=scales_of(kind, shape, rng))
    update, measures = measured(pair)
    null = update.rounding[1 if both else 0]
    assert measures["signal_rank", None, null.sides].value == 8
    assert null.method.startswith("largest of 3 simulated")
    closed = null.deviation * (1024**0.5 + 2048**0.5)
    assert np.count_nonzero(update.change.values > 1.02 * closed) > 8


def test_the_edge_for_one_side_counts_noise_where_both_were_rounded():
    pair = bf16_pair(0.01, (256, 512), np.random.default_rng(5), both=True)
    _, measures = measured(pair)
    assert measures["signal_rank", None, "both"].value == 8
    assert measures["signal_rank", None, "tuned"].value > 20


@pytest.mark.parametrize("kind", ["even", "lognormal rows", "four columns"])
def test_true_rounding_errors_reach_the_edge_and_hardly_pass_it(kind):
    shape, ratios = (256, 384), []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        exact = 0.02 * rng.standard_normal(shape) * scales_of(kind, shape, rng)
        rounded = to_bf16(exact)
        errors = np.linalg.norm(rounded - exact, 2)
        source = ArraySource(rounded, "bfloat16")
        ratios.append(errors / (1.02 * simulated_edge(source, source, "tuned", rng=rng)))
        assert errors < Update.of(source, source, rng=rng).rounding[0].edge
    # Where a few rows or columns carry the noise its norm itself varies by 5% (256 x 384, 40 draws).
    assert 0.93 < np.mean(ratios) < 1
    assert max(ratios) < (1 if kind == "even" else 1.1)


def test_of_float16_and_mixed_pairs_each_side_has_its_own_rounding():
    rng = np.random.default_rng(9)
    exact = 0.02 * rng.standard_normal((256, 384))
    base, tuned = ArraySource(exact.astype(np.float16)), ArraySource(to_bf16(exact), "bfloat16")
    update, measures = measured((base, tuned))
    # bfloat16 has steps eight times those of float16: variances 1 and 1/64.
    tuned_null, both_null = update.rounding
    assert both_null.norm**2 == pytest.approx(tuned_null.norm**2 * (1 + 1 / 64), rel=1e-3)
    assert both_null.share > 0.9
    assert measures["unchanged_share_within_rounding", None, None].value == 1
    assert measures["signal_rank", None, "both"].value == 0


def test_entries_that_are_zero_on_both_sides_were_not_rounded():
    rng = np.random.default_rng(10)
    base, tuned = (0.02 * rng.standard_normal((60, 80)).astype(np.float16) for _ in range(2))
    small = Update.of(ArraySource(base), ArraySource(tuned), rng=rng)
    padded = [np.pad(array, ((0, 300), (0, 0))) for array in (base, tuned)]
    large = Update.of(*map(ArraySource, padded), rng=rng)
    for one, other in zip(small.rounding, large.rounding, strict=True):
        assert other.norm == pytest.approx(one.norm, rel=1e-12)


def test_the_norm_of_simulated_errors_is_the_one_predicted():
    rng = np.random.default_rng(11)
    exact = 0.02 * rng.standard_normal((200, 300))
    source = ArraySource(to_bf16(exact), "bfloat16")
    null = Update.of(source, source, rng=rng).rounding[0]
    assert null.norm == pytest.approx(np.linalg.norm(to_bf16(exact) - exact), rel=0.02)


@pytest.mark.parametrize("shape", [(300, 500), (500, 300), (20, 900), (1, 30), (5, 5)], ids=str)
def test_the_largest_singular_value_by_lanczos_is_numpys(shape):
    rng = np.random.default_rng(12)
    array = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
    assert largest_singular_value(array, rng=rng) == pytest.approx(np.linalg.norm(array, 2), rel=3e-3)
    assert largest_singular_value(np.zeros(shape, np.float32), rng=rng) == 0


def test_correction_takes_out_what_noise_adds_to_planted_values():
    rng, shape = np.random.default_rng(13), (300, 500)
    signal = np.array([90.0, 70.0, 55.0])
    seen = [
        np.linalg.svd(planted(signal, shape, rng) + rng.standard_normal(shape), compute_uv=False)[:4] for _ in range(6)
    ]
    mean = np.mean([corrected_values(values, shape, 1.0) for values in seen], axis=0)
    np.testing.assert_allclose(mean[:3], signal, rtol=0.02)
    assert np.mean(seen, axis=0)[2] > 1.05 * signal[2]
    assert mean[3] < 0.5 * signal[2]
    np.testing.assert_array_equal(corrected_values(signal, shape, 0.0), signal)


def test_the_norm_of_the_signal_is_that_of_the_planted_change():
    rng = np.random.default_rng(14)
    base, tuned = bf16_pair(0.01, (256, 512), rng, both=False)
    _, measures = measured((base, tuned))
    planted_norm = 0.01 * np.linalg.norm(base.array)
    assert measures["signal_norm", None, "tuned"].value == pytest.approx(planted_norm, rel=0.01)
    assert measures["frobenius_norm", None, None].value > 1.01 * planted_norm


def test_a_float32_change_of_rank_four_is_not_reported_as_full():
    rng = np.random.default_rng(15)
    base = (0.02 * rng.standard_normal((512, 512))).astype(np.float32)
    change = planted([3e-3, 2e-3, 2e-3, 1e-3], (512, 512), rng)
    pair = ArraySource(base), ArraySource((base + change).astype(np.float32))
    _, measures = measured(pair)
    assert measures["numerical_rank", None, None].value == 4
    assert measures["signal_rank", None, "tuned"].value == 4


def test_the_sides_must_be_declared_by_their_names():
    source = ArraySource(np.eye(3))
    for sides in (("base",), (), "tuned"):
        with pytest.raises(InputError, match="rounded_sides: must hold some of tuned, both"):
            Update.of(source, source, rng=np.random.default_rng(0), rounded_sides=sides)
