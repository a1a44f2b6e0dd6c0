"""Procedural puzzles of reasoning-gym: drawn from a seed, judged by their own verifier."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import metadata
from typing import Any

from benchshadow.errors import InputError, MissingExtra

from .tasks import Item

__all__ = ["Puzzles", "puzzle_items"]


@dataclass(frozen=True)
class Puzzles:
    """The judge of one data set's puzzles.

    Attributes:
        dataset: its name in reasoning-gym.
        settings: of the data set, as canonical JSON.
        items: how many are drawn.
        seed: draws them.
    """

    dataset: str
    settings: str
    items: int
    seed: int

    @property
    def described(self) -> dict[str, Any]:
        """For manifests and hashes, with the program's version."""
        return {**vars(self), "reasoning_gym": metadata.version("reasoning-gym")}

    def right(self, item: str, answer: str) -> float:
        """What the data set's own verifier gives for an answer, 0 to 1; many give a little for a wrong one."""
        drawn = _opened(self)
        return float(drawn.score_answer(answer, drawn[int(item.rpartition("#")[2])]))


def puzzle_items(puzzles: Puzzles) -> tuple[Item, ...]:
    """The puzzles as items, each with the answer that the data set gives; others may be right too: ask the judge.

    Raises:
        MissingExtra: reasoning-gym is not installed.
        InputError: there is no such data set, or it has no such setting.
    """
    drawn = _opened(puzzles)
    found = []
    for number in range(puzzles.items):
        entry = drawn[number]
        # Some puzzles have no stored answer, only a verifier.
        answer = str(entry["answer"]) if entry["answer"] not in (None, "") else "(none stored)"
        found.append(Item(f"{puzzles.dataset}#{number}", f"{entry['question'].rstrip()}\nAnswer:", (f" {answer}",)))
    return tuple(found)


@lru_cache(maxsize=8)
def _opened(puzzles: Puzzles) -> Any:
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ModuleNotFoundError as error:
        raise MissingExtra("reasoning-gym", "reasoning-gym") from error
    if puzzles.dataset not in DATASETS:
        near = get_close_matches(puzzles.dataset, DATASETS, n=1)
        meant = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(sorted(DATASETS)[:5])} ..."
        raise InputError("dataset", f"must name a data set of reasoning-gym but is '{puzzles.dataset}'", meant)
    settings = json.loads(puzzles.settings)
    try:
        return reasoning_gym.create_dataset(puzzles.dataset, size=puzzles.items, seed=puzzles.seed, **settings)
    except (TypeError, AssertionError, ValueError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError("settings", f"must be those of '{puzzles.dataset}' but are {settings} ({said})") from error
