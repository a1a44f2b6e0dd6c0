"""How all benchmarks run: options, processes by turns, and calls in processes of their own."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

__all__ = [
    "HERE",
    "WORK",
    "Run",
    "apart",
    "by_turns",
    "footprint_command",
    "options",
    "run",
    "without_report",
]

HERE = Path(__file__).parent
WORK = HERE / "work"
LONG = 60.0
"""Seconds of a program above which three rounds do."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_INTERPRETED = "PYTHONDONTWRITEBYTECODE"
"""Left out of a program's environment: modules start compiled, as every install leaves those of both programs."""


@dataclass(frozen=True)
class Run:
    """One process: wall-clock and processor seconds, the largest resident memory of any one process in it, bytes."""

    seconds: float
    processor_seconds: float
    memory: int


def run(command: Sequence[str], threads: int = 1) -> Run:
    """Run a process to its end; a failure ends the benchmark with its output."""
    environment = os.environ | dict.fromkeys(_THREADS, str(threads))
    environment.pop(_INTERPRETED, None)
    begin = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{said}")
    return Run(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def apart(function: Callable[..., Any], *given: object) -> Any:
    """A call in a process of its own: what this one holds as it starts another counts as that one's memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def footprint_command(out: Path, base: Path, *more: Path | str, workers: int | None = None) -> list[str]:
    """The command line on a new folder, nothing kept from earlier calls: a checkpoint, or two, and further options."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "benchshadow", "footprint", str(base), *map(str, more), "--no-cache"]
    return [*command, "--out", str(out), "--workers", str(workers or os.cpu_count())]


def without_report(out: Path, *sides: Path) -> list[str]:
    """The function of the same name in a fresh process: all tables and the summary, no page."""
    shutil.rmtree(out, ignore_errors=True)
    script = (
        "import os, sys; from pathlib import Path; from benchshadow.studies.footprints.footprint import footprint; "
        "footprint(*map(Path, sys.argv[2:]), out=Path(sys.argv[1]), workers=os.cpu_count())"
    )
    return [sys.executable, "-c", script, str(out), *map(str, sides)]


def by_turns(programs: Mapping[str, Callable[[], Run]], repeats: int) -> dict[str, list[Run]]:
    """Every program once a round, so that a machine that slows down slows all; three rounds where one takes long."""
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    rounds, done = repeats, 0
    while done < rounds:
        for name, program in programs.items():
            runs[name].append(program())
            last = runs[name][-1]
            print(f"  {name}: {last.seconds:.2f} s ({last.processor_seconds:.2f} s of processor)", flush=True)
        done += 1
        if any(each[0].seconds > LONG for each in runs.values()):
            rounds = min(3, repeats)
    return runs


def options(document: str | None, **more: dict[str, Any]) -> argparse.Namespace:
    """The options that every benchmark has, and further ones as the arguments of `add_argument`."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="rounds; three where a program takes over a minute")
    parser.add_argument("--small", action="store_true", help="a trial on a tiny model, written to work/, not kept")
    for name, given in more.items():
        parser.add_argument(f"--{name}", **given)
    return parser.parse_args()
