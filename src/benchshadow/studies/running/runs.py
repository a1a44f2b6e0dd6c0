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
from benchshadow.records import digest, file_digest, read_json, replace_whole, seal, write, write_json
from benchshadow.studies.declaring.confounds import budget, checkpoints_of, recut
from benchshadow.studies.declaring.joined_settings import joined_of
from benchshadow.studies.declaring.study import CONTROL, Study
from benchshadow.studies.preparing.arms import Fed, arm_stream, base_stream, recipe
from benchshadow.studies.preparing.bases import adapted, first_model, new_tokenizer
from benchshadow.studies.preparing.known_bases import note, take
from benchshadow.studies.preparing.seeds import seed
from benchshadow.studies.preparing.suite import Suite, suite
from benchshadow.studies.preparing.taken_bases import origin
from benchshadow.train import Settings, checkpoint_folder

from . import joined
from .kept_directions import keep_directions
from .manifests import SCHEMA, environment, evaluation, measured_by, measurement_key, training_key
from .measuring import measured
from .probing import due, probe_account, probe_texts
from .progress import Tell
from .spare import MEASURES, holds_all, remove_spare

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
    runs, directions = [], study.trajectory.directions
    for replicate in study.replicates:
        owner = study.base_of(replicate)
        prepared = suite(study, replicate)
        sources, tasks = prepared.sources, evaluation(prepared)
        probes = probe_account(probe_texts(study, prepared, replicate))
        after = prepared.equaliser.described if prepared.equaliser else None
        if owner not in bases:
            drawn = {"base": study.base.source, "tokenizer": study.tokenizer.source}
            recipes: dict[str, Any] = {name: sources.fingerprint(source) for name, source in drawn.items() if source}
            if study.base.checkpoints:
                recipes["checkpoint"] = origin(study, owner)
            key = training_key(study, arm="", replicate=owner, base="", recipes=recipes)
            bases[owner] = Run("", owner, key, "", None)
        for arm in study.arms:
            recipes = {name: recipe(study, sources, name) for name in (CONTROL, arm)}
            if brought := joined.account(study, arm, replicate):
                recipes["joined"] = brought
            key = training_key(study, arm=arm, replicate=replicate, base=bases[owner].key, recipes=recipes)
            runs.append(Run(arm, replicate, key, measurement_key(key, tasks, probes, directions, after), bases[owner]))
    return list(bases.values()), runs


def base_checkpoint(study: Study, out: Path, run: Run) -> Path:
    """The checkpoint that a run starts from."""
    assert run.base is not None, "a base starts from none"
    return checkpoint_folder(run_folder(out, run.base), study.base.steps)


def is_whole(out: Path, run: Run) -> bool:
    """Whether a run is trained and measured by the present definitions."""
    folder = run_folder(out, run)
    return folder.is_dir() and (not run.arm or _is_measured(folder, run))


def execute(study: Study, run: Run, out: Path) -> None:
    """Bring one run to its whole folder, from wherever it stands; nothing is done twice and nothing half.

    Under a lock it works in `<name>.partial`: trains, or goes on from the last saved state; measures the checkpoints
    that are not measured yet; removes what the study does not keep; and renames the folder. A run whose definitions
    have changed goes back there to be measured again, and to be trained again where it holds only its last checkpoint.
    """
    folder = run_folder(out, run)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f"{run.name}.lock")):
        if is_whole(out, run):
            return
        partial = folder.with_name(f"{run.name}.partial")
        if folder.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
            folder.rename(partial)
        partial.mkdir(exist_ok=True)
        tell = Tell(partial, study.settings)
        if not _is_measured(partial, run):
            _make(study, run, out, partial, tell)
        if run.arm:
            remove_spare(study, run.arm, run.replicate, partial)
        tell.forget()
        partial.rename(folder)
        if not run.arm:
            note(folder, run.key)


def _make(study: Study, run: Run, out: Path, partial: Path, tell: Tell) -> None:
    """Train, take or join a run and measure it, from wherever it stands."""
    from benchshadow.train.state import STATE

    if run.arm and not holds_all(study, run.arm, run.replicate, partial):
        for name in (MEASURED, MANIFEST):
            (partial / name).unlink(missing_ok=True)
    prepared = suite(study, run.replicate)
    if not (partial / MANIFEST).is_file() and not _known(study, run, partial, prepared):
        make = _join if run.arm and joined_of(study.runs, run.arm, run.replicate) else _train
        make(study, run, out, partial, prepared, tell)
    (partial / STATE).unlink(missing_ok=True)
    if run.arm:
        _measure(study, run, out, partial, prepared, tell)


