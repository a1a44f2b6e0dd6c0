"""What one pass sums entry by entry is what NumPy finds in the whole matrix, whatever the shape, type and block."""

import numpy as np
import pytest
from spectra_samples import to_bf16

from benchshadow.spectra import FORMATS, ArraySource, ulp
from benchshadow.spectra.entries import STRIP, widen
from benchshadow.spectra.streaming import places, scales, stream

TYPES = ("float32", "float16", "bfloat16", "float64")
SHAPES = [(1, 1), (1, STRIP + 3), (STRIP + 3, 1), (33, 1000), (1000, 33), (700, 1600), (1600, 700)]


class Bits:
    """A bfloat16 matrix as its 16 bits, as a mapped file gives it."""

    stored = "bfloat16"

    def __init__(self, values):
        self.shape = values.shape
        self._bits = (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)

    def raw(self, start, stop):
        return self._bits[start:stop]

    def rows(self, start, stop):
        return (self._bits[start:stop].astype(np.uint32) << 16).view(np.float32)

    def columns(self, start, stop):
        return (np.ascontiguousarray(self._bits[:, start:stop]).astype(np.uint32) << 16).view(np.float32)


def entries(shape, kind, seed):
    """Entries over a few binades with zeros among them; a third of those of two seeds are equal."""
    rng = np.random.default_rng(seed)
    same = np.random.default_rng(99)
    values = rng.standard_normal(shape) * np.exp2(rng.integers(-6, 3, shape))
    shared = same.standard_normal(shape)
    values = np.where(same.random(shape) < 1 / 3, shared, values)
    values[same.random(shape) < 0.1] = 0
    return to_bf16(values) if kind == "bfloat16" else values.astype(kind)


def sums(base, tuned, types):
    """The same sums over the whole matrices at once, float64."""
    before, after = base.astype(np.float64), tuned.astype(np.float64)
    gaps = [ulp(each, kind) for each, kind in zip((before, after), types, strict=True)]
    zero = (before == 0) & (after == 0)
    variance = {key: np.where(zero, 0.0, gap**2) / 12 for key, gap in zip(("base", "tuned"), gaps, strict=True)}
    energy = {"base": np.sum(before**2), "tuned": np.sum(after**2), "change": np.sum((after - before) ** 2)}
    within = np.count_nonzero(np.abs(after - before) <= (gaps[0] + gaps[1]) / 2 * ~zero)
    return energy, variance, int(np.count_nonzero(before == after)), int(within)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("types", [(a, b) for a in TYPES for b in TYPES if a == b or "float32" in (a, b)], ids="-".join)
def test_energies_counts_and_profiles_are_those_of_the_whole(types, shape):
    arrays = [entries(shape, kind, seed) for seed, kind in enumerate(types)]
    kind = "float64" if "float64" in types else "float32"
    sources = [Bits(a) if k == "bfloat16" else ArraySource(a, k) for a, k in zip(arrays, types, strict=True)]
    copies = [array.copy() for array in arrays]
    scale = scales(sources, shape)
    energy, variance, equal, within = sums(*arrays, types)
    for wanted in ((), ("change",), ("base", "tuned", "change")) if min(shape) < 100 else ((),):
        done = stream(sources, wanted, scale, kind)
        assert (done.equal, done.within) == (equal, within)
        for key, expected in energy.items():
            assert done.energy[key] * scale[key] ** 2 == pytest.approx(expected, rel=1e-5)
        for key, expected in variance.items():
            if wanted:
                profile = done.profiles[key].times(scale[key] ** 2)
                np.testing.assert_allclose(profile.rows, expected.sum(1), rtol=1e-4, atol=1e-30)
                np.testing.assert_allclose(profile.columns, expected.sum(0), rtol=1e-4, atol=1e-30)
            else:
                assert done.variance[key] * scale[key] ** 2 == pytest.approx(expected.sum(), rel=1e-4)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("shape", [(3, 1700), (1700, 3), (300, 257), (1100, 1200)], ids=str)
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_gram_matrices_are_those_of_the_short_side(kind, shape):
    base, tuned = (entries(shape, "float32", seed) for seed in (0, 1))
    sources = [ArraySource(base), ArraySource(tuned)]
    done = stream(sources, ("base", "tuned", "change"), scales(sources, shape), kind)
    for key, array in {"base": base, "tuned": tuned, "change": tuned.astype(np.float64) - base}.items():
        wide = array.astype(np.float64) if shape[0] < shape[1] else array.astype(np.float64).T
        exact = wide @ wide.T
        rtol = 2e-6 if done.grams[key].dtype == np.float32 else 1e-12
        lower = np.tril_indices(min(shape))
        # The change itself is rounded once to float32 where the pair is read in that type.
        slack = max(rtol, 1e-7 if key == "change" and kind == "float32" else 0) * np.trace(exact)
        np.testing.assert_allclose(done.grams[key][lower], exact[lower], rtol=0, atol=slack)


@pytest.mark.parametrize("by_rows", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (257, 5000), (70_000, 33), (33, 70_000)], ids=str)
def test_blocks_cover_every_line_once(shape, by_rows):
    lines = [i for place in places(shape, by_rows) for i in range(place.start, place.stop)]
    assert lines == list(range(shape[0] if by_rows else shape[1]))


@pytest.mark.parametrize("out", ["float32", "float64"])
def test_bits_of_bfloat16_widen_exactly(out):
    every = np.arange(1 << 16, dtype=np.uint32).astype(np.uint16).reshape(256, 256)
    expected = (every.astype(np.uint32) << 16).view(np.float32)
    found = np.empty(every.shape, out)
    with np.errstate(invalid="ignore"):
        widen(every, found)
        np.testing.assert_array_equal(found, expected.astype(out))


@pytest.mark.parametrize("kind", list(FORMATS))
def test_a_pass_leaves_the_entries_of_its_sources_alone_and_reads_frozen_ones(kind):
    array = entries((60, 50), kind, 0)
    array.setflags(write=False)
    source = ArraySource(array, kind)
    done = stream([source, source], ("change",), scales([source, source], (60, 50)), "float64")
    assert (done.equal, done.within) == (3000, 3000)
    assert done.energy["change"] == 0
