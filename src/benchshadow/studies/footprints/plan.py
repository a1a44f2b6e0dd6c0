"""What a footprint would read, compute and write, with an estimate of its time and memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchshadow.checkpoints import Checkpoint, Pair
from benchshadow.spectra import ArraySource, matrix_of

__all__ = ["plan_of"]

_PROBE = 512
# Bytes: the interpreter with its libraries; and the blocks of both sides and of the change with their working copies.
_RESTING = 160_000_000
_BLOCKS = 40_000_000
_IN_SOLVER = 2  # arrays of k x k beside the Gram matrices: a copy in float64 where that is needed, and room to work
_VECTORS = 3  # level 3 in units of level 2


def plan_of(
    base: Checkpoint,
    tuned: Checkpoint | None,
    pairs: Sequence[Pair],
    out: Path,
    files: Sequence[str],
    workers: int,
    *,
    level: int,
    spectra: int,
) -> dict[str, Any]:
    """The plan as JSON values. Time is that of one small matrix here and now, scaled by the work of all.

    It does not tell how warm the disk is, nor how busy the machine will be.
    """
    sides = [base] if tuned is None else [base, tuned]
    matrices = [each.shape for each in pairs if each.state == "matrix"]
    shortest = max((min(shape) for shape in matrices), default=0)
    read = [file for side in sides for file in side.files]
    work = sum(m * n * (min(m, n) if level else 1) for m, n in matrices)
    return {
        "verb": "footprint",
        "plan": True,
        "level": level,
        "read": {"files": [str(file) for file in read], "bytes": sum(file.stat().st_size for file in read)},
        "compute": {
            "spectra": len(matrices) * spectra if level > 1 else 0,
            "tensors": dict(Counter(each.state for each in pairs)),
            "largest": " x ".join(map(str, max(matrices, key=lambda shape: shape[0] * shape[1], default=()))),
        },
        "write": [str(out / name) for name in ("work.json", *files)],
        "estimate": {
            "seconds": round(work * (spectra if level else len(sides)) * _seconds_per_unit(level) / workers, 1),
            "memory_bytes": _RESTING
            + workers * (_BLOCKS + (0 if level == 0 else 8 * (spectra + _IN_SOLVER) * shortest**2)),
        },
    }


def _seconds_per_unit(level: int) -> float:
    """Seconds for one unit of work at a level, the best of three tries on a small matrix."""
    probe = ArraySource(np.random.default_rng(0).standard_normal((_PROBE, _PROBE), dtype=np.float32))
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        matrix_of(probe, level=min(level, 2))
        times.append(time.perf_counter() - begin)
    return min(times) * (_VECTORS if level == 3 else 1) / _PROBE ** (3 if level else 2)
