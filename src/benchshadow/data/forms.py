"""The form in which an item is asked: its options as text or as letters, and examples before it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Literal

import numpy as np

from benchshadow.errors import InputError

from .tasks import Item

__all__ = ["FORMS", "Form", "lettered", "with_examples"]

Form = Literal["cloze", "letters"]
"""`cloze`: the text of an option follows the question. `letters`: the options are listed, and a letter follows."""
FORMS: tuple[Form, ...] = ("cloze", "letters")
"""Both of them."""


def lettered(item: Item) -> Item:
    """An item with its options listed under letters, one of which is the answer (Hendrycks et al. 2021).

    Small models know no letters: they pick them at random, or one of them always, long after the cloze form shows what
    they know (Gu et al. 2024).

    Raises:
        InputError: there are more options than letters.
    """
    letters = string.ascii_uppercase[: len(item.options)]
    if len(letters) < len(item.options):
        raise InputError(f"item {item.id[:60]!r}", f"must have at most 26 options but has {len(item.options)}")
    listed = "".join(f"{letter}. {option.strip()}\n" for letter, option in zip(letters, item.options, strict=True))
    question = f"{item.prompt.rstrip()}\n" if item.prompt.strip() else ""
    return Item(item.id, f"{question}{listed}Answer:", tuple(f" {letter}" for letter in letters), item.gold)


def with_examples(
    items: Sequence[Item], examples: Sequence[Item], shots: int, *, rng: np.random.Generator
) -> tuple[Item, ...]:
    """Items with the same solved examples before each, in one drawn order.

    Args:
        items: what is asked.
        examples: what the examples are drawn from, in the form of the items; none may be an item.
        shots: how many stand before each item.
        rng: draws them.

    Raises:
        InputError: there are fewer examples than asked for, or one of them is an item.
    """
    if len(examples) < shots:
        raise InputError("shots", f"must be at most the {len(examples)} examples there are but are {shots}")
    asked = {item.prompt + item.options[item.gold] for item in items}
    drawn = [examples[i] for i in rng.permutation(len(examples))[:shots].tolist()]
    for each in drawn:
        if each.prompt + each.options[each.gold] in asked:
            raise InputError("shots", f"must not hold what is asked but hold {each.id[:60]!r}")
    before = "".join(_solved(each) for each in drawn)
    return tuple(item._replace(prompt=before + item.prompt) for item in items)


def _solved(item: Item) -> str:
    """An example with its answer: one line, or an empty line after it where it has several."""
    text = (item.prompt + item.options[item.gold]).rstrip("\n")
    return f"{text}\n\n" if "\n" in text else f"{text}\n"
