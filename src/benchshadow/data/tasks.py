"""Benchmarks as tasks of items in one schema, placed in tiers, and split into a seen and a held-out half."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np

from ..errors import InputError
from ..records import digest
from .documents import Document, data_file, read_rows
from .skills import draw_items

__all__ = [
    "TIERS", "Blimp", "Item", "Task", "Tier", "blimp_split", "choices", "skill_items", "texts", "without_repeats",
]  # fmt: skip

Tier = Literal["seen", "held-out", "sibling", "unrelated", "general"]
TIERS: tuple[Tier, ...] = ("seen", "held-out", "sibling", "unrelated", "general")


class Item(NamedTuple):
    """A prompt and its options; `gold` is the index of the right one. A text to be predicted has one option."""

    id: str
    prompt: str
    options: tuple[str, ...]
    gold: int = 0


@dataclass(frozen=True)
class Task:
    """Items scored in one way, at one distance from the benchmark.

    `exact`: the one option must be what greedy decoding gives. `choice`: the right option must have the largest
    log-probability. `text`: bits per byte.
    """

    name: str
    tier: Tier
    kind: Literal["exact", "choice", "text"]
    items: tuple[Item, ...]

    @property
    def baseline(self) -> float:
        """Score of a guess: the mean of 1 / options for choices, zero for exact matches and texts."""
        if self.kind != "choice":
            return 0.0
        return float(np.mean([1 / len(item.options) for item in self.items]))

    @property
    def sha256(self) -> str:
        """Hash of the items: prompts, options, their order and the right one."""
        return digest([self.kind, [list(item) for item in self.items]])


class Blimp(NamedTuple):
    """One replicate's split of BLiMP: the four tiers, and the seen half as training text."""

    tasks: tuple[Task, ...]
    training: tuple[Document, ...]
    paradigms: tuple[str, ...]


def blimp_split(file: str, *, share: float, distant: int, per_paradigm: int, rng: np.random.Generator) -> Blimp:
    """Split BLiMP (Warstadt et al. 2020) into benchmark, siblings and distant siblings.

    Args:
        file: the paradigms as one jsonl of pairs.
        share: share of the paradigms that make the benchmark.
        distant: number of linguistic terms without any paradigm in the benchmark.
        per_paradigm: most pairs of a paradigm that a tier evaluates; training uses the whole seen half.
        rng: draws the distant terms, the benchmark's paradigms and the seen half.
    """
    paradigms: dict[str, list[Item]] = {}
    terms: dict[str, str] = {}
    for row in read_rows(data_file(file)):
        item = Item(f"{row['UID']}#{row['pairID']}", "", (row["sentence_good"], row["sentence_bad"]))
        paradigms.setdefault(row["UID"], []).append(item)
        terms[row["UID"]] = row["linguistics_term"]
    names = sorted(set(terms.values()))
    far = {names[i] for i in rng.permutation(len(names))[:distant]}
    wanted = round(share * len(paradigms))
    by_term = {term: rng.permutation([p for p in sorted(terms) if terms[p] == term]) for term in names if term not in far}
    chosen: list[str] = []
    # Term by term, never a term's last paradigm, so that every term of the benchmark keeps a sibling where it has two.
    for turn in range(max(map(len, by_term.values()))):
        for order in by_term.values():
            if len(chosen) < wanted and turn < len(order) - 1:
                chosen.append(str(order[turn]))
    if len(chosen) < wanted:
        raise InputError(file, f"must leave siblings: at most {len(chosen)} paradigms can be chosen, not {wanted}")
    seen, held = [], []
    for name in sorted(chosen):
        order = rng.permutation(len(paradigms[name]))
        middle = len(order) // 2
        seen += [[paradigms[name][i] for i in order[:middle]]]
        held += [[paradigms[name][i] for i in order[middle:]]]
    rest = [name for name in sorted(paradigms) if name not in chosen]
    training = [item for half in seen for item in half]
    few = lambda groups: tuple(item for group in groups for item in group[:per_paradigm])  # noqa: E731
    near = [paradigms[name] for name in rest if terms[name] not in far]
    tasks = without_repeats(
        (
            Task("seen pairs", "seen", "choice", few(seen)),
            Task("held-out pairs", "held-out", "choice", few(held)),
            Task("siblings", "sibling", "choice", few(near)),
            Task("distant siblings", "sibling", "choice", few([paradigms[n] for n in rest if terms[n] in far])),
        ),
        training,
    )
    documents = tuple(Document(item.id, item.options[0], item.id.split("#")[0]) for item in training)
    return Blimp(tasks, documents, tuple(sorted(chosen)))


def without_repeats(tasks: Sequence[Task], training: Sequence[Item]) -> tuple[Task, ...]:
    """Tasks less the items whose right text was trained on (the seen tier keeps them) or stands in an earlier tier."""
    known = {_plain(item.prompt + item.options[item.gold]) for item in training}
    kept = []
    for task in tasks:
        if task.tier == "seen":
            kept.append(task)
            continue
        items = []
        for item in task.items:
            text = _plain(item.prompt + item.options[item.gold])
            if text not in known:
                items.append(item)
                known.add(text)
        kept.append(replace(task, items=tuple(items)))
    return tuple(kept)


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def choices(file: str, *, most: int, rng: np.random.Generator) -> tuple[Item, ...]:
    """Multiple-choice items of a file with query, choices and gold; a seeded sample of `most`."""
    rows = list(read_rows(data_file(file)))
    picked = sorted(rng.permutation(len(rows))[:most].tolist())
    return tuple(
        Item(f"{file}#{i}", rows[i]["query"], tuple(f" {c.strip()}" for c in rows[i]["choices"]), int(rows[i]["gold"]))
        for i in picked
    )


def texts(documents: Sequence[Document], *, most_bytes: int) -> tuple[Item, ...]:
    """Whole texts to be predicted, in order, until `most_bytes` are reached."""
    items, size = [], 0
    for document in documents:
        items.append(Item(document.id, "", (document.text,)))
        size += len(document.text.encode())
        if size >= most_bytes:
            break
    return tuple(items)


def skill_items(
    rng: np.random.Generator, count: int, *, without: frozenset[str] = frozenset(), **settings: object
) -> tuple[Item, ...]:
    """Distinct items of the embedded world as exact-match items, none of which is in `without`."""
    found: dict[str, Item] = {}
    for item in islice(draw_items(rng, **settings), 200 * count):  # type: ignore[arg-type]
        text = f"{item.prompt}{item.answer}\n"
        if text not in without:
            found.setdefault(text, Item(text, item.prompt, (f"{item.answer}\n",)))
        if len(found) == count:
            return tuple(found.values())
    raise InputError("skill items", f"must number {count} but only {len(found)} distinct ones exist")
