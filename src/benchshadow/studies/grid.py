"""A study from its file to its statements: bases, runs, then claims, in one folder that any kill leaves resumable."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.errors import Incomplete, InputError, MissingExtra
from benchshadow.records import SUPERSEDED, open_folder, read, read_json, write, write_json, write_text

from .claims import claims, derived, table
from .engine import Call, local
from .estimate import Estimate, estimate
from .measures import measures
from .progress import told
from .runs import MANIFEST, Run, execute, is_whole, plan_runs, run_folder
from .statements import doses, level, statements
from .study import CONTROL, Study, read_study

__all__ = ["Done", "Standing", "study_plan", "study_run", "study_status"]

Progress = Callable[["Standing"], None]
_POLL_SECONDS = 0.5
_FAILURES = "failures.json"


@dataclass(frozen=True)
class Standing:
    """How far a study is.

    Attributes:
        runs: every base and run in order.
        shares: name of a run to the share of its work that is done, 1 where it is whole.
        doing: name of a run to what it is doing, for those under way.
        failed: name of a run to the reason it ended with.
        work: sum of the shares, each weighted by its steps.
        total: what the sum will be.
    """

    runs: tuple[Run, ...]
    shares: dict[str, float]
    doing: dict[str, str]
    failed: dict[str, str]
    work: float
    total: float


@dataclass(frozen=True)
class Done:
    """A study that has ended.

    Attributes:
        folder: where everything lies.
        summary: content of `summary.json`.
        failed: title of a base or run to the reason it ended with, runs whose base failed among them.
    """

    folder: Path
    summary: dict[str, Any]
    failed: dict[str, str]


def study_plan(file: Path) -> Estimate:
    """What a study would read, compute and write; nothing is done."""
    return estimate(_checked(file))


def study_run(
    file: Path, *, out: Path, workers: int = 2, strict: bool = False, progress: Progress | None = None
) -> Done:
    """Run a study, or go on with it: whole runs are kept, the others resumed, and the statements written at the end.

    Args:
        file: the study file.
        out: its folder; a folder that holds another study is refused.
        workers: processes of one thread each; the bits of the results do not depend on their number.
        strict: whether a run that failed is an error at the end.
        progress: called twice a second with how far it is.

    Raises:
        InputError: the file breaks a rule, or the folder holds other work.
        MissingExtra: the libraries of the extra `train` are not installed.
        Incomplete: with `strict`, when a run failed; everything else is done and written.
    """
    study = _checked(file)
    _check_extra()
    if workers < 1:
        raise InputError("--workers", f"must be at least 1 but is {workers}")
    bases, runs = plan_runs(study)
    out = open_folder(out, {"verb": "study", "name": study.name, "study": study.sha256})
    if not (out / "study.toml").is_file():
        write_text(out / "study.toml", Path(file).read_text(encoding="utf-8"))
    _set_stale_aside(out, {run.name for run in (*bases, *runs)})
    (out / _FAILURES).unlink(missing_ok=True)
    found: dict[str, str] = {}
    with _Watch(study, out, (*bases, *runs), found, progress):
        for group in (bases, runs):
            _bring(study, out, group, workers, found)
    failed = {run.title: found[run.name] for run in (*bases, *runs) if run.name in found}
    write_json(out / _FAILURES, failed)
    summary = _conclude(study, out, runs, failed)
    if strict and failed:
        (title, reason), counts = next(iter(failed.items())), summary["runs"]
        raise Incomplete(f"{out}: {counts['failed']} of {counts['planned']} runs failed; {title}: {reason}")
    return Done(out, summary, failed)


def study_status(file: Path, *, out: Path) -> Standing:
    """How far the study in a folder is: what is whole, under way, failed, and what is left."""
    study = _checked(file)
    if not out.is_dir():
        raise InputError(out, "no such folder", "start the study with: benchshadow study run")
    _check_extra()
    bases, runs = plan_runs(study)
    reasons = read_json(out / _FAILURES) if (out / _FAILURES).is_file() else {}
    failed = {run.name: reasons[run.title] for run in (*bases, *runs) if run.title in reasons}
    return _standing(study, out, (*bases, *runs), failed)


def _bring(study: Study, out: Path, group: Sequence[Run], workers: int, failed: dict[str, str]) -> None:
    """Bring bases or runs to their whole folders; `failed` gets what fails, and what has no base to start from."""
    calls = []
    for run in group:
        if is_whole(out, run):
            continue
        if run.base is not None and run.base.name in failed:
            failed[run.name] = f"its base failed ({failed[run.base.name]})"
        else:
            calls.append(Call(run.name, execute, (study, run, out)))
    for outcome in local(calls, workers):
        if outcome.failure is not None:
            failed[outcome.call.name] = outcome.failure


def _check_extra() -> None:
    """Say how to install what a run and its key need, before anything is claimed or drawn."""
    if any(importlib.util.find_spec(name) is None for name in ("loky", "tokenizers", "torch", "transformers")):
        raise MissingExtra("training", "train")


def _checked(file: Path) -> Study:
    study = read_study(Path(file))
    try:
        study.check_families(tuple(measure.name for measure in measures(study)))
    except InputError as error:
        raise InputError(file, str(error)) from None
    return study


def _standing(study: Study, out: Path, runs: Sequence[Run], failed: dict[str, str]) -> Standing:
    shares, doing, work, total = {}, {}, 0.0, 0.0
    for run in runs:
        steps = study.settings.steps if run.arm else study.base.settings.steps
        shares[run.name] = 1.0 if is_whole(out, run) else 0.0
        if not shares[run.name]:
            folder = run_folder(out, run)
            here = told(folder) or told(folder.with_name(f"{run.name}.partial"))
            if here is not None:
                shares[run.name], doing[run.name] = here.share, here.doing
        total += steps
        work += steps * (1.0 if run.name in failed else shares[run.name])
    return Standing(tuple(runs), shares, doing, dict(failed), work, total)


class _Watch:
    """Tells how far the study is, twice a second, from a thread of its own while the workers work."""

    def __init__(
        self, study: Study, out: Path, runs: Sequence[Run], failed: dict[str, str], progress: Progress | None
    ) -> None:
        self._look = lambda: _standing(study, out, runs, failed)
        self._progress, self._end = progress, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        if self._progress is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._progress is not None:
            self._thread.join()
            self._progress(self._look())

    def _watch(self) -> None:
        assert self._progress is not None, "started only with one"
        while not self._end.wait(_POLL_SECONDS):
            self._progress(self._look())


def _set_stale_aside(out: Path, present: set[str]) -> None:
    """Set aside runs of other keys, so that records of older code never mix with new ones; nothing is deleted."""
    for kind in ("bases", "runs"):
        for folder in sorted((out / kind).glob("*")) if (out / kind).is_dir() else []:
            if folder.is_dir() and folder.name.removesuffix(".partial") not in present:
                aside = out / SUPERSEDED / kind
                aside.mkdir(parents=True, exist_ok=True)
                folder.rename(_free(aside / folder.name))


def _free(place: Path) -> Path:
    """The place, or the first numbered one of its name where that is taken."""
    numbered = (place.with_name(f"{place.name}.{number}") for number in count(2))
    return next(each for each in chain((place,), numbered) if not each.exists())


def _conclude(study: Study, out: Path, runs: Sequence[Run], failed: dict[str, str]) -> dict[str, Any]:
    """Write what the whole runs together say: study.json, claims.json, summary.json and the study's own records."""
    whole = [run for run in runs if is_whole(out, run)]
    if not whole:
        reason = next(iter(failed.values()), "no run is whole")
        raise InputError(out, f"no run could be finished ({reason})")
    records = pl.concat([read(run_folder(out, run)) for run in whole])
    made = claims(study, records)
    write(derived(study, records), out / "records.parquet")
    strength, why = level(study)
    manifest = read_json(run_folder(out, whole[0]) / MANIFEST)
    write_json(out / "study.json", _told(study, manifest))
    dosed = list(doses(study, made, _treated(out, whole)))
    said = statements(study, made, dosed)
    rows = [claim.row() for claim in made]
    write_json(
        out / "claims.json",
        {"level": strength, "why": why, "statements": said, "claims": rows, "doses": dosed},
    )
    summary = {
        "verb": "study",
        "study": study.name,
        "sha256": study.sha256,
        "runs": {
            "whole": len(whole),
            "failed": sum(run.title in failed for run in runs),
            "planned": len(runs),
        },
        "failures": failed,
        "level": strength,
        "statements": [each["text"] for each in said],
        "table": table(study, records),
    }
    write_json(out / "summary.json", summary)
    return summary


