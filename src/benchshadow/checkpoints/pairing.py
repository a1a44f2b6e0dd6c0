"""Which tensor of a tuned checkpoint came from which of its base; what meets nothing is kept, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchshadow.errors import InputError

from .checkpoint import Checkpoint, TensorSource
from .layout import Layout, Piece, layout

__all__ = ["Pair", "alone", "layouts", "pair"]

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


def layouts(base: Checkpoint, tuned: Checkpoint) -> tuple[Layout, Layout]:
    """The layouts of two checkpoints of one model; one that has no configuration is read by that of the other."""
    return layout(base, tuned), layout(tuned, base)


def pair(base: Layout, tuned: Layout) -> tuple[Pair, ...]:
    """Pieces of both checkpoints by canonical name and shape: the tuned ones in order, then those of the base alone.

    Raises:
        InputError: no matrix of one meets a matrix of the other.
    """
    before = {piece.name: piece for piece in base.pieces}
    after = {piece.name for piece in tuned.pieces}
    pairs = [_pair(before.get(piece.name) or _stand_in(base, piece), piece) for piece in tuned.pieces]
    pairs += [_pair(piece, _stand_in(tuned, piece)) for piece in base.pieces if piece.name not in after]
    if all(each.state != "matrix" for each in pairs):
        places = [str(side.pieces[0].checkpoint.path) for side in (tuned, base)]
        raise InputError(
            places[0],
            f"must share at least one matrix by name and shape with {places[1]} but shares none",
            "name the checkpoint that it was tuned from",
        )
    return tuple(pairs)


def _stand_in(other: Layout, piece: Piece) -> Piece | None:
    """What stands in a layout for a piece of the other that it left out because it is tied; None where nothing does."""
    if piece.is_tied:
        return None
    found = other.ties.get(piece.name)
    if found is None and piece.role == "head" and "" in other.ties:
        found = replace(other.ties[""], name=piece.name)
    return found


def _one_sided(base: Piece | None, tuned: Piece | None) -> Pair:
    """A piece that the other checkpoint has not; copies of tied weights and buffers need no partner."""
    piece = tuned or base
    assert piece is not None, "a pair has at least one side"
    if piece.state == "skipped" and not piece.parameters:
        return Pair(base, tuned, piece.matrix[0], "skipped", piece.reason)
    other = "the tuned checkpoint" if tuned is None else "the base"
    return Pair(base, tuned, piece.matrix[0], "unmatched", f"{other} has no tensor of this name")


def _pair(base: Piece | None, tuned: Piece | None) -> Pair:
    if base is None or tuned is None:
        return _one_sided(base, tuned)
    rows = tuned.matrix[0]
    untied = tuned.is_tied and base.state == "matrix"
    if tuned.state != "matrix" and not untied and not (tuned.is_vector and base.shape != tuned.shape):
        return Pair(base, tuned, rows, tuned.state, tuned.reason)
    if base.state != "matrix" and not (base.is_tied or base.is_vector):
        state = "refused" if base.state == "refused" else "unmatched"
        return Pair(base, tuned, rows, state, f"in the base it is {base.state} ({base.reason})")
    remarks = [_tied_in("base", base), _tied_in("tuned checkpoint", tuned)]
    before, after = (" x ".join(map(str, piece.shape)) for piece in (base, tuned))
    if base.shape != tuned.shape:
        is_vocabulary = tuned.role in _RESIZED and tuned.tower == "language"
        if not is_vocabulary or base.matrix[1] != tuned.matrix[1]:
            problem = f"must have one shape but is {before} in the base and {after} in the tuned"
            return Pair(base, tuned, rows, "refused", problem)
        rows = min(base.matrix[0], rows)
        remarks.append(f"vocabulary resized from {before} to {after}: the first {rows} rows are compared")
    return Pair(base, tuned, rows, "matrix", "", "; ".join(filter(None, remarks)))


def _tied_in(where: str, piece: Piece) -> str:
    """That the values of a piece are those of another, where only one of the two checkpoints ties it."""
    if piece.is_stand_in:
        return f"tied in the {where}, where the values of {piece.tensor!r} stand for it"
    return f"tied in the {where}, a copy of another tensor there" if piece.is_tied else ""
