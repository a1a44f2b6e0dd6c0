"""A run's manifest: everything that determines its weights and its scores, hashed, sealed, and keyed."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchshadow.data.tasks import Task
from benchshadow.records import digest

from .source_code import code
from .study import Study

if TYPE_CHECKING:
    from .suite import Suite

__all__ = [
    "SCHEMA",
    "environment",
    "evaluation",
    "measurement_key",
    "training_key",
    "training_key_of",
]

SCHEMA = 1
_DRAWING = ("documents", "skills", "source_kinds", "sources", "stream", "tasks", "tokenization")
_TRAINING_ROOMS = (
    *(f"data/{name}.py" for name in _DRAWING),
    "train",
    "studies/arms.py",
    "studies/bases.py",
    "studies/seeds.py",
)
_MEASURING_ROOMS = (
    "spectra",
    "checkpoints",
    "evaluate",
    "data/tasks.py",
    "studies/suite.py",
    "studies/measurement.py",
    "studies/measuring.py",
    "studies/one_pair.py",
    "studies/over_model.py",
    "studies/spread.py",
    "studies/tables.py",
)
_LIBRARIES = ("numpy", "scipy", "torch", "transformers", "tokenizers", "polars")


@cache
def libraries() -> dict[str, str]:
    """Versions of the libraries that numbers pass through, and of Python."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in _LIBRARIES}}


def environment() -> dict[str, Any]:
    """The machine, its libraries and the switches of determinism. Device and threads stand with the settings."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": _processor(),
        "device": "cpu",
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


def training_key(study: Study, *, arm: str, replicate: int, base: str, recipes: dict[str, Any]) -> str:
    """Hash of all that determines a run's weights, known before it runs.

    Args:
        study: settings, architecture, tokenizer and seed are taken from it; a title or a margin changes no weight.
        arm: name of the arm, "" for a base: it seeds the arm's draws.
        replicate: likewise.
        base: key of the base run the arm starts from, "" for a base.
        recipes: of the sources drawn from, with their fingerprints.
    """
    return training_key_of(study, environment(), arm=arm, replicate=replicate, base=base, recipes=recipes)


def training_key_of(
    study: Study, there: dict[str, Any], *, arm: str, replicate: int, base: str, recipes: dict[str, Any]
) -> str:
    """`training_key` in the environment that a manifest tells of, which may be another than this one."""
    settings = study.base.settings if not arm else study.settings
    return digest(
        {
            "schema": SCHEMA,
            "seed": study.seed,
            "arm": arm,
            "replicate": replicate,
            "base": base,
            "recipes": recipes,
            "settings": settings.model_dump(mode="json"),
            "architecture": study.architecture.model_dump(mode="json"),
            "tokenizer": study.tokenizer.model_dump(mode="json"),
            "benchmark": study.benchmark.model_dump(mode="json"),
            "libraries": there["libraries"],
            "machine": there["machine"],
            "code": there["code"]["training"],
        }
    )


def measurement_key(key: str, tasks: list[dict[str, Any]]) -> str:
    """Hash of a training key and of what its checkpoints are measured with, the definitions' versions included."""
    return digest({"training": key, "tasks": tasks, "code": code(_MEASURING_ROOMS)})


def evaluation(suite: Suite) -> list[dict[str, Any]]:
    """The tasks as the manifest holds them: items, templates and option order by their hash, and the baselines."""
    return [_task(task, suite.removed.get(task.name, 0)) for task in suite.tasks]


def _task(task: Task, removed: int) -> dict[str, Any]:
    return {
        "benchmark": task.name,
        "tier": task.tier,
        "kind": task.kind,
        "items": len(task.items),
        "removed_as_repeats": removed,
        "baseline": task.baseline,
        "sha256": task.sha256,
    }
