"""Results come in order from one process, from several, and from Ray; a lost worker's chunks are computed again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchshadow.errors import BenchshadowError, InputError
from benchshadow.studies.audits.in_order import in_order


def _square(number: int) -> int:
    return number * number


def _dies_once(mark: Path, number: int) -> int:
    if number == 3 and not mark.exists():
        mark.touch()
        os._exit(1)
    return number * number


def _always_dies(number: int) -> int:
    os._exit(number)


def _refuses(number: int) -> int:
    raise InputError(f"chunk {number}", "must be read but is not")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_what_goes_in(workers: int) -> None:
    with in_order(workers=workers) as mapped:
        assert list(mapped(_square, range(20))) == [n * n for n in range(20)]
        assert list(mapped(_square, [])) == []


def test_only_a_few_are_asked_for_ahead() -> None:
    asked: list[int] = []

    def given() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    with in_order(workers=2) as mapped:
        results = iter(mapped(_square, given()))
        next(results)
        assert len(asked) <= 6
        assert list(results) == [n * n for n in range(1, 100)]


def test_the_chunks_of_a_lost_worker_are_computed_again(tmp_path: Path) -> None:
    with in_order(workers=2) as mapped:
        assert list(mapped(partial(_dies_once, tmp_path / "died"), range(8))) == [n * n for n in range(8)]
    assert (tmp_path / "died").exists()


def test_a_chunk_that_kills_every_worker_ends_the_work() -> None:
    with in_order(workers=2) as mapped, pytest.raises(BenchshadowError, match="died 3 times"):
        list(mapped(_always_dies, [1]))


def test_an_error_is_the_one_that_was_raised() -> None:
    with in_order(workers=2) as mapped, pytest.raises(InputError, match="chunk 5"):
        list(mapped(_refuses, [5]))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(InputError, match="local"), in_order("slurm"):
        pass


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
def test_ray_gives_the_same_and_tries_lost_work_again(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with in_order("ray", 2) as mapped:
        assert list(mapped(partial(_dies_once, tmp_path / "died"), range(8))) == [n * n for n in range(8)]
        with pytest.raises(InputError, match="chunk 5"):
            list(mapped(_refuses, [5]))
    assert (tmp_path / "died").exists()
