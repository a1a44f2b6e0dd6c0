"""A matrix or a pair read in the type that carries its sums, and read again where that was not enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchshadow.errors import TensorRefused

from . import engines, marchenko_pastur, precision
from .source import MatrixSource
from .streaming import named, places, read_wide, refuse_non_finite, stream
from .sums import Pass

__all__ = ["again", "checked_shape", "float64_gram", "own_edge", "passed"]


def checked_shape(source: MatrixSource) -> tuple[int, int]:
    """The shape of a source; an empty matrix is refused."""
    m, n = source.shape
    if m < 1 or n < 1:
        raise TensorRefused(named(source), f"must have at least one entry but is {m} x {n}")
    return int(m), int(n)


def passed(
    sources: list[MatrixSource],
    wanted: list[str],
    scale: dict[str, float],
    *,
    device: str,
    level: int = 2,
    kind: str = "",
) -> Pass:
    """One pass in the type that the shape and the stored types allow, in float64 where float32 overflows.

    Raises:
        TensorRefused: a side holds NaN or infinite entries, or the change leaves the range of float64.
    """
    shape = sources[-1].shape
    kind = kind or precision.first_kind(shape, [source.stored for source in sources], level)
    if device == engines.HOST:
        done = stream(sources, wanted, scale, kind)
    else:
        from .device import stream_on

        done = stream_on(device, sources, wanted, scale, kind)
    if not done.fits:
        return passed(sources, wanted, scale, device=device, kind="float64")
    refuse_non_finite(done, sources)
    return done


def again(key: str, sources: list[MatrixSource], done: Pass) -> Iterator[np.ndarray]:
    """The blocks of base, tuned or change once more, float64, divided by their scale."""
    by_rows = done.shape[0] >= done.shape[1]
    for place in places(done.shape, by_rows):
        parts = [read_wide(source, place, by_rows) for source in sources]
        whole = parts[1] - parts[0] if key == "change" else parts[0 if key == "base" else -1]
        yield whole / done.scale[key]


def float64_gram(key: str, sources: list[MatrixSource], done: Pass, device: str) -> Any:
    """The Gram matrix of base, tuned or change once more, in float64; one side needs only its own file."""
    if key == "change":
        return passed(sources, [key], done.scale, device=device, kind="float64").grams[key]
    mine = [sources[0 if key == "base" else -1]]
    return passed(mine, ["tuned"], {"tuned": done.scale[key]}, device=device, kind="float64").grams["tuned"]


def own_edge(key: str, done: Pass) -> float | None:
    """Rounding edge of one side from its own profile, weight; None at level 0, which has none."""
    if not done.profiles:
        return None
    return marchenko_pastur.margin(done.shape) * done.profiles[key].bound * done.scale[key]
