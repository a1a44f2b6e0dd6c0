"""What lies in a checkpoint: every tensor under its canonical name and role, cut into matrices that have a spectrum."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from benchshadow.errors import TensorRefused

from .checkpoint import Checkpoint
from .cuts import Cut, cuts
from .family import Family, Matched, family_of
from .heads import setting
from .names import canonical_names, guess_layer, guess_role, guess_stack, guess_tower
from .piece import BUFFER, VECTOR, Piece
from .ties import stand_ins, tied_once

__all__ = ["Layout", "Piece", "layout"]

_WEIGHTS = ("float64", "float32", "float16", "bfloat16")
_NOT_WEIGHTS = re.compile(r"BOOL|[IU][0-9]+")
_LARGEST_KERNEL = 16
_FUSED = ("attention.fused", "mlp.fused", "expert.fused")
_Config = Mapping[str, Any] | None
_NUMBERS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Layout:
    """All pieces of one checkpoint; their parameters add up to the model's.

    Attributes:
        family: name of the family file, None where none serves the architecture.
        pieces: by canonical name, numbers in it as numbers, so that sharding does not matter.
        remarks: what a reader must know, in sentences.
        ties: by canonical name, what stands for tensors that were left out because they are tied to another.
    """

    family: str | None
    pieces: tuple[Piece, ...]
    remarks: tuple[str, ...]
    ties: dict[str, Piece] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> int:
        """Number of values, tied ones once."""
        return sum(piece.parameters for piece in self.pieces)


@dataclass(frozen=True)
class _Tensor:
    """A stored tensor and what its name tells."""

    stored: str
    name: str
    matched: Matched | None
    tower: str
    stack: str
    layer: int | None


def layout(checkpoint: Checkpoint, lent: Checkpoint | None = None) -> Layout:
    """Names, roles, layers and shapes of a checkpoint; of the values only those that may be tied are read.

    Args:
        checkpoint: what is looked at.
        lent: where it has no configuration, the checkpoint of the same model whose configuration holds for it.
    """
    config = checkpoint.config
    if config is None and lent is not None:
        config = lent.config
    family = family_of(config)
    canonical = canonical_names(checkpoint.names(), family.renames if family else ())
    tensors = [_tensor(stored, name, family) for stored, name in canonical.items()]
    depths = _depths(tensors, setting(config, family.blocks) if family and family.blocks else None)
    pieces: list[Piece] = []
    ties: dict[str, str] = {}
    for each in tensors:
        made = list(_pieces(checkpoint, config, family, each, depths.get((each.tower, each.stack, each.layer))))
        pieces += made
        if each.matched and each.matched.line.tied:
            ties |= dict.fromkeys((piece.name for piece in made), each.matched.line.tied)
    pieces = sorted(_apart(pieces), key=lambda piece: _natural(piece.name))
    remarks: list[str] = []
    if lent is not None and config is not checkpoint.config:
        remarks.append(f"{checkpoint.path}: has no config.json, so that of {lent.path} is used")
    pieces = tied_once(config, pieces, ties, remarks)
    remarks += _remarks(checkpoint, config, family, pieces)
    standing = stand_ins(config, family, pieces)
    return Layout(None if family is None else family.name, tuple(pieces), tuple(remarks), standing)


def _tensor(stored: str, name: str, family: Family | None) -> _Tensor:
    matched = family.match(name) if family else None
    if matched is None:
        return _Tensor(stored, name, None, guess_tower(name), guess_stack(name), guess_layer(name))
    return _Tensor(stored, name, matched, matched.line.tower, matched.line.stack, matched.layer)


def _depths(tensors: Sequence[_Tensor], blocks: Any) -> dict[tuple[str, str, int | None], float]:
    """Depth of every layer: 0 for the first of its tower and stack, 1 for the last.

    Layers of the language model beyond the number of its blocks, where that is given, have none.
    """
    layers = {(each.tower, each.stack, each.layer) for each in tensors if each.layer is not None}
    last: dict[tuple[str, str], int] = {}
    for tower, stack, layer in layers:
        last[tower, stack] = max(layer, last.get((tower, stack), 0))
    if isinstance(blocks, int):
        last |= {place: min(end, blocks - 1) for place, end in last.items() if place[0] == "language"}
    return {
        (tower, stack, layer): layer / max(last[tower, stack], 1)
        for tower, stack, layer in layers
        if layer <= last[tower, stack]
    }


def _natural(name: str) -> list[Any]:
    """A key that sorts layer 10 after layer 9: text and numbers take turns."""
    parts: list[Any] = _NUMBERS.split(name)
    parts[1::2] = map(int, parts[1::2])
    return parts


def _apart(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces that would meet another of the same checkpoint under one name are named by where they are stored."""
    held = Counter(piece.name for piece in pieces)
    return [piece if held[piece.name] == 1 else replace(piece, name=piece.place) for piece in pieces]


