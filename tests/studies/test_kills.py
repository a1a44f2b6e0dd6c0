"""A study whose whole process group is killed ten times ends with the hashes of an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from outcomes import hashes
from small_study import write_study

from benchshadow.studies.grid import study_run

pytestmark = pytest.mark.slow

KILLS, WRITING = 10, 3
_POLL = 0.0005
_LATEST = 0.03

CHANGES = (
    ("hidden_size = 16\nintermediate_size = 24", "hidden_size = 32\nintermediate_size = 48"),
    ("[settings]\nsteps = 4", "[settings]\nsteps = 32"),
    ("checkpoints = 3", "checkpoints = 5"),
    ("replicates = [0, 1]", "replicates = [0]"),
    ('[arms.half]\nsource = "benchmark"\ndose = 0.5\n', ""),
    ('"half", ', ""),
)


@contextmanager
def process_group(file: Path, out: Path) -> Iterator[subprocess.Popen]:
    """`benchshadow study run` in a process group of its own, which is gone when the block ends."""
    command = [sys.executable, "-m", "benchshadow", "study", "run", str(file), "--out", str(out), "--workers", "1"]
    # In a cache of its own, where the base of the undisturbed study is not known and has to be trained.
    alone = {**os.environ, "BENCHSHADOW_CACHE": str(out.with_name("cache"))}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, env=alone, **quiet) as study:
        yield study
        os.killpg(study.pid, signal.SIGKILL)
        assert study.wait() == -signal.SIGKILL


def until(study: subprocess.Popen, true: Callable[[], bool]) -> None:
    """Look until something holds; the study must not end before."""
    while not true():
        if study.poll() is not None:
            assert study.stderr is not None
            pytest.fail(f"the study ended too soon: {study.stderr.read().decode()}")
        time.sleep(_POLL)


def done(out: Path) -> int:
    """How much of a study is there: checkpoints, and runs whose records are."""
    return len(list(out.glob("*/*/checkpoints/step-*"))) + len(list(out.glob("*/*/records.parquet")))


def half_written(out: Path) -> list[Path]:
    return list(out.glob("*/*.partial/checkpoints/.*.partial"))


def caught_writing(study: subprocess.Popen, out: Path) -> bool:
    """Stop the study when a checkpoint is seen half written; whether it still is when everything stands still."""
    until(study, lambda: bool(half_written(out)))
    os.killpg(study.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, study.pid, os.WSTOPPED | os.WNOWAIT)
    if half_written(out):
        return True
    os.killpg(study.pid, signal.SIGCONT)
    return False


def test_a_study_killed_ten_times_three_of_them_in_a_checkpoint_ends_with_the_same_hashes(tmp_path):
    file = write_study(tmp_path, *CHANGES)
    undisturbed = study_run(file, out=tmp_path / "undisturbed", workers=1)
    assert undisturbed.failed == {}
    out, rng = tmp_path / "killed", np.random.default_rng(20261125)
    moments = np.sort(rng.integers(0, done(undisturbed.folder), KILLS - WRITING))
    writing = set(rng.permutation(KILLS)[:WRITING].tolist())
    left, killed, caught = iter(moments.tolist()), 0, 0
    for number in range(KILLS):
        with process_group(file, out) as study:
            if number in writing:
                until(study, lambda: caught_writing(study, out))
                caught += 1
            else:
                enough = next(left)
                until(study, lambda: (out / "bases").is_dir() and done(out) >= enough)  # noqa: B023
                time.sleep(rng.uniform(0, _LATEST))
                assert study.poll() is None
            killed += 1
    assert (killed, caught) == (KILLS, WRITING)
    assert study_run(file, out=out, workers=1).failed == {}
    assert hashes(out) == hashes(undisturbed.folder)
    assert list(out.rglob("*partial*")) == []
    assert not (out / "superseded").exists()
