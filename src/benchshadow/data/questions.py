"""Questions with short answers, read from a file by templates: what is asked, and the answers that are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from benchshadow.errors import InputError

from .documents import data_file, fill, read_rows
from .tasks import Item, choices

__all__ = ["Drawn", "choice_items", "questions"]


class Drawn(NamedTuple):
    """A seeded sample of a file, and the rows that are left for examples.

    Attributes:
        items: what is asked, in the order of the file.
        rest: what is not.
    """

    items: tuple[Item, ...]
    rest: tuple[Item, ...]


def choice_items(file: str, *, fields: tuple[str, str, str], most: int, rng: np.random.Generator) -> Drawn:
    """Multiple-choice items of a file; the sample is that of `choices`."""
    rows = choices(file, most=10**9, rng=np.random.default_rng(0), fields=fields)
    return _sample(rows, most, rng)


def questions(file: str, *, question: str, answer: str, after: str, most: int, rng: np.random.Generator) -> Drawn:
    r"""Questions of a file, each with the answers that are right.

    Args:
        file: jsonl, plain or gzipped.
        question: template of the prompt, as it stands before the answer: "Question: {question}\nAnswer:".
        answer: the field of the answer: a text, a number, or a list of texts each of which is right.
        after: of an answer only what follows the last of these texts counts, "####" for GSM8K; "" for all of it.
        most: how many are asked.
        rng: draws which.
    """
    items = []
    for number, row in enumerate(read_rows(data_file(file)), 1):
        where = f"{file}, row {number}"
        if answer not in row:
            raise InputError(where, f"must have the field '{answer}' but has {sorted(row)}")
        right = _answers(row[answer], after, where)
        items.append(Item(f"{file}#{number - 1}", fill(question, row, where), right))
    return _sample(items, most, rng)


def _sample(rows: Sequence[Item], most: int, rng: np.random.Generator) -> Drawn:
    order = rng.permutation(len(rows))
    asked, left = np.sort(order[:most]).tolist(), np.sort(order[most:]).tolist()
    return Drawn(tuple(rows[i] for i in asked), tuple(rows[i] for i in left))


def _answers(value: Any, after: str, where: str) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    found = []
    for each in given:
        if isinstance(each, bool) or not isinstance(each, str | int | float):
            raise InputError(where, f"must have texts or numbers as answers but has {each!r}"[:200])
        text = str(each)
        if after and after not in text:
            raise InputError(where, f"must have {after!r} in its answer but has {text[-60:]!r}")
        found.append(f" {text.rpartition(after)[2].strip() if after else text.strip()}")
    if not found or not all(text.strip() for text in found):
        raise InputError(where, f"must have an answer with text but has {value!r}"[:200])
    return tuple(found)
