"""Pairs measured side by side: in threads, and in processes where they are many and small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace

from benchshadow.checkpoints import Pair, Piece

from .over_model import Measurement

__all__ = ["each_measured", "work_of"]

Job = Callable[[Pair], Measurement]

# Seconds for pairs of 2k x k on one worker, two threads, two processes (AMD EPYC, two cores): 3,000 of k = 128 take
# 14.8, 13.1, 9.2; 1,200 of k = 256 take 16.5, 10.2, 9.9; 300 of k = 512 take 4.2, 2.2, 2.6. A thread holds the
# interpreter for four milliseconds of every pair, a process takes .6 s to start.
_SMALL_SIDE = 192
_MANY = 600
_CHUNK = 16


def each_measured(
    job: Job, pairs: Sequence[Pair], workers: int, told: Callable[[Pair], None] | None = None
) -> list[Measurement]:
    """Every pair measured, in the order given; the heaviest are begun first, so that the workers end together.

    Args:
        job: measures a pair; what it holds must be picklable where processes are used.
        pairs: what to measure.
        workers: pairs at a time.
        told: called with each pair when it is done.
    """
    order = sorted(range(len(pairs)), key=lambda i: -work_of(pairs[i]))
    found: dict[int, Measurement] = {}
    for i, measurement in _as_they_come(job, pairs, order, workers):
        found[i] = measurement
        if told:
            told(pairs[i])
    return [found[i] for i in range(len(pairs))]


def work_of(pair: Pair) -> int:
    """Work of one pair, rows x columns x shorter side; zero where there is no matrix."""
    m, n = pair.shape
    return m * n * min(m, n) if pair.state == "matrix" else 0


def _as_they_come(
    job: Job, pairs: Sequence[Pair], order: Sequence[int], workers: int
) -> Iterator[tuple[int, Measurement]]:
    """Place and measurement of every pair; one worker needs no thread of its own."""
    if workers == 1:
        yield from ((i, job(pairs[i])) for i in order)
        return
    light = {i for i in order if _is_light(pairs[i])}
    small = {i for i in order if i not in light and min(pairs[i].shape) <= _SMALL_SIDE}
    mapped = all(getattr(side.checkpoint, "is_mapped", False) for i in small for side in _sides(pairs[i]))
    small = small if len(small) >= _MANY and mapped else set()  # what lies in memory would be sent to each process
    yield from _in_threads(job, pairs, [i for i in order if i not in light | small], workers)
    yield from ((i, job(pairs[i])) for i in order if i in light)
    if small:
        yield from _in_processes(job, pairs, [i for i in order if i in small], workers)


def _sides(pair: Pair) -> list[Piece]:
    return [side for side in (pair.base, pair.tuned) if side is not None]


def _is_light(pair: Pair) -> bool:
    """Whether a pair takes no longer than handing it over: nothing to measure, or an adapter's factors alone."""
    if pair.state != "matrix":
        return True
    factors = getattr(pair.piece.checkpoint, "factors", None)
    return (pair.base is None or pair.tuned is None) and factors is not None and bool(factors(pair.piece.tensor))


def _in_threads(
    job: Job, pairs: Sequence[Pair], order: Sequence[int], workers: int
) -> Iterator[tuple[int, Measurement]]:
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(job, pairs[i]): i for i in order}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _in_processes(
    job: Job, pairs: Sequence[Pair], order: Sequence[int], workers: int
) -> Iterator[tuple[int, Measurement]]:
    from loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, initializer=_hold, initargs=(job, tuple(pairs)))
    try:
        running: list[Future[list[tuple[int, Measurement]]]] = [
            pool.submit(_measure_held, list(order[start : start + _CHUNK])) for start in range(0, len(order), _CHUNK)
        ]
        for future in as_completed(running):
            yield from ((i, replace(measurement, pair=pairs[i])) for i, measurement in future.result())
    finally:
        pool.shutdown(wait=True, kill_workers=True)


# What a process was given when it started: checkpoints with ten thousands of names are sent once, not with every pair.
_HELD: dict[str, object] = {}


def _hold(job: Job, pairs: tuple[Pair, ...]) -> None:
    _HELD.update(job=job, pairs=pairs)


def _measure_held(places: Sequence[int]) -> list[tuple[int, Measurement]]:
    """Measurements of some pairs, without the pairs, which the caller has."""
    job, pairs = _HELD["job"], _HELD["pairs"]
    return [(i, replace(job(pairs[i]), pair=None)) for i in places]  # type: ignore[operator,index,arg-type]
