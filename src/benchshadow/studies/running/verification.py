"""Proof of control: two manifests may differ in the treatment that the study declares, and in nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchshadow.data.interventions import CONTROL, Comparison, Difference, compare, told_by_tokens
from benchshadow.data.packing import TOKENS
from benchshadow.errors import InputError
from benchshadow.records import differing, read_json, sealed
from benchshadow.studies.declaring.confounds import declared_places

from .consequences import consequences, study_of
from .manifests import SCHEMA
from .runs import MANIFEST

__all__ = ["Difference", "Verification", "verify"]

# What follows from the treatment, and therefore differs between arms; everything else may not.
_FOLLOWS = (
    "arm",
    "key",
    "sha256",
    "treatment",
    "results",
    "data.control_untreated_sha256",
    "data.files",
    "data.intervention",
    "data.order_sha256",
    "data.reported",
    "data.treated_positions_sha256",
    "data.treated_sequences",
    "data.untreated_sha256",
)
# The fields of a manifest; a file with others is none.
_WANTED = {
    "schema", "key", "study", "arm", "replicate", "base", "tokenizer_sha256", "architecture", "adapter", "settings",
    "checkpoint_steps", "seeds", "benchmark", "evaluation", "probes", "equaliser", "environment", "control",
    "treatment", "data", "results", "sha256",
}  # fmt: skip

# Hashes that training or reading the data gave, so that only their form can be checked here.
_HASHES = (
    "base.weights_sha256",
    "tokenizer_sha256",
    "data.control_order_sha256",
    "data.control_untreated_sha256",
    "data.order_sha256",
    "data.untreated_sha256",
    "results.weights_sha256",
    "results.losses_sha256",
)


@dataclass(frozen=True)
class Verification(Comparison):
    """What differs between manifests, as a sentence and as an object.

    Attributes:
        unread: built arms that do not lie with their tokens beside their control, so that their manifests are believed.
    """

    unread: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if self.undeclared:
            first, *others = self.undeclared
            return f"undeclared difference: {first}" + (f" (and {len(others)} more)" if others else "")
        believed = f"; the tokens of {', '.join(self.unread)} were not there to be read" if self.unread else ""
        if not self.declared:
            return f"the manifests do not differ{believed}"
        return f"the manifests differ in the declared treatment and in nothing else{believed}"

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "verb": "verify",
            "manifests": list(self.names),
            "declared": [str(each) for each in self.declared],
            "undeclared": [str(each) for each in self.undeclared],
            "unread": list(self.unread),
            "verdict": self.sentence,
        }


def verify(paths: Sequence[Path]) -> Verification:
    """Compare manifests, of runs or of built arms, with the first of them.

    Each must be as it was sealed, agree with the study it names, and share with the first the study, the replicate, the
    base, the settings, the tasks, the machine and the budget. Two manifests of one arm may differ in nothing. Of built
    arms the tokens are read too, where they lie beside the manifest and the control lies beside the arm.

    Args:
        paths: manifest files, or run folders that hold one.

    Raises:
        InputError: fewer than two, or one of them is no manifest.
    """
    if len(paths) < 2:
        raise InputError("verify", f"needs two manifests or more but was given {len(paths)}")
    given = [(_name(path), _content(path)) for path in paths]
    if all(isinstance(content, dict) and content.get("kind") == "arm" for _, content in given):
        return _of_arms([Path(path) for path in paths], [content for _, content in given])
    manifests = [(name, _checked(name, content)) for name, content in given]
    declared: list[Difference] = []
    undeclared: list[Difference] = []
    first_name, first = manifests[0]
    for name, manifest in manifests:
        undeclared += _contradictions(name, manifest)
    for name, manifest in manifests[1:]:
        same_arm = first.get("arm") == manifest.get("arm")
        allowed = (*_FOLLOWS, *_confounded(first, manifest))
        for field, was, now in differing(first, manifest):
            follows = not same_arm and any(field == each or field.startswith(f"{each}.") for each in allowed)
            (declared if follows else undeclared).append(Difference(f"{name} against {first_name}", field, was, now))
    return Verification(tuple(name for name, _ in manifests), tuple(declared), tuple(undeclared))


def _contradictions(name: str, manifest: dict[str, Any]) -> Iterator[Difference]:
    """Where a manifest contradicts its seal, its study, its arm, or its own account of the data."""
    if not sealed(manifest):
        yield Difference(name, "sha256", manifest.get("sha256"), "not the hash of its content: it was altered")
    study = study_of(manifest)
    if study is None:
        yield Difference(name, "study.content", "a study", "not one that can be read")
        return
    arm, replicate = manifest["arm"], manifest["replicate"]
    if not isinstance(arm, str) or arm not in study.arms or replicate not in study.replicates:
        known = f"one of {', '.join(study.arms)}, replicate one of {', '.join(map(str, study.replicates))}"
        yield Difference(name, "arm", known, f"{arm}, replicate {replicate}")
        return
    for place in _HASHES:
        if not re.fullmatch("[0-9a-f]{64}", str(_at(manifest, place))):
            yield Difference(name, place, "a sha256", _at(manifest, place))
    try:
        wanted = consequences(study, manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        yield Difference(name, "content", "the parts of a manifest", f"not readable ({type(error).__name__}: {error})")
        return
    for place, value in wanted.items():
        for field, was, now in differing(value, _at(manifest, place), place):
            yield Difference(name, field, was, now)


def _confounded(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """Settings that differ because the study of both manifests declares it so."""
    study, same = study_of(one), study_of(other)
    return set() if study is None or study != same else declared_places(study, one["arm"], other["arm"])


def _at(value: Any, place: str) -> Any:
    """What stands at a dotted place; None where nothing does."""
    for step in place.split("."):
        if isinstance(value, list):
            value = value[int(step)] if step.isdigit() and int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _content(path: Path) -> Any:
    return read_json(Path(path) / MANIFEST if Path(path).is_dir() else Path(path))


def _checked(name: str, manifest: Any) -> dict[str, Any]:
    if isinstance(manifest, dict) and manifest.get("kind") == "joined run":
        raise InputError(name, "was trained elsewhere, so that nothing proves what it was fed")
    if not isinstance(manifest, dict) or manifest.keys() != _WANTED or manifest["schema"] != SCHEMA:
        held = sorted(manifest)[:6] if isinstance(manifest, dict) else type(manifest).__name__
        raise InputError(name, f"must be the manifest of a run or of an arm, schema {SCHEMA}, but holds {held}")
    return manifest


def _of_arms(paths: Sequence[Path], manifests: Sequence[dict[str, Any]]) -> Verification:
    """Built arms by their manifests and, where these agree, by the tokens that lie beside them."""
    found = compare(manifests)
    folders = [path if path.is_dir() else path.parent for path in paths]
    there = [all((each / TOKENS).is_file() for each in (folder, folder.parent / CONTROL)) for folder in folders]
    unread = tuple(name for name, read in zip(found.names, there, strict=True) if not read)
    read = [] if found.undeclared else [folder for folder, read in zip(folders, there, strict=True) if read]
    by_tokens = [each for folder in read for each in told_by_tokens(folder)]
    return Verification(found.names, found.declared, (*found.undeclared, *by_tokens), unread)


def _name(path: Path) -> str:
    return Path(path).name if Path(path).is_dir() else f"{Path(path).parent.name}/{Path(path).name}"
