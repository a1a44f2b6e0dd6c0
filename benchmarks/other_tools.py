"""The tools that stand beside ours, each in an environment of its own, with the options that serve it best."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness import HERE, WORK, Run, run

__all__ = ["environment", "weightwatcher", "weightwatcher_said", "weightwatcher_threads"]


@cache
def environment(name: str) -> Path:
    """The Python of a tool's environment, which is made from `requirements-<name>.txt` where it is missing."""
    python = WORK / name / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        requirements = HERE / f"requirements-{name}.txt"
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(requirements)], check=True)
    return python


def weightwatcher(
    pair: tuple[Path, Path], out: Path, threads: int, of: Sequence[str], options: Sequence[str] = ()
) -> Run:
    """Analyses of WeightWatcher 0.7.7 as one process, its start included.

    It gets its quickest settings: no plots, nothing randomised, no fit of bulks (but by `options`), no deltas, and
    `svd_method="fast"`, its default, which without CUDA is SciPy's SVD of the values in float64.

    Args:
        pair: base and tuned.
        out: file for its numbers.
        threads: of its libraries.
        of: which of "base", "tuned" and "change".
        options: "mp_fit", "randomize".
    """
    script = HERE / "peers" / "weightwatcher_run.py"
    command = [str(environment("weightwatcher")), str(script), *map(str, pair), str(out), "--of", *of]
    return run([*command, "--with", *options], threads)


def weightwatcher_said(out: Path, what: str) -> dict[str, Any]:
    """Its "numbers" by matrix, or its "seconds" by analysis, without start and import."""
    return json.loads(out.read_text(encoding="utf-8"))[what]


def weightwatcher_threads(pair: tuple[Path, Path]) -> tuple[int, dict[int, float]]:
    """The number of threads that serves it better on a pair, one or all cores, and its seconds with each."""
    tried = {n: weightwatcher(pair, WORK / "tried.json", n, ["base"]).seconds for n in (1, os.cpu_count() or 1)}
    print("WeightWatcher by threads:", {n: round(each, 1) for n, each in tried.items()}, flush=True)
    return min(tried, key=lambda n: tried[n]), tried
