"""Level 0 of a pair against reading both files once: cold, pushed out of the page cache, and warm.

    OMP_NUM_THREADS=1 python benchmarks/level0.py [--models 220M 4GB] [--repeats 5] [--small]

Every round, each in a process of its own: a plain read of all weight files into buffers that are used again, with as
many threads as ours has workers; the files read whole into new memory, as a program that wants to hold them does;
`measure` at level 0, timed inside the process, imports left out; and the command `footprint --level 0` as a whole. The
goal is held against the first of the two reads, which from the page cache is little more than a copy through the
processor's own cache, and against `measure`; the command says what start, tables and report add.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from harness import WORK, apart, footprint_command, options, run
from layouts import PAIRS
from llama_pairs import write_pair
from page_cache import drop, load, read_once, resident
from pages import in_brackets, page, save, table, verdict

GOALS = {"cold": 1.5, "warm": 5.0}
WORKERS = os.cpu_count() or 1


def measured(base: Path, tuned: Path) -> float:
    """Seconds of `measure` at level 0."""
    from benchshadow.checkpoints import open_checkpoint
    from benchshadow.studies.footprints.measurement import measure

    begin = time.perf_counter()
    measure(open_checkpoint(base), open_checkpoint(tuned), seed=0, level=0, workers=WORKERS)  # type: ignore[call-arg]
    return time.perf_counter() - begin


def rounds(label: str, repeats: int) -> dict[str, Any]:
    """One pair, cold and warm."""
    pair = apart(write_pair, WORK / label, PAIRS[label], 0)
    files = sorted(file for side in pair for file in side.glob("*.safetensors"))
    programs = {
        "read": lambda: apart(read_once, files, WORKERS),
        "load": lambda: apart(load, files),
        "measure": lambda: apart(measured, *pair),
        "command": lambda: run(footprint_command(WORK / f"{label}-level0", *pair, "--level", "0")).seconds,
    }
    found: dict[str, Any] = {"model": label, "bytes": sum(file.stat().st_size for file in files)}
    for state in GOALS:
        seconds, left = {name: [] for name in programs}, []
        if state == "warm":
            read_once(files, WORKERS)
        for _ in range(repeats):
            for name, program in programs.items():
                if state == "cold":
                    drop(files)
                    left.append(resident(files))
                seconds[name].append(program())
            print(label, state, {name: round(each[-1], 3) for name, each in seconds.items()}, flush=True)
        found[state] = {**seconds, "resident_before": max(left, default=1.0)}
    return found


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    rows, verdicts = [], []
    for each in found["pairs"]:
        for state, goal in GOALS.items():
            seconds = each[state]
            read = median(seconds["read"])
            ratios = [f"{median(seconds[name]) / read:.2f}" for name in ("load", "measure", "command")]
            rate, size = each["bytes"] / read / 1e9, f"{each['model']}, {each['bytes'] / 1e9:.2f} GB"
            rows.append([size, state, f"{seconds['resident_before']:.0%}", f"{rate:.2f}"])
            rows[-1] += [*(in_brackets(seconds[name]) for name in ("read", "load", "measure", "command")), *ratios]
            ratio = verdict(median(seconds["measure"]) / read, goal, least=False)
            verdicts.append(f"- {each['model']}, {state}: {ratio}.")
    head = ["pair", "files", "in memory before", "read, GB/s", "read once, s", "read whole, s"]
    told = f"{WORKERS} workers, and as many threads for the plain read."
    head += ["`measure`, s", "command, s", "read whole / read once", "`measure` / read once", "command / read once"]
    return page("Level 0 against reading once", found, told, table(head, rows), verdicts)


def main() -> None:
    """Measure the pairs asked for and write the result."""
    given = options(__doc__, models={"nargs": "+", "choices": list(PAIRS), "default": ["220M", "4GB"]})
    found = [rounds(label, given.repeats) for label in (["tiny"] if given.small else given.models)]
    save("level0", {"pairs": found}, written, small=given.small)


if __name__ == "__main__":
    main()
