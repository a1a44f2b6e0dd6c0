"""Drawn rounding errors: their largest singular value, with no more than a block of a large matrix in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from .formats import FORMATS, ulp
from .source import MatrixSource
from .streaming import places, read_wide

__all__ = ["SimulatedEdge", "gaps", "largest_singular_value", "oriented", "simulated_edge", "type_for"]

_LANCZOS_STEPS = 24
_FEW, _MANY = 3, 12
_MANY_ENTRIES = 1 << 20
# In a small matrix whose noise sits in a few lines draws differ by several percent: there are more of them, and their
# spread counts.
_SPREADS = 3.5
_HELD_ENTRIES = 1 << 25
# Up to this size errors are drawn once and kept, 128 MB in float32; above it one draw is made, and made again, block by
# block, for every product: at that size draws differ by less than the margin.


def type_for(*sources: MatrixSource) -> str:
    """The type in which differences of these sources are exact enough for their rounding errors."""
    narrow = all(FORMATS[source.stored].fraction_bits < FORMATS["float32"].fraction_bits for source in sources)
    return "float32" if narrow else "float64"


def oriented(base: MatrixSource, tuned: MatrixSource, kind: str) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Blocks of base and tuned with the long side as their rows: where, before, after."""
    wide = base.shape[0] < base.shape[1]
    for place in places(base.shape, by_rows=not wide):
        parts = []
        for source in (base, tuned):
            block = read_wide(source, place, not wide, kind)
            parts.append(np.ascontiguousarray(block.T) if wide else block)
        yield place, parts[0], parts[1]


def gaps(before: np.ndarray, after: np.ndarray, types: tuple[str, str], sides: str, unit: float) -> list[np.ndarray]:
    """Units in the last place of the sides that were rounded, over `unit`; zero where both are zero: not rounded."""
    zero = (before == 0) & (after == 0)
    found = [ulp(after, types[1])] + ([ulp(before, types[0])] if sides == "both" else [])
    for gap in found:
        gap /= gap.dtype.type(unit)
        gap[zero] = 0
    return found


@dataclass(frozen=True)
class SimulatedEdge:
    """What drawn matrices of rounding errors reach.

    Attributes:
        value: largest singular value, weight: the largest of the draws times the margin; of many draws at least their
            mean and three and a half standard deviations.
        draws: number of matrices.
    """

    value: float
    draws: int


def simulated_edge(
    base: MatrixSource, tuned: MatrixSource, sides: str, unit: float, margin: float, *, rng: np.random.Generator
) -> SimulatedEdge:
    """Largest singular value of drawn rounding errors: twelve matrices of them, three of large ones, one of huge ones.

    E = u1 ulp(W1) - [both] u0 ulp(W0), u uniform on (-1/2, 1/2). Drawn, not got by rounding again: stored values round
    back to themselves. Each block of each draw has a counter-based generator of its own, so that it can be drawn again.

    Args:
        base: W0.
        tuned: W1.
        sides: "tuned" or "both".
        unit: weight; the size of a typical error, which keeps squares inside the range of the type.
        margin: factor on the largest.
        rng: seeds the draws and starts the search for the largest singular value.
    """
    entries, short, kind = base.shape[0] * base.shape[1], min(base.shape), type_for(base, tuned)
    draws = _MANY if entries <= _MANY_ENTRIES else _FEW if entries <= _HELD_ENTRIES else 1
    found = np.zeros(draws)
    for draw in range(draws):
        blocks = partial(_drawn, base, tuned, sides, unit, kind, int(rng.integers(1 << 62)))
        found[draw] = (_kept_and_searched if entries <= _HELD_ENTRIES else largest_singular_value)(
            blocks, short, rng=rng
        )
    edge = margin * found.max()
    if draws == _MANY:
        edge = max(edge, found.mean() + _SPREADS * found.std(ddof=1))
    return SimulatedEdge(float(edge) * unit, draws)


def _kept_and_searched(blocks: Callable[[], Iterator[np.ndarray]], short: int, *, rng: np.random.Generator) -> float:
    """The largest singular value, with all blocks made once and kept until it is found."""
    kept = list(blocks())
    return largest_singular_value(lambda: kept, short, rng=rng)


def _drawn(
    base: MatrixSource, tuned: MatrixSource, sides: str, unit: float, kind: str, seed: int
) -> Iterator[np.ndarray]:
    """Blocks of one matrix of rounding errors over `unit`, the same ones for the same seed."""
    types = base.stored, tuned.stored
    for number, (_, before, after) in enumerate(oriented(base, tuned, kind)):
        rng = np.random.Generator(np.random.Philox(key=[seed, number]))
        errors = np.zeros(after.shape, np.float32)
        for gap in gaps(before, after, types, sides, unit):
            drawn = rng.random(gap.shape, dtype=np.float32)
            drawn -= np.float32(0.5)
            drawn *= gap.astype(np.float32, copy=False)
            errors += drawn
        yield errors


def largest_singular_value(
    blocks: Callable[[], Iterable[Float[np.ndarray, "_ k"]]], short: int, *, rng: np.random.Generator
) -> float:
    """s_1 by Golub-Kahan-Lanczos bidiagonalisation from a random start, with full reorthogonalisation.

    Twenty-four steps find the edge of a noise spectrum of 1024 x 2048 to two parts in a thousand, from below; matrices
    with no more columns are exact.

    Args:
        blocks: gives the blocks of rows of the matrix, once for every step.
        short: number of columns.
        rng: draws the start.
    """
    steps = min(_LANCZOS_STEPS, short)
    basis = np.zeros((steps, short))
    projected = np.zeros((steps, steps))
    vector = rng.standard_normal(short)
    for step in range(steps):
        vector -= basis[:step].T @ (basis[:step] @ vector)
        length = np.linalg.norm(vector)
        if length <= 1e-12:
            break
        basis[step] = vector / length
        vector = np.zeros(short)
        for block in blocks():
            vector += block.T @ (block @ basis[step].astype(block.dtype))
        projected[step, : step + 1] = projected[: step + 1, step] = basis[: step + 1] @ vector
        vector -= basis[: step + 1].T @ projected[: step + 1, step]
    return float(np.sqrt(max(np.linalg.eigvalsh(projected)[-1], 0.0)))
