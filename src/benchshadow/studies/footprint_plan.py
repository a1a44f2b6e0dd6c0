"""What a footprint would read, compute and write, with an estimate of its time and memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchshadow.checkpoints import Checkpoint, Pair
from benchshadow.spectra import ArraySource, Spectrum

__all__ = ["plan_of"]

_PROBE = 384
# Bytes: the interpreter with its libraries, torch among them; and the blocks of both sides with their working copies.
_RESTING = 350_000_000
_BLOCKS = 80_000_000
# float64 arrays of k x k that live at once for every spectrum: its Gram matrix; and twice more in the eigensolver.
_IN_SOLVER = 2


def plan_of(
    base: Checkpoint, tuned: Checkpoint | None, pairs: Sequence[Pair], out: Path, files: Sequence[str], workers: int
) -> dict[str, Any]:
    """The plan as JSON values. Time is that of one small matrix here and now, scaled by rows x columns x shorter side.

    It does not tell how warm the disk is, nor how busy the machine will be.
    """
    sides = [base] if tuned is None else [base, tuned]
    spectra = 1 if tuned is None else 3
    matrices = [each.shape for each in pairs if each.state == "matrix"]
    work = sum(m * n * min(m, n) for m, n in matrices)
    shortest = max((min(shape) for shape in matrices), default=0)
    read = [file for side in sides for file in side.files]
    return {
        "verb": "footprint",
        "plan": True,
        "read": {"files": [str(file) for file in read], "bytes": sum(file.stat().st_size for file in read)},
        "compute": {
            "spectra": len(matrices) * spectra,
            "tensors": dict(Counter(each.state for each in pairs)),
            "largest": " x ".join(map(str, max(matrices, key=lambda shape: shape[0] * shape[1], default=()))),
        },
        "write": [str(out / name) for name in files],
        "estimate": {
            "seconds": round(work * spectra * _seconds_per_unit() / workers, 1),
            "memory_bytes": _RESTING + workers * (_BLOCKS + (spectra + _IN_SOLVER) * 8 * shortest**2),
        },
    }


def _seconds_per_unit() -> float:
    """Seconds for one unit of work, the best of three tries on a small matrix."""
    probe = ArraySource(np.random.default_rng(0).standard_normal((_PROBE, _PROBE)))
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        Spectrum.of(probe, engine="numpy")
        times.append(time.perf_counter() - begin)
    return min(times) / _PROBE**3
