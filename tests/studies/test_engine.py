"""Calls end in outcomes: a lost worker's calls are tried again, and what fails fails alone."""

import os
import signal
from pathlib import Path

import pytest

from benchshadow.errors import InputError
from benchshadow.studies import engine
from benchshadow.studies.engine import Call, local


def note(folder: Path, name: str) -> None:
    (folder / f"{name}.{os.getpid()}").touch()


def die(folder: Path) -> None:
    note(folder, "died")
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise OSError(28, "No space left on device")


def refuse() -> None:
    raise InputError("weights", "must be finite but hold NaN")


@pytest.mark.slow
def test_a_worker_that_dies_each_time_fails_its_call_and_the_others_end_well(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ATTEMPTS", 2)
    outcomes = list(local([Call("dies", die, (tmp_path,))], 2))
    assert [each.call.name for each in outcomes] == ["dies"]
    assert outcomes[0].failure is not None
    assert "its worker process died 2 times" in outcomes[0].failure
    assert len(list(tmp_path.iterdir())) == 2
    calls = [Call("well", note, (tmp_path, "well")), Call("fails", fail, ())]
    found = {each.call.name: each.failure for each in local(calls, 2)}
    assert found == {"well": None, "fails": "OSError: [Errno 28] No space left on device"}
    assert not (tmp_path / f"well.{os.getpid()}").exists()


def test_one_worker_works_in_this_process_in_order_and_reports_what_fails(tmp_path):
    calls = [
        Call("one", note, (tmp_path, "one")),
        Call("two", fail, ()),
        Call("three", refuse, ()),
        Call("four", note, (tmp_path, "four")),
    ]
    outcomes = [(each.call.name, each.failure) for each in local(calls, 1)]
    assert outcomes == [
        ("one", None),
        ("two", "OSError: [Errno 28] No space left on device"),
        ("three", "weights: must be finite but hold NaN"),
        ("four", None),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"four.{os.getpid()}", f"one.{os.getpid()}"]


def test_an_interruption_is_no_outcome():
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(local([Call("one", interrupt, ())], 1))