def _treated(out: Path, whole: Sequence[Run]) -> dict[str, float]:
    """Share of the sequences that each arm's treatment replaced, mean over its runs; declared epochs leave it open."""
    found: dict[str, list[float]] = {}
    for run in whole:
        data = read_json(run_folder(out, run) / MANIFEST)["data"]
        found.setdefault(run.arm, []).append(data["treated_sequences"] / data["budget"]["sequences"])
    return {arm: sum(shares) / len(shares) for arm, shares in found.items()}


def _told(study: Study, manifest: dict[str, Any]) -> dict[str, Any]:
    """What the report tells of the study's design."""
    counted = {task["benchmark"]: task for task in manifest["evaluation"]}
    says = {task.name: task.says for task in study.tasks}
    return {
        "name": study.name,
        "title": study.title,
        "question": study.question,
        "sha256": study.sha256,
        "control": CONTROL,
        "placebo_arm": study.same,
        "arms": {name: arm.model_dump(mode="json") | {"title": name} for name, arm in study.arms.items()},
        "replicates": list(study.replicates),
        "bases": study.bases,
        "settings": study.settings.model_dump(mode="json"),
        "base_settings": study.base.settings.model_dump(mode="json"),
        "architecture": study.architecture.model_dump(mode="json"),
        "tasks": [{**counted[name], "says": says[name]} for name in counted],
        "measures": [
            {
                "name": each.name,
                "title": each.title,
                "unit": each.unit,
                "kind": each.kind,
                "tier": each.tier,
                "benchmark": each.parts[0][1] if len(each.parts) == 1 else None,
                "diagnostic": each.parts[0][2],
                "parts": [list(part) for part in each.parts],
                "says": each.says,
            }
            for each in measures(study)
        ],
        "environment": manifest["environment"],
    }
