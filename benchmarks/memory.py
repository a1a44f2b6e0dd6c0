"""Peak anonymous memory of `benchshadow footprint` on a sharded pair of 4 GB each side, and of twice the layers.

    OMP_NUM_THREADS=1 python benchmarks/memory.py --large [--models 4GB 8GB] [--levels 2] [--workers 1 2]
    OMP_NUM_THREADS=1 python benchmarks/memory.py --small

The pairs (layout of Llama-2-7B, fewer layers, bfloat16) take 24 GB of disk below `work/`, so that they are asked for by
`--large`. Anonymous memory is what a process holds beside mapped files: RssAnon of /proc/PID/status, summed over the
process and its children, fifty times a second. A run that passes `--seconds` (900) is ended and says so: the
heaviest matrices come first, so that its peak is behind it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from harness import WORK, apart, footprint_command, options
from layouts import PAIRS, Shape
from llama_pairs import write_pair
from pages import page, save, table, verdict

BESIDE = 250e6
INTERVAL = 0.02


@dataclass(frozen=True)
class Peak:
    """The largest memory of a process and its children.

    Attributes:
        anonymous: RssAnon of all together, bytes.
        resident: VmHWM, mapped files included, of the largest of them, bytes.
        processes: most at a time.
        seconds: that it ran.
        ended: whether it came to its end, rather than being stopped.
    """

    anonymous: int
    resident: int
    processes: int
    seconds: float
    ended: bool


def allowed(shape: Shape) -> float:
    """Three times the largest matrix in float32, and 250 MB."""
    return 3 * 4 * max(prod(sides) for sides in shape.tensors().values()) + BESIDE


def watched(command: Sequence[str], seconds: float) -> Peak:
    """Run a process on one thread a worker, and watch its memory until it ends or its time is up."""
    begin, anonymous, resident, processes = time.perf_counter(), 0, 0, 0
    with subprocess.Popen(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as child:
        while child.poll() is None and time.perf_counter() - begin < seconds:
            family = [status for pid in _family(child.pid) if (status := _status(pid))]
            anonymous = max(anonymous, sum(each.get("RssAnon", 0) for each in family))
            resident = max([resident, *(each.get("VmHWM", 0) for each in family)])
            processes = max(processes, len(family))
            time.sleep(INTERVAL)
        ended = child.poll() is not None
        if not ended:
            child.terminate()
        said = child.communicate()[1].decode(errors="replace")
    if ended and child.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{said}")
    return Peak(anonymous, resident, processes, time.perf_counter() - begin, ended)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for each in found:
        for file in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, file.read_text(encoding="utf-8").split())
            except OSError:
                continue
    return found


def _status(pid: int) -> dict[str, int]:
    """Sizes that the system tells of a process, bytes; empty where it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(" kB")}


def measure(label: str, levels: Sequence[int], workers: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """One pair, at every level and with every number of workers."""
    pair = apart(write_pair, WORK / label, PAIRS[label], 0)
    found = []
    for level in levels:
        for count in workers:
            more = [] if level == 2 else ["--level", str(level)]
            peak = watched(footprint_command(WORK / f"{label}-memory", *pair, *more, workers=count), seconds)
            print(label, f"level {level}, {count} workers:", peak, flush=True)
            found.append({"model": label, "level": level, "workers": count, **asdict(peak)})
    return found


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    rows, verdicts = [], []
    for each in found["runs"]:
        most, ended = allowed(PAIRS[each["model"]]) / 1e6, "whole" if each["ended"] else "stopped"
        rows.append([each["model"], each["level"], each["workers"], f"{each['seconds']:.0f} ({ended})"])
        rows[-1] += [
            f"{each['anonymous'] / 1e6:.0f}",
            f"{most:.0f}",
            f"{each['resident'] / 1e6:.0f}",
            each["processes"],
        ]
        said = verdict(each["anonymous"] / 1e6, most, least=False)
        verdicts.append(f"- {each['model']}, level {each['level']}, {each['workers']} workers, MB: {said}.")
    head = ["pair (each side)", "level", "workers", "seconds", "peak anonymous MB", "allowed MB"]
    head += ["peak resident MB, files included", "processes"]
    return page("Peak memory", found, table(head, rows), verdicts)


def main() -> None:
    """Measure the pairs asked for and write the result."""
    given = options(
        __doc__,
        large={"action": "store_true", "help": "write 24 GB and run for up to an hour"},
        models={"nargs": "+", "choices": list(PAIRS), "default": ["4GB", "8GB"]},
        levels={"nargs": "+", "type": int, "default": [2]},
        workers={"nargs": "+", "type": int, "default": [1, 2]},
        seconds={"type": float, "default": 900.0},
    )
    if not (given.large or given.small):
        print("memory.py writes 24 GB and runs for up to an hour: ask for it with --large, or try it with --small.")
        return
    models = ["tiny"] if given.small else given.models
    runs = [one for label in models for one in measure(label, given.levels, given.workers, given.seconds)]
    save("memory", {"runs": runs}, written, small=given.small)


if __name__ == "__main__":
    main()
