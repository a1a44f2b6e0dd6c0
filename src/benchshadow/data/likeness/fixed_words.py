"""Format apart from content: how well two sides are told apart by the fixed words of one side, and without them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchshadow.data.documents import Document

from .classifier import Separation, SeparationSettings, separation
from .sampling import evenly_sampled

__all__ = ["FixedWord", "WithoutFormat", "fixed_words", "without_format"]

MANY, APART = 0.5, 0.5
"""A word is fixed where so large a share of one side's texts has it, and a share smaller by so much of the other's."""
_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass(frozen=True)
class FixedWord:
    """A word or run of marks that belongs to the format of one side.

    Attributes:
        word: in lower case.
        corpus: share of the corpus's texts that have it.
        benchmark: share of the benchmark's.
    """

    word: str
    corpus: float
    benchmark: float


@dataclass(frozen=True)
class WithoutFormat:
    """How well two sides are told apart by what is not their format.

    Attributes:
        words: the fixed words, those that part the sides most first.
        by_one: AUROC of the best of them alone, by whether a text has it; .5 where there is none.
        rest: separation of the same texts without them; None where a side has too few texts left with words.
    """

    words: tuple[FixedWord, ...]
    by_one: float
    rest: Separation | None


def fixed_words(corpus: Sequence[str], benchmark: Sequence[str]) -> tuple[FixedWord, ...]:
    """Words and marks that at least half of one side's texts have, and a share smaller by half of the other's.

    Those are of a template ("Answer:"), of a mark-up ("####") or of a habit of one side, and of a subject where nearly
    all of its texts are about one; words that both sides have are not among them.
    """
    shares = [_shares(side) for side in (corpus, benchmark)]
    every = shares[0].keys() | shares[1].keys()
    found = [FixedWord(word, shares[0].get(word, 0.0), shares[1].get(word, 0.0)) for word in every]
    kept = [w for w in found if max(w.corpus, w.benchmark) >= MANY and abs(w.corpus - w.benchmark) >= APART]
    return tuple(sorted(kept, key=lambda each: (-abs(each.corpus - each.benchmark), each.word)))


def without_format(
    corpus: Iterable[Document],
    benchmark: Iterable[Document],
    settings: SeparationSettings | None = None,
    *,
    rng: np.random.Generator,
) -> WithoutFormat:
    """Tell two sides apart again, their fixed words taken out of every text.

    Where the separation falls, it rested on the format; where it stays, the sides differ in more than words that all
    texts of a side have. It does not tell of a format that shows in the order of words or in their number alone.

    Args:
        corpus: its texts.
        benchmark: its items.
        settings: of the classifier.
        rng: draws texts and folds.

    Raises:
        InputError: a side has fewer texts with words than there are folds.
    """
    chosen = settings or SeparationSettings()
    sides = [_sampled(side, chosen, rng) for side in (corpus, benchmark)]
    words = fixed_words([each.text for each in sides[0]], [each.text for each in sides[1]])
    fixed = {each.word for each in words}
    left = [
        [without for each in side if (without := each._replace(text=_without(each.text, fixed))).text.strip()]
        for side in sides
    ]
    lost = min(map(len, sides)) >= chosen.folds > min(map(len, left))
    rest = None if lost else separation(left[0], left[1], chosen, rng=rng)
    return WithoutFormat(words, 0.5 + abs(words[0].corpus - words[0].benchmark) / 2 if words else 0.5, rest)


def _sampled(side: Iterable[Document], chosen: SeparationSettings, rng: np.random.Generator) -> list[Document]:
    cut = (each._replace(text=each.text[: chosen.longest]) for each in side)
    return evenly_sampled((each for each in cut if each.text.strip()), chosen.most, rng=rng)


def _shares(texts: Sequence[str]) -> dict[str, float]:
    """Share of the texts that have each word."""
    counts = Counter(word for text in texts for word in {*_WORD.findall(text.lower())})
    return {word: count / len(texts) for word, count in counts.items()}


def _without(text: str, fixed: set[str]) -> str:
    return _WORD.sub(lambda found: " " if found[0].lower() in fixed else found[0], text)
