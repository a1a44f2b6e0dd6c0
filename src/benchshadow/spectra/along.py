"""The part of a change that lies along chosen directions: intruders, the strongest ones, or random ones as control."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

from .directions import BaseVectors
from .intruders import TOP, intruder_dimensions
from .source import MatrixSource
from .streaming import named, places, refuse_non_finite, scales, stream
from .sums import Pass

__all__ = ["Along", "Component", "component"]

_INTRUDERS = "intruders"
_KINDS = (_INTRUDERS, "top", "random")
_RULE = "must be intruders, top:K, random:K or random:intruders with K at least 1"
_FIRST_DRAWS = 8


@dataclass(frozen=True)
class Along:
    """Which directions of a change are meant.

    Attributes:
        kind: "intruders", "top" or "random".
        count: K of the strongest directions; of random ones, K of those whose energy they match, None where they match
            that of the intruders; None for intruders.
    """

    kind: str
    count: int | None = None

    def __str__(self) -> str:
        if self.kind == _INTRUDERS:
            return self.kind
        return f"{self.kind}:{_INTRUDERS if self.count is None else self.count}"

    @classmethod
    def read(cls, text: str) -> Along:
        """From "intruders", "top:4", "random:4" or "random:intruders".

        Raises:
            InputError: it is none of these.
        """
        kind, colon, rest = text.partition(":")
        if kind == _INTRUDERS and not colon:
            return cls(kind)
        if kind == "random" and rest == _INTRUDERS:
            return cls(kind)
        if kind in _KINDS[1:] and rest.isascii() and rest.isdigit() and int(rest) > 0:
            return cls(kind, int(rest))
        raise InputError("directions", f"{_RULE} but is {text!r}")

    @property
    def matched(self) -> Along:
        """What random directions are the control of."""
        return Along(_INTRUDERS) if self.count is None else Along("top", self.count)


@dataclass(frozen=True, eq=False)
class Component:
    """The part P = L R of a change D, in factors.

    Attributes:
        left: L, weight or without unit.
        right: R, the other.
        energy: squared Frobenius norm of P, weight^2.
        whole: squared Frobenius norm of D, weight^2.
        directions: number of directions on the left and on the right; the last of random ones may be used in part.
    """

    left: Float64[np.ndarray, "m r"]
    right: Float64[np.ndarray, "r n"]
    energy: float
    whole: float
    directions: tuple[int, int]

    @property
    def share(self) -> float:
        """Share of the change's energy that lies along the directions; 0 where nothing changed."""
        return self.energy / self.whole if self.whole else 0.0

    def scaled(self, tuned: MatrixSource, scale: float) -> Iterator[tuple[slice, Float64[np.ndarray, "b n"]]]:
        """W1 - (1 - scale) P in blocks of rows: 0 takes the base back along the directions, 1 leaves W1."""
        for place in places(tuned.shape, by_rows=True):
            block = np.asarray(tuned.rows(place.start, place.stop), np.float64)
            yield place, block - (1.0 - scale) * (self.left[place] @ self.right)


def component(base: MatrixSource, tuned: MatrixSource, along: Along, *, rng: np.random.Generator) -> Component:
    """The part of D = W1 - W0 along directions, in float64; restoring it is the causal test of what they carry.

    With orthonormal directions A on the left and B on the right the part is P = D - (I - A A^T) D (I - B B^T): all that
    the change writes into A or reads from B. W1 - P meets inputs along B, and gives outputs along A, as W0 does.

    top:K takes the K strongest singular vectors of D, so that P is its best approximation of rank K; those of the
    shorter side do for that, and one that is not told from zero is left out. intruders takes the intruder dimensions of
    W1 (Shuttleworth et al. 2024, arXiv 2410.21228): those of its ten strongest left and right singular vectors that
    resemble none of W0's, certified; where there is none P is zero. random takes as many orthonormal directions of the
    shorter side, drawn evenly, as hold together the energy of the P that they are the control of, the last of them in
    part, so that both take the same Frobenius norm out of W1.

    It does not tell what directions carry together with others: parts along other directions stay as they are.

    Args:
        base: W0.
        tuned: W1.
        along: which directions.
        rng: draws random ones.

    Raises:
        TensorRefused: a side holds NaN or infinite entries.
    """
    wanted = ("base", "tuned") if _INTRUDERS in str(along) else ()
    sources = [base, tuned]
    done = stream(sources, (*wanted, "change"), scales(sources, tuned.shape), "float64")
    refuse_non_finite(done, sources)
    change = _Change(base, tuned)
    if along.kind != "random":
        return _named(change, done, along)
    target = _named(change, done, along.matched).energy
    drawn = _drawn(done, target, rng)
    return _part(change, done, **{_short(change.shape): drawn})


