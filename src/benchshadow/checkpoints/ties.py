"""Tied weights: a second copy counts once, and where it was left out, the embedding's values stand for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .family import Family
from .piece import TIED, Piece

__all__ = ["says_tied", "stand_ins", "tied_once"]

_COMPARED_ROWS = 4096


def says_tied(config: Mapping[str, Any] | None) -> bool | None:
    """Whether the configuration ties the head to the embedding; None where it does not say.

    Some configurations nest that of the language model and say it in both places. Where these contradict each other,
    as in files of several versions of transformers, nothing is said and the values decide.
    """
    config = config or {}
    nested = config.get("text_config")
    places = (config, nested if isinstance(nested, Mapping) else {})
    said = {place["tie_word_embeddings"] for place in places if isinstance(place.get("tie_word_embeddings"), bool)}
    return said.pop() if len(said) == 1 else None


def tied_once(
    config: Mapping[str, Any] | None, pieces: Sequence[Piece], ties: Mapping[str, str], remarks: list[str]
) -> list[Piece]:
    """The pieces, where copies of others hold no parameters of their own.

    A head that the configuration says is its own is not compared with the embedding.

    Args:
        config: of the checkpoint.
        pieces: all of them.
        ties: for the name of a piece that may be a copy, the name of that which it copies.
        remarks: gains a sentence where the configuration ties what differs.
    """
    said = says_tied(config)
    named = {piece.name: piece for piece in pieces}
    return [_once(piece, _originals(piece, pieces, named, ties), said, remarks) for piece in pieces]


def _originals(
    piece: Piece, pieces: Sequence[Piece], named: Mapping[str, Piece], ties: Mapping[str, str]
) -> list[Piece]:
    """What a piece may be a copy of: as its family says, or for a head whose role is guessed any word embedding."""
    if not _has_values(piece):
        return []
    if piece.name in ties:
        original = named.get(ties[piece.name])
        return [original] if original is not None and _has_values(original) else []
    if piece.role != "head" or not piece.guessed:
        return []
    words = [each for each in pieces if _is_word_embedding(each)]
    return [each for each in words if each.shape == piece.shape] or words[:1]


def _has_values(piece: Piece) -> bool:
    """Whether it holds weights: biases may be tied too."""
    return piece.state == "matrix" or piece.is_vector


def _is_word_embedding(piece: Piece) -> bool:
    """Whether it may be what a head is tied to: pictures and blocks have embeddings too."""
    outside = piece.role == "embedding" and piece.layer is None
    return outside and piece.tower == "language" and piece.state == "matrix"


def _once(piece: Piece, originals: Sequence[Piece], said: bool | None, remarks: list[str]) -> Piece:
    is_head = piece.role == "head" and all(original.role == "embedding" for original in originals)
    if not originals or (is_head and said is False):
        return piece
    for original in originals:
        if _same_values(original, piece):
            reason = f"{TIED} the same values as {original.tensor!r}, counted once"
            return replace(piece, state="skipped", reason=reason, parameters=0)
    if is_head and said:
        remarks.append(
            f"{piece.checkpoint.path}: config.json ties {piece.tensor!r} to {originals[0].tensor!r} but their values "
            "differ, so both are measured"
        )
    return piece


def _same_values(one: Piece, other: Piece) -> bool:
    if one.shape != other.shape or one.stored != other.stored:
        return False
    before, after = one.source(), other.source()
    starts = range(0, one.matrix[0], _COMPARED_ROWS)
    spans = ((start, min(start + _COMPARED_ROWS, one.matrix[0])) for start in starts)
    return all(np.array_equal(before.rows(*span), after.rows(*span), equal_nan=True) for span in spans)


def stand_ins(config: Mapping[str, Any] | None, family: Family | None, pieces: Sequence[Piece]) -> dict[str, Piece]:
    """By name, what a checkpoint left out because its values are those of another piece, which stands for it.

    A head is left out so where the configuration does not say that it is its own. Without a family only the head has
    stand-ins, under the name "", and only where the configuration ties it.
    """
    said = says_tied(config)
    if family is None:
        words = [piece for piece in pieces if _is_word_embedding(piece)]
        largest = max(words, key=lambda piece: piece.matrix[0], default=None)
        return {"": _standing(largest, "", "head")} if said and largest is not None else {}
    named = {piece.name: piece for piece in pieces}
    return {
        line.pattern: _standing(named[line.tied], line.pattern, line.role)
        for line in family.lines
        if line.tied in named and line.pattern not in named and "{" not in line.pattern
        if named[line.tied].state == "matrix" and not (line.role == "head" and said is False)
    }


def _standing(original: Piece, name: str, role: str) -> Piece:
    return replace(original, name=name, role=role, parameters=0, is_stand_in=True)
