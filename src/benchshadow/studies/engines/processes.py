"""Worker processes beside this one; a worker that dies breaks its pool, so the pool is made anew around the work."""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import work
from .work import AHEAD, ONE_THREAD, Ended, failed, guarded, lost, sendable

__all__ = ["Processes"]


class Processes:
    """Processes of one thread each.

    The function goes to the workers once, by way of a file, however large what it holds; only arguments and results
    pass through pipes. Which worker died cannot be told from which piece of work it was doing, so all that was out is
    tried again; a last try is made alone, so that no piece of work fails for another's sake.
    """

    def __init__(self, function: Callable[[Any], Any], workers: int) -> None:
        self.ahead = AHEAD * workers
        self._function, self._workers = function, workers
        self._arguments: dict[int, Any] = {}
        self._tried: dict[int, int] = {}
        self._queue = deque[int]()
        self._futures: dict[Future[Ended], int] = {}

    def __enter__(self) -> Processes:
        import cloudpickle

        self._folder = tempfile.TemporaryDirectory(prefix="benchshadow-")
        self._file = Path(self._folder.name) / "function.pickle"
        try:
            with self._file.open("wb") as file:
                cloudpickle.dump(self._function, file)
        except BaseException:
            self._folder.cleanup()
            raise
        self._executor = self._new()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._executor.shutdown(wait=True, kill_workers=kind is not None)
        self._folder.cleanup()

    def submit(self, number: int, argument: Any) -> None:
        self._arguments[number], self._tried[number] = argument, 0
        self._queue.append(number)

    def ended(self) -> list[Ended]:
        while True:
            broken = not self._start()
            wait(self._futures, return_when=FIRST_COMPLETED)
            found, lives = self._gathered()
            if broken or not lives:
                found += self._again()
            for each in found:
                del self._arguments[each.number], self._tried[each.number]
            if found:
                return found

    def _start(self) -> bool:
        """Start what may be started now; False where the pool turns out to be broken."""
        from loky.process_executor import BrokenProcessPool

        while self._queue and not any(self._last(number) for number in self._futures.values()):
            number = self._queue[0]
            if self._last(number) and self._futures:
                break
            try:
                future = self._executor.submit(_work, self._file, number, self._arguments[number])
            except BrokenProcessPool:
                return False
            self._futures[future] = self._queue.popleft()
        return True

    def _last(self, number: int) -> bool:
        return 0 < self._tried[number] >= work.ATTEMPTS - 1

    def _gathered(self) -> tuple[list[Ended], bool]:
        """What has ended, and whether the pool lives."""
        from loky.process_executor import BrokenProcessPool

        found, lives = [], True
        for future in [each for each in self._futures if each.done()]:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                lives = False
                continue
            number = self._futures.pop(future)
            if error is None:
                found.append(future.result())
            elif isinstance(error, KeyboardInterrupt):
                raise error
            else:  # its argument or its result would not cross
                found.append(failed(number, error))
        return found, lives

    def _again(self) -> list[Ended]:
        """Make the pool anew and hand in what was lost with the old one; what was lost too often has ended."""
        self._executor.shutdown(wait=True, kill_workers=True)
        found, _ = self._gathered()
        gone = sorted(self._futures.values())
        self._futures.clear()
        for number in gone:
            self._tried[number] += 1
        over = [number for number in gone if self._tried[number] >= work.ATTEMPTS]
        self._queue.extendleft(reversed([number for number in gone if number not in over]))
        self._executor = self._new()
        return found + [lost(number) for number in over]

    def _new(self) -> Any:
        from loky import ProcessPoolExecutor

        return ProcessPoolExecutor(
            max_workers=self._workers, env=ONE_THREAD, initializer=_end_with, initargs=(os.getpid(),)
        )


def _work(file: Path, number: int, argument: Any) -> Ended:
    return sendable(guarded(lambda given: _function(file)(given), number, argument))


@lru_cache(maxsize=1)
def _function(file: Path) -> Callable[[Any], Any]:
    with file.open("rb") as content:
        return pickle.load(content)


def _end_with(parent: int) -> None:
    """Let a worker end when its parent is gone: killed, it would otherwise work on unseen until its run is whole."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
