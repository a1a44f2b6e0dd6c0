"""The causal test over a study's runs: directions of the change scaled down, and every tier evaluated again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import polars as pl

from benchshadow.data.tokenization import load_tokenizer
from benchshadow.errors import InputError
from benchshadow.records import frame, open_folder, read_json, write, write_json
from benchshadow.records.source_code import code
from benchshadow.spectra import Along
from benchshadow.studies.declaring.confounds import checkpoints_of
from benchshadow.studies.declaring.measures import measures, values
from benchshadow.studies.declaring.sentences import known
from benchshadow.studies.declaring.study import Study, read_study
from benchshadow.studies.engines.engine import Call, check, run
from benchshadow.studies.footprints.footprint import opened
from benchshadow.studies.preparing.seeds import seed
from benchshadow.studies.preparing.suite import suite
from benchshadow.studies.running.measuring import measured
from benchshadow.studies.running.runs import MANIFEST, TOKENIZER, Run, base_checkpoint, is_whole, plan_runs, run_folder
from benchshadow.train import checkpoint_folder

from .restore import Removed, check_scale, restored
from .restored_summary import summary_of

__all__ = ["DIRECTIONS", "SCALES", "Restoring", "study_restore"]

DIRECTIONS = ("intruders", "random:intruders", "top:4", "random:4")
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)
_FOOTPRINT = ("relative_change", "stable_rank", "participation_ratio")
_CODE = ("studies/causal/restore.py", "studies/causal/restoring.py")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Restoring:
    """What came out.

    Attributes:
        folder: `records.parquet`, `summary.json`, and the parts of every run.
        summary: content of `summary.json`.
        failed: title of a run and its directions to the reason that it ended with.
    """

    folder: Path
    summary: dict[str, Any]
    failed: dict[str, str]


def study_restore(
    file: Path,
    *,
    of: Path,
    arm: str,
    out: Path,
    directions: Sequence[str] = DIRECTIONS,
    scales: Sequence[float] = SCALES,
    engine: str = "local",
    workers: int = 2,
    plan: bool = False,
    progress: Progress | None = None,
) -> Restoring:
    """Restore the last checkpoint of every whole run of an arm along directions, by steps, and evaluate each step.

    Records carry the directions as `split` and the scale as `parameter`: outcomes of every task (`of = outcome`), what
    is left of the change (`of = model`: relative change, stable rank, participation ratio), the share of the change's
    energy along the directions (`restored_energy_share`), and the study's own measures (`role = study`). Started again
    it goes on from the steps that are done. It does not tell what other directions of equal energy would have done,
    unless these are among the directions: random:K is the control of top:K, random:intruders that of the intruders.

    Args:
        file: the study file.
        of: the study's folder.
        arm: whose runs.
        out: folder to write to: new, or one of the same work.
        directions: see `restore`.
        scales: see `restore`; 1 is added where it is missing, since changes are counted from there.
        engine: as for `study_run`.
        workers: as for `study_run`.
        plan: say what would be computed and written, and do nothing.
        progress: told the pieces of work done, all of them, and the last one.

    Raises:
        InputError: the arm, a direction or a scale is unknown, no run of the arm is whole, or `out` holds other work.
    """
    study = read_study(Path(file))
    check(engine, workers)
    chosen, steps = _asked(study, arm, directions, scales)
    runs = [each for each in plan_runs(study)[1] if each.arm == arm and is_whole(of, each)]
    if not runs:
        raise InputError(of, f"holds no whole run of the arm '{arm}'", "run the study first")
    if plan:
        return Restoring(Path(out), _plan(study, of, runs, chosen, steps, workers), {})
    out = open_folder(out, _work(study, of, arm, runs, chosen, steps))
    pieces = [(each, along) for each in runs for along in chosen]
    calls = [Call(f"{each.title}, {along}", execute, (study, each, of, out, along, steps)) for each, along in pieces]
    failed: dict[str, str] = {}
    for done, outcome in enumerate(run(calls, engine=engine, workers=workers), start=1):
        if outcome.failure is not None:
            failed[outcome.call.name] = outcome.failure
        if progress is not None:
            progress(done, len(calls), outcome.call.name)
    places = [_place(out, each, along) / "records.part" for each, along in pieces]
    tables = [pl.read_parquet(place) for place in places if place.is_file()]
    if not tables:
        raise InputError(out, f"nothing could be restored ({next(iter(failed.values()))})")
    records = pl.concat(tables)
    write(records, out / "records.parquet")
    summary = summary_of(study, arm, chosen, steps, records, failed)
    write_json(out / "summary.json", summary)
    return Restoring(out, summary, failed)


def _asked(
    study: Study, arm: str, directions: Sequence[str], scales: Sequence[float]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Directions and scales as they are done, each once, scale one among them."""
    known("--arm", arm, tuple(study.arms))
    chosen = tuple(dict.fromkeys(str(Along.read(each)) for each in directions))
    if not chosen:
        raise InputError("--directions", "must name some but names none")
    for scale in scales:
        check_scale(scale)
    return chosen, tuple(sorted({*map(float, scales), 1.0}))


