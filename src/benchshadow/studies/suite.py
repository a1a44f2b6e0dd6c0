"""What one replicate is trained on and evaluated with: sources that can be drawn from, and tasks with their items."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.sources import Corpus, Sources
from benchshadow.data.tasks import Item as TaskItem
from benchshadow.data.tasks import Task, blimp_split, choices, skill_items, texts, without_repeats
from benchshadow.errors import InputError

from .seeds import generator
from .study import Study
from .task_kinds import BlimpPairs, Choices, SkillItems, TaskSettings, Text

__all__ = ["Suite", "suite"]


@dataclass(frozen=True)
class Suite:
    """What a replicate is trained on and evaluated with.

    Attributes:
        sources: able to draw from any source of the study.
        tasks: in the order of the study file, less items that repeat an earlier tier's or the training text.
        removed: items that were taken out as repeats, by task.
        paradigms: what the benchmark consists of in this replicate.
    """

    sources: Sources
    tasks: tuple[Task, ...]
    removed: dict[str, int]
    paradigms: tuple[str, ...]


def suite(study: Study, replicate: int) -> Suite:
    """Sources and tasks of one replicate; its seed draws the benchmark's split and the items."""
    training: tuple[Document, ...] = ()
    parts: dict[str, Task] = {}
    paradigms: tuple[str, ...] = ()
    if study.benchmark.kind == "blimp":
        split = blimp_split(
            study.benchmark.file,
            share=study.benchmark.share,
            distant=study.benchmark.distant,
            per_paradigm=study.benchmark.per_paradigm,
            rng=generator(study.seed, "benchmark", replicate),
        )
        training, paradigms = split.training, split.paradigms
        parts = {task.name: task for task in split.tasks}
    sources = Sources(study.sources, lambda: list(training))
    drawn = tuple(_task(study, each, sources, parts, replicate) for each in study.tasks)
    kept = without_repeats(drawn, [TaskItem(each.id, "", (each.text,)) for each in training])
    removed = {task.name: len(before.items) - len(task.items) for before, task in zip(drawn, kept, strict=True)}
    return Suite(sources, kept, {name: count for name, count in removed.items() if count}, paradigms)


def _task(study: Study, settings: TaskSettings, sources: Sources, parts: dict[str, Task], replicate: int) -> Task:
    rng = generator(study.seed, "task", settings.name, replicate)
    match settings:
        case SkillItems(seen=True):
            assert study.benchmark.seen is not None, "the study file was checked"
            pool = sources.finite(study.benchmark.seen, rng)
            picked = sorted(rng.permutation(len(pool))[: settings.items].tolist())
            return Task(settings.name, settings.tier, "exact", tuple(_item(pool[i]) for i in picked))
        case SkillItems():
            items = skill_items(
                rng,
                settings.items,
                skills=settings.skills,
                formats=settings.formats,
                lengths=settings.lengths,
                compositions=settings.compositions,
            )
            return Task(settings.name, settings.tier, "exact", items)
        case BlimpPairs():
            if settings.name not in parts:
                text = f"must be one of {', '.join(parts) or 'no tiers: the benchmark is not BLiMP'}"
                raise InputError(f"tasks.{settings.name}", f"{text} but is '{settings.name}'")
            return parts[settings.name]
        case Choices():
            items = choices(settings.file, most=settings.items, rng=rng)
            return Task(settings.name, settings.tier, "choice", items)
        case Text():
            return Task(settings.name, settings.tier, "text", _texts(settings, sources, rng))


def _item(document: Document) -> TaskItem:
    """A document of the embedded world as prompt and answer: the answer is what follows the last space."""
    prompt, space, answer = document.text.rpartition(" ")
    return TaskItem(document.id, prompt + space, (answer,))


def _texts(settings: Text, sources: Sources, rng: np.random.Generator) -> tuple[TaskItem, ...]:
    if isinstance(sources.tree[settings.source], Corpus):
        documents = sources.corpus(settings.source, settings.half)
        order = rng.permutation(len(documents))
        return texts([documents[i] for i in order], most_bytes=settings.bytes)
    drawn = list(islice(sources.draw(settings.source, rng), max(1, settings.bytes // 8)))
    return texts(list(dict.fromkeys(drawn)), most_bytes=settings.bytes)
