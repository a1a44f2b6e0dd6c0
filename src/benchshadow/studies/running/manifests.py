"""A run's manifest: everything that determines its weights and its scores, hashed, sealed, and keyed."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchshadow.data.benchmarks import Removed
from benchshadow.data.tasks import Task
from benchshadow.records import digest
from benchshadow.records.source_code import code
from benchshadow.studies.declaring.study import Study

if TYPE_CHECKING:
    from benchshadow.studies.preparing.suite import Suite
    from benchshadow.train import Settings

__all__ = [
    "SCHEMA",
    "environment",
    "evaluation",
    "measured_by",
    "measurement_key",
    "training_key",
    "training_key_of",
]

SCHEMA = 1
_DRAWING = ("documents", "skills", "source_kinds", "sources", "stream", "tasks", "tokenization")
_TRAINING_ROOMS = (
    *(f"data/{name}.py" for name in _DRAWING),
    "train",
    "studies/preparing/arms.py",
    "studies/preparing/bases.py",
    "studies/declaring/confounds.py",
    "studies/preparing/taken_bases.py",
    "studies/preparing/seeds.py",
)
_ASKING = ("alike", "apart", "forms", "harness", "questions", "reasoning", "scoring", "tasks")
_MEASURING_ROOMS = (
    "spectra",
    "checkpoints",
    "evaluate",
    *(f"data/{name}.py" for name in _ASKING),
    "studies/preparing/equalising.py",
    "studies/preparing/suite.py",
    "studies/preparing/task_drawing.py",
    "studies/declaring/task_kinds.py",
    "studies/footprints/measurement.py",
    "studies/running/measuring.py",
    "studies/running/outcome_rows.py",
    "studies/running/kept_directions.py",
    "studies/footprints/one_pair.py",
    "studies/footprints/overlap.py",
    "studies/running/probe_rows.py",
    "studies/declaring/probes.py",
    "studies/running/probing.py",
    "studies/footprints/over_model.py",
    "studies/footprints/spread.py",
    "studies/footprints/tables.py",
    "stats/areas.py",
)
_LIBRARIES = ("numpy", "scipy", "torch", "transformers", "accelerate", "tokenizers", "polars")
_ADAPTERS = "peft"  # what only a study with an adapter depends on
_CPU = "cpu"


@cache
def libraries() -> dict[str, str]:
    """Versions of the libraries that numbers pass through, and of Python."""
    known = {name: metadata.version(name) for name in _LIBRARIES}
    with suppress(metadata.PackageNotFoundError):
        known[_ADAPTERS] = metadata.version(_ADAPTERS)
    return {"python": platform.python_version(), **known}


def environment(settings: Settings | None) -> dict[str, Any]:
    """The machine, the device that the settings train on, libraries and the switches of determinism.

    Threads stand with the settings. Without settings nothing is trained, and weights come from elsewhere.
    """
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": _processor(),
        "device": _CPU if settings is None or settings.device == _CPU else _accelerator(),
        "deterministic_algorithms": True,
        "libraries": libraries(),
        "code": {"version": metadata.version("benchshadow"), "training": code(_TRAINING_ROOMS)},
    }


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


@cache
def _accelerator() -> str:
    """The name of the accelerator: two kinds do not give the same bits."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cuda"


def training_key(study: Study, *, arm: str, replicate: int, base: str, recipes: dict[str, Any]) -> str:
    """Hash of all that determines a run's weights, known before it runs.

    Args:
        study: settings, architecture, tokenizer and seed are taken from it; a title or a margin changes no weight.
        arm: name of the arm, "" for a base: it seeds the arm's draws.
        replicate: likewise.
        base: key of the base run the arm starts from, "" for a base.
        recipes: of the sources drawn from, with their fingerprints.
    """
    there = environment(study.settings_of(arm) if arm else study.base.settings)
    return training_key_of(study, there, arm=arm, replicate=replicate, base=base, recipes=recipes)


def training_key_of(
    study: Study, there: dict[str, Any], *, arm: str, replicate: int, base: str, recipes: dict[str, Any]
) -> str:
    """`training_key` in the environment that a manifest tells of, which may be another than this one."""
    settings = study.settings_of(arm) if arm else study.base.settings
    adapter = study.adapter if arm else None
    return digest(
        {
            "schema": SCHEMA,
            "seed": study.seed,
            "arm": arm,
            "replicate": replicate,
            "base": base,
            "recipes": recipes,
            "settings": settings.model_dump(mode="json") if settings else None,
            "architecture": study.architecture.model_dump(mode="json") if study.architecture else None,
            "adapter": adapter.model_dump(mode="json") if adapter else None,
            "tokenizer": study.tokenizer.model_dump(mode="json"),
            "benchmark": study.benchmark.model_dump(mode="json"),
            "libraries": {name: of for name, of in there["libraries"].items() if adapter or name != _ADAPTERS},
            "machine": there["machine"],
            **({"device": there["device"]} if there["device"] != _CPU else {}),
            "code": there["code"]["training"],
        }
    )


def measurement_key(
    key: str,
    tasks: list[dict[str, Any]],
    probes: list[dict[str, Any]],
    directions: int,
    equaliser: dict[str, Any] | None,
) -> str:
    """Hash of a training key and of what its checkpoints are measured with, the definitions' versions included."""
    measured = {"tasks": tasks, "probes": probes, "directions": directions, "equaliser": equaliser}
    return digest({"training": key, **measured, "code": code(_MEASURING_ROOMS)})


def measured_by(key: str) -> dict[str, str]:
    """What a measured run tells of its definitions: its measurement key, and their code, which all runs share."""
    return {"key": key, "code": code(_MEASURING_ROOMS)}


def evaluation(suite: Suite) -> list[dict[str, Any]]:
    """The tasks as the manifest holds them: items, templates and option order by their hash, and the baselines."""
    return [_task(task, suite.removed.get(task.name, ())) for task in suite.tasks]


def _task(task: Task, removed: Sequence[Removed]) -> dict[str, Any]:
    return {
        "benchmark": task.name,
        "tier": task.tier,
        "kind": task.kind,
        "items": len(task.items),
        "removed_as_repeats": len(removed),
        "removed": [{"item": each.item, "repeats": each.kept_item, "of": each.kept_in} for each in removed],
        "baseline": task.baseline,
        "majority": task.majority,
        "scoring": task.scoring.described,
        "sha256": task.sha256,
    }
