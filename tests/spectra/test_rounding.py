"""Rounding noise is told from a change: planted ranks come back, noise is never counted, known figures hold."""

import numpy as np
import pytest
from spectra_samples import bf16_pair, of_change, planted, to_bf16

from benchshadow.errors import InputError
from benchshadow.spectra import ArraySource, Update, noise
from benchshadow.spectra.marchenko_pastur import margin
from benchshadow.spectra.noise import largest_singular_value, simulated_edge
from benchshadow.spectra.rerounding import rounded
from benchshadow.spectra.rounding import corrected_values
from benchshadow.spectra.whitening import top_pairs


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


KINDS = ["even", "lognormal rows", "four columns"]
BOTH = pytest.mark.parametrize("both", [False, True], ids=["tuned", "both"])
# All twenty seeds where time allows, two where it does not.
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))]


def found_rank(pair, both, seed=0):
    side = "both" if both else "tuned"
    update = Update.of(*pair, rng=np.random.default_rng(seed), spectra_of=("change",), rounded_sides=(side,))
    return int(of_change(update)["signal_rank", None, side].value), update


@BOTH
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_planted_rank_of_eight_comes_back_down_to_a_thousandth(kind, both, seed):
    rng = np.random.default_rng(seed)
    shape = (512, 1024)
    for relative in (0.01, 0.001):
        pair = bf16_pair(relative, shape, rng, both=both, scales=scales_of(kind, shape, rng))
        assert found_rank(pair, both)[0] == 8


@BOTH
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_below_the_resolution_it_is_said_and_no_noise_is_counted(kind, both, seed):
    rng = np.random.default_rng(seed)
    shape = (512, 1024)
    for relative in (0.0003, 0.0001):
        pair = bf16_pair(relative, shape, rng, both=both, scales=scales_of(kind, shape, rng))
        rank, update = found_rank(pair, both)
        assert rank <= 8
        (null,) = update.rounding
        assert null.share > 0.5
        assert null.sentence.startswith(f"not resolved: rounding ({null.sides}) explains")
        assert any(remark.startswith("not resolved") for remark in update.remarks)


