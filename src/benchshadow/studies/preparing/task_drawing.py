"""From a task's settings to its items: drawn by the replicate's seed, and put into the form in which they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.forms import Form, lettered, with_examples
from benchshadow.data.harness import Harness, harness_items
from benchshadow.data.questions import Drawn, choice_items, questions
from benchshadow.data.reasoning import Puzzles, puzzle_items
from benchshadow.data.scoring import Scoring
from benchshadow.data.sources import Corpus, Sources
from benchshadow.data.tasks import Item, Task, skill_items, texts
from benchshadow.errors import InputError
from benchshadow.records import canonical
from benchshadow.studies.declaring.study import Study
from benchshadow.studies.declaring.task_kinds import (
    Answers,
    BlimpPairs,
    Choices,
    LmEval,
    ReasoningGym,
    SkillItems,
    TaskSettings,
    Text,
)

from .seeds import generator, seed

__all__ = ["Plain", "dressed", "plain"]


@dataclass(frozen=True)
class Plain:
    """A task before its form: what is compared with other tiers.

    Attributes:
        task: with bare questions.
        examples: what the examples before a question are drawn from.
        shots: how many stand there.
        form: how options are shown.
    """

    task: Task
    examples: tuple[Item, ...] = ()
    shots: int = 0
    form: Form = "cloze"


def plain(study: Study, settings: TaskSettings, sources: Sources, parts: Mapping[str, Task], replicate: int) -> Plain:
    """Draw the items of one task.

    Args:
        study: has the seed, and the benchmark's seen half.
        settings: of the task.
        sources: able to draw from any source of the study.
        parts: tiers of the benchmark where it is split as a whole.
        replicate: seeds what is drawn.
    """
    rng = generator(study.seed, "task", settings.name, replicate)
    match settings:
        case SkillItems():
            return _skills(study, settings, sources, rng, replicate)
        case BlimpPairs():
            if settings.name not in parts:
                text = f"must be one of {', '.join(parts) or 'no tiers: the benchmark is not BLiMP'}"
                raise InputError(f"tasks.{settings.name}", f"{text} but is '{settings.name}'")
            return Plain(replace(parts[settings.name], scoring=Scoring(compete=settings.compete)))
        case Choices():
            scoring = Scoring(compete=settings.compete, bare=settings.bare)
            asked = choice_items(settings.file, fields=settings.fields, most=settings.items, rng=rng)
            task = Task(settings.name, settings.tier, "choice", asked.items, scoring)
            return Plain(task, asked.rest, settings.shots, settings.form)
        case Answers():
            return _answers(settings, rng)
        case Text():
            items = _texts(settings, sources, rng)
            return Plain(Task(settings.name, settings.tier, "text", items, Scoring(overlap=settings.overlap)))
        case LmEval():
            drawn_by = seed(study.seed, "task", settings.name, replicate) % 2**31
            harness = Harness(settings.tasks, settings.include, settings.shots, settings.metric, drawn_by)
            items = harness_items(harness, most=settings.items)
            return Plain(Task(settings.name, settings.tier, "harness", items, Scoring(harness=harness)))
        case ReasoningGym():
            drawn_by = seed(study.seed, "task", settings.name, replicate) % 2**31
            judge = Puzzles(settings.dataset, canonical(settings.settings), settings.items, drawn_by)
            scoring = Scoring(judge=judge, most_tokens=settings.most_tokens, stop=settings.stop)
            return Plain(Task(settings.name, settings.tier, "generated", puzzle_items(judge), scoring))


def dressed(plain: Plain, task: Task, *, rng: np.random.Generator) -> Task:
    """A task, less what was left out of it, in the form in which it is asked.

    Args:
        plain: as it was drawn.
        task: the same with the items that are left.
        rng: draws the examples.
    """
    items, examples = task.items, plain.examples
    if plain.form == "letters":
        items, examples = tuple(map(lettered, items)), tuple(map(lettered, examples))
    if plain.shots:
        try:
            items = with_examples(items, examples, plain.shots, rng=rng)
        except InputError as error:
            raise InputError(f"tasks.{task.name}.{error.where}", error.problem, error.remedy) from None
    return replace(task, items=items)


def _skills(study: Study, settings: SkillItems, sources: Sources, rng: np.random.Generator, replicate: int) -> Plain:
    if settings.seen:
        assert study.benchmark.seen is not None, "the study file was checked"
        pool = sources.finite(study.benchmark.seen, rng)
        order = rng.permutation(len(pool))
        items = tuple(_item(pool[i]) for i in sorted(order[: settings.items].tolist()))
        examples = tuple(_item(pool[i]) for i in order[settings.items :].tolist())
    else:
        drawn = {key: getattr(settings, key) for key in ("skills", "formats", "lengths", "compositions")}
        items = skill_items(rng, settings.items, **drawn)
        examples = _seen(study, settings, sources, replicate) if settings.shots else ()
    generated = settings.by == "generation"
    longest = max(len(item.options[0]) for item in items)
    scoring = Scoring(alike=(), most_tokens=longest + 1) if generated else Scoring()
    kind = "generated" if generated else "exact"
    return Plain(Task(settings.name, settings.tier, kind, items, scoring), examples, settings.shots)


def _seen(study: Study, settings: SkillItems, sources: Sources, replicate: int) -> tuple[Item, ...]:
    """The benchmark's seen half, for examples."""
    if study.benchmark.kind != "skills" or study.benchmark.seen is None:
        raise InputError(f"tasks.{settings.name}.shots", "must be 0 where the benchmark's seen half is no skills")
    rng = generator(study.seed, "examples", settings.name, replicate)
    return tuple(map(_item, sources.finite(study.benchmark.seen, rng)))


def _answers(settings: Answers, rng: np.random.Generator) -> Plain:
    asked: Drawn = questions(
        settings.file,
        question=settings.question,
        answer=settings.answer,
        after=settings.after,
        most=settings.items,
        rng=rng,
    )
    scoring = Scoring(alike=settings.alike, take=settings.take, most_tokens=settings.most_tokens, stop=settings.stop)
    return Plain(Task(settings.name, settings.tier, "generated", asked.items, scoring), asked.rest, settings.shots)


def _item(document: Document) -> Item:
    """A document of the embedded world as prompt and answer: the answer is what follows the last space."""
    prompt, space, answer = document.text.rpartition(" ")
    return Item(document.id, prompt + space, (answer,))


def _texts(settings: Text, sources: Sources, rng: np.random.Generator) -> tuple[Item, ...]:
    if isinstance(sources.tree[settings.source], Corpus):
        documents = sources.corpus(settings.source, settings.half)
        order = rng.permutation(len(documents))
        return texts([documents[i] for i in order], most_bytes=settings.bytes)
    drawn = list(islice(sources.draw(settings.source, rng), max(1, settings.bytes // 8)))
    return texts(list(dict.fromkeys(drawn)), most_bytes=settings.bytes)
