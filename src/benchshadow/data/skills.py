"""The embedded world: small skills on strings and numbers, in surface formats and lengths, with exact ground truth.

Everything about an item is known (skill, format, length), so seen items, held-out items, sibling formats, other skills,
compositions and longer inputs are told apart by construction and not by guessing.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchshadow.errors import InputError

from .documents import unit_hash

__all__ = ["FORMATS", "HELD_OUT_SHARE", "LONGEST", "SKILLS", "Exercise", "Skill", "draw_items", "vocabulary", "words"]

LETTERS = "abcdefghijklmnop"
"""Letters of the inputs."""
LONGEST = 18
"""Longest input: a table names each of the sixteen letters at most once, and has two keys fewer than its length."""
HELD_OUT_SHARE = 0.1
"""Share of all questions that nothing is ever trained on."""


@dataclass(frozen=True)
class Skill:
    """A small task: how an input of a length is drawn, and the one right answer."""

    draw: Callable[[np.random.Generator, int], str]
    solve: Callable[[str], str]
    composable: bool = False


def _word(rng: np.random.Generator, length: int) -> str:
    return "".join(LETTERS[i] for i in rng.integers(len(LETTERS), size=length))


def _number(rng: np.random.Generator, length: int) -> str:
    digits = max(1, length - 2)
    return str(rng.integers(10 ** (digits - 1) if digits > 1 else 0, 10**digits))


def _two_numbers(rng: np.random.Generator, length: int) -> str:
    return f"{_number(rng, length)},{_number(rng, length)}"


def _table(rng: np.random.Generator, length: int) -> str:
    keys = rng.choice(len(LETTERS), size=max(2, length - 2), replace=False)
    pairs = [f"{LETTERS[key]}{rng.integers(10)}" for key in keys]
    return ";".join(pairs) + "?" + LETTERS[rng.choice(keys)]


def _look_up(text: str) -> str:
    pairs, key = text.split("?")
    return next(pair[1] for pair in pairs.split(";") if pair[0] == key)


def _shifted(word: str) -> str:
    return "".join(LETTERS[(LETTERS.index(letter) + 1) % len(LETTERS)] for letter in word)


SKILLS: dict[str, Skill] = {
    "copy": Skill(_word, lambda w: w),
    "reverse": Skill(_word, lambda w: w[::-1], composable=True),
    "sort": Skill(_word, lambda w: "".join(sorted(w)), composable=True),
    "rotate": Skill(_word, lambda w: w[1:] + w[0], composable=True),
    "swap": Skill(_word, lambda w: w[-1] + w[1:-1] + w[0] if len(w) > 1 else w, composable=True),
    "shift": Skill(_word, _shifted, composable=True),
    "first": Skill(_word, lambda w: w[0]),
    "last": Skill(_word, lambda w: w[-1]),
    "upper": Skill(_word, str.upper),
    "count": Skill(_word, lambda w: str(len(w))),
    "lookup": Skill(_table, _look_up),
    "compare": Skill(_two_numbers, lambda t: max(t.split(","), key=int)),
    "add": Skill(_two_numbers, lambda t: str(sum(map(int, t.split(","))))),
}
"""The skills by name."""

FORMATS: dict[str, str] = {
    "equals": "{s} {x} = ",
    "call": "{s}({x}) -> ",
    "question": "Q: {x} {s} A: ",
    "bar": "{x} | {s} | ",
    "tag": "<{s}> {x} </> ",
    "order": "please {s} {x} : ",
    "input": "in {x} do {s} out ",
    "arrow": "{x} => {s} => ",
}
"""Surface formats by name: {s} the skill, {x} the input; what follows is the answer and a line end."""

_FORMAT_WORDS = ("->", "=>", "Q:", "A:", "</>", "please", "input", "in", "do", "out", "then")


class Exercise(NamedTuple):
    """One task instance: prompt and answer are joined to make a document."""

    skill: str
    format: str
    length: int
    input: str
    prompt: str
    answer: str

    @property
    def text(self) -> str:
        """The whole document."""
        return f"{self.prompt}{self.answer}\n"

    @property
    def held_out(self) -> bool:
        """Whether it is for evaluation alone: told by the question, in whatever format it is asked."""
        return unit_hash("held out", self.skill, self.input) < HELD_OUT_SHARE


def draw_items(
    rng: np.random.Generator,
    *,
    skills: Sequence[str],
    formats: Sequence[str],
    lengths: tuple[int, int],
    compositions: float = 0.0,
    among: Sequence[str] | None = None,
) -> Iterator[Exercise]:
    """Exercises without end, drawn uniformly over skills, formats and lengths.

    Args:
        rng: the only source of randomness.
        skills: names of `SKILLS`.
        formats: names of `FORMATS`.
        lengths: shortest and longest input, both included: characters of a word, two more than the digits of a number
            or the pairs of a table.
        compositions: share of items that apply two different composable skills one after the other.
        among: the skills that compositions are made of; all composable ones where it is left out.
    """
    if not 1 <= lengths[0] <= lengths[1] <= LONGEST:
        raise InputError("lengths", f"must rise within 1 to {LONGEST} but are {list(lengths)}")
    composable = [name for name in (SKILLS if among is None else among) if SKILLS[name].composable]
    if compositions and len(composable) < 2:
        raise InputError("compositions", f"must be made of at least 2 composable skills but have {composable}")
    while True:
        length = int(rng.integers(lengths[0], lengths[1] + 1))
        form = formats[int(rng.integers(len(formats)))]
        if compositions and rng.random() < compositions:
            one, two = (composable[i] for i in rng.choice(len(composable), size=2, replace=False))
            word = _word(rng, length)
            name, answer = f"{one} then {two}", SKILLS[two].solve(SKILLS[one].solve(word))
        else:
            name = skills[int(rng.integers(len(skills)))]
            word = SKILLS[name].draw(rng, length)
            answer = SKILLS[name].solve(word)
        yield Exercise(name, form, length, word, FORMATS[form].format(s=name, x=word), answer)


def vocabulary() -> list[str]:
    """Every symbol of the world: its words, then its characters."""
    characters = sorted(set(string.ascii_uppercase[: len(LETTERS)] + LETTERS + string.digits + " =()|<>:,;?\n"))
    return [*words(), *characters]


def words() -> list[str]:
    """Symbols of more than one character: names of skills and what the formats are made of."""
    return [*SKILLS, *_FORMAT_WORDS]
