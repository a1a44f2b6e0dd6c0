"""The equaliser: the same short training on the tasks' form for every arm, before arms are compared once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from math import gcd
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from benchshadow.data.apart import repeating_none
from benchshadow.data.documents import Document
from benchshadow.data.sources import Sources
from benchshadow.data.stream import pack, shuffle
from benchshadow.data.tasks import Task
from benchshadow.errors import InputError
from benchshadow.records import digest
from benchshadow.studies.declaring.equaliser_settings import Equaliser
from benchshadow.studies.declaring.study import Study
from benchshadow.train import Settings

from .seeds import generator, seed

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Equalising", "equalised", "equaliser_of", "equalising"]

_DRAWN, _DISTINCT = 50, 4  # documents and texts that are drawn at most for each that is wanted: some are items


@dataclass(frozen=True)
class Equalising:
    """The equaliser of one replicate: the same for all its arms.

    Attributes:
        settings: of the short training: the study's own but for its length and rate.
        documents: the examples.
        every: which checkpoints.
        seed: of the examples and their order.
    """

    settings: Settings
    documents: tuple[Document, ...]
    every: Literal["last", "all"]
    seed: int

    def at(self, step: int, last: int) -> Equalising | None:
        """What the checkpoint of a step is equalised with; None where it is left out. The base, step 0, never is."""
        return self if self.every == "all" or step in (0, last) else None

    @property
    def described(self) -> dict[str, Any]:
        """The equaliser as manifest and key hold it: its recipe, its seed, and its examples by their hash."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "examples": len(self.documents),
            "examples_sha256": digest([each.text for each in self.documents]),
            "every": self.every,
            "seed": self.seed,
        }


def equalising(
    study: Study, sources: Sources, tasks: Sequence[Task], training: Sequence[Document], replicate: int
) -> Equalising | None:
    """Draw the equaliser's examples; None where the study has none.

    Args:
        study: has the equaliser's settings and the seed.
        sources: able to draw from any source of the study.
        tasks: whose items must not be among the examples; bare, as the examples are.
        training: texts of the benchmark's seen half, where the benchmark is split as a whole.
        replicate: seeds the draw.

    Raises:
        InputError: the source holds too few texts that are no items.
    """
    asked = study.equaliser
    if asked is None:
        return None
    rng = generator(study.seed, "equaliser", replicate)
    name = asked.source or study.benchmark.seen
    if name is None:
        drawn = iter([training[i] for i in rng.permutation(len(training)).tolist()])
    else:
        drawn = sources.draw(name, rng)
    distinct: dict[str, Document] = {}
    for each in islice(drawn, _DRAWN * asked.examples):
        distinct.setdefault(each.text, each)
        if len(distinct) == _DISTINCT * asked.examples:
            break
    found = repeating_none(list(distinct.values()), tasks)[: asked.examples]
    if len(found) < asked.examples:
        text = f"must be at most the {len(found)} distinct texts of '{name or 'the seen half'}' that are no items"
        raise InputError("equaliser.examples", f"{text} but is {asked.examples}")
    return Equalising(_settings(study.settings, asked), tuple(found), asked.every, _seed(study, replicate))


def equaliser_of(study: Study, replicate: int) -> dict[str, Any]:
    """Dotted place of a manifest to what the study file alone leaves its equaliser, for whoever checks it."""
    asked = study.equaliser
    if asked is None:
        return {"equaliser": None}
    return {
        "equaliser.settings": _settings(study.settings, asked).model_dump(mode="json"),
        "equaliser.examples": asked.examples,
        "equaliser.every": asked.every,
        "equaliser.seed": _seed(study, replicate),
    }


def _settings(settings: Settings, asked: Equaliser) -> Settings:
    """The study's own, for every arm, but for what makes the training short; no more sequences pass at a time."""
    changes = {"steps": asked.steps, "sequences": asked.sequences, "learning_rate": asked.learning_rate}
    short = {"checkpoints": 1, "warmup": min(settings.warmup, asked.steps // 4), "save_every": asked.steps}
    if settings.micro_sequences is not None:
        short["micro_sequences"] = gcd(settings.micro_sequences, asked.sequences)
    return Settings.model_validate(settings.model_dump() | changes | short)


def _seed(study: Study, replicate: int) -> int:
    return seed(study.seed, "equaliser", replicate)


def equalised(model: PreTrainedModel, tokenizer: Tokenizer, equaliser: Equalising, folder: Path) -> None:
    """Give a model the short training.

    Args:
        model: changed in place; all its weights are trained, whatever the arms trained.
        tokenizer: of the model.
        equaliser: from `equalising`.
        folder: what the training writes on its way is written below it and removed.
    """
    from benchshadow.train.loop import train

    rng = generator(equaliser.seed, "order")
    settings = equaliser.settings
    sequences = settings.steps * settings.sequences
    stream = shuffle(pack(cycle(equaliser.documents), tokenizer, sequences=sequences, length=settings.length), rng)
    model.requires_grad_(True)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".equaliser", dir=folder) as place:
        train(model, stream.ids, settings, Path(place), seed=equaliser.seed)
    model.eval()
