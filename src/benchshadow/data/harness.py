"""Tasks of lm-evaluation-harness, its own and local ones, opened without a network and seen as items of ours."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError, MissingExtra

from .documents import DATA_VARIABLE
from .tasks import Item

__all__ = ["SHOTS", "Harness", "harness_items", "opened", "place_of", "quietly"]

SHOTS = "num_fewshot"
"""What a task of the harness calls its number of examples."""

_OFFLINE = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@dataclass(frozen=True)
class Harness:
    """Which of its tasks, and how they are asked.

    Attributes:
        tasks: names as `lm_eval ls tasks` gives them.
        include: folder of yaml files with tasks of one's own; below the data folder unless absolute. "" for none.
        shots: examples before each question; None as each task has it.
        metric: which measure of its per-item ones counts as right answers; "" for the first of acc and exact_match.
        seed: draws the examples.
    """

    tasks: tuple[str, ...]
    include: str = ""
    shots: int | None = None
    metric: str = ""
    seed: int = 0

    @property
    def described(self) -> dict[str, Any]:
        """For manifests and hashes, with the versions of the program and of its tasks."""
        found = opened(self.tasks, self.include)
        return {
            **vars(self),
            "lm_eval": metadata.version("lm_eval"),
            "versions": {name: str(task.VERSION) for name, task in found.items()},
        }


def harness_items(harness: Harness, *, most: int) -> tuple[Item, ...]:
    """Items of the tasks, each with its question and its options or right answer, as the harness words them.

    Args:
        harness: which tasks.
        most: of each task, the first so many.

    Raises:
        MissingExtra: lm-evaluation-harness is not installed.
        InputError: a task is unknown, its data are not on this machine, or it takes no examples and is to have some.
    """
    items = []
    for name, task in opened(harness.tasks, harness.include).items():
        if harness.shots and task.get_config(SHOTS) == 0:
            text = f"must be 0 or left out for '{name}', which takes no examples, but are {harness.shots}"
            raise InputError("shots", text)
        for number, doc in enumerate(task.eval_docs):
            if number == most:
                break
            items.append(_item(task, f"{name}#{number}", doc))
    return tuple(items)


def place_of(item: str) -> tuple[str, int]:
    """Task and document number of an item's id."""
    name, _, number = item.rpartition("#")
    return name, int(number)


@lru_cache(maxsize=8)
def opened(tasks: Sequence[str], include: str) -> dict[str, Any]:
    """The harness's own task objects by name, groups and tags opened; once per process."""
    try:
        import lm_eval.tasks as library
    except ModuleNotFoundError as error:
        raise MissingExtra("lm-evaluation-harness", "lm-eval") from error
    folder = _folder(include) if include else None
    with quietly():
        manager = library.TaskManager(include_path=folder, include_defaults=False)
        if any(name not in manager.all_tasks for name in tasks):
            manager = library.TaskManager(include_path=folder)
        for name in tasks:
            if name not in manager.all_tasks:
                near = get_close_matches(name, manager.all_tasks, n=1)
                raise InputError(
                    "tasks", f"must name tasks of lm-evaluation-harness but names '{name}'",
                    f"did you mean '{near[0]}'?" if near else "",
                )  # fmt: skip
        try:
            return dict(manager.load(list(tasks))["tasks"])
        except InputError:
            raise
        except Exception as error:  # its readers of data sets each raise their own
            said = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(f"tasks {', '.join(tasks)}", f"cannot be opened on this machine ({said})") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Without a network, and without the harness's and the data sets' own remarks and bars."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(_OFFLINE)
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    import datasets
    import datasets.config

    bars, offline = datasets.is_progress_bar_enabled(), datasets.config.HF_HUB_OFFLINE
    datasets.disable_progress_bars()
    datasets.config.HF_HUB_OFFLINE = True
    try:
        with redirect_stderr(io.StringIO()):  # where its bars are drawn, which no setting turns off
            yield
    finally:
        datasets.config.HF_HUB_OFFLINE = offline
        if bars:
            datasets.enable_progress_bars()
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _folder(include: str) -> str:
    path = Path(os.environ.get(DATA_VARIABLE, ""), include)
    if not path.is_dir():
        raise InputError(path, "no such folder", "include must name a folder of yaml files with tasks")
    return str(path)


def _item(task: Any, name: str, doc: dict[str, Any]) -> Item:
    """What is asked; a task that asks for no answer, a text to be predicted, has its text as the one option."""
    target = task.doc_to_target(doc)
    prompt = str(task.doc_to_text(doc) or "")
    if task.OUTPUT_TYPE == "multiple_choice":
        options = tuple(str(option) for option in task.doc_to_choice(doc))
        gold = target if isinstance(target, int) else options.index(str(target))
        return Item(name, prompt, options, gold)
    answers = target if isinstance(target, list) else [target]
    return Item(name, prompt, (str(answers[0]) or prompt,))
