"""Calls end in outcomes: a lost worker's calls are tried again, and what fails fails alone."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchshadow.errors import InputError, MissingExtra
from benchshadow.studies.engines import work
from benchshadow.studies.engines.engine import Call, local, mapped, run


def note(folder: Path, name: str) -> int:
    (folder / f"{name}.{os.getpid()}").touch()
    return len(name)


def die(folder: Path) -> None:
    note(folder, "died")
    os.kill(os.getpid(), signal.SIGKILL)


def die_beside(folder: Path) -> None:
    """Die, the first time not before the other is under way."""
    while not list(folder.glob("innocent.*")):
        pass
    die(folder)


def innocent(folder: Path) -> int:
    """Wait to be killed the first time, and work the second."""
    first = not list(folder.glob("innocent.*"))
    note(folder, "innocent")
    if first:
        threading.Event().wait(60)
    return sum(range(10**7))


def fail() -> None:
    raise OSError(28, "No space left on device")


def refuse() -> None:
    raise InputError("weights", "must be finite but hold NaN")


@pytest.mark.slow
def test_a_worker_that_dies_each_time_fails_its_call_and_the_others_end_well(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "ATTEMPTS", 2)
    outcomes = list(local([Call("dies", die, (tmp_path,))], 2))
    assert [each.call.name for each in outcomes] == ["dies"]
    assert outcomes[0].failure is not None
    assert "its worker process died 2 times" in outcomes[0].failure
    assert len(list(tmp_path.iterdir())) == 2
    calls = [Call("well", note, (tmp_path, "well")), Call("fails", fail, ())]
    found = {each.call.name: (each.failure, each.result) for each in local(calls, 2)}
    assert found == {"well": (None, 4), "fails": ("OSError: [Errno 28] No space left on device", None)}
    assert not (tmp_path / f"well.{os.getpid()}").exists()


@pytest.mark.slow
def test_a_call_is_not_lost_for_the_sake_of_one_that_kills_its_worker_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(work, "ATTEMPTS", 2)
    calls = [Call("dies", die_beside, (tmp_path,)), Call("innocent", innocent, (tmp_path,))]
    found = {each.call.name: (each.failure, each.result) for each in local(calls, 2)}
    assert found["innocent"] == (None, sum(range(10**7)))
    assert "its worker process died 2 times" in str(found["dies"][0])
    assert len(list(tmp_path.glob("innocent.*"))) == 2


def test_one_worker_works_in_this_process_in_order_and_reports_what_fails(tmp_path):
    calls = [
        Call("one", note, (tmp_path, "one")),
        Call("two", fail, ()),
        Call("three", refuse, ()),
        Call("four", note, (tmp_path, "four")),
    ]
    outcomes = [(each.call.name, each.failure, each.result) for each in local(calls, 1)]
    assert outcomes == [
        ("one", None, 3),
        ("two", "OSError: [Errno 28] No space left on device", None),
        ("three", "weights: must be finite but hold NaN", None),
        ("four", None, 4),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"four.{os.getpid()}", f"one.{os.getpid()}"]


def test_one_worker_reads_a_chunk_when_the_one_before_was_taken():
    read = []
    results = mapped(abs, (read.append(number) or -number for number in range(9)), workers=1)
    assert read == []
    assert (next(results), read) == (0, [0])
    assert (next(results), read) == (1, [0, 1])
    assert list(results) == [2, 3, 4, 5, 6, 7, 8]


def test_an_interruption_is_no_outcome():
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(local([Call("one", interrupt, ())], 1))


@pytest.mark.parametrize(
    ("engine", "workers", "sentence"),
    [
        ("spark", 2, "--engine: must be one of local, ray but is 'spark'"),
        ("ray", 0, "--workers: must be at least 1 but is 0"),
    ],
)
def test_what_is_no_engine_is_refused_before_anything_is_read(engine, workers, sentence):
    for start in (
        lambda: run([], engine=engine, workers=workers),
        lambda: mapped(abs, [], engine=engine, workers=workers),
    ):
        with pytest.raises(InputError) as refused:
            start()
        assert str(refused.value) == sentence


def test_without_ray_the_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"the engine 'ray' needs the extra 'ray': pip install 'benchshadow\[ray\]'"):
        list(mapped(abs, [1], engine="ray", workers=2))


def test_the_seam_loads_no_machinery_before_it_is_used():
    code = """
import sys, benchshadow.cli, benchshadow.studies.engines.engine
assert not {"ray", "loky", "cloudpickle"}.intersection(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
