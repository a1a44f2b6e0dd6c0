"""Full spectra of one checkpoint with all default columns, beside the analysis of WeightWatcher 0.7.7.

    OMP_NUM_THREADS=1 python benchmarks/spectra.py [--repeats 5] [--small]

Whole processes by turns, their start included. Ours computes more: every diagnostic with its nulls, the fit of the bulk
among them, which the peer leaves out at its quickest settings (see `other_tools.py`). Errors are against a float64 SVD
of the stored values: all matrices of the small model, a dozen of the large one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from accuracy import accuracy, exact_spectra, our_errors, their_errors
from harness import WORK, apart, by_turns, footprint_command, options, run, without_report
from layouts import PAIRS
from llama_pairs import write_pair
from other_tools import weightwatcher, weightwatcher_said, weightwatcher_threads
from pages import page, program_table, save, times_faster, verdict

GOAL = 6.0
OURS, PLAIN, THEIRS = "benchshadow, report included", "benchshadow, without the report", "WeightWatcher"


def measure(label: str, threads: int, repeats: int) -> dict[str, Any]:
    """One checkpoint: the programs by turns, then the accuracy of their numbers."""
    print(label, flush=True)
    pair = apart(write_pair, WORK / label, PAIRS[label], 0)
    base, out, theirs = pair[0], WORK / f"{label}-spectra", WORK / f"{label}-spectra.json"
    programs = {
        OURS: lambda: run(footprint_command(out, base)),
        PLAIN: lambda: run(without_report(WORK / f"{label}-plain", base)),
        THEIRS: lambda: weightwatcher(pair, theirs, threads, ["base"]),
    }
    runs = by_turns(programs, repeats)
    exact = apart(exact_spectra, base, None, 12 if label == "220M" else 200)
    return {
        "model": label,
        "shape": asdict(PAIRS[label]),
        "runs": {name: [asdict(each) for each in found] for name, found in runs.items()},
        "spectra_checked": len(exact),
        "errors": {
            "benchshadow": our_errors(out, exact),
            "WeightWatcher": their_errors(weightwatcher_said(theirs, "numbers"), exact),
        },
    }


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    told = f"Whole processes by turns; WeightWatcher on {found['weightwatcher_threads']} thread(s), its better number."
    groups = [(each["model"], each["runs"], THEIRS) for each in found["models"]]
    verdicts = [
        f"- {each['model']}, {ours}, times faster: "
        f"{verdict(times_faster(each['runs'], ours, THEIRS), GOAL, least=True)}."
        for each in found["models"]
        for ours in (OURS, PLAIN)
    ]
    errors = [
        [f"## {each['model']}", "", *accuracy(each["errors"], each["spectra_checked"])] for each in found["models"]
    ]
    return page("Spectra of one checkpoint", found, told, program_table(groups), verdicts, *errors)


def main() -> None:
    """Measure the models asked for and write the result."""
    given = options(__doc__, models={"nargs": "+", "choices": list(PAIRS), "default": ["20M", "220M"]})
    models, trial = (["tiny"], "tiny") if given.small else (given.models, "20M")
    threads, tried = weightwatcher_threads(apart(write_pair, WORK / trial, PAIRS[trial], 0))
    found = [measure(label, threads, given.repeats) for label in models]
    result = {"weightwatcher_threads": threads, "weightwatcher_by_threads": tried, "models": found}
    save("spectra", result, written, small=given.small)


if __name__ == "__main__":
    main()
