"""From an arm's declaration to its tokens in one replicate: the control's stream with a share of it replaced."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from benchshadow.data.interventions.recipe import treated_count
from benchshadow.data.interventions.streams import Bench
from benchshadow.data.sources import Sources
from benchshadow.data.stream import Stream, describe, pack, replace, shuffle
from benchshadow.data.tokenization import end_token
from benchshadow.errors import InputError
from benchshadow.records import digest
from benchshadow.studies.declaring.study import CONTROL, Study

from .intervened import Items, bench, intervened
from .interventions import made_of
from .seeds import generator

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "Fed", "arm_stream", "base_stream", "control_stream", "intervened_stream", "recipe", "see_begun",
    "treated_positions",
]  # fmt: skip


@dataclass(frozen=True)
class Fed:
    """What a run is trained on.

    Attributes:
        ids: token ids, shape (steps * sequences, length).
        data: the manifest's account of it: hashes, budget, and what is reported because it cannot be equal.
    """

    ids: np.ndarray
    data: dict[str, Any]


def recipe(study: Study, sources: Sources, arm: str) -> dict[str, Any]:
    """The declared treatment of an arm, its source with fingerprint and files, and its line in the family tree.

    An arm that an intervention makes has beside these what its items come from, and the code that makes it.
    """
    declared = study.arms[arm]
    found = {
        "treatment": declared.model_dump(mode="json"),
        "sources": family(sources, declared.source),
        "fingerprint": sources.fingerprint(declared.source),
        "files": sources.files(declared.source),
    }
    return found if declared.intervention is None else found | {"intervention": made_of(study, sources, arm)}


def family(sources: Sources, name: str) -> dict[str, Any]:
    """A source and all that it draws from: settings by name."""
    found = {name: sources.tree[name].model_dump(mode="json")}
    for parent in sources.tree[name].parents():
        found |= family(sources, parent)
    return found


def base_stream(study: Study, sources: Sources, tokenizer: Tokenizer, replicate: int) -> Fed:
    """What the base is trained on."""
    assert study.base.source is not None, "a base that is trained has one"
    stream = _drawn(study, sources, tokenizer, study.base.source, study.base.settings, ("base", replicate))
    return Fed(stream.ids, _account(stream, stream, np.array([], np.int64), tokenizer))


def control_stream(study: Study, sources: Sources, tokenizer: Tokenizer, replicate: int) -> Stream:
    """The control's stream, which all arms of a replicate share but for their treated sequences."""
    return _drawn(study, sources, tokenizer, study.arms[CONTROL].source, study.settings, (CONTROL, replicate))


def arm_stream(study: Study, sources: Sources, tokenizer: Tokenizer, arm: str, replicate: int) -> Fed:
    """What an arm is trained on.

    The control is drawn whole, and so is its second draw under another seed. Any other arm is the control's stream with
    some sequences replaced, at the first positions of one permutation per replicate: treated sequences stand at the
    same places in all arms and the others are the control's, bit for bit.
    """
    control = control_stream(study, sources, tokenizer, replicate)
    if study.keeps_documents(arm):
        return Fed(control.ids, _account(control, control, np.array([], np.int64), tokenizer))
    if study.arms[arm].intervention is not None:
        with bench(study, sources, tokenizer, control, arm, replicate) as at:
            return intervened_stream(study, sources, tokenizer, at, arm, replicate, {})
    rng = generator(study.seed, "treatment", arm, replicate)
    count = _count(study, sources, tokenizer, arm, rng)
    drawn = sources.draw(study.arms[arm].source, rng)
    treatment = shuffle(pack(drawn, tokenizer, sequences=count, length=study.settings.length), rng)
    treated = replace(control, treatment, generator(study.seed, "positions", replicate))
    return Fed(treated.ids, _account(treated, control, treated_positions(study, replicate, count), tokenizer))


