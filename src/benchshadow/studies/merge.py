"""Folders of one study that was run in several places become one folder, with the statements of all runs together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock

from benchshadow.errors import InputError
from benchshadow.records import differing, open_folder, read_json, sealed, write_json, write_text
from benchshadow.studies.conclusions.concluding import conclude
from benchshadow.studies.conclusions.preregistration import PREREGISTERED
from benchshadow.studies.declaring.study import Study, read_study
from benchshadow.studies.preparing.beforehand import CHECKS
from benchshadow.studies.running.runs import MANIFEST, MEASURED, Run

__all__ = ["Merged", "study_merge"]

_FILE = "study.toml"
_KINDS = ("bases", "runs")
_MUST_AGREE = ("libraries", "machine", "code")
_ONCE = (PREREGISTERED, CHECKS)
_MEASURE_AGAIN = "run the study again in each of them, with the present code"
_FAILURES = "failures.json"


@dataclass(frozen=True)
class Merged:
    """A study put together.

    Attributes:
        folder: the whole.
        summary: content of its `summary.json`.
        taken: name of a run or base to the folder that it came from.
    """

    folder: Path
    summary: dict[str, Any]
    taken: dict[str, Path]


@dataclass(frozen=True)
class _Found:
    """A whole base or run in one of the folders."""

    folder: Path
    kind: str
    place: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def measured(self) -> dict[str, Any]:
        """What it tells of the definitions that it was measured by; empty where it was not measured."""
        file = self.place / MEASURED
        return read_json(file) if file.is_file() else {}


def study_merge(folders: Sequence[Path], *, out: Path) -> Merged:
    """Put the whole runs of several folders of one study into one, and write what they say together.

    All folders must be of the same study file, to the last margin, and their runs of the same code, libraries and kind
    of machine, and measured by the same definitions; a base or run that several of them hold must have the same
    weights. Files are linked where the disk allows that, and copied otherwise; the folders stay as they are. What
    neither folder holds is counted as planned: `study run` in the merged folder goes on with it.

    Args:
        folders: two or more that `study run` has written.
        out: the folder of the whole: new, or one that was merged before, where runs that were measured again since take
            the place of what they were.

    Raises:
        InputError: a folder is none of a study, or two differ in what they must share; it is named.
    """
    if len(folders) < 2:
        raise InputError("study merge", f"needs two folders or more but was given {len(folders)}")
    places = [Path(each) for each in folders]
    studies = [_study(each) for each in places]
    _check_same(places, studies)
    found = [each for place in places for each in _whole(place)]
    if not any(each.kind == "runs" for each in found):
        raise InputError(places[0], "must hold a whole run, or one of the others must, but none does")
    _check_runs(found)
    study = studies[0]
    out = open_folder(out, {"verb": "study", "name": study.name, "study": study.design})
    with filelock.FileLock(out / "merge.lock"):
        taken = {each.name: _take(each, out) for each in found}
        for name in (_FILE, *_ONCE):
            first = next((place / name for place in places if (place / name).is_file()), None)
            if first is not None and not (out / name).is_file():
                write_text(out / name, first.read_text(encoding="utf-8"))
        runs = _runs(study, found)
        failed = _failed(places, runs)
        write_json(out / _FAILURES, failed)
        summary = conclude(study, out, runs, failed)
    return Merged(out, summary, taken)


def _study(folder: Path) -> Study:
    claim = folder / "work.json"
    if not claim.is_file() or read_json(claim).get("verb") != "study" or not (folder / _FILE).is_file():
        raise InputError(folder, f"must be the folder of a study but holds no {_FILE} beside a work.json of one")
    return read_study(folder / _FILE)


def _check_same(places: Sequence[Path], studies: Sequence[Study]) -> None:
    """The same study file, and the same things declared before the first outcome."""
    first = studies[0].model_dump(mode="json")
    for place, study in zip(places[1:], studies[1:], strict=True):
        for key, was, now in differing(first, study.model_dump(mode="json")):
            raise InputError(place, f"is of another study than {places[0]}: {key} was {was!r}, is {now!r}")
    declared = [(place, read_json(place / PREREGISTERED)) for place in places if (place / PREREGISTERED).is_file()]
    for place, content in declared:
        if not sealed(content):
            raise InputError(place / PREREGISTERED, "was altered after it was sealed")
        for key, was, now in differing(declared[0][1], content):
            raise InputError(place, f"declared other things beforehand: {key} was {was!r}, is {now!r}")


def _whole(folder: Path) -> Iterator[_Found]:
    """Every base that is trained, and every run that is measured."""
    for kind in _KINDS:
        for manifest in sorted((folder / kind).glob(f"*/{MANIFEST}")):
            place = manifest.parent
            if place.name.endswith(".partial") or (kind == "runs" and not (place / MEASURED).is_file()):
                continue
            content = read_json(manifest)
            if not sealed(content):
                raise InputError(manifest, "was altered after it was sealed")
            yield _Found(folder, kind, place, content)


def _check_runs(found: Sequence[_Found]) -> None:
    """One environment, one code that measured; of every cell one run, with the same weights wherever it was trained."""
    first, cells = found[0], dict[tuple[str, str, int], _Found]()
    first_run = next(each for each in found if each.kind == "runs")
    for each in found:
        for part in _MUST_AGREE:
            one, other = (run.manifest["environment"][part] for run in (first, each))
            for key, was, now in differing(one, other, f"environment.{part}"):
                raise InputError(
                    each.place, f"was made under other conditions than {first.place}: {key} was {was!r}, is {now!r}"
                )
        if each.kind == "runs" and each.measured.get("code") != first_run.measured.get("code"):
            raise InputError(each.place, f"was measured by other code than {first_run.place}", _MEASURE_AGAIN)
        before = cells.setdefault((each.kind, each.manifest["arm"], each.manifest["replicate"]), each)
        if before.name != each.name:
            raise InputError(
                each.place, f"is another run of the same cell than {before.place}", "set one of them aside"
            )
        for key, was, now in differing(before.manifest["results"], each.manifest["results"], "results"):
            remedy = "processors differ in the last bit: run a replicate in one place"
            raise InputError(
                each.place, f"came out otherwise than {before.place}: {key} was {was!r}, is {now!r}", remedy
            )
        if each.kind == "runs" and each.measured != before.measured:
            raise InputError(each.place, f"was measured by other definitions than {before.place}", _MEASURE_AGAIN)


def _take(found: _Found, out: Path) -> Path:
    """Link or copy one base or run, whole or not at all."""
    place = out / found.kind / found.name
    there = replace(found, place=place)
    if not place.is_dir() or there.measured != found.measured:
        partial, old = (place.with_name(f"{found.name}.{what}.partial") for what in ("merging", "replaced"))
        for each in (partial, old):
            shutil.rmtree(each, ignore_errors=True)
        shutil.copytree(found.place, partial, copy_function=_linked)
        if place.is_dir():
            place.rename(old)
        partial.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    return found.folder


def _failed(places: Sequence[Path], runs: Sequence[Run]) -> dict[str, str]:
    """What failed in one of the folders and is whole in none."""
    told = [read_json(place / _FAILURES) for place in places if (place / _FAILURES).is_file()]
    open_ones = {run.title for run in runs if run.base is None}
    return {title: reason for each in told for title, reason in each.items() if title in open_ones}


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _runs(study: Study, found: Sequence[_Found]) -> list[Run]:
    """The study's grid, with the keys that its runs have; a cell that nobody ran has none."""
    bases = {each.manifest["key"]: each.manifest["replicate"] for each in found if each.kind == "bases"}
    there = {(each.manifest["arm"], each.manifest["replicate"]): each for each in found if each.kind == "runs"}
    runs = []
    for replicate in study.replicates:
        for arm in study.arms:
            each = there.get((arm, replicate))
            if each is None:
                runs.append(Run(arm, replicate, "not run", "", None))
                continue
            base = each.manifest["base"]["key"]
            owner = Run("", bases.get(base, replicate), base, "", None)
            runs.append(Run(arm, replicate, each.manifest["key"], each.measured["key"], owner))
    return runs
