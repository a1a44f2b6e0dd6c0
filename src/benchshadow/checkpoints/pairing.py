"""Which tensor of a tuned checkpoint came from which of its base; what meets nothing is kept, with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from benchshadow.errors import InputError

from .checkpoint import TensorSource
from .layout import Layout, Piece

__all__ = ["Pair", "alone", "pair"]

_RESIZED = ("embedding", "head")


@dataclass(frozen=True)
class Pair:
    """A piece of the tuned checkpoint and the one of the base that it came from.

    Attributes:
        base: None where the base has no such tensor.
        tuned: None where the tuned checkpoint has none, and where there is no tuned checkpoint.
        rows: rows compared; fewer than either has where a vocabulary was resized.
        state: "matrix", "skipped", "unmatched" or "refused".
        reason: why there is nothing to measure; empty where there is.
        remark: what a reader of the numbers must know; empty where nothing stands against them.
    """

    base: Piece | None
    tuned: Piece | None
    rows: int
    state: str
    reason: str = ""
    remark: str = ""

    @property
    def piece(self) -> Piece:
        """The piece that names the pair: the tuned one where there is one."""
        piece = self.tuned or self.base
        assert piece is not None, "a pair has at least one side"
        return piece

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are compared."""
        return self.rows, self.piece.matrix[1]

    def sources(self) -> list[TensorSource]:
        """The matrices of the sides that are there, base first, cut to the rows compared."""
        sides = [side for side in (self.base, self.tuned) if side is not None]
        return [side.source() if side.matrix[0] == self.rows else side.source().first(self.rows) for side in sides]


def alone(base: Layout) -> tuple[Pair, ...]:
    """The pieces of one checkpoint, each a pair without a tuned side."""
    return tuple(Pair(piece, None, piece.matrix[0], piece.state, piece.reason) for piece in base.pieces)


def pair(base: Layout, tuned: Layout) -> tuple[Pair, ...]:
    """Pieces of both checkpoints by canonical name and shape: the tuned ones in order, then those of the base alone.

    Raises:
        InputError: no matrix of one meets a matrix of the other.
    """
    before = {piece.name: piece for piece in base.pieces}
    after = {piece.name for piece in tuned.pieces}
    pairs = [_pair(before.get(piece.name), piece) for piece in tuned.pieces]
    pairs += [
        Pair(piece, None, piece.matrix[0], "unmatched", "the tuned checkpoint has no tensor of this name")
        for piece in base.pieces
        if piece.name not in after
    ]
    if all(each.state != "matrix" for each in pairs):
        places = [str(side.pieces[0].checkpoint.path) for side in (tuned, base)]
        raise InputError(
            places[0],
            f"must share at least one matrix by name and shape with {places[1]} but shares none",
            "name the checkpoint that it was tuned from",
        )
    return tuple(pairs)


def _pair(base: Piece | None, tuned: Piece) -> Pair:
    rows = tuned.matrix[0]
    if base is None:
        return Pair(None, tuned, rows, "unmatched", "the base has no tensor of this name")
    if tuned.state != "matrix" and not (tuned.is_vector and base.shape != tuned.shape):
        return Pair(base, tuned, rows, tuned.state, tuned.reason)
    if base.state != "matrix" and not (base.is_tied or base.is_vector):
        state = "refused" if base.state == "refused" else "unmatched"
        return Pair(base, tuned, rows, state, f"in the base it is {base.state} ({base.reason})")
    if base.shape == tuned.shape:
        return Pair(base, tuned, rows, "matrix")
    before, after = (" x ".join(map(str, piece.shape)) for piece in (base, tuned))
    if tuned.role in _RESIZED and base.matrix[1] == tuned.matrix[1]:
        rows = min(base.matrix[0], rows)
        remark = f"vocabulary resized from {before} to {after}: the first {rows} rows are compared"
        return Pair(base, tuned, rows, "matrix", "", remark)
    return Pair(
        base, tuned, rows, "refused", f"must have one shape but is {before} in the base and {after} in the tuned"
    )
