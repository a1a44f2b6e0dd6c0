"""Benchmarks as tasks of items in one schema, placed in tiers, and split into a seen and a held-out half."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np

from benchshadow.errors import InputError
from benchshadow.records import digest

from .documents import Document, data_file, read_rows
from .scoring import Scoring
from .skills import draw_items

__all__ = [
    "TIERS", "Blimp", "Item", "Kind", "Task", "Tier", "blimp_split", "choices", "skill_items", "texts",
    "without_repeats",
]  # fmt: skip

Tier = Literal["seen", "held-out", "sibling", "unrelated", "general"]
"""How far a task is from what was trained on."""
TIERS: tuple[Tier, ...] = ("seen", "held-out", "sibling", "unrelated", "general")
"""The tiers, nearest first."""

Kind = Literal["exact", "choice", "text", "generated", "harness"]
"""In which of the ways of `Task` its items are scored."""


class Item(NamedTuple):
    """A prompt and its options; `gold` is the index of the right one. A text to be predicted has one option."""

    id: str
    prompt: str
    options: tuple[str, ...]
    gold: int = 0


@dataclass(frozen=True)
class Task:
    """Items scored in one way, at one distance from the benchmark.

    `exact`: the one option must be what greedy decoding gives, token by token. `choice`: the right option must have the
    largest log-probability. `text`: bits per byte. `generated`: what greedy decoding gives up to a stop must be one of
    the options, in the form that is compared. `harness`: another program asks the questions and scores them.
    """

    name: str
    tier: Tier
    kind: Kind
    items: tuple[Item, ...]
    scoring: Scoring = field(default_factory=Scoring)

    def __post_init__(self) -> None:
        if not self.items:
            raise InputError(f"task '{self.name}'", "must hold at least one item but holds none")
        least = 2 if self.kind == "choice" else 1
        for item in self.items:
            where = f"task '{self.name}', item {item.id[:60]!r}"
            if len(item.options) < least or (self.kind in ("exact", "text") and len(item.options) > 1):
                raise InputError(
                    where, f"must have {least} option{'s or more' * (least > 1)} but has {len(item.options)}"
                )
            if not all(item.options):
                raise InputError(where, "must have options with text but has an empty one")
            if not 0 <= item.gold < len(item.options):
                raise InputError(where, f"must have its gold among {len(item.options)} options but it is {item.gold}")

    @property
    def baseline(self) -> float:
        """Score of a guess: the mean of 1 / options for choices, zero for exact matches and texts."""
        if self.kind not in ("choice", "harness"):
            return 0.0
        return float(np.mean([1 / len(item.options) if len(item.options) > 1 else 0.0 for item in self.items]))

    @property
    def majority(self) -> float | None:
        """Score of the one answer that is right most often, by its text; None for texts.

        Above the baseline where answers are uneven, as in questions of yes and no: a model that has learnt no more than
        the more frequent answer scores this.
        """
        if self.kind == "text":
            return None
        return max(Counter(item.options[item.gold].strip() for item in self.items).values()) / len(self.items)

    @property
    def sha256(self) -> str:
        """Hash of the items and their scoring: prompts, options, their order and the right one."""
        return digest([self.kind, [list(item) for item in self.items], self.scoring.described])


class Blimp(NamedTuple):
    """One replicate's split of BLiMP.

    Attributes:
        tasks: seen pairs, held-out pairs, siblings, distant siblings.
        training: the good sentences of the whole seen half.
        paradigms: what the benchmark consists of.
    """

    tasks: tuple[Task, ...]
    training: tuple[Document, ...]
    paradigms: tuple[str, ...]


def blimp_split(file: str, *, share: float, distant: int, per_paradigm: int, rng: np.random.Generator) -> Blimp:
    """Split BLiMP (Warstadt et al. 2020) into benchmark, siblings and distant siblings.

    Args:
        file: the paradigms as one jsonl of pairs.
        share: share of the paradigms that make the benchmark.
        distant: number of linguistic terms that are kept out of the benchmark. The paradigms of every term that has
            none in it, these and any that the share did not reach, are the distant siblings.
        per_paradigm: most pairs of a paradigm that a tier evaluates; training uses the whole seen half.
        rng: draws the distant terms, the benchmark's paradigms and the seen half.
    """
    paradigms: dict[str, list[Item]] = {}
    terms: dict[str, str] = {}
    for number, row in enumerate(read_rows(data_file(file)), 1):
        name, pair, good, bad, term = _fields(
            row, f"{file}:{number}", "UID", "pairID", "sentence_good", "sentence_bad", "linguistics_term"
        )
        paradigms.setdefault(name, []).append(Item(f"{name}#{pair}", "", (good, bad)))
        terms[name] = term
    chosen = _benchmark(file, terms, share, distant, rng)
    seen, held = [], []
    for name in chosen:
        order = rng.permutation(len(paradigms[name]))
        middle = len(order) // 2
        seen.append([paradigms[name][i] for i in order[:middle]])
        held.append([paradigms[name][i] for i in order[middle:]])
    shared = {terms[name] for name in chosen}
    rest = [name for name in sorted(paradigms) if name not in chosen]
    training = [item for half in seen for item in half]
    tasks = without_repeats(
        (
            Task("seen pairs", "seen", "choice", _few(seen, per_paradigm)),
            Task("held-out pairs", "held-out", "choice", _few(held, per_paradigm)),
            Task(
                "siblings", "sibling", "choice", _few([paradigms[n] for n in rest if terms[n] in shared], per_paradigm)
            ),
            Task(
                "distant siblings",
                "sibling",
                "choice",
                _few([paradigms[n] for n in rest if terms[n] not in shared], per_paradigm),
            ),
        ),
        training,
    )
    documents = tuple(Document(item.id, item.options[0], item.id.split("#")[0]) for item in training)
    return Blimp(tasks, documents, chosen)


def _benchmark(
    file: str, terms: dict[str, str], share: float, distant: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """The paradigms of the benchmark, term by term and never a term's last one, so that each leaves a sibling."""
    names = sorted(set(terms.values()))
    if not 1 <= distant < len(names):
        raise InputError(
            file, f"has {len(names)} linguistic terms, so distant must be in 1 to {len(names) - 1} but is {distant}"
        )
    far = {names[i] for i in rng.permutation(len(names))[:distant]}
    wanted = round(share * len(terms))
    by_term = {
        term: rng.permutation([p for p in sorted(terms) if terms[p] == term]) for term in names if term not in far
    }
    turns = range(max(map(len, by_term.values())))
    able = [str(order[turn]) for turn in turns for order in by_term.values() if turn < len(order) - 1]
    if not 1 <= wanted <= len(able):
        rule = f"must leave every term a sibling, so 1 to {len(able)} of {len(terms)} paradigms can make the benchmark"
        raise InputError(file, f"{rule}, but a share of {share:g} is {wanted}")
    return tuple(sorted(able[:wanted]))


