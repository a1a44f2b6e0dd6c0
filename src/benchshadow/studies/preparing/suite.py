"""What one replicate is trained on and evaluated with: sources that can be drawn from, and tasks with their items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchshadow.data.apart import apart
from benchshadow.data.benchmarks import Removed
from benchshadow.data.documents import Document
from benchshadow.data.sources import DataFile, Sources
from benchshadow.data.tasks import Task, blimp_split
from benchshadow.studies.declaring.study import Study

from .equalising import Equalising, equalising
from .seeds import generator
from .task_drawing import dressed, plain

__all__ = ["Suite", "study_sources", "suite"]


@dataclass(frozen=True)
class Suite:
    """What a replicate is trained on and evaluated with.

    Attributes:
        sources: able to draw from any source of the study.
        tasks: in the order of the study file, less items that repeat, or nearly, a nearer tier's or the training text.
        bare: the same tasks before examples and letters are put to their items: what is compared with other texts.
        removed: the items that were taken out for that, by task, each with what it repeats.
        paradigms: what the benchmark consists of in this replicate.
        training: texts of the benchmark's seen half, where the benchmark is split as a whole.
        equaliser: the short training that every arm gets before it is scored once more, where the study has one.
    """

    sources: Sources
    tasks: tuple[Task, ...]
    bare: tuple[Task, ...]
    removed: dict[str, tuple[Removed, ...]]
    paradigms: tuple[str, ...]
    training: tuple[Document, ...]
    equaliser: Equalising | None = None


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
    sources = study_sources(study, training)
    drawn = [plain(study, each, sources, parts, replicate) for each in study.tasks]
    kept = apart([each.task for each in drawn], training)
    tasks = tuple(
        dressed(each, task, rng=generator(study.seed, "shots", task.name, replicate))
        for each, task in zip(drawn, kept.tasks, strict=True)
    )
    removed = {task.name: found for task in tasks if (found := kept.of(task.name))}
    equaliser = equalising(study, sources, kept.tasks, training, replicate)
    return Suite(sources, tasks, kept.tasks, removed, paradigms, training, equaliser)


def study_sources(study: Study, training: Sequence[Document] = ()) -> Sources:
    """The sources of a study, of which a split of its benchmark gives `training`."""
    split = study.benchmark
    seen_in = DataFile(split.file, split.licence, split.origin) if split.kind == "blimp" else None
    return Sources(study.sources, lambda: list(training), seen_in)
