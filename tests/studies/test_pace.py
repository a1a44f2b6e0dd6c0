"""Which runs are worked on is told by their locks, and the time left by what the runs under way have gained."""

from types import SimpleNamespace

import filelock
import pytest

from benchshadow.records import write_json
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_status
from benchshadow.studies.running import progress
from benchshadow.studies.running.pace import in_words, seconds_left
from benchshadow.studies.running.progress import PROGRESS, Tell, Told, told
from benchshadow.studies.running.runs import plan_runs


@pytest.fixture
def begun(whole, tmp_path):
    """A study of which one run stands at half of its work, after a tenth in this worker's two seconds."""
    study = read_study(whole.file)
    run = next(run for run in plan_runs(study)[1] if run.arm == "half")
    partial = tmp_path / "runs" / f"{run.name}.partial"
    partial.mkdir(parents=True)
    write_json(partial / PROGRESS, {"share": 0.5, "doing": "step 2 of 4", "gained": 0.1, "seconds": 2.0})
    return tmp_path, run


def test_a_run_whose_lock_is_held_is_running_and_gives_the_pace(whole, begun):
    out, run = begun
    with filelock.FileLock(out / "runs" / f"{run.name}.lock"):
        standing = study_status(whole.file, out=out)
        assert standing.running == (run.name,)
    assert (standing.work, standing.total) == (2.0, 3 + 8 * 4)
    # A tenth of four steps in two seconds; 33 steps are left.
    assert standing.seconds_left == pytest.approx(33 / (0.4 / 2.0))


def test_a_run_that_holds_its_lock_and_has_told_nothing_yet_is_running(whole, begun):
    out, run = begun
    (out / "runs" / f"{run.name}.partial" / PROGRESS).unlink()
    with filelock.FileLock(out / "runs" / f"{run.name}.lock"):
        standing = study_status(whole.file, out=out)
    assert standing.running == (run.name,)
    assert (standing.shares[run.name], standing.doing[run.name]) == (0, "preparing")
    assert (standing.work, standing.seconds_left) == (0, None)


def test_a_run_that_was_killed_is_not_running_and_gives_none(whole, begun):
    out, run = begun
    for lock in (False, True):
        if lock:
            (out / "runs" / f"{run.name}.lock").touch()
        standing = study_status(whole.file, out=out)
        assert (standing.running, standing.seconds_left) == ((), None)
        assert standing.doing[run.name] == "step 2 of 4"


def test_the_pace_counts_from_where_the_present_worker_began(tmp_path, whole, monkeypatch):
    now = iter([100.0, 104.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(now)))
    tell = Tell(tmp_path, read_study(whole.file).settings)
    tell.measured(1, 4)
    tell.measured(3, 4)
    found = told(tmp_path)
    assert found is not None
    assert found.share == pytest.approx(0.8 + 0.2 * 0.75)
    assert (found.gained, found.seconds) == (pytest.approx(0.1), pytest.approx(4.0))


def test_two_workers_take_half_the_time_of_one():
    here = Told(0.5, "", gained=0.25, seconds=10.0)
    assert seconds_left([(here, 8.0)], 4.0, 20.0) == pytest.approx(80.0)
    assert seconds_left([(here, 8.0)] * 2, 4.0, 20.0) == pytest.approx(40.0)
    assert seconds_left([(Told(0.5, ""), 8.0)], 4.0, 20.0) is None
    assert seconds_left([], 4.0, 20.0) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (4.2, "about 4 s"),
        (89.0, "about 89 s"),
        (90.0, "about 2 min"),
        (5400.0, "about 2 h"),
        (200000.0, "about 2 d"),
    ],
)
def test_a_time_left_is_told_in_its_unit(seconds, words):
    assert in_words(seconds) == words