@dataclass(frozen=True, eq=False)
class _Change:
    """The difference of two sources, made as it is read; a `MatrixSource`."""

    base: MatrixSource
    tuned: MatrixSource
    stored: str = "float64"
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", self.tuned.shape)

    @property
    def name(self) -> str:
        return named(self.tuned)

    def rows(self, start: int, stop: int) -> np.ndarray:
        return np.subtract(self.tuned.rows(start, stop), self.base.rows(start, stop), dtype=np.float64)

    def columns(self, start: int, stop: int) -> np.ndarray:
        return np.subtract(self.tuned.columns(start, stop), self.base.columns(start, stop), dtype=np.float64)


def _short(shape: tuple[int, int]) -> str:
    return "left" if shape[0] < shape[1] else "right"


def _named(change: _Change, done: Pass, along: Along) -> Component:
    """The part along directions that the weights themselves name."""
    if along.kind == _INTRUDERS:
        return _part(change, done, **{side: _intruders(change, done, side) for side in ("left", "right")})
    assert along.count is not None, "the strongest directions have a number"
    strongest = BaseVectors(done.grams["change"], change, long_side=False, scale=done.scale["change"])
    short = _short(change.shape)
    if not done.energy["change"]:
        return _part(change, done, **{short: np.empty((min(change.shape), 0))})
    return _part(change, done, **{short: strongest(min(along.count, min(change.shape)))})


def _intruders(change: _Change, done: Pass, side: str) -> np.ndarray:
    """Intruder dimensions of W1 on a side, as orthonormal columns."""
    long = side != _short(change.shape)
    vectors, of_base = (
        BaseVectors(done.grams[key], source, long, done.scale[key])
        for key, source in (("tuned", change.tuned), ("base", change.base))
    )
    strongest = vectors(min(TOP, *change.shape))
    found = intruder_dimensions(strongest, of_base, min(change.shape))
    return np.linalg.qr(strongest[:, np.array(found.intruding, bool)])[0]


def _drawn(done: Pass, target: float, rng: np.random.Generator) -> np.ndarray:
    """Random directions of the shorter side that hold an energy together; the last is shorter than one."""
    lower = np.tril(done.grams["change"])
    gram = (lower + np.tril(lower, -1).T) * done.scale["change"] ** 2
    order, draws = len(gram), np.empty((len(gram), 0))
    if target <= 0:
        return draws
    while True:
        more = min(order - draws.shape[1], max(_FIRST_DRAWS, draws.shape[1]))
        draws = np.hstack([draws, rng.standard_normal((order, more))])
        found = np.linalg.qr(draws)[0]
        reached = np.cumsum(np.einsum("ij,ij->j", found, gram @ found))
        if reached[-1] >= target or draws.shape[1] == order:
            break
    last = min(int(np.searchsorted(reached, target)), len(reached) - 1)
    before = reached[last - 1] if last else 0.0
    chosen = found[:, : last + 1].copy()
    part = min(1.0, (target - before) / (reached[last] - before))
    chosen[:, last] *= part**0.25  # its length enters the energy of P in the fourth power
    return chosen


def _part(change: _Change, done: Pass, left: np.ndarray | None = None, right: np.ndarray | None = None) -> Component:
    """P = A A^T D + (D - A A^T D) B B^T, with one pass over D."""
    rows, columns = change.shape
    a = np.empty((rows, 0)) if left is None else left
    b = np.empty((columns, 0)) if right is None else right
    reaching, coming = np.zeros((a.shape[1], columns)), np.empty((rows, b.shape[1]))
    for place in places(change.shape, by_rows=True):
        block = change.rows(place.start, place.stop)
        reaching += a[place].T @ block
        coming[place] = block @ b
    coming -= a @ (reaching @ b)
    factors = np.hstack([a, coming]), np.vstack([reaching, b.T])
    # The two summands of P are orthogonal, so their energies add up.
    energy = float(np.sum((a.T @ a) * (reaching @ reaching.T)) + np.sum((b.T @ b) * (coming.T @ coming)))
    return Component(*factors, max(energy, 0.0), done.norm("change") ** 2, (a.shape[1], b.shape[1]))
