"""The fewest directions that, rounded as the tuned matrix was, leave nothing of the change above the noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from .noise import oriented, type_for
from .source import MatrixSource
from .whitening import Weights, Whitened

__all__ = ["fewest_directions", "rounded"]

_TRIED = 8
_CLOSE = 0.5
# No error in step with a change comes near its strongest direction: .16 of it at most (256 x 512 to 4096 x 4096).
_PASSES, _FEWEST_PASSES = 8, 4
_PROBES = 6
_EXPLAINED = 0.75
# Of the edge. What is left of a change after its own rank was fitted reaches .1 to .4 of the edge; a direction that is
# missing leaves its singular value (ranks 1 to 3, same sizes, relative changes .001 to .03, even and uneven scales).
_FALLS = 0.8
# Of what was left at first: fitting brings it to a third within two passes, or not down at all.


def fewest_directions(
    base: MatrixSource, tuned: MatrixSource, found: Whitened, edge: float, *, rng: np.random.Generator
) -> int:
    """Smallest r for which W0 plus a change of rank r, rounded again, differs from W1 by less than noise.

    Where W0 is known to the bit, the errors in W1 are no independent noise but a function of the change: round(W0 + D)
    - W0 - D. Of a change of rank one or two they have a few strong directions themselves, in step with it, which an
    edge for independent errors counts. Here the change of rank r is fitted, X <- X + (W1 - round(W0 + X)) cut to rank r
    by turns from either side, and r serves if the weighed difference that is left stays below three quarters of the
    edge. Up to eight values are tried, from the number of directions at least half as strong as the first one; where
    none serves the count above the edge stands. It does not tell that the change has that rank, only that this rank and
    the rounding explain it.

    Args:
        base: W0, exactly as it was before training.
        tuned: W1, rounded to the nearest value of its type.
        found: the weighed change with its vectors.
        edge: of the weighed errors.
        rng: draws the probes of what is left.
    """
    first = int(np.count_nonzero(found.values > _CLOSE * found.values[0]))
    outer = _products(base, tuned, found) if first < found.count else np.zeros((0, 0))
    for rank in range(first, min(found.count, first + _TRIED)):
        if _explains(base, tuned, found, outer, rank, edge, rng):
            return rank
    return found.count


def _products(base: MatrixSource, tuned: MatrixSource, found: Whitened) -> np.ndarray:
    """The weighed change times its vectors of the short side."""
    outer = np.zeros((len(found.weights.long), len(found.values)))
    for place, before, after in oriented(base, tuned, type_for(base, tuned)):
        outer[place] = found.weights.of(after - before, place) @ found.vectors.astype(after.dtype)
    return outer


def _explains(
    base: MatrixSource,
    tuned: MatrixSource,
    found: Whitened,
    outer: np.ndarray,
    rank: int,
    edge: float,
    rng: np.random.Generator,
) -> bool:
    """Whether a change of this rank, fitted and rounded again, leaves nothing near the edge."""
    inner, outer = found.vectors[:, :rank], outer[:, :rank]
    probes = np.hstack([found.vectors[:, rank:], rng.standard_normal((len(inner), _PROBES))])
    at_first = left = np.inf
    for step in range(_PASSES):
        probes = np.linalg.qr(probes)[0]
        left_turn = step % 2 == 0
        along = np.linalg.qr(inner if left_turn else outer)[0]
        fitted, seen = np.zeros_like(outer if left_turn else inner), np.zeros_like(probes)
        for place, fit, rest in _residuals(base, tuned, found.weights, outer, inner):
            kind = rest.dtype
            seen += rest.T @ (rest @ probes.astype(kind))
            rest += fit
            if left_turn:
                fitted[place] = rest @ along.astype(kind)
            else:
                fitted += rest.T @ along[place].astype(kind)
        left = float(np.sqrt(max(np.linalg.eigvalsh(probes.T @ seen)[-1], 0.0)))
        at_first = left if step == 0 else at_first
        if step + 1 >= _FEWEST_PASSES and (left <= _EXPLAINED * edge or left > _FALLS * at_first):
            break
        outer, inner = (fitted, along) if left_turn else (along, fitted)
        probes = seen
    return left <= _EXPLAINED * edge


def _residuals(
    base: MatrixSource, tuned: MatrixSource, weights: Weights, outer: np.ndarray, inner: np.ndarray
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Blocks of the weighed fit, and of W1 - round(W0 + fit), weighed."""
    for place, before, after in oriented(base, tuned, type_for(base, tuned)):
        fit = outer[place].astype(after.dtype) @ inner.astype(after.dtype).T
        again = rounded(before + weights.undone(fit, place), tuned.stored)
        yield place, fit, weights.of(after - again, place)


def rounded(values: Float[np.ndarray, "..."], stored: str) -> Float[np.ndarray, "..."]:
    """Values rounded to the nearest of a stored type, ties to even, in the array's own type."""
    if stored == "bfloat16":
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        up = ((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)
        return ((bits + up) & np.uint32(0xFFFF0000)).view(np.float32).astype(values.dtype, copy=False)
    with np.errstate(over="ignore"):
        return values.astype(stored).astype(values.dtype)
