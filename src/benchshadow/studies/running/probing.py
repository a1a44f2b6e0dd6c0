"""The probe texts of a replicate, and one checkpoint probed with them: its numbers as rows of the long table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from benchshadow.data.sources import Corpus
from benchshadow.data.tasks import Task
from benchshadow.errors import InputError
from benchshadow.records import digest
from benchshadow.spectra.activations import FEWEST_TEXTS
from benchshadow.studies.declaring.probes import Probes
from benchshadow.studies.preparing.seeds import generator

from .probe_rows import of_behaviour, of_gradients, of_membership, of_states

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from benchshadow.studies.declaring.study import Study
    from benchshadow.studies.preparing.suite import Suite

__all__ = ["Drawn", "Probed", "declared", "due", "probe_account", "probe_texts", "probed"]

Pair = tuple[str, str]


@dataclass(frozen=True)
class Probed:
    """Texts that a checkpoint is probed with.

    Attributes:
        kind: what they stand for.
        name: task or source that they are of.
        tier: of the task; None for a source.
        pairs: (prompt, answer) of every text; a text that is no item is an answer without a prompt.
    """

    kind: Literal["narrow", "broad", "seen", "held-out"]
    name: str
    tier: str | None
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Drawn:
    """The probe texts of one replicate, the same for all its arms, and what is to be measured on them."""

    settings: Probes
    texts: tuple[Probed, ...]

    def of(self, *kinds: str) -> list[Probed]:
        """The texts of some kinds, in that order."""
        return [each for kind in kinds for each in self.texts if each.kind == kind]


def probe_texts(study: Study, suite: Suite, replicate: int) -> Drawn | None:
    """Draw the probe texts of a replicate; None where the study has no probes.

    Seen and held-out items, for Min-k%, are all those of the study's first task of either tier, where it has both.
    """
    settings = study.probes
    if settings is None:
        return None
    named: tuple[tuple[Literal["narrow", "broad"], str], ...] = (("narrow", settings.narrow), ("broad", settings.broad))
    texts = [_probe(study, suite, replicate, settings, kind, name) for kind, name in named]
    if settings.behaviour:
        first = {tier: next((t for t in suite.bare if t.tier == tier), None) for tier in ("seen", "held-out")}
        seen, held_out = first["seen"], first["held-out"]
        if seen is not None and held_out is not None and _items(seen) and _items(held_out):
            texts.append(Probed("seen", seen.name, seen.tier, _items(seen)))
            texts.append(Probed("held-out", held_out.name, held_out.tier, _items(held_out)))
    return Drawn(settings, tuple(texts))


def due(drawn: Drawn | None, step: int, last: int) -> Drawn | None:
    """What the checkpoint of a step is probed with; None where it is left out. The base, step 0, never is."""
    return drawn if drawn is not None and (drawn.settings.every == "all" or step in (0, last)) else None


def declared(settings: Probes | None) -> dict[str, Any]:
    """Dotted place of a manifest to what the study file alone leaves its probes, for whoever checks it."""
    if settings is None:
        return {"probes": []}
    told = settings.model_dump(mode="json")
    names = (("narrow", settings.narrow), ("broad", settings.broad))
    parts = [{"kind": kind, "of": name, "settings": told} for kind, name in names]
    return {f"probes.{index}.{key}": value for index, part in enumerate(parts) for key, value in part.items()}


def probe_account(drawn: Drawn | None) -> list[dict[str, Any]]:
    """The probes as manifest and key hold them: settings, and the texts by their hash."""
    if drawn is None:
        return []
    settings = drawn.settings.model_dump(mode="json")
    told = [{"kind": each.kind, "of": each.name, "texts": len(each.pairs)} for each in drawn.texts]
    hashes = [digest([list(pair) for pair in each.pairs]) for each in drawn.texts]
    return [{**one, "sha256": sha256, "settings": settings} for one, sha256 in zip(told, hashes, strict=True)]


def _probe(
    study: Study, suite: Suite, replicate: int, settings: Probes, kind: Literal["narrow", "broad"], name: str
) -> Probed:
    rng = generator(study.seed, "probe", name, replicate)
    task = next((each for each in suite.bare if each.name == name), None)
    if task is not None:
        pairs = _items(task)
        order = sorted(rng.permutation(len(pairs))[: settings.texts].tolist())
        found = tuple(pairs[i] for i in order)
    else:
        found = tuple(("", text) for text in _texts(suite, settings, name, rng))
    if len(found) < FEWEST_TEXTS:
        raise InputError(f"probes.{kind}", f"must give at least {FEWEST_TEXTS} texts but '{name}' gives {len(found)}")
    return Probed(kind, name, None if task is None else task.tier, found)


def _items(task: Task) -> tuple[Pair, ...]:
    """Prompt and right answer of every item that has an answer to read."""
    return tuple((item.prompt, item.options[item.gold]) for item in task.items if item.options[item.gold])


def _texts(suite: Suite, settings: Probes, name: str, rng: np.random.Generator) -> list[str]:
    """Distinct documents of a source, drawn; of a corpus those of the half that the probes name."""
    if isinstance(suite.sources.tree[name], Corpus):
        documents = suite.sources.corpus(name, settings.half)
        drawn = (documents[i] for i in rng.permutation(len(documents)))
    else:
        drawn = islice(suite.sources.draw(name, rng), 100 * settings.texts)
    distinct = dict.fromkeys(document.text for document in drawn if document.text.strip())
    return list(islice(distinct, settings.texts))


def probed(
    model: PreTrainedModel, base: PreTrainedModel | None, tokenizer: Tokenizer, drawn: Drawn
) -> list[dict[str, Any]]:
    """Probe one checkpoint: its states and expectations from one pass over each probe, its gradients from more.

    Args:
        model: of the checkpoint.
        base: that its run started from; None where the checkpoint is the base.
        tokenizer: of both.
        drawn: what it is probed with.
    """
    from benchshadow.evaluate.behaviour import walk
    from benchshadow.evaluate.blocks import chosen_layers
    from benchshadow.evaluate.gradients import gradient_grams
    from benchshadow.evaluate.passages import passages

    settings, rows = drawn.settings, []
    layers = chosen_layers(model, settings.layers)
    for probe in drawn.of("narrow", "broad"):
        place = _place(probe)
        found = passages(model, tokenizer, probe.pairs, tokens=settings.tokens)
        if settings.representation or settings.behaviour:
            walked = walk(model, found, layers=layers if settings.representation else (), base=base)
            if settings.representation:
                rows += _placed(of_states(model, layers, walked, found), place)
            if settings.behaviour:
                rows += _placed(of_behaviour(walked, found), place)
        if settings.gradients:
            rows += _placed(of_gradients(model, gradient_grams(model, found, layers), found), place)
    sides = drawn.of("seen", "held-out")
    if len(sides) == 2:
        both = [walk(model, passages(model, tokenizer, side.pairs, tokens=settings.tokens)) for side in sides]
        rows += _placed(of_membership(*both, against=sides[1].name), _place(sides[0]))
    return rows


def _place(probe: Probed) -> dict[str, Any]:
    return {"benchmark": probe.name, "tier": probe.tier, "split": probe.kind}


def _placed(rows: Iterable[dict[str, Any]], place: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**place, **row} for row in rows]
