"""One worker that is this process: work is done when somebody asks for its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from .work import Ended, guarded

__all__ = ["Here"]


class Here:
    """A pool without workers; nothing is read ahead of what is being done."""

    ahead = 1

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function, self._queue = function, deque[tuple[int, Any]]()

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.clear()

    def submit(self, number: int, argument: Any) -> None:
        self._queue.append((number, argument))

    def ended(self) -> list[Ended]:
        return [guarded(self._function, *self._queue.popleft())]
