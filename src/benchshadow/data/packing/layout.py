"""Where documents stand in a stream: pieces of documents, end to end, broken at the edges of sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Pieces", "lay", "placed", "shuffled"]


@dataclass(frozen=True)
class Pieces:
    """Pieces of documents in the order of the stream; none crosses the edge of a sequence.

    Attributes:
        sequence: the sequence each stands in, int64, rising.
        document: the document each is of, int64.
        copy: which of the drawn documents it is of, int64: two copies of one document differ in it.
        offset: tokens of the document before the piece, int64.
        tokens: length of each, int64, at least 1.
    """

    sequence: np.ndarray
    document: np.ndarray
    copy: np.ndarray
    offset: np.ndarray
    tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def copies(self) -> np.ndarray:
        """How often every document stands in the stream, whole or in part, int64; of documents up to the last there."""
        document = np.full(int(self.copy.max(initial=-1)) + 1, -1)
        document[self.copy] = self.document
        return np.bincount(document[document >= 0])

    @property
    def starts(self) -> np.ndarray:
        """Where each piece begins in the stream, in tokens."""
        return np.cumsum(self.tokens) - self.tokens

    def take(self, index: np.ndarray) -> Pieces:
        """The pieces of an index or a mask."""
        return Pieces(
            self.sequence[index], self.document[index], self.copy[index], self.offset[index], self.tokens[index]
        )

    def moved(self, to: np.ndarray) -> Pieces:
        """The pieces of sequence i in sequence `to[i]`, in the order of the stream."""
        pieces = Pieces(to[self.sequence], self.document, self.copy, self.offset, self.tokens)
        return pieces.take(np.argsort(pieces.sequence, kind="stable"))

    def joined(self) -> Pieces:
        """Pieces that follow each other in stream and document as one; these may cross edges of sequences."""
        if not len(self):
            return self
        follows = (self.copy[1:] == self.copy[:-1]) & (self.offset[1:] == self.offset[:-1] + self.tokens[:-1])
        first = np.flatnonzero(np.concatenate([[True], ~follows]))
        pieces = self.take(first)
        return Pieces(pieces.sequence, pieces.document, pieces.copy, pieces.offset, np.add.reduceat(self.tokens, first))


def lay(order: np.ndarray, lengths: np.ndarray, *, sequences: int, length: int) -> Pieces:
    """Documents end to end in exactly sequences x length tokens; the last is cut, those after it are left out.

    Args:
        order: documents in the order they are joined, int64; a document may stand more than once.
        lengths: tokens of every document, int64, at least 1 each.
        sequences: of the stream.
        length: tokens of a sequence.

    Raises:
        ValueError: the documents have fewer tokens than are wanted.
    """
    wanted = sequences * length
    if not wanted:
        none = np.empty(0, np.int64)
        return Pieces(none, none, none, none, none)
    ends = np.cumsum(lengths[order])
    if not len(ends) or ends[-1] < wanted:
        raise ValueError(f"{wanted} tokens are wanted, {int(ends[-1]) if len(ends) else 0} are there")
    count = int(np.searchsorted(ends, wanted)) + 1
    order, ends = order[:count], ends[:count]
    begins = ends - lengths[order]
    edges = np.arange(0, wanted, length, dtype=np.int64)
    cuts = np.sort(np.concatenate([begins, edges]), kind="stable")  # which merges two runs that rise
    cuts = cuts[np.append(True, cuts[1:] != cuts[:-1])]
    copy = np.searchsorted(begins, cuts, side="right") - 1
    tokens = np.diff(np.append(cuts, wanted))
    return Pieces(cuts // length, order[copy], copy, cuts - begins[copy], tokens)


def shuffled(pieces: Pieces, sequences: int, rng: np.random.Generator) -> Pieces:
    """The same sequences in another order, so that a long document is not one long stretch of training."""
    return pieces.moved(rng.permutation(sequences))


def placed(control: Pieces, treatment: Pieces, positions: np.ndarray) -> Pieces:
    """The control with the sequences at `positions` replaced by those of the treatment, first to first.

    Copies of the treatment are counted on from the control's, so that no two share a number.
    """
    kept = control.take(~np.isin(control.sequence, positions))
    above = int(control.copy.max(initial=-1)) + 1
    moved = Pieces(
        positions[treatment.sequence], treatment.document, treatment.copy + above, treatment.offset, treatment.tokens
    )
    both = Pieces(*(np.concatenate([getattr(kept, name), getattr(moved, name)]) for name in Pieces.__annotations__))
    return both.take(np.argsort(both.sequence, kind="stable"))