def _pieces(
    checkpoint: Checkpoint, config: _Config, family: Family | None, tensor: _Tensor, depth: float | None
) -> Iterator[Piece]:
    """A tensor as one piece, or as the matrices that lie in it."""
    shape, kind = checkpoint.shape(tensor.stored), checkpoint.dtype(tensor.stored)
    role, skip = _role(config, tensor, shape), ""
    auxiliary, refusal = (_told(checkpoint, what, tensor.stored) for what in ("auxiliary", "refusal"))
    state, reason = "", ""
    held = [(tensor.name, role, shape, Cut())]
    if tensor.matched:
        line, skip = tensor.matched.line, tensor.matched.line.skip
        try:
            if line.is_cut and not auxiliary and not refusal and prod(shape):
                heads = family.heads if family else None
                held = list(cuts(line, tensor.matched.numbers, tensor.name, shape, heads, config))
        except TensorRefused as broken:
            state, reason = "refused", broken.problem
    elif _is_stack(tensor.name, shape):
        held = [(f"{tensor.name}[{part}]", role, shape[1:], Cut(part)) for part in range(shape[0])]
    for name, own, sides, cut in held:
        told, why = (state, reason) if state else _state(sides, kind, own, skip, auxiliary, refusal)
        yield Piece(
            checkpoint,
            tensor.stored,
            cut,
            name,
            tensor.tower,
            own,
            tensor.matched is None and not auxiliary,
            tensor.stack,
            tensor.layer,
            depth,
            sides,
            kind,
            0 if auxiliary or own == "buffer" else prod(sides),
            told,
            why,
        )


def _told(checkpoint: Checkpoint, what: str, name: str) -> str:
    """What a checkpoint of computed values tells of a tensor: that it serves another, or why it cannot be read."""
    ask = getattr(checkpoint, what, None)
    return (ask(name) if ask else None) or ""


def _role(config: _Config, tensor: _Tensor, shape: tuple[int, ...]) -> str:
    if tensor.matched:
        return tensor.matched.line.role
    vocabulary = setting(config, "vocab_size")
    return guess_role(tensor.name, _sides(shape) > 1, shape[0] if shape else 1, vocabulary)


def _sides(shape: tuple[int, ...]) -> int:
    """Number of sides other than one."""
    return len(shape) - shape.count(1)


def _state(shape: tuple[int, ...], kind: str, role: str, skip: str, auxiliary: str, refusal: str) -> tuple[str, str]:
    if auxiliary:
        return "skipped", auxiliary
    if role == "buffer":
        return "skipped", BUFFER
    if _NOT_WEIGHTS.fullmatch(kind):
        return "skipped", f"holds {kind}, which are not weights"
    if refusal:
        return "refused", refusal
    if kind not in _WEIGHTS:
        return "refused", f"holds {kind}, which is not a weight as it stands"
    if not prod(shape):
        return "skipped", "empty: no entries"
    if _sides(shape) < 2:
        return "skipped", VECTOR
    return ("skipped", skip) if skip else ("matrix", "")


def _is_stack(name: str, shape: tuple[int, ...]) -> bool:
    """Whether three sides are a stack of matrices and not the kernels of a convolution (out, in, width)."""
    return len(shape) == 3 and min(shape[1:]) > 1 and "conv" not in name and shape[2] > _LARGEST_KERNEL


def _remarks(checkpoint: Checkpoint, config: _Config, family: Family | None, pieces: Sequence[Piece]) -> Iterator[str]:
    """What the format says, what was guessed, and what stayed fused for want of knowing how it is cut."""
    yield from getattr(checkpoint, "remarks", ())
    guessed = [piece for piece in pieces if piece.guessed]
    if family is None:
        named = (config or {}).get("architectures")
        why = "no config.json names the architecture" if not named else f"no family file serves {named}"
        yield f"{checkpoint.path}: {why}, so roles are guessed from names and shapes"
    elif guessed:
        yield (
            f"{checkpoint.path}: no line of family {family.name} matches {len(guessed)} of its tensors, the first "
            f"{guessed[0].name!r}; their roles are guessed"
        )
    fused = [piece for piece in guessed if piece.role in _FUSED and piece.state == "matrix"]
    if fused:
        yield (
            f"{checkpoint.path}: {len(fused)} of its matrices hold several in one, the first {fused[0].name!r}; no "
            "family file says how they are cut, so each has one spectrum"
        )