def execute(study: Study, of_run: Run, of: Path, out: Path, along: str, scales: Sequence[float]) -> None:
    """Restore one run along some directions at every scale, and measure what comes out; what is done stays."""
    place = _place(out, of_run, along)
    place.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(place.with_name(f"{place.name}.lock")):
        if (place / "records.part").is_file():
            return
        base, folder = base_checkpoint(study, of, of_run), run_folder(of, of_run)
        tuned = checkpoint_folder(folder, checkpoints_of(study, of_run.arm)[study.settings.steps])
        before, after = opened(base, tuned)
        assert after is not None, "two were given"
        checkpoints = {scale: place / f"checkpoint-{scale:g}" for scale in scales}
        drawn = seed(study.seed, "restore", along, of_run.replicate)
        place.mkdir(exist_ok=True)
        removed = restored(before, after, Along.read(along), checkpoints, seed=drawn)
        tables = [_measured(study, of_run, of, place, scale, checkpoints[scale]) for scale in scales]
        records = pl.concat([*tables, _energy(study, of_run, removed)]).with_columns(split=pl.lit(along))
        for each in checkpoints.values():
            shutil.rmtree(each)
        write(records, place / "records.part")


def _measured(study: Study, of_run: Run, of: Path, place: Path, scale: float, checkpoint: Path) -> pl.DataFrame:
    """Every tier again, and what is left of the change, at one scale."""
    assert of_run.base is not None, "a run has a base"
    step, part = study.settings.steps, place / f"scale-{scale:g}"
    columns = {
        "run": of_run.name,
        "arm": of_run.arm,
        "replicate": of_run.replicate,
        "base": of_run.base.key[:12],
        "step": step,
        "checkpoint": f"{of_run.name}/restored",
    }
    if not part.is_dir():
        measured(
            part,
            columns,
            base=base_checkpoint(study, of, of_run),
            checkpoint=checkpoint,
            tokenizer=load_tokenizer(run_folder(of, of_run.base) / TOKENIZER),
            tasks=suite(study, of_run.replicate).tasks,
            probes=None,
            equaliser=None,
            losses=np.zeros(0),
            seed=seed(study.seed, "nulls", of_run.replicate, step),
            threads=study.settings.threads,
            device=study.settings.device,
            whole=False,
        )
    records = pl.read_parquet(part / "records.part")
    left = pl.col("of").eq("model") & pl.col("diagnostic").is_in(_FOOTPRINT) & pl.col("parameter").is_null()
    kept = records.filter(pl.col("of").eq("outcome") | left)
    found = pl.concat([kept, _together(study, kept, columns)])
    return found.with_columns(parameter=pl.lit(scale))


def _together(study: Study, records: pl.DataFrame, columns: dict[str, Any]) -> pl.DataFrame:
    """The study's own measures of the outcomes: narrow, broad, gap ..."""
    rows = []
    for measure in (each for each in measures(study) if each.kind == "outcome"):
        for value in values(records, measure).values():
            told = {"diagnostic": measure.name, "value": value, "unit": measure.unit, "tier": measure.tier}
            rows.append({**columns, **told, "of": "outcome", "role": "study", "method": "weighted sum of records"})
    return frame(rows)


def _energy(study: Study, of_run: Run, removed: Sequence[Removed]) -> pl.DataFrame:
    part, whole = (sum(getattr(each, name) ** 2 for each in removed) for name in ("norm", "change"))
    place = {"run": of_run.name, "arm": of_run.arm, "replicate": of_run.replicate, "step": study.settings.steps}
    told = {"diagnostic": "restored_energy_share", "value": part / whole if whole else None, "unit": "share"}
    return frame([{**place, **told, "of": "model", "items": len(removed), "method": "matrices inside blocks"}])


def _plan(
    study: Study, of: Path, runs: Sequence[Run], directions: Sequence[str], scales: Sequence[float], workers: int
) -> dict[str, Any]:
    """How many checkpoints would be made and scored, and the disk that they take while they are."""
    held = checkpoint_folder(run_folder(of, runs[0]), checkpoints_of(study, runs[0].arm)[study.settings.steps])
    one = sum(file.stat().st_size for file in held.rglob("*") if file.is_file())
    return {
        "verb": "study restore",
        "plan": True,
        "runs": [each.title for each in runs],
        "directions": list(directions),
        "scales": list(scales),
        "checkpoints": len(runs) * len(directions) * len(scales),
        "estimate": {"disk_bytes_at_once": one * len(scales) * min(workers, len(runs) * len(directions))},
    }


def _place(out: Path, of_run: Run, along: str) -> Path:
    return out / "runs" / of_run.name / along.replace(":", "-")


def _work(
    study: Study, of: Path, arm: str, runs: Sequence[Run], directions: Sequence[str], scales: Sequence[float]
) -> dict[str, Any]:
    """What determines the result; a run's measurement key holds the code of all that scores and measures."""
    weights = {each.name: read_json(run_folder(of, each) / MANIFEST)["results"]["weights_sha256"] for each in runs}
    return {
        "verb": "study restore",
        "study": study.design,
        "arm": arm,
        "runs": weights,
        "measurements": {each.name: each.measurement for each in runs},
        "directions": list(directions),
        "scales": list(scales),
        "code": code(_CODE),
    }
