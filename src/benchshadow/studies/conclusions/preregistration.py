"""What was declared before the first outcome: sealed in the study's folder, and held against every run's manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError
from benchshadow.records import SUPERSEDED, read_json, seal, sealed, write_json
from benchshadow.studies.declaring.families import Family
from benchshadow.studies.declaring.study import Study

__all__ = ["PREREGISTERED", "beforehand", "changed_afterwards", "preregister"]

PREREGISTERED = "preregistered.json"
SCHEMA = 2
_DESCRIBED = {"signature": "the signature's regimes", "doses": "the rows of doses", "onsets": "the rows of onsets"}
"""What else is declared, and could be regrouped until it fits."""


def preregister(study: Study, out: Path) -> None:
    """Seal what is declared in the study's folder; once a run has been measured, what is sealed stays."""
    place = out / PREREGISTERED
    if place.is_file() and _has_outcome(out):
        return
    content = study.model_dump(mode="json", include={"name", "families", "margins", *_DESCRIBED})
    if not _has_outcome(out):
        write_json(place, seal({"schema": SCHEMA, "study": study.sha256, "design": study.design, **content}))


def beforehand(study: Study, out: Path, manifests: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Names of the families that were declared, as they now stand, before the first outcome.

    Name, tests and alpha of a family, and the margins of its measures, must be what was sealed before the first run
    was measured, and what the study of every run's manifest says: an altered copy of the one is betrayed by the other.

    Args:
        study: as it is now.
        out: its folder.
        manifests: of the whole runs.

    Raises:
        InputError: the sealed file was altered.
    """
    sources = _sources(out, manifests)
    now = study.model_dump(mode="json", include={"families", "margins"})
    same = (f for f in study.families if all(_part(source, f) == _part(now, f) for source in sources))
    return frozenset(family.name for family in same)


def changed_afterwards(study: Study, out: Path, manifests: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What was declared before the first outcome and is gone or other now, families that changed left to `beforehand`.

    Args:
        study: as it is now.
        out: its folder.
        manifests: of the whole runs.

    Raises:
        InputError: the sealed file was altered.
    """
    sources = _sources(out, manifests)
    now = study.model_dump(mode="json", include=set(_DESCRIBED))
    others = (said for key, said in _DESCRIBED.items() if any(key in s and s[key] != now[key] for s in sources))
    names = dict.fromkeys(each["name"] for source in sources for each in source.get("families", ()))
    there = {family.name for family in study.families}
    return (*(f"the family '{name}', which is gone" for name in names if name not in there), *others)


def _sources(out: Path, manifests: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The studies that the manifests hold, and what was sealed before the first outcome."""
    sources: list[Mapping[str, Any]] = [manifest["study"]["content"] for manifest in manifests]
    place = out / PREREGISTERED
    if place.is_file():
        content = read_json(place)
        if not isinstance(content, dict) or not sealed(content):
            raise InputError(place, "was altered after it was sealed", "restore it, or run the study in a new folder")
        sources.append(content)
    return sources


def _part(content: Mapping[str, Any], family: Family) -> tuple[Any, dict[str, Any]]:
    """A family of that name and the margins of its measures, as some content holds them."""
    named = next((each for each in content.get("families", ()) if each["name"] == family.name), None)
    margins = content.get("margins", {})
    return named, {test.measure: margins.get(test.measure) for test in family.tests}


def _has_outcome(out: Path) -> bool:
    """Whether a run has been measured here, set aside or under way though it may be."""
    places = ("runs/*/records.parquet", "runs/*/measures/*", f"{SUPERSEDED}/runs/*/records.parquet")
    return any(True for place in places for _ in out.glob(place))
