"""Progress with time left, on standard error, from what the verbs tell of their work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from benchshadow.studies.grid import Standing

__all__ = ["matrices", "runs"]

_LINE_SECONDS = 30.0


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[doing]}", style="dim"),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=600,
    )


class _Lines:
    """One plain line now and then, where standard error is a file or a pipe and a bar would be noise."""

    def __init__(self) -> None:
        self._console, self._start = Console(stderr=True, width=200), time.monotonic()
        self._last, self._before = self._start, -1.0

    def tell(self, done: float, total: float, doing: str) -> None:
        now = time.monotonic()
        if self._before < 0:
            self._before = done  # by an earlier call, so it says nothing of this one's speed
        if now - self._last < _LINE_SECONDS or not self._before < done < total:
            return
        self._last = now
        left = (now - self._start) * (total - done) / (done - self._before)
        self._console.print(f"{done / total:.0%} done, about {left / 60:.0f} min left: {doing}", markup=False)


@contextmanager
def matrices() -> Iterator[Callable[[int, int, str], None]]:
    """A bar over the work of all matrices."""
    if not Console(stderr=True).is_terminal:
        yield _Lines().tell
        return
    with _progress() as bar:
        task = bar.add_task("measuring", total=None, doing="")

        def tell(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, doing=name)

        yield tell


@contextmanager
def runs() -> Iterator[Callable[[Standing], None]]:
    """A bar over the whole study, and one for every run that is under way."""
    if not Console(stderr=True).is_terminal:
        lines = _Lines()
        yield lambda standing: lines.tell(standing.work, standing.total, _counted(standing))
        return
    with _progress() as bar:
        whole = bar.add_task("study", total=None, doing="reading the data")
        shown: dict[str, TaskID] = {}

        def tell(standing: Standing) -> None:
            if bar.tasks[0].total is None:  # what an earlier call has done says nothing of this one's speed
                bar.reset(whole, total=standing.total, completed=int(standing.work))
            bar.update(whole, completed=standing.work, total=standing.total, doing=_counted(standing))
            for run in standing.runs:
                if run.name in standing.doing and standing.shares[run.name] < 1 and run.name not in standing.failed:
                    if run.name not in shown:
                        shown[run.name] = bar.add_task(f"  {run.title}", total=1.0, doing="")
                    bar.update(shown[run.name], completed=standing.shares[run.name], doing=standing.doing[run.name])
                elif run.name in shown:
                    bar.remove_task(shown.pop(run.name))

        yield tell


def _counted(standing: Standing) -> str:
    whole = sum(share == 1 for share in standing.shares.values())
    return f"{whole} of {len(standing.runs)} runs whole"