def see_begun(study: Study, sources: Sources, tokenizer: Tokenizer, arm: str, replicate: int) -> None:
    """See that an arm without an intervention can be drawn: how many sequences it treats, and the first of them.

    Raises:
        InputError: it cannot; where there is a number that can be had, it is said.
    """
    rng = generator(study.seed, "treatment", arm, replicate)
    _count(study, sources, tokenizer, arm, rng)
    pack(sources.draw(study.arms[arm].source, rng), tokenizer, sequences=1, length=study.settings.length)


def _count(study: Study, sources: Sources, tokenizer: Tokenizer, arm: str, rng: np.random.Generator) -> int:
    """Sequences that an arm treats, by its dose or by the length of its source."""
    declared, settings = study.arms[arm], study.settings
    whole = settings.steps * settings.sequences
    if declared.epochs is None:
        return treated_count(whole, declared.dose or 1.0, arm)
    tokens = _length(sources, tokenizer, declared.source, rng)
    count = int(declared.epochs * tokens / settings.length)
    if not 1 <= count <= whole:
        least, most = ceil(1000 * settings.length / tokens) / 1000, int(1000 * whole * settings.length / tokens) / 1000
        rule = f"must fill 1 to {whole} sequences, that is be {least:g} to {most:g}, but are {declared.epochs:g}"
        raise InputError(f"arms.{arm}.epochs", rule)
    return count


def intervened_stream(
    study: Study, sources: Sources, tokenizer: Tokenizer, at: Bench, arm: str, replicate: int, known: Items
) -> Fed:
    """What an arm is trained on whose treated sequences an intervention fills; `at` is from `bench`, `known` empty."""
    sequences = len(at.control.ids)
    places = treated_positions(study, replicate, treated_count(sequences, study.arms[arm].dose or 1.0, arm))
    found, told = intervened(study, sources, at, arm, replicate, places, known)
    treated = replace(at.control, found.stream, generator(study.seed, "positions", replicate))
    return Fed(treated.ids, _account(treated, at.control, places, tokenizer) | {"intervention": told})


def treated_positions(study: Study, replicate: int, count: int) -> np.ndarray:
    """Where a replicate's treated sequences stand, in rising order; those of a smaller count are among a larger's."""
    whole = study.settings.steps * study.settings.sequences
    return np.sort(generator(study.seed, "positions", replicate).permutation(whole)[:count])


def _drawn(study: Study, sources: Sources, tokenizer: Tokenizer, source: str, settings: Any, purpose: Any) -> Stream:
    rng = generator(study.seed, "stream", *purpose)
    sequences = settings.steps * settings.sequences
    return shuffle(pack(sources.draw(source, rng), tokenizer, sequences=sequences, length=settings.length), rng)


def _length(sources: Sources, tokenizer: Tokenizer, source: str, rng: np.random.Generator) -> int:
    """Tokens of one pass over a finite source, end tokens included."""
    texts = [document.text for document in sources.finite(source, rng)]
    if not texts:
        raise InputError(f"sources.{source}", "must hold at least one document but is empty")
    return sum(len(coded.ids) + 1 for coded in tokenizer.encode_batch_fast(texts))


def _account(stream: Stream, control: Stream, treated: np.ndarray, tokenizer: Tokenizer) -> dict[str, Any]:
    """Hashes of the realised order and of what the arm shares with its control, and the description of the stream."""
    counts = np.bincount(control.ids.ravel(), minlength=tokenizer.get_vocab_size()) + 1.0
    return {
        "order_sha256": stream.sha256,
        "control_order_sha256": control.sha256,
        "untreated_sha256": _sha256(stream, treated),
        "control_untreated_sha256": _sha256(control, treated),
        "treated_sequences": len(treated),
        "treated_positions_sha256": digest(treated.tolist()),
        **describe(stream, end_token(tokenizer), counts / counts.sum()),
    }


def _sha256(stream: Stream, treated: np.ndarray) -> str:
    """sha256 of the sequences that are not treated, as little-endian int32."""
    untreated = np.delete(stream.ids, treated, axis=0)
    return hashlib.sha256(np.ascontiguousarray(untreated, "<i4").tobytes()).hexdigest()
