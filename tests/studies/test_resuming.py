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
from small_study import write_study

from benchshadow.records import open_folder, read_json
from benchshadow.studies import grid
from benchshadow.studies.conclusions import concluding
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.running import manifests, runs
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


@pytest.mark.parametrize("moment", ["before the losses", "before the manifest"])
def test_a_run_killed_after_its_last_step_goes_on_from_its_last_state(whole, moment, tmp_path, monkeypatch):
    out = without(whole, tmp_path, "control.1")
    with monkeypatch.context() as patch:
        MOMENTS[moment](patch)
        with pytest.raises(Killed):
            study_run(whole.file, out=out, workers=1)
    steps = []
    monkeypatch.setattr(Tell, "step", lambda self, done, of: steps.append(done))
    study_run(whole.file, out=out, workers=1)
    assert steps == [3, 4]
    assert list(out.rglob("state.pt")) == []


def keeping_the_last(whole, folder: Path) -> tuple[Path, Path]:
    """The whole study but for a run, as a study that keeps only last checkpoints; its file and its folder."""
    file = write_study(folder, ("seed = 3", 'seed = 3\nkeep = "last"'))
    study = read_study(file)
    out = open_folder(folder / "out", {"verb": "study", "name": study.name, "study": study.design})
    for kind in ("bases", "runs"):
        shutil.copytree(whole.out / kind, out / kind)
    (gone,) = out.glob("runs/control.1.*/")
    shutil.rmtree(gone)
    return file, out


def kill_in_removal(patch, call: int) -> None:
    """Remove one file of the so-many-th folder that is to be removed, and no more."""
    real, calls = shutil.rmtree, iter(range(1, 1000))

    def rmtree(path, *args, **settings):
        # What measuring removes has names that begin with a dot.
        if Path(path).is_dir() and not Path(path).name.startswith(".") and next(calls) == call:
            next(each for each in Path(path).rglob("*") if each.is_file()).unlink()
            raise Killed
        real(path, *args, **settings)

    patch.setattr(shutil, "rmtree", rmtree)


REMOVALS = {
    "in the records of single checkpoints": lambda patch: kill_in_removal(patch, 1),
    "in the first checkpoint": lambda patch: kill_in_removal(patch, 2),
    "before the last rename": lambda patch: kill_at_call(patch, Tell, "forget", 1),
}


def nothing(*_, **__):
    raise AssertionError("nothing is to be trained or measured")


@pytest.mark.parametrize("moment", REMOVALS.values(), ids=REMOVALS.keys())
def test_a_run_killed_while_it_removes_what_it_need_not_keep_only_removes_the_rest(
    whole, moment, tmp_path, monkeypatch
):
    file, out = keeping_the_last(whole, tmp_path)
    with monkeypatch.context() as patch:
        moment(patch)
        with pytest.raises(Killed):
            study_run(file, out=out, workers=1)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "measured", nothing)
        patch.setattr(runs, "_train", nothing)
        assert study_run(file, out=out, workers=1).failed == {}
    assert_last_alone(whole, out)


def assert_last_alone(whole, out: Path) -> None:
    (run,) = out.glob("runs/control.1.*/")
    records = [pl.read_parquet(place / "records.parquet") for place in (run, whole.run("control", 1))]
    assert records[0].equals(records[1])
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000004"]
    assert list(out.rglob("*partial*")) == list(out.rglob("measures")) == []


@pytest.mark.parametrize("moment", REMOVALS.values(), ids=REMOVALS.keys())
def test_killed_there_and_gone_on_with_under_new_definitions_it_is_made_anew(whole, moment, tmp_path, monkeypatch):
    file, out = keeping_the_last(whole, tmp_path)
    with monkeypatch.context() as patch:
        moment(patch)
        with pytest.raises(Killed):
            study_run(file, out=out, workers=1)
    real = manifests.code
    monkeypatch.setattr(
        manifests, "code", lambda rooms: "0" * 64 if rooms == manifests._MEASURING_ROOMS else real(rooms)
    )
    assert study_run(file, out=out, workers=1, replicates=[1]).failed == {}
    assert_last_alone(whole, out)


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
