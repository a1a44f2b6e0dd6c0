"""The strongest directions of a change alone: one Gram matrix and one product, without its sides and their nulls."""

from __future__ import annotations

import numpy as np

from .directions import Vectors
from .factors import Factors, factored_values
from .lapack import top_eigenvectors
from .source import MatrixSource
from .streaming import places, read_wide, refuse_non_finite, scales, stream

__all__ = ["leading_directions"]


def leading_directions(
    base: MatrixSource, tuned: MatrixSource, count: int, *, factors: Factors | None = None
) -> Vectors:
    """The top singular vectors of D = W1 - W0, float64, by the eigenvectors of its Gram matrix.

    They are what `directions_of` finds of the change, for a third of its work. Directions below 1e-8 of the strongest
    are lost in the square, and are left out with those that are zero. Where neighbouring singular values are close the
    single vectors are a matter of chance, and only what they span is not.

    Args:
        base: W0.
        tuned: W1.
        count: how many, at least 1.
        factors: of the change, where it is known by them: rounding of merged weights would bury its directions.

    Raises:
        TensorRefused: a side holds NaN or infinite entries.
    """
    shape = tuned.shape
    if factors is not None:
        whole = factored_values(factors.right, factors.left, factors.scale)
        kept = _told(whole.values, max(shape) * np.finfo(np.float64).eps)[:count]
        return Vectors(whole.values[: len(kept)], whole.left[:, : len(kept)], whole.right[:, : len(kept)])
    sources = [base, tuned]
    done = stream(sources, ("change",), scales(sources, shape), "float64")
    refuse_non_finite(done, sources)
    if not done.energy["change"]:
        return Vectors(np.empty(0), np.empty((shape[0], 0)), np.empty((shape[1], 0)))
    values, short = top_eigenvectors(done.grams["change"], count)
    values = _told(values, min(shape) * np.finfo(np.float64).eps)
    values, short = np.sqrt(values) * done.scale["change"], short[:, : len(values)]
    wide = shape[0] < shape[1]
    long = np.vstack(
        [
            # Subtracted before the product: after it the sides' own digits would be those of the change.
            (_lines(tuned, place, wide) - _lines(base, place, wide)) @ short
            for place in places(shape, by_rows=not wide)
        ]
    )
    long /= values
    return Vectors(values, *((short, long) if wide else (long, short)))


def _told(values: np.ndarray, share: float) -> np.ndarray:
    """The values, largest first, that are told from zero."""
    return values[values > max(float(values[0]), 0.0) * share]


def _lines(source: MatrixSource, place: slice, wide: bool) -> np.ndarray:
    block = read_wide(source, place, not wide)
    return block.T if wide else block
