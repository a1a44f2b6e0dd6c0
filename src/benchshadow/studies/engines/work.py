"""What every pool of workers agrees on: work goes in under a number, and how it ended comes out under the same."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from benchshadow.errors import BenchshadowError

__all__ = ["AHEAD", "ATTEMPTS", "ONE_THREAD", "Ended", "Pool", "failed", "guarded", "lost", "sendable"]

ATTEMPTS = 3
"""Times that a piece of work is tried whose worker was lost; one that fails with a reason is not tried again."""
AHEAD = 2
"""Pieces of work per worker that are out at once: one that is done and one that waits, so that no worker does."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
) | {"TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Ended:
    """How a piece of work ended.

    Attributes:
        number: the number it went in under.
        result: what the function returned; None where it failed.
        failure: one sentence, None where it ended well.
        error: what it raised, None where it ended well.
        gone: whether no worker lived to tell, so that the sentence does not say what it is about.
    """

    number: int
    result: Any = None
    failure: str | None = None
    error: Exception | None = None
    gone: bool = False


class Pool(Protocol):
    """Workers that apply one function; who leaves the pool hears no more of what is under way."""

    @property
    def ahead(self) -> int:
        """Pieces of work that should be out at once, results that nobody took yet among them."""
        ...

    def submit(self, number: int, argument: Any) -> None:
        """Hand in a piece of work."""
        ...

    def ended(self) -> list[Ended]:
        """Wait until something ends, and return all that has."""
        ...

    def __enter__(self) -> Pool: ...

    def __exit__(self, kind: type[BaseException] | None, /, *_: Any) -> None: ...


def guarded(function: Callable[[Any], Any], number: int, argument: Any) -> Ended:
    """Do a piece of work, whose failure is its own end and not the others'."""
    try:
        return Ended(number, function(argument))
    except (Exception, SystemExit) as error:
        return failed(number, error)


def failed(number: int, error: BaseException) -> Ended:
    """The end of a piece of work that raised something."""
    text = str(error) if isinstance(error, BenchshadowError) else f"{type(error).__name__}: {error}"
    return Ended(number, failure=text, error=error if isinstance(error, Exception) else RuntimeError(text))


def lost(number: int) -> Ended:
    """The end of a piece of work that no worker outlived."""
    text = f"its worker process died {ATTEMPTS} times (out of memory?); run the same command again"
    return Ended(number, failure=text, error=BenchshadowError(text), gone=True)


def sendable(ended: Ended) -> Ended:
    """An end that crosses to another process: errors of other people's making do not always, and lose their trace."""
    if ended.error is None:
        return ended
    if not isinstance(ended.error, BenchshadowError):
        ended.error.add_note("".join(traceback.format_exception(ended.error)))
    try:
        pickle.loads(pickle.dumps(ended.error))
    except Exception:  # whatever its own pickling does wrong
        return replace(ended, error=RuntimeError(ended.failure))
    return ended
