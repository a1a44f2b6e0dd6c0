"""The interventions of a study's arms, made of the study's own sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchshadow.data.interventions.making import Workshop
from benchshadow.data.interventions.prompts import Prompt, prompts_hash
from benchshadow.data.interventions.recipe import BENCHMARK, ArmSettings
from benchshadow.data.interventions.rewriters import FromModel
from benchshadow.data.interventions.sides import Sides
from benchshadow.data.interventions.streams import Bench
from benchshadow.data.source_kinds import MARK
from benchshadow.data.sources import Corpus, DataFile, Sources
from benchshadow.errors import InputError
from benchshadow.records.source_code import code
from benchshadow.studies.declaring.intervention_settings import concerned, needed
from benchshadow.studies.declaring.study import Study

from .arm_tools import arm_tools
from .seeds import generator, seed

_MAKING = (
    "data/interventions",
    "data/packing",
    "studies/preparing/arm_tools.py",
    "studies/preparing/intervened.py",
    "studies/declaring/intervention_settings.py",
    "studies/preparing/interventions.py",
)
__all__ = ["among", "items", "made_of", "sources_of", "split_of", "workshop"]


def items(study: Study, sources: Sources, source: str, *, replicate: int, most: int) -> list[Prompt]:
    """The items of a source of the study: prompts with their answers.

    A corpus may say what is prompt and what is answer; of any other document, the answer is what follows the last
    space, as in the embedded world, where answers hold none.

    Args:
        study: names the benchmark's seen half.
        sources: of the replicate.
        source: "benchmark" for the seen half.
        replicate: seeds the draw from a source without end.
        most: items that are drawn from a source without end.

    Raises:
        InputError: a document has no answer.
    """
    name = study.benchmark.seen if source == BENCHMARK else source
    if name is None:
        documents = [] if sources.benchmark is None else sources.benchmark()
        return [_prompt(document.id, document.text, " ", document.domain) for document in documents]
    rng = generator(study.seed, "items", name, replicate)
    settings = study.sources[name]
    mark = MARK if isinstance(settings, Corpus) and settings.prompt else " "
    return [
        _prompt(document.id, document.text, mark, document.domain)
        for document in sources.several(name, most, rng, marked=True)
    ]


def _prompt(name: str, text: str, mark: str, domain: str) -> Prompt:
    prompt, there, answer = text.rpartition(mark)
    if not (there and prompt.strip() and answer.strip()):
        raise InputError(name, f"must be a prompt with an answer but is {text[:40]!r}")
    return Prompt(name, prompt, answer, domain)


def made_of(study: Study, sources: Sources, arm: str) -> dict[str, Any]:
    """What determines an arm's intervention beside its settings: the arm it is a control of, its items, its code."""
    arms = concerned(study.interventions, arm)
    names, split = sources_of(study, arm), split_of(study, sources, arm)
    files = {file: known for name in names for file, known in sources.files(name).items()}
    return {
        "of": {name: study.arms[name].model_dump(mode="json") for name in arms if name != arm},
        "sources": {name: sources.fingerprint(name) for name in names},
        "files": files if split is None else files | split.known(split.sha256),
        "tools": Workshop(arms, {}, arm_tools([], seed=0), generator).named_tools(),
        "code": code(_rooms(arms)),
    }


def sources_of(study: Study, arm: str) -> tuple[str, ...]:
    """The study's sources that an arm's items come from, by their own names; a split of BLiMP is none of them."""
    names = (study.benchmark.seen if name == BENCHMARK else name for name in needed(study.interventions, arm))
    return tuple(dict.fromkeys(name for name in names if name is not None))


def split_of(study: Study, sources: Sources, arm: str) -> DataFile | None:
    """The file that an arm's items are drawn from where they are a split of the benchmark and of no source."""
    drawn = study.benchmark.seen is None and BENCHMARK in needed(study.interventions, arm)
    return sources.seen_in if drawn else None


def _rooms(arms: Mapping[str, ArmSettings]) -> tuple[str, ...]:
    """The source files that make such arms, and no others: a change elsewhere trains none of them again."""
    found: dict[str, None] = dict.fromkeys(_MAKING)
    for settings in arms.values():
        if isinstance(getattr(settings, "rewriter", None), FromModel):
            found["studies/preparing/model_rewriter.py"] = None
        match settings.intervention, getattr(settings, "by", ""):
            case ("aligned", "score"):
                found["data/likeness"] = None
            case ("coverage", "clusters" | "farthest first" | "facility location"):
                found |= dict.fromkeys(("data/diversity", "data/likeness"))
            case ("deduplicated", "meaning"):
                found |= dict.fromkeys(("data/diversity", "data/duplicates", "data/likeness"))
            case ("deduplicated", _):
                found["data/duplicates"] = None
    return tuple(found)


def workshop(
    study: Study, sources: Sources, bench: Bench, *, replicate: int, arm: str, known: dict[str, Sides]
) -> Workshop:
    """What makes the intervention of an arm in a replicate.

    Args:
        study: declares the arm.
        sources: of the replicate.
        bench: the documents that are chosen from.
        replicate: seeds the draws.
        arm: its name.
        known: items by source that another arm on this bench was made of; gets those that are drawn.
    """
    names = needed(study.interventions, arm)
    for name in names:
        if name not in known:
            known[name] = Sides(items(study, sources, name, replicate=replicate, most=len(bench.documents)), [])
    tools = arm_tools(bench.documents, seed=seed(study.seed, "tools", replicate))
    arms, sides = concerned(study.interventions, arm), {name: known[name] for name in names}
    return Workshop(arms, sides, tools, lambda purpose, name: generator(study.seed, purpose, name, replicate))


def among(made: Workshop) -> dict[str, dict[str, Any]]:
    """Number and hash of the items that an intervention is made of, by source, for the manifest."""
    return {name: {"items": len(sides.seen), "sha256": prompts_hash(sides.seen)} for name, sides in made.sides.items()}
