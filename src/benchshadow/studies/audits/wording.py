"""Wording of corpora over draws of one amount of text, and what two of them differ by at equal amounts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchshadow.data.surface import Measure, Spread, Wordings, by_bytes, by_texts, by_words, repeated_share
from benchshadow.data.surface.compression import BYTES
from benchshadow.data.surface.wordings import WORDS

from .numbers import Row, row

__all__ = ["DIFFERENCE", "Wording", "row_differences", "wording_differences", "wording_of", "wording_rows"]

DIFFERENCE = "_difference"
"""What follows a measure's name where the value is the difference of two corpora."""
TEXTS = 1_000
"""Documents at which corpora are compared by number, where they have twice as many."""
_REPEATS = 10_000
_TEXTS = "equal texts"
_COMPRESSION = Measure("compression_ratio")
_FIXED = ("distinct_n", "self_repetition")


@dataclass(frozen=True)
class Wording:
    """One corpus's wording.

    Attributes:
        fixed: at the panel's own amounts, 50,000 words and 300,000 bytes; undefined where there is less.
        words: at as many words, or bytes, as every corpus has twice, and the panel's own amounts at most.
        texts: at as many documents as every corpus has twice, and a thousand at most.
    """

    fixed: dict[Measure, Spread]
    words: dict[Measure, Spread]
    texts: dict[Measure, Spread]


def wording_of(
    pools: Mapping[str, Wordings], copies: Mapping[str, Mapping[str, np.ndarray]], *, rng: np.random.Generator
) -> dict[str, Wording]:
    """The wording of every corpus, at amounts that are the same for all.

    Args:
        pools: by corpus.
        copies: by corpus and measure, the group of every document: of one text, or nearly of one.
        rng: draws the documents.
    """
    words = min(WORDS, min(pool.words for pool in pools.values()) // 2)
    amount = min(BYTES, min(pool.bytes for pool in pools.values()) // 2)
    texts = min(TEXTS, min(len(pool) for pool in pools.values()) // 2)
    repeats = min(_REPEATS, min(len(each) for groups in copies.values() for each in groups.values()) // 2)
    found = {}
    for name, pool in pools.items():
        fixed = _at(pool, WORDS, BYTES, rng)
        equal = fixed if (words, amount) == (WORDS, BYTES) else _at(pool, words, amount, rng)
        by_number = by_texts(pool, texts, rng=rng) if texts and len(pools) > 1 else {}
        if repeats and len(pools) > 1:
            groups = copies[name].items()
            by_number |= {Measure(share): repeated_share(each, repeats, rng=rng) for share, each in groups}
        found[name] = Wording(fixed, equal, by_number)
    return found


def _at(pool: Wordings, words: int, amount: int, rng: np.random.Generator) -> dict[Measure, Spread]:
    """Everything at so many words, and compression at so many bytes."""
    if 1 <= words <= pool.words:
        found = by_words(pool, words, rng=rng)
    else:
        names = [*(Measure("distinct_n", n) for n in (1, 2, 3, 4)), Measure("self_repetition")]
        found = {name: _short(words, pool.words, "words", pool) for name in names}
    enough = 1 <= amount <= pool.bytes
    found[_COMPRESSION] = by_bytes(pool, amount, rng=rng) if enough else _short(amount, pool.bytes, "bytes", pool)
    return found


def _short(asked: int, there: int, unit: str, pool: Wordings) -> Spread:
    reason = f"asks for {max(asked, 1):,} {unit} but there are {there:,}"
    return Spread(None, None, there, unit, 0, 0, len(pool), reason)


def wording_rows(wording: Wording) -> Iterator[Row]:
    """One corpus's rows: wording at the panel's own amounts, concentration of words at what all corpora have."""
    for measure, found in wording.fixed.items():
        if measure.name in (*_FIXED, _COMPRESSION.name):
            yield _row(measure, found)
    for measure, found in wording.words.items():
        if measure.over == "words":
            yield _row(measure, found)


def _row(measure: Measure, found: Spread) -> Row:
    return row(
        measure.name, found.value, parameter=measure.parameter, split=measure.over, items=found.amount,
        error_bound=found.half, method=_method(found),
    )  # fmt: skip


def _method(found: Spread) -> str:
    if found.value is None:
        return f"undefined: {found.reason}"
    drawn = f"{found.amount:,} {found.unit}, {found.draws} draws of {found.documents:,.0f} of {found.pool:,} documents"
    return f"{drawn}, {'delete-d jackknife' if found.half is not None else 'too few for an interval'}"


def wording_differences(wordings: Mapping[str, Wording]) -> Iterator[Row]:
    """For every two corpora, what they differ by at equal words and at equal numbers of texts."""
    for one, other in combinations(wordings, 2):
        for here, there in (
            (wordings[one].words, wordings[other].words),
            (wordings[one].texts, wordings[other].texts),
        ):
            for measure in (each for each in here if each in there):
                value, half = here[measure].minus(there[measure])
                split = f"equal {here[measure].unit}"
                over = f"{measure.over}, {split}" if measure.over else split
                undefined = next((_method(x) for x in (here[measure], there[measure]) if x.value is None), None)
                about = {"parameter": measure.parameter, "split": over, "items": here[measure].amount}
                yield _difference(one, other, measure.name, value, half, undefined or _method(here[measure]), **about)


def row_differences(rows: Sequence[Row]) -> Iterator[Row]:
    """The same of rows that were taken at one number of texts for all corpora: diversity, and alignment."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for each in rows:
        key = tuple(each.get(name) for name in ("diagnostic", "parameter", "benchmark"))
        groups.setdefault(key, []).append(each)
    for same in groups.values():
        for one, other in combinations(same, 2):
            about = {name: one.get(name) for name in ("parameter", "benchmark", "items")}
            split = None if one.get("benchmark") else _TEXTS
            lacking = next((each["method"] for each in (one, other) if each["value"] is None), None)
            value = None if lacking else one["value"] - other["value"]
            halves = [float(each["error_bound"]) for each in (one, other) if each.get("error_bound") is not None]
            half = math.hypot(*halves) if len(halves) == 2 and not lacking else None
            method = lacking or "both intervals together, as of independent samples"
            yield _difference(one["arm"], other["arm"], one["diagnostic"], value, half, method, split=split, **about)


def _difference(
    one: str, other: str, name: str, value: float | None, half: float | None, method: str, **about: object
) -> Row:
    plain = row(name, value, arm=one, base=other, error_bound=half, method=method, **about)
    return plain | {"diagnostic": f"{name}{DIFFERENCE}"}
