"""An ordered map over the chunks of a corpus, on this machine's processes or on a Ray cluster, a few chunks ahead."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from benchshadow.data.packing import InOrder
from benchshadow.errors import BenchshadowError, MissingExtra, check_choices

from .engine import ATTEMPTS, ONE_THREAD

__all__ = ["ENGINES", "in_order"]

ENGINES = ("local", "ray")
_AHEAD = 2
"""Chunks under way for each worker: enough that none waits, few beside a corpus."""


@contextmanager
def in_order(engine: str = "local", workers: int = 1) -> Iterator[InOrder]:
    """An ordered map over workers of one thread each, which end with the context.

    Results come in the order of what goes in, whoever computed them, so that what is merged from them has the same bits
    for one worker and for many. A worker that is lost takes nothing with it: its chunks are computed again, at most
    three times. What goes in is asked for a few chunks ahead and no more.

    Args:
        engine: "local", or "ray": the cluster that RAY_ADDRESS names, or one on this machine. Its machines must see
            the same files.
        workers: processes; one works in this process.

    Raises:
        MissingExtra: Ray is not installed.
    """
    check_choices("engine", [engine], ENGINES)
    if engine == "ray":
        with _on_ray(workers) as mapped:
            yield mapped
    elif workers == 1:
        yield map
    else:
        yield _local(workers)


def _local(workers: int) -> InOrder:
    def mapped(function: Callable[[Any], Any], given: Iterable[Any]) -> Iterator[Any]:
        from loky import ProcessPoolExecutor
        from loky.process_executor import BrokenProcessPool

        rest, waiting, losses = iter(given), deque[Any](), 0
        while True:
            broken = False
            pool = ProcessPoolExecutor(workers, timeout=None, env=ONE_THREAD)  # pyright: ignore[reportArgumentType]
            futures = deque(pool.submit(function, each) for each in waiting)
            try:
                while True:
                    while len(waiting) < _AHEAD * workers:
                        try:
                            waiting.append(next(rest))
                        except StopIteration:
                            break
                        futures.append(pool.submit(function, waiting[-1]))
                    if not waiting:
                        return
                    result = futures[0].result()
                    futures.popleft()
                    waiting.popleft()
                    losses = 0
                    yield result
            except BrokenProcessPool:
                broken = True
                losses += 1
                if losses == ATTEMPTS:
                    text = f"a worker process died {ATTEMPTS} times (out of memory?); run the same command again"
                    raise BenchshadowError(text) from None
            finally:
                pool.shutdown(wait=not broken, kill_workers=broken)

    return mapped


@contextmanager
def _on_ray(workers: int) -> Iterator[InOrder]:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtra("the engine 'ray'", "ray") from error
    ours = not ray.is_initialized()
    if ours:
        here = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": ONE_THREAD}, **here)

    def mapped(function: Callable[[Any], Any], given: Iterable[Any]) -> Iterator[Any]:
        remote = ray.remote(num_cpus=1, max_retries=ATTEMPTS)(_called)
        shared, waiting = ray.put(function), deque[Any]()
        for each in given:
            waiting.append(remote.remote(shared, each))
            if len(waiting) >= _AHEAD * workers:
                yield _told(ray, waiting.popleft())
        while waiting:
            yield _told(ray, waiting.popleft())

    try:
        yield mapped
    finally:
        if ours:
            ray.shutdown()


def _called(function: Callable[[Any], Any], given: Any) -> Any:
    return function(given)


def _told(ray: Any, reference: Any) -> Any:
    """A result, or the error that the function itself raised."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, BenchshadowError) else error from None
