"""The code of an accelerator, run there or on the processor, gives the same numbers and leaves its inputs alone."""

import numpy as np
import pytest
from spectra_samples import of_change, of_matrix, planted, to_bf16

from benchshadow.errors import TensorRefused
from benchshadow.spectra import ArraySource, Update, matrix_of

torch = pytest.importorskip("torch")
DEVICE = "cuda" if torch.cuda.is_available() else "torch:cpu"
SHAPES = {"tall": (600, 390), "wide": (390, 600), "nearly square": (400, 410), "small": (60, 40), "one row": (1, 50)}
TYPES = ("float32", "float16", "bfloat16", "float64")
COUNTS = {"numerical_rank", "rank_at_energy", "outliers", "signal_rank", "tail_points"}


class Stored:
    """A matrix as a file gives it: in its own type, bfloat16 as bits, and not to be written to."""

    def __init__(self, array, stored):
        array = array.copy() if stored != "bfloat16" else (array.view(np.uint32) >> 16).astype(np.uint16)
        array.setflags(write=False)
        self.array, self.stored, self.shape, self.name = array, stored, array.shape, "matrix"
        self.wide = (
            ArraySource(array.astype(np.float32) if stored == "float16" else array)
            if array.dtype != np.uint16
            else None
        )

    def raw(self, start, stop):
        return self.array[start:stop]

    def rows(self, start, stop):
        if self.wide is not None:
            return self.wide.rows(start, stop)
        return (self.array[start:stop].astype(np.uint32) << 16).view(np.float32)

    def columns(self, start, stop):
        return self.rows(0, self.shape[0])[:, start:stop]


def pair(shape, stored):
    rng = np.random.default_rng(shape[0])
    base = rng.standard_normal(shape) * 0.02
    base[0] = 0
    tuned = base + 0.004 * rng.standard_normal(shape)
    tuned[0, : shape[1] // 2] = 0
    if stored == "bfloat16":
        return to_bf16(base), to_bf16(tuned)
    return base.astype(stored), tuned.astype(stored)


def same(one, other):
    assert one.keys() == other.keys()
    for key, each in one.items():
        there = other[key]
        assert (each.value is None) == (there.value is None), key
        if each.value is None:
            assert each.reason == there.reason
        elif key[0] in COUNTS or key[0].startswith(("numerical_rank", "rank_at_energy", "signal_rank")):
            assert each.value == pytest.approx(there.value, abs=1.01), key
        elif key[0].startswith(("tail", "weighted_alpha")):
            # Another start of the tail may win by a hair.
            assert each.value == pytest.approx(there.value, rel=0.2), key
        elif key[0].startswith(("effective_rank_change", "energy_rank_change", "stable_rank_change", "participation")):
            assert each.value == pytest.approx(there.value, rel=1e-5, abs=2e-3), key
        else:
            assert each.value == pytest.approx(there.value, rel=2e-5, abs=1e-7), key


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("stored", TYPES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_a_change_has_the_same_numbers_there(shape, stored, level):
    arrays = pair(shape, stored)
    sources = [Stored(each, stored) for each in arrays]
    found = [
        Update.of(*sources, rng=np.random.default_rng(0), level=level, device=device) for device in ("cpu", DEVICE)
    ]
    same(*map(of_change, found))
    here, there = found
    assert here.unchanged == there.unchanged
    for one, other in zip(here.rounding, there.rounding, strict=True):
        assert one.norm == pytest.approx(other.norm, rel=1e-5)
        if level:
            assert one.edge == pytest.approx(other.edge, rel=1e-4)
    for side in ("base", "tuned"):
        same(*(of_matrix(getattr(each, side)) for each in found))
        if getattr(there, side).method.startswith("gram"):
            assert "torch c" in getattr(there, side).method


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("stored", ["float32", "bfloat16"])
def test_zeros_and_tiny_entries_are_the_same_there(stored, level):
    rng = np.random.default_rng(0)
    tiny = to_bf16(rng.standard_normal((390, 400)) * 2.0**-100)
    for array in (np.zeros((390, 400), np.float32), np.zeros((3, 4), np.float32), tiny):
        here, there = (matrix_of(Stored(array, stored), level=level, device=each) for each in ("cpu", DEVICE))
        assert here.is_zero == there.is_zero == (not array.any())
        same(of_matrix(here), of_matrix(there))


@pytest.mark.parametrize("stored", TYPES)
def test_types_that_differ_between_the_sides_are_the_same_there(stored):
    base, tuned = pair((70, 50), stored)[0], pair((70, 50), "float32")[1]
    sources = Stored(base, stored), Stored(tuned, "float32")
    found = [Update.of(*sources, rng=np.random.default_rng(0), device=device) for device in ("cpu", DEVICE)]
    same(*map(of_change, found))


def test_arrays_in_memory_are_left_as_they_are():
    rng = np.random.default_rng(2)
    for shape in ((50, 40), (400, 390)):
        for kind in (np.float32, np.float64):
            base, tuned = (rng.standard_normal(shape).astype(kind) for _ in range(2))
            copies = base.copy(), tuned.copy()
            for level in (0, 1, 2):
                Update.of(ArraySource(base), ArraySource(tuned), rng=rng, level=level, device=DEVICE)
            np.testing.assert_array_equal(base, copies[0])
            np.testing.assert_array_equal(tuned, copies[1])


@pytest.mark.parametrize(
    "values", [np.linspace(1, 1e-3, 400), np.append(np.ones(4), np.full(396, 1e-4))], ids=["line", "floor"]
)
def test_the_promises_hold_there_too(values):
    array = to_bf16(planted(values, (500, 400), np.random.default_rng(3)))
    found = matrix_of(Stored(array, "bfloat16"), level=2, device=DEVICE)
    exact = np.linalg.svd(array.astype(np.float64), compute_uv=False)
    p = exact / exact.sum()
    assert of_matrix(found)["effective_rank", None].value == pytest.approx(np.exp(-np.sum(p * np.log(p))), rel=1e-5)
    assert np.all(np.abs(found.values - exact) <= found.errors + 2e-14 * exact[0])


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_there(bad, level):
    array = np.ones((400, 390), np.float32)
    array[7, 8] = bad
    with pytest.raises(TensorRefused, match="must be finite but holds NaN or infinite entries"):
        matrix_of(ArraySource(array), level=level, device=DEVICE)