def _few(groups: Sequence[Sequence[Item]], most: int) -> tuple[Item, ...]:
    return tuple(item for group in groups for item in group[:most])


def _fields(row: dict[str, Any], where: str, *names: str) -> list[Any]:
    for name in names:
        if name not in row:
            raise InputError(where, f"must have the field '{name}' but has {sorted(row)}")
    return [row[name] for name in names]


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


def choices(
    file: str, *, most: int, rng: np.random.Generator, fields: tuple[str, str, str] = ("query", "choices", "gold")
) -> tuple[Item, ...]:
    """Multiple-choice items of a file: a seeded sample of `most`; `fields` hold question, options and the right one."""
    rows = list(read_rows(data_file(file)))
    found = []
    for i in sorted(rng.permutation(len(rows))[:most].tolist()):
        where = f"{file}, row {i + 1}"
        query, options, gold = _fields(rows[i], where, *fields)
        texts_of = isinstance(query, str) and isinstance(options, list) and all(isinstance(o, str) for o in options)
        if not texts_of or type(gold) is not int:
            rule = "must have a text as {}, a list of texts as {} and a whole number as {}".format(*fields)
            raise InputError(where, f"{rule} but has {str([query, options, gold])[:80]}")
        found.append(Item(f"{file}#{i}", query, tuple(f" {option.strip()}" for option in options), gold))
    return tuple(found)


def texts(documents: Sequence[Document], *, most_bytes: int) -> tuple[Item, ...]:
    """Whole texts to be predicted, in order, until `most_bytes` are reached; the last one may pass them."""
    items, size = [], 0
    for document in documents:
        items.append(Item(document.id, "", (document.text,)))
        size += len(document.text.encode())
        if size >= most_bytes:
            break
    return tuple(items)


def skill_items(rng: np.random.Generator, count: int, **settings: Any) -> tuple[Item, ...]:
    """Distinct held-out items of the embedded world, to be answered exactly.

    Args:
        rng: draws the items.
        count: how many.
        settings: of `draw_items`: skills, formats, lengths, compositions.
    """
    if count < 1:
        raise InputError("skill items", f"must number at least 1 but are {count}")
    found: dict[str, Item] = {}
    for item in islice(draw_items(rng, **settings), 2000 * count):
        if item.held_out:
            found.setdefault(item.text, Item(item.text, item.prompt, (f"{item.answer}\n",)))
        if len(found) == count:
            return tuple(found.values())
    raise InputError("skill items", f"must number {count} but only {len(found)} distinct ones are held out")
