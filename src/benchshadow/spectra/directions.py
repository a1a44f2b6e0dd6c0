"""The strongest directions of a change and of both its sides: their singular vectors, on the left and on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from .factors import Factors, factored_values
from .intruders import TOP, Intruders, RandomIntruders, intruder_dimensions, random_intruders
from .lapack import top_eigenvectors
from .source import MatrixSource
from .streaming import places, read_wide, scales, stream

__all__ = ["KEPT", "METHOD", "SIDES", "BaseVectors", "Directions", "Vectors", "directions_of"]

KEPT = 32
"""Number of singular vectors kept of each side and of the change."""
SIDES = ("left", "right")
METHOD = "gram float64, top eigenvectors, lapack"


@dataclass(frozen=True, eq=False)
class Vectors:
    """The top singular vectors of one matrix; fewer where its rank is lower.

    Attributes:
        values: singular values, largest first, weight.
        left: left singular vectors as columns.
        right: right singular vectors as columns.
    """

    values: Float64[np.ndarray, " r"]
    left: Float64[np.ndarray, "m r"]
    right: Float64[np.ndarray, "n r"]

    def side(self, side: str) -> Float64[np.ndarray, "d r"]:
        """The vectors of a side, "left" or "right"."""
        return self.left if side == "left" else self.right


@dataclass(frozen=True, eq=False)
class Directions:
    """Singular vectors of base, tuned and change.

    Attributes:
        base: of W0.
        tuned: of W1.
        change: of D.
        projected: U0^T D V0 in the directions of the base, weight.
        left_intruders: verdicts on the top left vectors of W1.
        right_intruders: on the right ones.
        random_intruders: what a Gaussian change of the same norm makes.
    """

    base: Vectors
    tuned: Vectors
    change: Vectors
    projected: Float64[np.ndarray, "r r"]
    left_intruders: Intruders
    right_intruders: Intruders
    random_intruders: RandomIntruders

    def intruders(self, side: str) -> tuple[Intruders, float]:
        """The verdicts on a side, and the mean number that chance gives there."""
        if side == "left":
            return self.left_intruders, self.random_intruders.left
        return self.right_intruders, self.random_intruders.right


@dataclass(eq=False)
class BaseVectors:
    """Singular vectors of the base on one side, more of them when asked for.

    Those of the short side are eigenvectors of the Gram matrix; those of the long side the matrix times them.
    """

    gram: Float64[np.ndarray, "k k"]
    source: MatrixSource
    long_side: bool
    scale: float = 1.0
    _held: np.ndarray | None = None

    def __call__(self, count: int) -> Float64[np.ndarray, "d r"]:
        """The top `count` singular vectors as columns, or as many as the rank allows."""
        if self._held is None or self._held.shape[1] < min(count, len(self.gram)):
            values, short = _short_side(self.gram, count, self.scale)
            self._held = _long_side(self.source, short, values) if self.long_side else short
        return self._held[:, :count]


def directions_of(
    base: MatrixSource,
    tuned: MatrixSource,
    base_values: Float64[np.ndarray, " k"],
    *,
    rng: np.random.Generator,
    factors: Factors | None = None,
) -> Directions:
    """Singular vectors of both sides and of the change between them, float64, and the intruders among them.

    Two passes more: one for the three Gram matrices, in float64, one for the vectors of the long side; and one each
    time that a verdict on an intruder needs more vectors of the base there. All of it on the processor.

    Args:
        base: W0.
        tuned: W1.
        base_values: singular values of W0, all of them.
        rng: draws random changes.
        factors: of the change, where it is known by them.
    """
    shape, sources = base.shape, [base, tuned]
    wide = shape[0] < shape[1]
    done = stream(sources, ("base", "tuned", "change"), scales(sources, shape), "float64")
    short = {key: _short_side(gram, KEPT, done.scale[key]) for key, gram in done.grams.items()}
    found = {}
    products = _products(sources, {key: vectors for key, (_, vectors) in short.items()}, wide)
    for key, (values, inner) in short.items():
        outer = products[key] / values
        found[key] = Vectors(values, *((inner, outer) if wide else (outer, inner)))
    base_long, through = found["base"].side("right" if wide else "left"), products["change of base"]
    projected = through.T @ base_long if wide else base_long.T @ through
    if factors is not None:
        found["change"] = _of_factors(factors)
        left, right = found["base"].left.T @ factors.left, factors.right @ found["base"].right
        projected = factors.scale * (left @ right)
    more = {side: BaseVectors(done.grams["base"], base, (side == "left") != wide, done.scale["base"]) for side in SIDES}
    left, right = (intruder_dimensions(found["tuned"].side(side)[:, :TOP], more[side], min(shape)) for side in SIDES)
    chance = random_intruders(base_values, shape, done.norm("change"), rng=rng)
    return Directions(found["base"], found["tuned"], found["change"], projected, left, right, chance)


def _of_factors(factors: Factors) -> Vectors:
    """The directions of a product, which rounding the merged weights would bury."""
    whole = factored_values(factors.right, factors.left, factors.scale)
    kept = whole.values > whole.values[0] * max(len(whole.left), len(whole.right)) * np.finfo(np.float64).eps
    kept[KEPT:] = False
    return Vectors(whole.values[kept], whole.left[:, kept], whole.right[:, kept])


def _short_side(gram: np.ndarray, count: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Singular values and vectors of the short side; those that are not told from zero are left out.

    Args:
        gram: lower triangle of the Gram matrix of the matrix divided by `scale`.
        count: how many.
        scale: weight.
    """
    values, vectors = top_eigenvectors(gram, count)
    kept = values > max(values[0], 0.0) * len(gram) * np.finfo(np.float64).eps
    return np.sqrt(values[kept]) * scale, vectors[:, kept]


def _products(sources: Sequence[MatrixSource], inner: dict[str, np.ndarray], wide: bool) -> dict[str, np.ndarray]:
    """Each matrix times its vectors of the short side, and the change times those of the base, in one pass."""
    shape = sources[0].shape
    long = max(shape)
    names = {**{key: (key, vectors) for key, vectors in inner.items()}, "change of base": ("change", inner["base"])}
    found = {name: np.empty((long, vectors.shape[1])) for name, (_, vectors) in names.items()}
    for place in places(shape, by_rows=not wide):
        parts = {key: _oriented(source, place, wide) for key, source in zip(("base", "tuned"), sources, strict=True)}
        parts["change"] = parts["tuned"] - parts["base"]
        for name, (key, vectors) in names.items():
            found[name][place] = parts[key] @ vectors
    return found


def _oriented(source: MatrixSource, place: slice, wide: bool) -> np.ndarray:
    block = read_wide(source, place, not wide)
    return block.T if wide else block


def _long_side(source: MatrixSource, short: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Singular vectors of the long side of one matrix."""
    wide = source.shape[0] < source.shape[1]
    blocks = [_oriented(source, place, wide) @ short for place in places(source.shape, by_rows=not wide)]
    return np.vstack(blocks) / values
