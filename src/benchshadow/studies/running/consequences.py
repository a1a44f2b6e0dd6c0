"""What a manifest must say, worked out again from the study, the arm and the replicate that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from benchshadow.errors import InputError
from benchshadow.records import digest
from benchshadow.studies.declaring.confounds import budget
from benchshadow.studies.declaring.intervention_settings import concerned
from benchshadow.studies.declaring.study import CONTROL, Study
from benchshadow.studies.declaring.task_kinds import tiers
from benchshadow.studies.preparing.arms import treated_positions
from benchshadow.studies.preparing.equalising import equaliser_of
from benchshadow.studies.preparing.interventions import sources_of, split_of
from benchshadow.studies.preparing.seeds import seed
from benchshadow.studies.preparing.suite import study_sources

from .manifests import training_key_of
from .probing import declared

__all__ = ["consequences", "study_of"]

_NOTHING = hashlib.sha256(b"").hexdigest()


def study_of(manifest: Mapping[str, Any]) -> Study | None:
    """The study that a manifest holds; None where it is no study."""
    try:
        return Study.model_validate(manifest["study"]["content"])
    except (ValidationError, InputError, TypeError, KeyError):
        return None


def consequences(study: Study, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted place of a manifest to the value that the study, the arm and the replicate leave it.

    What is not here cannot be worked out without training again or reading the data: the hashes of the weights, losses
    and items, the order of a treated stream, and what is reported of it. The number of sequences that an arm with
    `epochs` treats follows from the length of its source and is taken as told, within the budget.

    Args:
        study: that the manifest holds.
        manifest: of one of its arms.
    """
    arm, replicate = manifest["arm"], manifest["replicate"]
    settings = study.settings_of(arm)
    files = {**_files(manifest, "control"), **_files(manifest, "treatment")}
    recipes = {"control": _recipe(study, CONTROL, files), "treatment": _recipe(study, arm, files)}
    if study.arms[arm].intervention is not None:
        recipes["treatment"]["intervention"] = _made_of(study, arm, manifest["treatment"]["intervention"])
    wanted = {
        "study.name": study.name,
        "study.sha256": study.sha256,
        "architecture": study.architecture.model_dump(mode="json") if study.architecture else None,
        "adapter": study.adapter.model_dump(mode="json") if study.adapter else None,
        "settings": {**settings.model_dump(mode="json"), "tokens": settings.tokens},
        "checkpoint_steps": list(settings.checkpoint_steps()),
        "seeds": {
            "study": study.seed,
            "positions": seed(study.seed, "positions", replicate),
            "benchmark": seed(study.seed, "benchmark", replicate),
            "steps": seed(study.seed, "steps", replicate),
            "adapter": seed(study.seed, "adapter", replicate),
        },
        **recipes,
        "data.files": recipes["treatment"]["files"],
        **declared(study.probes),
        **equaliser_of(study, replicate),
        **_data(study, manifest, arm, replicate),
    }
    for index, (task, (tier, kind)) in enumerate(tiers(study.tasks).items()):
        named = {"benchmark": task, "tier": tier, "kind": kind}
        wanted |= {f"evaluation.{index}.{key}": value for key, value in named.items()}
    drawn = {CONTROL: recipes["control"], arm: recipes["treatment"]}
    base = manifest["base"]["key"]
    wanted["key"] = training_key_of(
        study, manifest["environment"], arm=arm, replicate=replicate, base=base, recipes=drawn
    )
    return wanted


def _data(study: Study, manifest: Mapping[str, Any], arm: str, replicate: int) -> dict[str, Any]:
    """The budget, and which sequences are the control's."""
    declared, told, settings = study.arms[arm], manifest["data"], study.settings
    whole = settings.steps * settings.sequences
    if study.keeps_documents(arm):
        count = 0
    elif declared.epochs is None:
        count = round(whole * (declared.dose or 1.0))
    else:
        count = min(whole, max(0, int(told["treated_sequences"])))
    wanted = {
        "budget": budget(study.settings_of(arm)),
        "treated_sequences": count,
        "treated_positions_sha256": digest(treated_positions(study, replicate, count).tolist()),
    }
    both = ("untreated_sha256", "control_untreated_sha256")
    wanted["untreated_sha256"] = told["control_untreated_sha256"]
    if count == 0:
        wanted |= dict.fromkeys(("order_sha256", *both), told["control_order_sha256"])
    if count == whole:
        wanted |= dict.fromkeys(both, _NOTHING)
    if declared.intervention is not None:
        wanted["intervention.tools"] = manifest["treatment"]["intervention"]["tools"]
    return {f"data.{key}": value for key, value in wanted.items()}


def _files(manifest: Mapping[str, Any], recipe: str) -> dict[str, str]:
    files = manifest[recipe]["files"] | manifest[recipe].get("intervention", {}).get("files", {})
    return {file: known["sha256"] for file, known in files.items()}


def _made_of(study: Study, arm: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """As `interventions.made_of`; the tools and the code stand as told, in the manifest's key too."""
    files = {file: known["sha256"] for file, known in told["files"].items()}
    names, split = sources_of(study, arm), split_of(study, study_sources(study), arm)
    known = {file: known for name in names for file, known in _told_files(study, name, files).items()}
    return {
        "of": {
            name: study.arms[name].model_dump(mode="json")
            for name in concerned(study.interventions, arm)
            if name != arm
        },
        "sources": {name: _fingerprint(study, name, files) for name in names},
        "files": known if split is None else known | split.known(files.get(split.file)),
        "tools": told["tools"],
        "code": told["code"],
    }


def _recipe(study: Study, arm: str, files: Mapping[str, str]) -> dict[str, Any]:
    """A recipe as its arm would have declared it, over files with these hashes."""
    source = study.arms[arm].source
    return {
        "treatment": study.arms[arm].model_dump(mode="json"),
        "sources": {name: study.sources[name].model_dump(mode="json") for name in _below(study, source)},
        "fingerprint": _fingerprint(study, source, files),
        "files": _told_files(study, source, files),
    }


def _told_files(study: Study, source: str, files: Mapping[str, str]) -> dict[str, Any]:
    """As `Sources.files`, over files with these hashes."""
    sources, found = study_sources(study), dict[str, Any]()
    for name in _below(study, source):
        own = sources.own_file(name)
        if own is not None:
            found |= own.known(files.get(own.file))
    return found


def _below(study: Study, name: str) -> list[str]:
    return [name, *(below for parent in study.sources[name].parents() for below in _below(study, parent))]


def _fingerprint(study: Study, name: str, files: Mapping[str, str]) -> str:
    """As `Sources.fingerprint`, without the files themselves."""
    source, own = study.sources[name], study_sources(study).own_file(name)
    return digest(
        {
            "settings": source.model_dump(mode="json"),
            "parents": {parent: _fingerprint(study, parent, files) for parent in source.parents()},
            "file": None if own is None else files.get(own.file),
        }
    )
