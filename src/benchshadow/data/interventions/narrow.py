"""Narrow but no benchmark: another narrow source, matched to a treatment in entropy and in epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.packing import TokenStore
from benchshadow.errors import InputError

from .controls import lengths_of, realised
from .pool import Intervention, Pool, Segment, Treatment

__all__ = ["NarrowOther", "surprisal"]


@dataclass(frozen=True)
class NarrowOther:
    """A stretch of a narrow source, as unexpected per token as a treatment and repeated as often.

    The source's documents are ordered by their surprisal; the stretch is the one whose mean comes nearest to the
    treatment's. Where the source is all easier or all harder, the nearest end is taken; the manifest's entropies tell.

    Attributes:
        source: documents of a narrow source that is no benchmark.
        of: the treatment that is matched.
    """

    source: Sequence[Document]
    of: Intervention

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Whole passes over the stretch, each in a new order."""
        treatment = self.of(pool, rng=rng)
        lengths = lengths_of(pool, treatment)
        documents = realised(pool, treatment)
        distinct = np.unique(documents)
        epochs = lengths[documents].sum() / lengths[distinct].sum()
        bits = surprisal(pool.store, pool)
        if treatment.written is not None:
            bits = np.append(bits, surprisal(treatment.written, pool))
        target = bits[documents].sum() / lengths[documents].sum()
        written = pool.write(self.source)
        few = _stretch(written, surprisal(written, pool), -(-pool.room.tokens / epochs), target)
        passes = int(np.ceil(pool.room.tokens / written.lengths[few].sum()))
        order = np.concatenate([rng.permutation(few) for _ in range(passes)])
        return Treatment((Segment(order + len(pool)),), written)


def surprisal(store: TokenStore, pool: Pool) -> np.ndarray:
    """-log p of every document's tokens under the unigram model of the pool, summed over each, nats, float64.

    The model counts every token of the pool once more than it stands there.
    """
    counts = np.ones(store.account["vocabulary"])
    block = 2**22
    for low in range(0, len(pool.store.ids), block):
        counts += np.bincount(pool.store.ids[low : low + block], minlength=len(counts))
    price = -np.log(counts / counts.sum())
    found = np.empty(len(store))
    bounds = np.searchsorted(store.starts, np.arange(0, len(store.ids) + block, block))
    for low, high in pairwise(bounds):
        if low < high:
            begin = store.starts[low]
            end = store.starts[high - 1] + store.lengths[high - 1]
            found[low:high] = np.add.reduceat(price[store.ids[begin:end]], store.starts[low:high] - begin)
    return found


def _stretch(store: TokenStore, bits: np.ndarray, tokens: float, target: float) -> np.ndarray:
    """Documents next to each other in surprisal per token, of so many tokens or little more, nearest to the target."""
    total = int(store.lengths.sum())
    if total < tokens:
        raise InputError(
            "source", f"must hold {int(tokens)} tokens to be repeated no more often but holds {total}", "lower the dose"
        )
    order = np.argsort(bits / store.lengths, kind="stable")
    ends, sums = np.cumsum(store.lengths[order]), np.cumsum(bits[order])
    begins = ends - store.lengths[order]
    last = np.searchsorted(ends, begins + tokens)
    first = np.flatnonzero(last < len(order))
    last = last[first]
    means = (sums[last] - sums[first] + bits[order][first]) / (ends[last] - begins[first])
    best = int(np.argmin(np.abs(means - target)))
    return order[first[best] : last[best] + 1]