def _train(study: Study, run: Run, out: Path, partial: Path, prepared: Suite, tell: Tell) -> None:
    """Train, or go on training; the manifest comes last: where it stands, the training is whole and needs no state."""
    from benchshadow.train.loop import train
    from benchshadow.train.model import load, save, weights_sha256

    settings = _settings(study, run)
    tokenizer = _tokenizer(study, run, out, partial, prepared)
    if run.base is not None:
        fed = arm_stream(study, prepared.sources, tokenizer, run.arm, run.replicate)
        place = base_checkpoint(study, out, run)
        model = adapted(study, load(place), run.replicate, f"{run.base.name}/{place.name}")
    else:
        fed = base_stream(study, prepared.sources, tokenizer, run.replicate) if settings else Fed(np.empty(0), {})
        model = first_model(study, tokenizer.get_vocab_size(), run.replicate)
    start = weights_sha256(model)
    if settings is None:
        save(model, checkpoint_folder(partial, 0))
        losses = np.empty(0)
    else:
        drawn, stream = seed(study.seed, "steps", run.replicate), recut(fed.ids, settings)
        losses = train(model, stream, settings, partial, seed=drawn, progress=tell.step, keep_state=True)
    table = pl.DataFrame({"step": np.arange(1, len(losses) + 1), "loss": losses})
    with replace_whole(partial / LOSSES) as file:
        table.write_parquet(file)
    manifest = _manifest(study, run, prepared, fed, start, file_digest(_tokenizer_file(out, run, partial)))
    manifest["results"] = {"weights_sha256": weights_sha256(model), "losses_sha256": file_digest(partial / LOSSES)}
    write_json(partial / MANIFEST, seal(manifest))


def _join(study: Study, run: Run, out: Path, partial: Path, prepared: Suite, _: Tell) -> None:
    """Take a run that was trained elsewhere; its manifest says so, and proves nothing of what it was fed."""
    tokenizer, file = _tokenizer(study, run, out, partial, prepared), _tokenizer_file(out, run, partial)
    joined.bring(study, run.arm, run.replicate, partial, vocabulary=tokenizer.get_vocab_size())
    with replace_whole(partial / LOSSES) as place:
        joined.no_losses().write_parquet(place)
    brought = joined.account(study, run.arm, run.replicate)
    manifest = {
        "schema": SCHEMA,
        "kind": "joined run",
        "key": run.key,
        **_said(study, prepared),
        "arm": run.arm,
        "replicate": run.replicate,
        "base": {"key": run.base.key if run.base else None},
        "tokenizer_sha256": file_digest(file),
        "environment": environment(_settings(study, run)),
        "joined": brought,
        "results": {"weights_sha256": digest(brought[-1]["files"])},
    }
    write_json(partial / MANIFEST, seal(manifest))


def _settings(study: Study, run: Run) -> Settings | None:
    """What a run is trained under; None for a base that is a checkpoint."""
    return study.settings_of(run.arm) if run.arm else study.base.settings


def _known(study: Study, run: Run, partial: Path, prepared: Suite) -> bool:
    """Whether a base was trained before, here or elsewhere, and is now in the folder."""
    if run.arm or study.base.checkpoints:
        return False
    return take(run.key, partial, manifest=MANIFEST, tokenizer=TOKENIZER, says=_said(study, prepared))


def _said(study: Study, prepared: Suite) -> dict[str, Any]:
    """What a manifest tells of its study and not of its weights."""
    return {
        "study": {"name": study.name, "sha256": study.sha256, "content": study.model_dump(mode="json")},
        "benchmark": list(prepared.paradigms),
        "evaluation": evaluation(prepared),
    }


