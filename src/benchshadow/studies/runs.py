"""One cell of a study's grid: its name, its key, its folder, and its way from a recipe to whole records."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import polars as pl

from benchshadow.data.tokenization import load_tokenizer, save_tokenizer
from benchshadow.errors import InputError
from benchshadow.records import file_digest, read_json, replace_whole, seal, write, write_json
from benchshadow.train import checkpoint_folder

from .arms import Fed, arm_stream, base_stream, recipe
from .bases import first_model, new_tokenizer
from .manifests import SCHEMA, environment, evaluation, measurement_key, training_key
from .measuring import measured
from .progress import Tell
from .seeds import seed
from .study import CONTROL, Study
from .suite import Suite, suite

__all__ = ["LOSSES", "MANIFEST", "Run", "base_checkpoint", "execute", "is_whole", "plan_runs", "run_folder"]

MANIFEST = "manifest.json"
MEASURED = "measured.json"
LOSSES = "losses.parquet"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Run:
    """One cell of the grid.

    Attributes:
        arm: name, "" for a base.
        replicate: seed of the replicate.
        key: training key, which its folder is named by.
        measurement: measurement key, which its records are named by; "" for a base.
        base: the run it starts from; None for a base.
    """

    arm: str
    replicate: int
    key: str
    measurement: str
    base: Run | None

    @property
    def name(self) -> str:
        """How folders call it."""
        return f"{self.arm.replace('/', '-') or 'base'}.{self.replicate}.{self.key[:12]}"

    @property
    def title(self) -> str:
        """How sentences call it."""
        return f"{self.arm}, replicate {self.replicate}" if self.arm else f"base, replicate {self.replicate}"


def run_folder(out: Path, run: Run) -> Path:
    """Where a whole run lives."""
    return out / ("runs" if run.arm else "bases") / run.name


def plan_runs(study: Study) -> tuple[list[Run], list[Run]]:
    """The bases and the runs of a study with their keys; the arms of one replicate stand side by side."""
    bases: dict[int, Run] = {}
    runs = []
    for replicate in study.replicates:
        owner = replicate if study.base.per_replicate else study.replicates[0]
        prepared = suite(study, replicate)
        sources, tasks = prepared.sources, evaluation(prepared)
        if owner not in bases:
            drawn = {"base": study.base.source, "tokenizer": study.tokenizer.source}
            recipes = {name: sources.fingerprint(source) for name, source in drawn.items() if source}
            key = training_key(study, arm="", replicate=owner, base="", recipes=recipes)
            bases[owner] = Run("", owner, key, "", None)
        for arm in study.arms:
            recipes = {name: recipe(study, sources, name) for name in (CONTROL, arm)}
            key = training_key(study, arm=arm, replicate=replicate, base=bases[owner].key, recipes=recipes)
            runs.append(Run(arm, replicate, key, measurement_key(key, tasks), bases[owner]))
    return list(bases.values()), runs


def base_checkpoint(study: Study, out: Path, run: Run) -> Path:
    """The checkpoint that a run starts from."""
    assert run.base is not None, "a base starts from none"
    return checkpoint_folder(run_folder(out, run.base), study.base.settings.steps)


def is_whole(out: Path, run: Run) -> bool:
    """Whether a run is trained and measured by the present definitions."""
    folder = run_folder(out, run)
    return folder.is_dir() and (not run.arm or _is_measured(folder, run))


def execute(study: Study, run: Run, out: Path) -> None:
    """Bring one run to its whole folder, from wherever it stands; nothing is done twice and nothing half.

    Under a lock it works in `<name>.partial`: trains, or goes on from the last saved state; measures the checkpoints
    that are not measured yet; and renames the folder. A whole run whose definitions have changed is measured again, and
    trained again where it kept only its last checkpoint.
    """
    folder = run_folder(out, run)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f"{run.name}.lock")):
        if is_whole(out, run):
            return
        partial = folder.with_name(f"{run.name}.partial")
        if folder.is_dir() and all(place.is_dir() for place in _checkpoints(study, folder)):
            partial = folder
        elif folder.is_dir():
            (folder / MANIFEST).unlink(missing_ok=True)
            folder.rename(partial)
        partial.mkdir(exist_ok=True)
        prepared = suite(study, run.replicate)
        tell = Tell(partial, study.base.settings if not run.arm else study.settings)
        if not (partial / MANIFEST).is_file():
            _train(study, run, out, partial, prepared, tell)
        if run.arm:
            _measure(study, run, out, partial, prepared, tell)
        tell.forget()
        if partial != folder:
            partial.rename(folder)


def _checkpoints(study: Study, folder: Path) -> list[Path]:
    return [checkpoint_folder(folder, step) for step in study.settings.checkpoint_steps()]


def _train(study: Study, run: Run, out: Path, partial: Path, prepared: Suite, tell: Tell) -> None:
    """Train, or go on training; the manifest is written last, so where it stands the training is whole."""
    from benchshadow.train.loop import train
    from benchshadow.train.model import load, weights_sha256

    settings = study.settings if run.arm else study.base.settings
    tokenizer = _tokenizer(study, run, out, partial, prepared)
    if run.arm:
        fed = arm_stream(study, prepared.sources, tokenizer, run.arm, run.replicate)
        model = load(base_checkpoint(study, out, run))
    else:
        fed = base_stream(study, prepared.sources, tokenizer, run.replicate)
        model = first_model(study, tokenizer.get_vocab_size(), run.replicate)
    start = weights_sha256(model)
    losses = train(model, fed.ids, settings, partial, progress=tell.step)
    table = pl.DataFrame({"step": np.arange(1, settings.steps + 1), "loss": losses})
    with replace_whole(partial / LOSSES) as file:
        table.write_parquet(file)
    manifest = _manifest(study, run, prepared, fed, start, file_digest(_tokenizer_file(out, run, partial)))
    manifest["results"] = {"weights_sha256": weights_sha256(model), "losses_sha256": file_digest(partial / LOSSES)}
    write_json(partial / MANIFEST, seal(manifest))


def _manifest(study: Study, run: Run, prepared: Suite, fed: Fed, start: str, tokenizer: str) -> dict[str, Any]:
    """All that determines a run, without its results; every value is one that the run used."""
    settings = study.settings if run.arm else study.base.settings
    source = study.arms[run.arm].source if run.arm else study.base.source
    return {
        "schema": SCHEMA,
        "key": run.key,
        "study": {"name": study.name, "sha256": study.sha256, "content": study.model_dump(mode="json")},
        "arm": run.arm or "base",
        "replicate": run.replicate,
        "base": {"key": run.base.key if run.base else None, "weights_sha256": start},
        "tokenizer_sha256": tokenizer,
        "architecture": study.architecture.model_dump(mode="json"),
        "settings": {**settings.model_dump(mode="json"), "tokens": settings.tokens},
        "checkpoint_steps": list(settings.checkpoint_steps()),
        "seeds": {
            "study": study.seed,
            "positions": seed(study.seed, "positions", run.replicate),
            "benchmark": seed(study.seed, "benchmark", run.replicate),
        },
        "benchmark": list(prepared.paradigms),
        "evaluation": evaluation(prepared),
        "environment": environment(),
        "control": recipe(study, prepared.sources, CONTROL) if run.arm else None,
        "treatment": recipe(study, prepared.sources, run.arm) if run.arm else None,
        "data": {**fed.data, "files": prepared.sources.files(source)},
    }


def _measure(study: Study, run: Run, out: Path, partial: Path, prepared: Suite, tell: Tell) -> None:
    """Measure every checkpoint that has no records yet, then join the records and keep what the study keeps."""
    tokenizer = load_tokenizer(_tokenizer_file(out, run, partial))
    base = base_checkpoint(study, out, run)
    losses = pl.read_parquet(partial / LOSSES)["loss"].to_numpy()
    steps = [*((0,) if run.arm == CONTROL else ()), *study.settings.checkpoint_steps()]
    tables, items = [], []
    for count, step in enumerate(steps):
        place = partial / "measures" / f"{run.measurement[:12]}-{step:06d}"
        if not place.is_dir():
            checkpoint = checkpoint_folder(partial, step) if step else base
            columns = {
                "run": run.name,
                "arm": run.arm if step else "base",
                "replicate": run.replicate,
                "base": run.base.key[:12] if run.base else None,
                "step": step,
                "checkpoint": f"{run.name}/{checkpoint.name}" if step else "base",
            }
            measured(
                place,
                columns,
                base=base,
                checkpoint=checkpoint if step else None,
                tokenizer=tokenizer,
                tasks=prepared.tasks,
                losses=losses[:step],
                seed=seed(study.seed, "nulls", run.replicate, step),
                whole=step == study.settings.steps,
            )
        tell.measured(count + 1, len(steps))
        tables.append(pl.read_parquet(place / "records.part"))
        items.append(pl.read_parquet(place / "items.part"))
    write(pl.concat(tables), partial / "records.parquet")
    with replace_whole(partial / "items.parquet") as file:
        pl.concat(items).write_parquet(file)
    write_json(partial / MEASURED, {"key": run.measurement})
    shutil.rmtree(partial / "measures")
    if study.keep == "last":
        for place in _checkpoints(study, partial)[:-1]:
            shutil.rmtree(place, ignore_errors=True)


def _is_measured(folder: Path, run: Run) -> bool:
    return (folder / MEASURED).is_file() and read_json(folder / MEASURED).get("key") == run.measurement


def _tokenizer_file(out: Path, run: Run, partial: Path) -> Path:
    """A tokenizer belongs to the base it was made for."""
    return partial / TOKENIZER if run.base is None else run_folder(out, run.base) / TOKENIZER


def _tokenizer(study: Study, run: Run, out: Path, partial: Path, prepared: Suite) -> Any:
    path = _tokenizer_file(out, run, partial)
    if not path.is_file():
        if run.base is not None:
            raise InputError(path, "no such file", "remove the folder of this base and run the study again")
        save_tokenizer(new_tokenizer(study, prepared.sources), path)
    return load_tokenizer(path)
