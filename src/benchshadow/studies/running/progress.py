"""How far a run is: told by its worker in a small file, read by whoever wants to know, in this process or another."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchshadow.records import write_json

if TYPE_CHECKING:
    from benchshadow.train.settings import Settings

__all__ = ["MEASURING_SHARE", "Tell", "Told", "told"]

PROGRESS = "progress.json"
MEASURING_SHARE = 0.2
"""Share of a run's work that measuring its checkpoints is taken for; it only steers the time left that is shown."""
_SECONDS = 0.5


@dataclass(frozen=True)
class Told:
    """What a run has told of itself.

    Attributes:
        share: of its work that is done.
        doing: in words.
        gained: share that the present worker has done.
        seconds: that this took it.
    """

    share: float
    doing: str
    gained: float = 0.0
    seconds: float = 0.0


class Tell:
    """Writes a run's progress into its folder, at most twice a second."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._path, self._settings, self._last = folder / PROGRESS, settings, 0.0
        self._first: tuple[float, float] | None = None

    def step(self, done: int, steps: int) -> None:
        """Steps done of the training."""
        self._write((1 - MEASURING_SHARE) * done / steps, f"step {done} of {steps}", done == steps)

    def measured(self, done: int, checkpoints: int) -> None:
        """Checkpoints measured."""
        share = 1 - MEASURING_SHARE + MEASURING_SHARE * done / checkpoints
        self._write(share, f"measured {done} of {checkpoints} checkpoints", True)

    def forget(self) -> None:
        """The run is whole."""
        self._path.unlink(missing_ok=True)

    def _write(self, share: float, doing: str, now: bool) -> None:
        if now or time.monotonic() - self._last >= _SECONDS:
            self._last = time.monotonic()
            began, since = self._first = self._first or (share, self._last)
            pace = {"gained": share - began, "seconds": self._last - since}
            write_json(self._path, {"share": share, "doing": doing, **pace})


def told(folder: Path) -> Told | None:
    """What the run in a folder last told; None where it has told nothing."""
    try:
        content = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        pace = float(content["gained"]), float(content["seconds"])
        return Told(float(content["share"]), str(content["doing"]), *pace)
    except (OSError, ValueError, KeyError):
        return None
