"""Killed at any moment and run again, a study ends with the bits of an undisturbed one."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchshadow.records import read_json
from benchshadow.studies import grid
from benchshadow.studies.conclusions import concluding
from benchshadow.studies.grid import study_run
from benchshadow.studies.running import runs
from benchshadow.studies.running.progress import Tell
from benchshadow.studies.running.runs import execute


class Killed(BaseException):
    """As a kill, it is no error that anything catches."""


def bits(out: Path) -> dict[str, Any]:
    """All that a study measured: manifests with their hashes, losses, records and items of every run."""
    found: dict[str, Any] = {}
    for manifest in sorted(out.glob("*/*/manifest.json")):
        run = manifest.parent
        found[f"{run.name}: manifest"] = read_json(manifest)
        for table in sorted(run.glob("*.parquet")):
            found[f"{run.name}: {table.name}"] = pl.read_parquet(table).to_dict(as_series=False)
        for weights in sorted(run.glob("checkpoints/*/model.safetensors")):
            found[f"{run.name}: {weights.parent.name}"] = weights.read_bytes()
    return found


def same(out: Path, other: Path) -> bool:
    """Whether two studies measured the same; a null equals a null and a number its own bits."""
    one, two = bits(out), bits(other)
    assert one.keys() == two.keys()
    assert [key for key in one if repr(one[key]) != repr(two[key])] == []
    assert (out / "claims.json").read_bytes() == (other / "claims.json").read_bytes()
    return len(one) > 30


def without(whole, folder: Path, *names: str) -> Path:
    """A copy of the whole study that lacks some of its runs."""
    out = folder / "out"
    shutil.copytree(whole.out, out)
    gone = {path for name in names for path in out.glob(f"*/{name}.*") if path.is_dir()}
    assert gone
    for path in gone:
        shutil.rmtree(path)
    return out


def kill_training(patch, at: int) -> None:
    def step(self, done, steps):
        if done == at:
            raise Killed

    patch.setattr(Tell, "step", step)


def kill_at_call(patch, owner, name: str, call: int) -> None:
    """Raise in place of the so-many-th call of a function."""
    real, calls = getattr(owner, name), iter(range(1, 1000))

    def function(*args, **settings):
        if next(calls) == call:
            raise Killed
        return real(*args, **settings)

    patch.setattr(owner, name, function)


MOMENTS = {
    "at the first step": lambda patch: kill_training(patch, 1),
    "after a checkpoint": lambda patch: kill_training(patch, 2),
    "between checkpoints": lambda patch: kill_training(patch, 3),
    "at the last step": lambda patch: kill_training(patch, 4),
    "before the losses": lambda patch: kill_at_call(patch, runs, "replace_whole", 1),
    "before the manifest": lambda patch: kill_at_call(patch, runs, "seal", 1),
    "before any measurement": lambda patch: kill_at_call(patch, runs, "measured", 1),
    "between measurements": lambda patch: kill_at_call(patch, runs, "measured", 3),
    "before the records": lambda patch: kill_at_call(patch, runs, "write", 1),
    "before the items": lambda patch: kill_at_call(patch, runs, "replace_whole", 2),
    "before the last rename": lambda patch: kill_at_call(patch, Tell, "forget", 1),
    "before the claims": lambda patch: kill_at_call(patch, concluding, "claims", 1),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_study_killed_at_any_moment_ends_with_the_same_bits(whole, moment, tmp_path, monkeypatch):
    out = without(whole, tmp_path, "control.1")
    with monkeypatch.context() as patch:
        moment(patch)
        with pytest.raises(Killed):
            study_run(whole.file, out=out, workers=1)
    study_run(whole.file, out=out, workers=1)
    assert same(out, whole.out)
    assert list(out.rglob("*partial*")) == []


def test_a_base_killed_in_its_training_ends_with_the_same_bits(whole, tmp_path, monkeypatch):
    out = without(whole, tmp_path, "*")
    with monkeypatch.context() as patch:
        kill_training(patch, 2)
        with pytest.raises(Killed):
            study_run(whole.file, out=out, workers=1)
    assert not list(out.glob("bases/*/manifest.json"))
    study_run(whole.file, out=out, workers=1)
    assert same(out, whole.out)


DRIVER = """
import os, runpy, signal, sys
from benchshadow.studies.running.progress import Tell

where, at = sys.argv[1], int(sys.argv[2])

def die(self, done, of):
    if done == at:
        os.kill(os.getpid(), signal.SIGKILL)

setattr(Tell, where, die)
sys.argv = ["benchshadow", *sys.argv[3:]]
runpy.run_module("benchshadow", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("where", "at"), [("step", 2), ("measured", 2)])
def test_a_process_that_is_killed_by_the_system_loses_nothing(whole, where, at, tmp_path):
    out = without(whole, tmp_path, "control.1", "half.0")
    command = ["study", "run", str(whole.file), "--out", str(out), "--workers", "1"]
    done = subprocess.run([sys.executable, "-c", DRIVER, where, str(at), *command], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert [path.name[:6] for path in out.glob("runs/*.partial")] == ["half.0"]
    study_run(whole.file, out=out, workers=1)
    assert same(out, whole.out)


def dies_once(study, run, out) -> None:
    """The first worker that trains `half` is killed in the middle of it."""
    mark = out / "killed"
    if run.arm == "half" and not mark.exists():
        mark.touch()

        def die(self, done, steps):
            if done == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        Tell.step = die
    execute(study, run, out)


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_give_the_bits_of_one(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "execute", dies_once)
    out = without(whole, tmp_path, "half.0", "aligned.1")
    assert study_run(whole.file, out=out, workers=2).failed == {}
    assert (out / "killed").exists()
    assert same(out, whole.out)
