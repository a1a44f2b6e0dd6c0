"""From an order of preference to exactly the tokens that are wanted, or to the number that can be had."""

from __future__ import annotations

import numpy as np

from benchshadow.data.packing import Pieces, lay, shuffled
from benchshadow.errors import InputError

from .pool import Segment, Strata

__all__ = ["filled", "taken"]


def taken(segment: Segment, lengths: np.ndarray, tokens: int) -> np.ndarray:
    """The documents that fill so many tokens, wanted most first; all of them where they are too few.

    Within strata each part is filled to its share in the order of preference; what a part lacks is made up from the
    others, in that order.

    Args:
        segment: the order of preference.
        lengths: tokens of every document, of those written too.
        tokens: to be reached by the last document and by none before it.
    """
    return segment.order[_places(segment, lengths, tokens)]


def _places(segment: Segment, lengths: np.ndarray, tokens: int) -> np.ndarray:
    """Where in the order of preference the documents stand that are taken."""
    places = np.arange(len(segment.order))
    if segment.strata is not None:
        places = _by_strata(segment.order, lengths, segment.strata, tokens)
    ends = np.cumsum(lengths[segment.order[places]])
    return places[: int(np.searchsorted(ends, tokens)) + 1] if tokens else places[:0]


def _by_strata(order: np.ndarray, lengths: np.ndarray, strata: Strata, tokens: int) -> np.ndarray:
    """All places, those first that fill every stratum to its share."""
    labels = strata.labels[order]
    grouped = np.argsort(labels, kind="stable")
    sizes = lengths[order][grouped]
    before = np.cumsum(sizes) - sizes
    firsts = np.searchsorted(labels[grouped], np.arange(len(strata.shares)))
    within = before - np.append(before, 0)[firsts][labels[grouped]]
    inside = np.empty(len(order), bool)
    # A document belongs to its stratum's share while its middle does, so that shares are met on average.
    inside[grouped] = within + sizes / 2 <= strata.shares[labels[grouped]] * tokens
    return np.concatenate([np.flatnonzero(inside), np.flatnonzero(~inside)])


def filled(
    segment: Segment,
    lengths: np.ndarray,
    *,
    sequences: int,
    length: int,
    whole: int,
    where: str,
    rng: np.random.Generator,
) -> Pieces:
    """The segment's documents in exactly so many sequences, mixed: documents first, then sequences.

    The document that is cut stays last in the mixing, so that all others stand whole. Whatever the number of documents
    that must be there, the others keep their order, and so do the sequences.

    Args:
        segment: the order of preference.
        lengths: tokens of every document, of those written too.
        sequences: to be filled.
        length: tokens of a sequence.
        whole: tokens of the arm, for what can be had is told as a budget too.
        where: what a refusal names.
        rng: mixes.

    Raises:
        InputError: the documents do not fill the sequences, or the ones that must be there do not fit.
    """
    wanted = sequences * length
    must = int(lengths[segment.order[: segment.must]].sum())
    if must > wanted:
        raise InputError(
            where, f"must fit {must} tokens of copies into its treated sequences but these hold {wanted}", "raise dose"
        )
    there = int(lengths[segment.order].sum())
    if there < wanted:
        share, budget = there / max(wanted, 1), int(whole * there / max(wanted, 1))
        raise InputError(
            where,
            f"must fill {wanted} tokens but the recipe gives {there} without further repetition",
            f"the budget can be at most {budget} tokens at this dose, or the dose at most {share:.3g} of what it is",
        )
    of_must, of_others, of_sequences = rng.spawn(3)
    keys = np.concatenate([of_must.random(segment.must), of_others.random(len(segment.order) - segment.must)])
    places = _places(segment, lengths, wanted)
    if len(places):
        mixed = places[:-1][np.argsort(keys[places[:-1]], kind="stable")]
        places = np.append(mixed, places[-1])
    laid = lay(segment.order[places], lengths, sequences=sequences, length=length)
    return shuffled(laid, sequences, of_sequences)
