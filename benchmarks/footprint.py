"""`benchshadow footprint` of a pair beside three analyses of WeightWatcher 0.7.7, and of its change alone beside one.

    OMP_NUM_THREADS=1 python benchmarks/footprint.py [--models 220M] [--parts whole change] [--repeats 5] [--small]

Whole processes by turns, their start included. The peer has its quickest settings (see `other_tools.py`), and analyses
base, tuned, and tuned with `base_model`; beside the change alone, the last of these. Ours measures more: all
diagnostics with their nulls, and it writes the report. Errors are against a float64 SVD of the stored values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from accuracy import accuracy, exact_spectra, our_errors, their_errors
from harness import WORK, Run, apart, by_turns, footprint_command, options, run, without_report
from layouts import PAIRS
from llama_pairs import write_pair
from other_tools import weightwatcher, weightwatcher_said, weightwatcher_threads
from pages import page, program_table, save, times_faster, verdict

GOALS = {"whole": 7.0, "change": 8.0}
OURS, PLAIN, THEIRS = "benchshadow, report included", "benchshadow, without the report", "WeightWatcher"


def programs_of(part: str, label: str, threads: int) -> dict[str, Callable[[], Run]]:
    """The programs that take turns on a part: all three spectra of a pair, or its change alone."""
    pair = apart(write_pair, WORK / label, PAIRS[label], 0)
    ours, plain = WORK / f"{label}-{part}", WORK / f"{label}-plain"
    theirs = WORK / f"{label}-{part}.json"
    if part == "change":
        return {
            OURS: lambda: run(footprint_command(ours, *pair, "--of", "change")),
            THEIRS: lambda: weightwatcher(pair, theirs, threads, ["change"]),
        }
    return {
        OURS: lambda: run(footprint_command(ours, *pair)),
        PLAIN: lambda: run(without_report(plain, *pair)),
        THEIRS: lambda: weightwatcher(pair, theirs, threads, ["base", "tuned", "change"]),
    }


def measure(label: str, parts: list[str], threads: int, repeats: int) -> dict[str, Any]:
    """One pair: the programs of every part by turns, then the accuracy of their numbers."""
    found: dict[str, Any] = {"model": label, "shape": asdict(PAIRS[label]), "parts": {}}
    base, tuned = apart(write_pair, WORK / label, PAIRS[label], 0)
    exact = apart(exact_spectra, base, tuned, 12 if label == "220M" else 200)
    for part in parts:
        print(label, part, flush=True)
        runs = by_turns(programs_of(part, label, threads), repeats)
        numbers = weightwatcher_said(WORK / f"{label}-{part}.json", "numbers")
        found["parts"][part] = {
            "runs": {name: [asdict(each) for each in one] for name, one in runs.items()},
            "spectra_checked": len(exact) if part == "whole" else len(exact) // 3,
            "errors": {
                "benchshadow": our_errors(WORK / f"{label}-{part}", exact),
                "WeightWatcher": their_errors(numbers, exact),
            },
        }
    return found


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    told = f"Whole processes by turns; WeightWatcher on {found['weightwatcher_threads']} thread(s), its better number."
    parts = [(each["model"], part, one) for each in found["models"] for part, one in each["parts"].items()]
    groups = [(f"{label}, {part}", one["runs"], THEIRS) for label, part, one in parts]
    verdicts = [
        f"- {label}, {part}, {ours}, times faster: "
        f"{verdict(times_faster(one['runs'], ours, THEIRS), GOALS[part], least=True)}."
        for label, part, one in parts
        for ours in (OURS, PLAIN)
        if ours in one["runs"]
    ]
    errors = [
        [f"## {label}, {part}", "", *accuracy(one["errors"], one["spectra_checked"])] for label, part, one in parts
    ]
    return page("The footprint of a pair", found, told, program_table(groups), verdicts, *errors)


def main() -> None:
    """Measure the pairs asked for and write the result."""
    given = options(
        __doc__,
        models={"nargs": "+", "choices": list(PAIRS), "default": ["20M", "220M"]},
        parts={"nargs": "+", "choices": list(GOALS), "default": list(GOALS)},
    )
    models, trial = (["tiny"], "tiny") if given.small else (given.models, "20M")
    threads, tried = weightwatcher_threads(apart(write_pair, WORK / trial, PAIRS[trial], 0))
    found = [measure(label, given.parts, threads, given.repeats) for label in models]
    result = {"weightwatcher_threads": threads, "weightwatcher_by_threads": tried, "models": found}
    save("footprint", result, written, small=given.small)


if __name__ == "__main__":
    main()
