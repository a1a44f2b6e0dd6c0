"""Every diagnostic is unaffected by what it declares: scale, transpose, rotation."""

import numpy as np
import pytest
from spectra_samples import planted, rotation

from benchshadow.spectra import ArraySource, Spectrum, Update, diagnostics, measure_change, measure_matrix

SHAPES = [(96, 160), (160, 96), (120, 120)]
LAWS = [(entry, law) for entry in diagnostics() for law in sorted(entry.unaffected_by)]


def moved(law, arrays, rng):
    """The arrays after the change that a law names, the same for all of them."""
    if law == "scale":
        return [3.7 * array for array in arrays]
    if law == "transpose":
        return [np.ascontiguousarray(array.T) for array in arrays]
    left, right = rotation(arrays[0].shape[0], rng), rotation(arrays[0].shape[1], rng)
    return [left @ array @ right for array in arrays]


def values(entry, arrays):
    sources = [ArraySource(array) for array in arrays]
    if entry.subject == "matrix":
        measures = measure_matrix(Spectrum.of(sources[1]))
    else:
        measures = measure_change(Update.of(*sources, rng=np.random.default_rng(1), level=entry.level))
    return [each.value for each in measures if each.diagnostic in (entry.name, f"{entry.name}_share")]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("entry", "law"), LAWS, ids=lambda each: getattr(each, "name", each))
def test_a_diagnostic_is_unaffected_by_what_it_declares(entry, law, shape):
    rng = np.random.default_rng(sum(shape))
    base = rng.standard_normal(shape) * 0.02
    # A heavy tail, a noisy bulk, and a third of the entries left alone.
    change = rng.standard_normal((shape[0], 20)) @ (rng.standard_normal((20, shape[1])) * 0.002)
    base += planted(np.geomspace(0.3, 0.1, 12), shape, rng)
    tuned = base + np.where(rng.random(shape) < 1 / 3, 0.0, change)
    before = values(entry, [base, tuned])
    after = values(entry, moved(law, [base, tuned], rng))
    assert before
    assert None not in before
    # Signed differences of ranks near 100 are compared on the ranks' own scale; s_1 by Lanczos steps holds to 1e-6.
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if entry.level == 1 else {"rtol": 1e-7, "atol": 1e-9}
    np.testing.assert_allclose(after, before, **tolerance)
