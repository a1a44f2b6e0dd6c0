"""Our loaded model under lm-evaluation-harness: its questions, its scores and its names, item by item."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchshadow.data.harness import SHOTS, Harness, opened, place_of, quietly
from benchshadow.data.tasks import Item, Task
from benchshadow.data.tokenization import END, end_token
from benchshadow.errors import InputError

from .reading import evaluating

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Harnessed", "harnessed"]

_USUAL = ("acc", "exact_match")
BATCH = 16


class Harnessed(NamedTuple):
    """What the harness found.

    Attributes:
        correct: the measure that counts as right answers, shape (items,).
        log_probability: of the right option in nats where options were compared, else NaN, shape (items,).
        predictions: the option with the largest log-probability, or what was generated.
        others: every measure that the harness gives, (its task, its name) to value.
    """

    correct: np.ndarray
    log_probability: np.ndarray
    predictions: tuple[str, ...]
    others: dict[tuple[str, str], float]


def harnessed(model: PreTrainedModel, tokenizer: Tokenizer, task: Task) -> Harnessed:
    """Ask and score a task of the kind `harness`, on this machine alone.

    The model reads the end token before everything, as documents are in training. The harness cuts a question and its
    answer into tokens together where we cut them apart, so that its log-probabilities can differ from ours where a
    tokenizer merges over the seam.

    Raises:
        InputError: the harness gives no measure per item that can count as right answers.
    """
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    wrap: Any = HFLM
    harness = task.scoring.harness
    assert isinstance(harness, Harness), "a task of this kind holds what it asks"
    asked = _asked(task)
    held = {name: each for name, each in opened(harness.tasks, harness.include).items() if name in asked}
    with quietly(), evaluating(model), _put_back(held.values()):
        found: Any = simple_evaluate(
            model=wrap(pretrained=model, tokenizer=_worded(tokenizer), batch_size=BATCH, add_bos_token=True),
            tasks=list(held.values()),
            task_manager=TaskManager(include_defaults=False),  # or it would look through all its thousands of files
            samples=asked,
            num_fewshot=harness.shots,
            bootstrap_iters=0,
            random_seed=None,  # pyright: ignore[reportArgumentType]
            numpy_random_seed=None,  # pyright: ignore[reportArgumentType]
            torch_random_seed=None,  # pyright: ignore[reportArgumentType]
            fewshot_random_seed=harness.seed,
        )
    samples = {
        f"{name}#{sample['doc_id']}": sample
        for name, given in found["samples"].items()
        for sample in _of_one_filter(given, harness.metric)
    }
    right = [_right(samples[item.id], harness.metric) for item in task.items]
    told = [_told(samples[item.id], item) for item in task.items]
    others = {(name, measure): value for name, given in found["results"].items() for measure, value in _measures(given)}
    return Harnessed(np.array(right), np.array([nats for nats, _ in told]), tuple(text for _, text in told), others)


@contextmanager
def _put_back(tasks: Collection[Any]) -> Iterator[None]:
    """Tasks serve a whole process, and the harness writes the number of examples into them: undo that."""
    shots = [each.get_config(SHOTS) for each in tasks]
    try:
        yield
    finally:
        for each, own in zip(tasks, shots, strict=True):
            each.set_config(key=SHOTS, value=own)


def _asked(task: Task) -> dict[str, list[int]]:
    """The documents of every task of the harness that are left."""
    found: dict[str, list[int]] = {}
    for item in task.items:
        name, number = place_of(item.id)
        found.setdefault(name, []).append(number)
    return found


def _worded(tokenizer: Tokenizer) -> Any:
    """Our tokenizer as the harness wants it, the end token before every text."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    copy = type(tokenizer).from_str(tokenizer.to_str())
    copy.post_processor = TemplateProcessing(single=f"{END} $A", special_tokens=[(END, end_token(tokenizer))])
    return PreTrainedTokenizerFast(tokenizer_object=copy, bos_token=END, eos_token=END, pad_token=END)


def _of_one_filter(samples: Sequence[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    """A task can score one answer through several filters: those of the filter named after a comma, or of the first."""
    wanted = metric.partition(",")[2] or samples[0]["filter"]
    return [sample for sample in samples if sample["filter"] == wanted]


def _right(sample: dict[str, Any], metric: str) -> float:
    name = metric.partition(",")[0] or next((each for each in _USUAL if each in sample), "")
    value = sample.get(name)
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        known = [each for each in sample["metrics"] if isinstance(sample.get(each), int | float)]
        raise InputError(
            "metric",
            f"must name a measure per item between 0 and 1, one of {', '.join(known) or 'none there are'}, but "
            + (f"names '{name}'" if name else "names none"),
        )
    return float(value)


def _told(sample: dict[str, Any], item: Item) -> tuple[float, str]:
    """Log-probability of the right option, and the answer."""
    given: list[Any] = sample["filtered_resps"]
    if len(item.options) > 1 and len(given) >= len(item.options):
        nats = [float(option[0]) for option in given[: len(item.options)]]
        return nats[item.gold], item.options[int(np.argmax(nats))]
    first = next(iter(given))
    if isinstance(first, str):
        return float("nan"), first
    return float(first[0]), item.options[item.gold] if first[1] else ""


def _measures(given: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Its measures by name; that of another filter than none keeps the filter's name."""
    for key, value in given.items():
        name, _, taken = key.partition(",")
        if isinstance(value, int | float) and taken and not name.endswith("_stderr"):
            yield name if taken == "none" else key, float(value)
