"""What lies in a checkpoint: every tensor under its canonical name and role, cut into matrices that have a spectrum."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from .checkpoint import Checkpoint, TensorSource, matrix_shape
from .family import Family, family_of
from .names import canonical_names, guess_layer, guess_role, guess_tower

__all__ = ["Layout", "Piece", "layout"]

_WEIGHTS = ("float64", "float32", "float16", "bfloat16")
_NOT_WEIGHTS = re.compile(r"BOOL|[IU][0-9]+")
_LARGEST_KERNEL = 16
_VECTOR = "a vector: no spectrum"
_TIED = "tied:"
_COMPARED_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Piece:
    """One tensor, or one slice of a stacked one.

    Attributes:
        checkpoint: what it is read from.
        tensor: stored name.
        part: slice of the first axis, None where the tensor is not cut.
        name: canonical; slices carry their number, "experts.down_proj[3]".
        tower: "language", "vision", "projector" or "other".
        role: "attention.query", "mlp.up", "embedding", "norm" ...
        guessed: whether the role was guessed from name and shape.
        layer: number of its block, None outside the blocks.
        depth: 0 first block, 1 last; None outside the blocks.
        shape: sides as stored, of the slice where it is one.
        stored: type on disk.
        parameters: number of values it adds to the model; zero for a second copy of tied weights.
        state: "matrix", "skipped" or "refused".
        reason: why there is no matrix; empty where there is.
    """

    checkpoint: Checkpoint = field(repr=False)
    tensor: str
    part: int | None
    name: str
    tower: str
    role: str
    guessed: bool
    layer: int | None
    depth: float | None
    shape: tuple[int, ...]
    stored: str
    parameters: int
    state: str
    reason: str

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns as a matrix."""
        return matrix_shape(self.shape)

    @property
    def is_vector(self) -> bool:
        """Whether it is skipped because it has one side only."""
        return self.reason == _VECTOR

    @property
    def is_tied(self) -> bool:
        """Whether it is skipped because it holds the values of another."""
        return self.reason.startswith(_TIED)

    @property
    def inside_blocks(self) -> bool:
        """Whether it belongs to a block, and not to embeddings, head or what lies between."""
        return self.layer is not None and self.role not in ("embedding", "head")

    def source(self) -> TensorSource:
        """The matrix, read when asked."""
        return self.checkpoint.source(self.tensor, self.part)


@dataclass(frozen=True)
class Layout:
    """All pieces of one checkpoint; their parameters add up to the model's.

    Attributes:
        family: name of the family file, None where none serves the architecture.
        pieces: by canonical name, numbers in it as numbers, so that sharding does not matter.
        remarks: what a reader must know, in sentences.
    """

    family: str | None
    pieces: tuple[Piece, ...]
    remarks: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Number of values, tied ones once."""
        return sum(piece.parameters for piece in self.pieces)


def layout(checkpoint: Checkpoint) -> Layout:
    """Names, roles, layers and shapes of a checkpoint; of the values only those of a head that may be tied are read."""
    family = family_of(checkpoint.config)
    canonical = canonical_names(checkpoint.names())
    stored = sorted(checkpoint.names(), key=lambda name: _natural(canonical[name]))
    pieces = [piece for name in stored for piece in _pieces(checkpoint, family, name, canonical[name])]
    remarks: list[str] = []
    pieces = _with_depth(_tied_once(checkpoint, pieces, remarks))
    if family is None:
        named = (checkpoint.config or {}).get("architectures")
        why = "no config.json names the architecture" if not named else f"no family file serves {named}"
        remarks.append(f"{checkpoint.path}: {why}, so roles are guessed from names and shapes")
    else:
        unknown = [piece.name for piece in pieces if piece.guessed]
        if unknown:
            remarks.append(
                f"{checkpoint.path}: no line of family {family.name} matches {len(unknown)} of its tensors, the first "
                f"{unknown[0]!r}; their roles are guessed"
            )
    return Layout(None if family is None else family.name, tuple(pieces), tuple(remarks))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts layer 10 after layer 9."""
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in re.split(r"(\d+)", name)]


