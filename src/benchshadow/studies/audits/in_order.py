"""An ordered map over the chunks of a corpus, on machines that stay for several maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from benchshadow.data.packing import InOrder
from benchshadow.studies.engines.cluster import connected
from benchshadow.studies.engines.engine import ENGINES, check, mapped

__all__ = ["ENGINES", "in_order"]


@contextmanager
def in_order(engine: str = "local", workers: int = 1) -> Iterator[InOrder]:
    """`mapped` with its engine and its workers; a cluster that is started for it lives as long as the context.

    Raises:
        InputError: the engine has another name, there is no worker, or no cluster answers.
        MissingExtra: Ray is not installed.
    """
    check(engine, workers)

    def apply(function: Callable[[Any], Any], given: Iterable[Any]) -> Iterator[Any]:
        return mapped(function, given, engine=engine, workers=workers)

    with connected(workers) if engine == "ray" else nullcontext():
        yield apply
