"""A study from its file to its statements: bases, runs, then claims, in one folder that any kill leaves resumable."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from benchshadow.errors import Incomplete, InputError, MissingExtra
from benchshadow.records import SUPERSEDED, open_folder, read_json, write_json, write_text
from benchshadow.studies.conclusions.concluding import conclude
from benchshadow.studies.conclusions.onset import check_onsets
from benchshadow.studies.conclusions.power import Need, needs_so_far
from benchshadow.studies.conclusions.preregistration import preregister
from benchshadow.studies.declaring.family_rules import check_families
from benchshadow.studies.declaring.measures import measures
from benchshadow.studies.declaring.study import Study, read_study
from benchshadow.studies.engines.engine import Call, check, held
from benchshadow.studies.engines.engine import run as run_calls
from benchshadow.studies.preparing.bases import check_bases
from benchshadow.studies.preparing.beforehand import looked_at, write_checks
from benchshadow.studies.running.estimate import Estimate, estimate
from benchshadow.studies.running.pace import seconds_left, told_of, worked_on
from benchshadow.studies.running.progress import Told
from benchshadow.studies.running.runs import Run, execute, is_whole, plan_runs

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
        running: names of the runs that a worker holds.
        seconds_left: at the pace of these; None where it is not known yet.
        needs: what every declared test needs, by the runs that are whole; only `study_status` reckons it.
    """

    runs: tuple[Run, ...]
    shares: dict[str, float]
    doing: dict[str, str]
    failed: dict[str, str]
    work: float
    total: float
    running: tuple[str, ...] = ()
    seconds_left: float | None = None
    needs: tuple[Need, ...] = ()


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
    file: Path,
    *,
    out: Path,
    engine: str = "local",
    workers: int = 2,
    replicates: Sequence[int] | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Done:
    """Run a study, or go on with it: whole runs are kept, the others resumed, and the statements written at the end.

    Args:
        file: the study file.
        out: its folder; a folder that holds another study is refused.
        engine: "local", or "ray" for a Ray cluster (see `engine.run`); the bits of the results do not depend on it.
        workers: processes of one thread each; the bits of the results do not depend on their number.
        replicates: the only ones that are run, with their bases; `study_merge` puts parts together. None runs all.
        strict: whether a run that failed is an error at the end.
        progress: called twice a second with how far it is.

    Raises:
        InputError: the file breaks a rule, or the folder holds other work.
        MissingExtra: the libraries of the extra `train` are not installed.
        Incomplete: with `strict`, when a run failed; everything else is done and written.
    """
    study = _checked(file)
    _check_extra()
    check(engine, workers)
    check_bases(study)
    bases, runs = plan_runs(study)
    ours = _of_replicates(study, runs, replicates)
    groups = ([base for base in bases if any(run.base == base for run in ours)], ours)
    keys = [run.measurement for run in runs]
    beforehand = looked_at(study, out, keys=keys, engine=engine, workers=workers)
    out = open_folder(out, {"verb": "study", "name": study.name, "study": study.design})
    if not (out / "study.toml").is_file():
        write_text(out / "study.toml", Path(file).read_text(encoding="utf-8"))
    write_checks(out, beforehand)
    _set_stale_aside(out, {run.name for run in (*bases, *runs)})
    preregister(study, out)
    (out / _FAILURES).unlink(missing_ok=True)
    found: dict[str, str] = {}
    with _Watch(study, out, [run for group in groups for run in group], found, progress):
        _bring(study, out, groups, engine, workers, found)
    failed = {run.title: found[run.name] for run in (*bases, *runs) if run.name in found}
    write_json(out / _FAILURES, failed)
    summary = conclude(study, out, runs, failed)
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
    standing = _standing(study, out, (*bases, *runs), failed)
    return replace(standing, needs=needs_so_far(study, out, [run for run in runs if is_whole(out, run)]))


def _of_replicates(study: Study, runs: Sequence[Run], replicates: Sequence[int] | None) -> list[Run]:
    for each in replicates or ():
        if each not in study.replicates:
            named = ", ".join(map(str, study.replicates))
            raise InputError("--replicates", f"must be among those of the study, {named}, but holds {each}")
    return [run for run in runs if replicates is None or run.replicate in replicates]


def _bring(
    study: Study, out: Path, groups: Sequence[Sequence[Run]], engine: str, workers: int, failed: dict[str, str]
) -> None:
    """Bring bases, then runs, to their whole folders; `failed` gets what fails, and what has no base to start from."""
    if all(is_whole(out, run) for group in groups for run in group):
        return
    with held(engine, workers):
        for group in groups:
            calls = _calls(study, out, group, failed)
            _tell_failures(out, groups, failed)
            for outcome in run_calls(calls, engine=engine, workers=workers):
                if outcome.failure is not None:
                    failed[outcome.call.name] = outcome.failure
                    _tell_failures(out, groups, failed)


def _tell_failures(out: Path, groups: Sequence[Sequence[Run]], failed: dict[str, str]) -> None:
    """Say what has failed so far, for whoever looks while the others go on; on a full disk it is said at the end."""
    told = {run.title: failed[run.name] for group in groups for run in group if run.name in failed}
    with suppress(InputError):
        write_json(out / _FAILURES, told)


def _calls(study: Study, out: Path, group: Sequence[Run], failed: dict[str, str]) -> list[Call]:
    """The work that is left of a group."""
    calls = []
    for run in group:
        if is_whole(out, run):
            continue
        if run.base is not None and run.base.name in failed:
            failed[run.name] = f"its base failed ({failed[run.base.name]})"
        else:
            calls.append(Call(run.name, execute, (study, run, out)))
    return calls


def _check_extra() -> None:
    """Say how to install what a run and its key need, before anything is claimed or drawn."""
    needed = ("accelerate", "loky", "tokenizers", "torch", "transformers")
    if any(importlib.util.find_spec(name) is None for name in needed):
        raise MissingExtra("training", "train")


def _checked(file: Path) -> Study:
    study = read_study(Path(file))
    try:
        check_families(study, measures(study))
        check_onsets(study.onsets, [measure.name for measure in measures(study)])
    except InputError as error:
        raise InputError(file, str(error)) from None
    return study


def _standing(study: Study, out: Path, runs: Sequence[Run], failed: dict[str, str]) -> Standing:
    shares, doing, work, total = {}, {}, 0.0, 0.0
    running: dict[str, tuple[Told, float]] = {}
    for run in runs:
        steps = study.settings_of(run.arm).steps if run.arm else study.base.steps or 1
        shares[run.name] = 1.0 if is_whole(out, run) else 0.0
        if not shares[run.name]:
            held_now, here = worked_on(out, run), told_of(out, run)
            if held_now and here is None:
                here = Told(0.0, "preparing")
            if here is not None:
                shares[run.name], doing[run.name] = here.share, here.doing
                if held_now:
                    running[run.name] = here, steps
        total += steps
        work += steps * (1.0 if run.name in failed else shares[run.name])
    left = seconds_left(list(running.values()), work, total)
    return Standing(tuple(runs), shares, doing, dict(failed), work, total, tuple(running), left)


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
