"""The seam to the machines that work: calls go in, outcomes come out as they end, a lost worker's calls go in again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from benchshadow.errors import BenchshadowError

__all__ = ["ATTEMPTS", "ONE_THREAD", "Call", "Outcome", "local"]

ATTEMPTS = 3
"""Times that a call is tried whose worker was lost; a call that fails with a reason is not tried again."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
) | {"TOKENIZERS_PARALLELISM": "false"}
"""What keeps a worker process to one thread."""


@dataclass(frozen=True)
class Call:
    """A piece of work that may be done again without harm, with the name that sentences use."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Outcome:
    """How a call ended: `failure` is one sentence, None where it ended well."""

    call: Call
    failure: str | None


def local(calls: Sequence[Call], workers: int) -> Iterator[Outcome]:
    """Run calls on worker processes of one thread each, and yield their outcomes as they end.

    The bits of a result do not depend on the number of workers. A worker that dies (killed, out of memory) takes the
    whole pool with it, so the pool is made anew and what had not ended is tried again. With one worker the calls run in
    this process, one after the other.
    """
    if workers == 1:
        yield from (Outcome(call, _guarded(call)) for call in calls)
        return
    from loky import get_reusable_executor
    from loky.process_executor import BrokenProcessPool

    waiting = {call.name: call for call in calls}
    tried = dict.fromkeys(waiting, 0)
    while waiting:
        pool = get_reusable_executor(
            max_workers=workers,
            timeout=None,  # pyright: ignore[reportArgumentType] (it waits for ever, which its annotation forgets)
            env=ONE_THREAD,
            reuse=False,  # pyright: ignore[reportArgumentType] (likewise)
            initializer=_end_with,
            initargs=(os.getpid(),),
        )
        futures = {pool.submit(_guarded, call): call for call in waiting.values()}
        whole = False
        try:
            for future in _as_they_end(list(futures)):
                call, failure = futures[future], future.result()
                del waiting[call.name]
                yield Outcome(call, failure)
            whole = True
        except BrokenProcessPool:
            for name in list(waiting):
                tried[name] += 1
                if tried[name] >= ATTEMPTS:
                    text = f"its worker process died {ATTEMPTS} times (out of memory?); run the same command again"
                    yield Outcome(waiting.pop(name), text)
        finally:
            pool.shutdown(wait=whole, kill_workers=not whole)


def _as_they_end(futures: list[Future[str | None]]) -> Iterator[Future[str | None]]:
    remaining = set(futures)
    while remaining:
        done, remaining = wait(remaining, return_when=FIRST_COMPLETED)
        yield from done


def _end_with(parent: int) -> None:
    """Let a worker end when its parent is gone: killed, it would otherwise work on unseen until its run is whole."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _guarded(call: Call) -> str | None:
    """A run's reason to end badly, as a sentence; the others go on."""
    try:
        call.function(*call.arguments)
    except BenchshadowError as error:
        return str(error)
    except Exception as error:  # whatever it is, it is this run's end and not the study's
        return f"{type(error).__name__}: {error}"
    return None
