"""How all benchmarks tell: the machine in words, medians, verdicts, tables, and a result as JSON and as a page."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness import HERE, WORK

__all__ = ["in_brackets", "machine", "page", "program_table", "save", "table", "times_faster", "verdict"]

Programs = Mapping[str, Sequence[Mapping[str, float]]]
"""Runs as JSON values, by program."""
_LIBRARIES = ("benchshadow", "numpy", "scipy", "torch", "polars")


def in_brackets(values: Sequence[float], digits: int = 2) -> str:
    """A median with all values in brackets behind it."""
    return f"{statistics.median(values):.{digits}f} ({', '.join(f'{each:.{digits}f}' for each in values)})"


def verdict(value: float, goal: float, *, least: bool) -> str:
    """Whether a value is at least (or at most) its goal, in words."""
    met = value >= goal if least else value <= goal
    return f"{value:.2f}, goal {'at least' if least else 'at most'} {goal:g}: {'met' if met else 'missed'}"


def machine() -> dict[str, object]:
    """What it runs on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_at_start": [round(each, 2) for each in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return lines + [f"| {' | '.join(map(str, row))} |" for row in rows]


def program_table(groups: Sequence[tuple[str, Programs, str]]) -> list[str]:
    """A line for every program of every group: what it did, its runs by program, and the one the others are beside."""
    rows: list[Sequence[object]] = []
    for label, programs, beside in groups:
        theirs = statistics.median(each["seconds"] for each in programs[beside])
        for name, runs in programs.items():
            seconds = [each["seconds"] for each in runs]
            busy = statistics.median(each["processor_seconds"] for each in runs)
            memory = max(each["memory"] for each in runs) / 1e6
            times = f"{theirs / statistics.median(seconds):.1f}"
            rows.append([label, name, in_brackets(seconds), times, f"{busy:.1f}", f"{memory:.0f}"])
    head = ["measured", "program", "seconds: median (all)", "times faster", "processor seconds", "largest MB"]
    return table(head, rows)


def times_faster(programs: Programs, ours: str, theirs: str) -> float:
    """How many times faster the median run of one program is than that of another."""
    seconds = {name: statistics.median(each["seconds"] for each in programs[name]) for name in (ours, theirs)}
    return seconds[theirs] / seconds[ours]


def page(title: str, found: Mapping[str, Any], *paragraphs: Sequence[str] | str) -> str:
    """A page: title with the date, the machine, and paragraphs of lines."""
    on = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in found["machine"].items())
    blocks = [f"# {title}, {found['date']}", on, *(p if isinstance(p, str) else "\n".join(p) for p in paragraphs)]
    return "\n\n".join(blocks) + "\n"


def save(name: str, result: Mapping[str, Any], text: Callable[[Mapping[str, Any]], str], *, small: bool) -> None:
    """Write a result with its date and machine as JSON and as a page, beside the earlier ones, and print the page."""
    folder = WORK / "trials" if small else HERE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"date": datetime.date.today().isoformat(), "machine": machine(), **result}
    stem = folder / f"{name}-{whole['date']}"
    stem.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(text(whole), encoding="utf-8")
    print(text(whole), flush=True)