def _pieces(checkpoint: Checkpoint, family: Family | None, stored: str, name: str) -> Iterator[Piece]:
    """A tensor as one piece, or as the slices of a stack of matrices."""
    shape, kind = checkpoint.shape(stored), checkpoint.dtype(stored)
    is_matrix = sum(side != 1 for side in shape) > 1
    matched = family.match(name) if family else None
    if matched:
        tower, role, layer = matched[0].tower, matched[0].role, matched[1]
    else:
        tower, layer = guess_tower(name), guess_layer(name)
        role = guess_role(name, is_matrix, shape[0] if shape else 1, _setting(checkpoint.config, "vocab_size"))
    state, reason = _state(shape, kind, is_matrix)
    whole = Piece(
        checkpoint,
        stored,
        None,
        name,
        tower,
        role,
        matched is None,
        layer,
        None,
        shape,
        kind,
        prod(shape),
        state,
        reason,
    )
    if state != "matrix" or not _is_stack(name, shape):
        yield whole
        return
    for part in range(shape[0]):
        yield replace(whole, part=part, name=f"{name}[{part}]", shape=shape[1:], parameters=prod(shape[1:]))


def _state(shape: tuple[int, ...], kind: str, is_matrix: bool) -> tuple[str, str]:
    if _NOT_WEIGHTS.fullmatch(kind):
        return "skipped", f"holds {kind}, which are not weights"
    if kind not in _WEIGHTS:
        return "refused", f"holds {kind}, which is not a weight as it stands"
    if not prod(shape):
        return "skipped", "empty: no entries"
    return ("matrix", "") if is_matrix else ("skipped", _VECTOR)


def _is_stack(name: str, shape: tuple[int, ...]) -> bool:
    """Whether three sides are a stack of matrices and not the kernels of a convolution (out, in, width)."""
    return len(shape) == 3 and min(shape[1:]) > 1 and "conv" not in name and shape[2] > _LARGEST_KERNEL


def _setting(config: Mapping[str, Any] | None, key: str) -> Any:
    """A setting of the language model, which some configurations nest."""
    config = config or {}
    nested = config.get("text_config")
    return nested[key] if isinstance(nested, Mapping) and key in nested else config.get(key)


def _tied_once(checkpoint: Checkpoint, pieces: list[Piece], remarks: list[str]) -> list[Piece]:
    """Where a head holds the same values as the embedding, and is not said to be its own, it is counted once."""
    tied = _setting(checkpoint.config, "tie_word_embeddings")
    found = {piece.role: piece for piece in pieces if piece.role in ("embedding", "head") and piece.state == "matrix"}
    if tied is False or len(found) < 2:
        return pieces
    embedding, head = found["embedding"], found["head"]
    if _same_values(embedding, head):
        reason = f"{_TIED} the same values as {embedding.tensor!r}, counted once"
        once = replace(head, state="skipped", reason=reason, parameters=0)
        return [once if piece is head else piece for piece in pieces]
    if tied:
        remarks.append(
            f"{checkpoint.path}: config.json ties {head.tensor!r} to {embedding.tensor!r} but their values differ, so "
            "both are measured"
        )
    return pieces


def _same_values(one: Piece, other: Piece) -> bool:
    if one.shape != other.shape or one.stored != other.stored:
        return False
    before, after = one.source(), other.source()
    starts = range(0, one.matrix[0], _COMPARED_ROWS)
    spans = ((start, min(start + _COMPARED_ROWS, one.matrix[0])) for start in starts)
    return all(np.array_equal(before.rows(*span), after.rows(*span), equal_nan=True) for span in spans)


def _with_depth(pieces: list[Piece]) -> list[Piece]:
    """Depth of every layer: 0 for the first of its tower, 1 for the last."""
    last: dict[str, int] = {}
    for piece in pieces:
        if piece.layer is not None:
            last[piece.tower] = max(piece.layer, last.get(piece.tower, 0))
    return [
        piece if piece.layer is None else replace(piece, depth=piece.layer / max(last[piece.tower], 1))
        for piece in pieces
    ]