def _manifest(study: Study, run: Run, prepared: Suite, fed: Fed, start: str, tokenizer: str) -> dict[str, Any]:
    """All that determines a run, without its results; every value is one that the run used."""
    settings = _settings(study, run)
    source = study.arms[run.arm].source if run.arm else study.base.source
    return {
        "schema": SCHEMA,
        "key": run.key,
        **_said(study, prepared),
        "arm": run.arm or "base",
        "replicate": run.replicate,
        "base": {"key": run.base.key if run.base else None, "weights_sha256": start},
        "tokenizer_sha256": tokenizer,
        "architecture": study.architecture.model_dump(mode="json") if study.architecture else None,
        "adapter": study.adapter.model_dump(mode="json") if study.adapter and run.arm else None,
        "settings": {**settings.model_dump(mode="json"), "tokens": settings.tokens} if settings else None,
        "checkpoint_steps": list(checkpoints_of(study, run.arm).values()),
        "seeds": {
            "study": study.seed,
            "positions": seed(study.seed, "positions", run.replicate),
            "benchmark": seed(study.seed, "benchmark", run.replicate),
            "steps": seed(study.seed, "steps", run.replicate),
            "adapter": seed(study.seed, "adapter", run.replicate),
        },
        "probes": probe_account(probe_texts(study, prepared, run.replicate)) if run.arm else [],
        "equaliser": prepared.equaliser.described if run.arm and prepared.equaliser else None,
        "environment": environment(settings),
        "control": recipe(study, prepared.sources, CONTROL) if run.arm else None,
        "treatment": recipe(study, prepared.sources, run.arm) if run.arm else None,
        "data": {
            **fed.data,
            **({"budget": budget(settings)} if settings else {}),
            "files": prepared.sources.files(source) if source else {},
        },
    }


def _measure(study: Study, run: Run, out: Path, partial: Path, prepared: Suite, tell: Tell) -> None:
    """Measure every checkpoint that has no records yet, then join the records and say that they are whole."""
    tokenizer = load_tokenizer(_tokenizer_file(out, run, partial))
    base = base_checkpoint(study, out, run)
    losses = pl.read_parquet(partial / LOSSES)["loss"].to_numpy()
    probes = probe_texts(study, prepared, run.replicate)
    steps = {**({0: 0} if run.arm == CONTROL else {}), **joined.steps_of(study, run.arm, run.replicate)}
    tables, items = [], []
    for count, (step, own) in enumerate(steps.items()):
        place = partial / MEASURES / f"{run.measurement[:12]}-{step:06d}"
        checkpoint = checkpoint_folder(partial, own) if step else base
        columns = _columns(run, step, checkpoint)
        if not place.is_dir():
            measured(
                place,
                columns,
                base=base,
                checkpoint=checkpoint if step else None,
                tokenizer=tokenizer,
                tasks=joined.left_to_score(study, prepared.tasks, run.arm, run.replicate, step),
                again=prepared.tasks,
                probes=due(probes, step, study.settings.steps),
                equaliser=prepared.equaliser.at(step, study.settings.steps) if prepared.equaliser else None,
                losses=losses[:own],
                seed=seed(study.seed, "nulls", run.replicate, step),
                threads=study.settings.threads,
                device=study.settings.device,
                whole=step == study.settings.steps,
            )
        tell.measured(count + 1, len(steps))
        tables.append(pl.read_parquet(place / "records.part"))
        tables.append(joined.told_rows(study, prepared.tasks, run.arm, run.replicate, step, columns))
        items.append(pl.read_parquet(place / "items.part"))
    write(pl.concat(tables), partial / "records.parquet")
    with replace_whole(partial / "items.parquet") as file:
        pl.concat(items, how="diagonal").write_parquet(file)
    keep_directions(base, checkpoint_folder(partial, steps[study.settings.steps]), partial, study.trajectory.directions)
    write_json(partial / MEASURED, measured_by(run.measurement))


def _columns(run: Run, step: int, checkpoint: Path) -> dict[str, Any]:
    """What every row of a checkpoint carries; step zero is the base."""
    return {
        "run": run.name,
        "arm": run.arm if step else "base",
        "replicate": run.replicate,
        "base": run.base.key[:12] if run.base else None,
        "step": step,
        "checkpoint": f"{run.name}/{checkpoint.name}" if step else "base",
    }


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
        save_tokenizer(new_tokenizer(study, prepared.sources, run.replicate), path)
    return load_tokenizer(path)
