"""The seam to the machines that work: calls go in, outcomes come out as they end, a lost worker's calls go in again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from benchshadow.errors import InputError

from .cluster import Cluster, connected
from .here import Here
from .processes import Processes
from .work import Ended, Pool

__all__ = ["ENGINES", "Call", "Outcome", "check", "held", "local", "mapped", "run"]

ENGINES = ("local", "ray")
"""Where work is done: in processes of this machine, or in tasks of a Ray cluster."""

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """A piece of work that may be done again without harm, with the name that sentences use."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Outcome:
    """How a call ended: `failure` is one sentence, None where it ended well; `result` is what the function returned."""

    call: Call
    failure: str | None
    result: Any = None


def run(calls: Iterable[Call], *, engine: str = "local", workers: int) -> Iterator[Outcome]:
    """Run calls on workers of one thread each, and yield their outcomes as they end.

    The bits of a result depend neither on the engine nor on the number of workers. A call whose worker dies (killed,
    out of memory) is tried again, three times in all; one that fails is not, and the others go on. With one local
    worker the calls run in this process, one after the other, on the threads that its BLAS has: the command line gives
    it one, as workers have.

    Args:
        calls: taken as workers come free, two per worker ahead of their outcomes.
        engine: "local" for processes of this machine; "ray" for the cluster that this process or RAY_ADDRESS names, or
            for one that is started on this machine and stopped at the end.
        workers: processes, or tasks of one CPU each that a cluster does at once.

    Raises:
        InputError: the engine has another name, there is no worker, or no cluster answers.
        MissingExtra: Ray is not installed.
    """
    return _as_they_end(calls, _pool(_called, engine, workers))


def local(calls: Iterable[Call], workers: int) -> Iterator[Outcome]:
    """`run` on processes of this machine."""
    return run(calls, engine="local", workers=workers)


def mapped(
    function: Callable[[Chunk], Result], chunks: Iterable[Chunk], *, engine: str = "local", workers: int
) -> Iterator[Result]:
    """Apply a function to chunks on workers, and yield its results in the order of the chunks.

    At most two chunks per worker are out at once, from the reading of a chunk to the taking of its result, so a corpus
    of any size goes through in the memory of a few chunks. What the function holds (an index, settings) goes to each
    worker once, not with every chunk.

    Args:
        function: must write neither to its chunk nor to what it holds, which workers may share.
        chunks: read in this process, as results are taken.
        engine: as in `run`.
        workers: as in `run`.

    Raises:
        InputError: as in `run`, or a chunk's workers died three times.
        MissingExtra: Ray is not installed.
        Exception: what the function raised for the first chunk that failed, in the order of the chunks.
    """
    return _in_order(chunks, _pool(function, engine, workers))


def check(engine: str, workers: int) -> None:
    """Refuse what is no engine, and no workers."""
    if engine not in ENGINES:
        raise InputError("--engine", f"must be one of {', '.join(ENGINES)} but is {engine!r}")
    if workers < 1:
        raise InputError("--workers", f"must be at least 1 but is {workers}")


def held(engine: str, workers: int) -> AbstractContextManager[Any]:
    """The machines of an engine, kept over several calls of `run`: a Ray cluster takes seconds to start."""
    check(engine, workers)
    return connected(workers) if engine == "ray" else nullcontext()


def _pool(function: Callable[[Any], Any], engine: str, workers: int) -> Pool:
    check(engine, workers)
    if engine == "ray":
        return Cluster(function, workers)
    return Here(function) if workers == 1 else Processes(function, workers)


def _called(call: Call) -> Any:
    return call.function(*call.arguments)


def _as_they_end(calls: Iterable[Call], pool: Pool) -> Iterator[Outcome]:
    source, out = enumerate(calls), dict[int, Call]()
    with pool:
        while True:
            for number, call in islice(source, pool.ahead - len(out)):
                out[number] = call
                pool.submit(number, call)
            if not out:
                return
            for ended in pool.ended():
                yield Outcome(out.pop(ended.number), ended.failure, ended.result)


def _in_order(chunks: Iterable[Any], pool: Pool) -> Iterator[Any]:
    source, kept = enumerate(chunks), dict[int, Ended]()
    read = taken = 0
    with pool:
        while True:
            for number, chunk in islice(source, pool.ahead - (read - taken)):
                pool.submit(number, chunk)
                read += 1
            if read == taken:
                return
            while taken not in kept:
                kept |= {ended.number: ended for ended in pool.ended()}
            yield _result(kept.pop(taken))
            taken += 1


def _result(ended: Ended) -> Any:
    if ended.gone:
        raise InputError(f"chunk {ended.number + 1}", str(ended.failure))
    if ended.error is not None:
        raise ended.error
    return ended.result
