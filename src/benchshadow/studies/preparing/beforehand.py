"""What is looked at before anything is trained: whether the benchmark leaks, and whether arms can be matched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchshadow.data.sources import Sources
from benchshadow.data.stream import Stream
from benchshadow.errors import InputError
from benchshadow.records import digest, read_json, write_json
from benchshadow.records.source_code import code
from benchshadow.studies.declaring.study import Study
from benchshadow.studies.engines.engine import Call, run

from .arms import control_stream, intervened_stream, see_begun
from .bases import check_vocabularies, new_tokenizer
from .intervened import Items, bench
from .leaks import Leak, leaks, refuse_leaks
from .suite import suite

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["CHECKS", "leak_statements", "looked_at", "told_leaks", "write_checks"]

FEW = 3
CHECKS = "checks.json"
"""What was found beforehand, in the study's folder."""


def looked_at(study: Study, out: Path, *, keys: Sequence[str], engine: str, workers: int) -> dict[str, Any]:
    """Look at every replicate, or take what was found the last time where neither study, code nor data has changed.

    Args:
        study: whose control and arms are drawn, and thrown away again.
        out: the study's folder, which need not be there.
        keys: of the runs, by all that determines them: the contents of the files that they draw from and of the tasks.
        engine: as in `engine.run`.
        workers: likewise.

    Returns:
        A key, and by replicate the leaks of every task and the accounts of the arms that interventions make.

    Raises:
        InputError: a checkpoint's vocabulary does not fit, the benchmark leaks into the control, or an arm cannot be
            matched; the number that can be had is said.
    """
    key = digest({"study": study.model_dump(mode="json"), "code": code(("data", "studies")), "runs": list(keys)})
    if (out / CHECKS).is_file():
        known = read_json(out / CHECKS)
        if known.get("key") == key:
            return known
    first = suite(study, study.replicates[0])
    made = new_tokenizer(study, first.sources, study.replicates[0])
    check_vocabularies(study, first.sources, made)
    text = made.to_str()
    calls = [Call(f"replicate {each}", _look, (study, each, text)) for each in study.replicates]
    found: dict[str, Any] = {}
    # Starting workers costs more than looking at a few replicates.
    engine, workers = (engine, workers) if len(calls) > FEW else ("local", 1)
    for outcome in run(calls, engine=engine, workers=workers):
        if outcome.failure is not None:
            raise InputError(outcome.call.name, outcome.failure)
        found[outcome.call.name] = outcome.result
    for replicate in study.replicates:
        here = found[f"replicate {replicate}"]
        refuse_leaks([Leak(**each) for each in here["leaks"]], study.leaks, replicate)
        for reason in here["refused"]:
            raise InputError(f"replicate {replicate}", reason)
    return {"key": key, "replicates": {str(each): found[f"replicate {each}"] for each in study.replicates}}


def write_checks(out: Path, found: dict[str, Any]) -> None:
    """Keep what was found in the study's folder."""
    write_json(out / CHECKS, found)


def told_leaks(study: Study, out: Path) -> list[dict[str, Any]]:
    """The leaks of every task in its worst replicate, with the study's reason where it allows them."""
    if not (out / CHECKS).is_file():
        return []
    worst: dict[str, dict[str, Any]] = {}
    for here in read_json(out / CHECKS)["replicates"].values():
        for leak in here["leaks"]:
            if leak["task"] not in worst or _share(leak) > _share(worst[leak["task"]]):
                worst[leak["task"]] = leak
    allowed = study.leaks.allowed
    return [{**leak, "because": study.leaks.because if task in allowed else None} for task, leak in worst.items()]


def leak_statements(told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A statement for every task of which anything stands in the control's text."""
    return [
        {
            "code": "leak",
            "id": f"leak-{leak['task']}",
            "about": "",
            "text": f"{leak['found']} of {leak['items']} items of {leak['task']} stand in the control's text, such as "
            f"{leak['item'][:60]!r} in {leak['document'][:60]!r}; "
            + (f"the study allows it: {leak['because']}." if leak["because"] else "so few may stand there by chance."),
            "severity": "warning" if leak["because"] else "info",
        }
        for leak in told
        if leak["found"]
    ]


def _share(leak: Mapping[str, Any]) -> float:
    return leak["found"] / leak["items"]


def _look(study: Study, replicate: int, tokenizer: str) -> dict[str, Any]:
    """The leaks of a replicate, and the sentence of every arm that cannot be matched."""
    from tokenizers import Tokenizer

    prepared, coder = suite(study, replicate), Tokenizer.from_str(tokenizer)
    coder.encode_special_tokens = True
    control = control_stream(study, prepared.sources, coder, replicate)
    texts = list(dict.fromkeys(control.documents))
    return {
        "leaks": [asdict(each) for each in leaks(prepared.bare, texts)],
        "refused": list(_unmatched(study, prepared.sources, coder, control, replicate)),
    }


def _unmatched(study: Study, sources: Sources, tokenizer: Tokenizer, control: Stream, replicate: int) -> Iterator[str]:
    """Why arms cannot be made; those that choose from the same documents do so after these are coded once."""
    for name, arm in study.arms.items():
        if arm.intervention is None:
            try:
                see_begun(study, sources, tokenizer, name, replicate)
            except InputError as error:
                yield str(error)
    groups: dict[tuple[str, float], list[str]] = {}
    for name, arm in study.arms.items():
        if arm.intervention is not None:
            groups.setdefault((arm.source, arm.candidates), []).append(name)
    for arms in groups.values():
        with bench(study, sources, tokenizer, control, arms[0], replicate) as at:
            known: Items = {}
            for arm in arms:
                try:
                    intervened_stream(study, sources, tokenizer, at, arm, replicate, known)
                except InputError as error:
                    yield str(error)