@pytest.mark.parametrize("shape", [(256, 512), (512, 256)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_errors_in_step_with_a_change_of_few_directions_are_not_counted(kind, seed, shape):
    rng = np.random.default_rng(seed)
    counted = []
    for rank in (1, 2, 4):
        for relative in (0.01, 0.003):
            pair = bf16_pair(relative, shape, rng, both=False, scales=scales_of(kind, shape, rng), rank=rank)
            assert found_rank(pair, False)[0] == rank
            counted.append(_weighed_rank(pair) - rank)
    assert max(counted) > 0, "an edge for independent errors would have done"


def _weighed_rank(pair):
    """Directions above the edge for independent errors, by dense arithmetic."""
    base, tuned = (source.array.astype(np.float64) for source in pair)
    weights = 2.0 ** -np.floor(np.log2(np.abs(tuned)))
    rows, columns = np.ones((tuned.shape[0], 1)), np.ones((1, tuned.shape[1]))
    for _ in range(20):
        rows = 1 / np.sqrt(np.mean((columns / weights) ** 2, axis=1, keepdims=True))
        columns = 1 / np.sqrt(np.mean((rows / weights) ** 2, axis=0, keepdims=True))
    values = np.linalg.svd((tuned - base) * rows * columns, compute_uv=False)
    edge = 2**-7 / np.sqrt(12) * np.sum(np.sqrt(tuned.shape))
    return np.count_nonzero(values > 1.03 * edge)


@pytest.mark.parametrize("kind", KINDS)
def test_weak_directions_beside_a_strong_one_are_kept(kind):
    shape = (256, 512)
    for seed, values in enumerate(([1, 0.3, 0.1], [1, 0.1], [1, 0.5, 0.25, 0.12, 0.06])):
        rng = np.random.default_rng(seed)
        base = to_bf16(0.02 * rng.standard_normal(shape) * scales_of(kind, shape, rng)).astype(np.float64)
        change = planted(values, shape, rng)
        change *= 0.01 * np.linalg.norm(base) / np.linalg.norm(change)
        pair = ArraySource(to_bf16(base), "bfloat16"), ArraySource(to_bf16(base + change), "bfloat16")
        assert found_rank(pair, False)[0] == len(values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(16, 16), (32, 32), (64, 64), (128, 128), (16, 256), (256, 100)], ids=str)
def test_a_pure_cast_shows_no_direction(kind, size):
    directions = beyond = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        exact = (0.02 * rng.standard_normal(size) * scales_of(kind, size, rng)).astype(np.float32)
        rank, update = found_rank((ArraySource(exact), ArraySource(to_bf16(exact), "bfloat16")), False, seed)
        directions += rank > 0
        beyond += update.change.values[0] > update.rounding[0].edge
    # Of 5,000 casts none showed a direction; of 300 one stood beyond the plain edge.
    assert directions == 0
    assert beyond <= 2


@pytest.mark.slow
@pytest.mark.parametrize("size", [(256, 256), (512, 512)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_pure_cast_of_a_larger_matrix_shows_no_direction(kind, size):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        exact = (0.02 * rng.standard_normal(size) * scales_of(kind, size, rng)).astype(np.float32)
        assert found_rank((ArraySource(exact), ArraySource(to_bf16(exact), "bfloat16")), False, seed)[0] == 0


def test_a_change_of_many_directions_is_counted_to_the_last():
    rng = np.random.default_rng(3)
    shape = (300, 420)
    scales = scales_of("lognormal rows", shape, rng)
    for rank in (20, 60, 140):
        pair = bf16_pair(0.3, shape, rng, both=True, scales=scales, rank=rank)
        assert found_rank(pair, True)[0] == rank


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
    assert null.method.startswith("3 simulated matrices of rounding errors; directions counted after weighing")
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
        ratios.append(errors / simulated_edge(source, source, "tuned", 1e-4, 1.02, rng=rng).value)
        assert errors < Update.of(source, source, rng=rng).rounding[0].edge
    # Where a few rows or columns carry the noise its norm itself varies, and the edge keeps the more distance.
    assert (0.93 if kind == "even" else 0.8) < np.mean(ratios) < 1
    assert max(ratios) < 1


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


@pytest.mark.parametrize("shape", [(500, 300), (900, 20), (30, 1), (5, 5)], ids=str)
def test_the_largest_singular_value_by_lanczos_is_numpys(shape):
    rng = np.random.default_rng(12)
    array = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
    found = largest_singular_value(lambda: np.array_split(array, 3), shape[1], rng=rng)
    assert found == pytest.approx(np.linalg.norm(array, 2), rel=3e-3)
    assert largest_singular_value(lambda: [0 * array], shape[1], rng=rng) == 0


@pytest.mark.parametrize("shape", [(700, 1300), (2500, 500)], ids=str)
def test_errors_drawn_again_for_every_product_are_the_ones_that_would_be_kept(shape, monkeypatch):
    rng = np.random.default_rng(16)
    source = ArraySource(to_bf16(rng.standard_normal(shape)), "bfloat16")
    monkeypatch.setattr(noise, "_MANY_ENTRIES", 0)
    kept = simulated_edge(source, source, "both", 0.01, 1.0, rng=np.random.default_rng(0))
    monkeypatch.setattr(noise, "_FEW", 1)
    one = simulated_edge(source, source, "both", 0.01, 1.0, rng=np.random.default_rng(0))
    monkeypatch.setattr(noise, "_HELD_ENTRIES", 0)
    again = simulated_edge(source, source, "both", 0.01, 1.0, rng=np.random.default_rng(0))
    assert again.value == one.value
    assert (kept.draws, one.draws, again.draws) == (3, 1, 1)
    assert kept.value == pytest.approx(one.value, rel=0.01)


def test_no_matrix_is_read_whole_for_an_edge_or_a_count():
    class Narrow(ArraySource):
        def rows(self, start, stop):
            widest.append(stop - start)
            return super().rows(start, stop)

    widest: list[int] = []
    rng = np.random.default_rng(17)
    shape = (6000, 600)
    scales = np.exp(rng.standard_normal((shape[0], 1)))
    base = to_bf16(0.02 * rng.standard_normal(shape) * scales)
    tuned = to_bf16(base + 0.003 * np.linalg.norm(base) / 1900 * rng.standard_normal(shape))
    update = Update.of(Narrow(base, "bfloat16"), Narrow(tuned, "bfloat16"), rng=rng, spectra_of=("change",))
    assert "simulated" in update.rounding[0].method
    assert "weighing" in update.rounding[1].method
    assert max(widest) < 2000


@pytest.mark.parametrize("stored", ["bfloat16", "float16", "float32"])
def test_values_are_rounded_to_the_nearest_ties_to_even(stored):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(18).standard_normal(5000)
    halves = 1 + np.arange(64) * 2.0**-11
    given = np.concatenate([values, halves, -halves, [0.0, 3e-41]]).astype(np.float64 if stored == "float32" else "f4")
    expected = torch.from_numpy(given).to(getattr(torch, stored)).to(torch.float64).numpy()
    np.testing.assert_array_equal(rounded(given, stored), expected)


@pytest.mark.parametrize("size", [40, 300])
@pytest.mark.parametrize("above", [0, 3, 32, 33, 39])
def test_values_above_an_edge_come_with_their_vectors(size, above):
    rng = np.random.default_rng(19)
    values = np.concatenate([np.linspace(9, 3, above), np.linspace(1, 0.1, size - above)])
    matrix = planted(values, (size, size), rng)
    found, vectors, count = top_pairs(np.tril(matrix.T @ matrix), 2.0)
    assert count == above
    np.testing.assert_allclose(found, values[:above], rtol=1e-6)
    right = np.linalg.svd(matrix)[2][:above].T
    np.testing.assert_allclose(np.abs(np.sum(right * vectors, axis=0)), 1, rtol=1e-3)


def test_more_directions_than_vectors_are_kept_of_are_counted_alone():
    rng = np.random.default_rng(20)
    matrix = planted(np.concatenate([np.full(150, 9.0), np.full(150, 1.0)]), (300, 300), rng)
    found, vectors, count = top_pairs(np.tril(matrix.T @ matrix), 2.0)
    assert (len(found), vectors.shape, count) == (0, (300, 0), 150)


def test_one_noise_matrix_in_a_thousand_passes_the_margin():
    rng = np.random.default_rng(21)
    for shape in ((32, 32), (20, 80)):
        draws = np.linalg.svd(rng.standard_normal((3000, *shape)), compute_uv=False)[:, 0]
        beyond = np.mean(draws > margin(shape) * np.sum(np.sqrt(shape)))
        assert beyond <= 0.003
    assert margin((512, 512)) == 1.02


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


@pytest.mark.parametrize("sides", ["tuned", "both"])
def test_lines_of_zeros_take_nothing_from_the_directions_of_the_others(sides):
    """Zeros were not rounded; in float64 their smallest ulp squared is far from zero beside nothing."""
    base, tuned = bf16_pair(0.01, (256, 128), np.random.default_rng(0), both=sides == "both", rank=3)
    before, after = (each.array.copy() for each in (base, tuned))
    before[:, :20] = after[:, :20] = 0
    update = Update.of(
        ArraySource(before, "bfloat16"),
        ArraySource(after, "bfloat16"),
        rng=np.random.default_rng(0),
        rounded_sides=(sides,),
    )
    assert of_change(update)["signal_rank", None, sides].value == 3
