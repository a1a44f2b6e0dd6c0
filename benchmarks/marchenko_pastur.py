"""The columns of the Marchenko-Pastur bulk, beside what `randomize` and `mp_fit` add to an analysis of WeightWatcher.

    OMP_NUM_THREADS=1 python benchmarks/marchenko_pastur.py [--models 20M] [--repeats 5] [--small]

Both start from singular values that are there: ours are read from a footprint's `spectra.parquet` and fitted in a fresh
process, with every cache cold; the peer's time is that of an analysis with the option less that of the same analysis
without it, by turns. Ours are edge, outliers, their energy, and the values that a random matrix of the same shape would
have. The peer's `randomize` shuffles the entries, decomposes again and fits a density.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from harness import WORK, apart, footprint_command, options, run
from layouts import PAIRS
from llama_pairs import write_pair
from other_tools import weightwatcher, weightwatcher_said, weightwatcher_threads
from pages import in_brackets, page, save, table, verdict

from benchshadow.spectra.marchenko_pastur import fit_bulk, noise_values

GOAL = 40.0
OPTIONS = ("randomize", "mp_fit")


def our_seconds(folder: Path) -> tuple[float, int]:
    """Seconds for all spectra of a footprint, and how many there are; reading and import are left out."""
    shapes = dict(pl.read_parquet(folder / "coverage.parquet").select("canonical", "shape").iter_rows())
    rows = pl.read_parquet(folder / "spectra.parquet").select("tensor", "values").iter_rows()
    spectra = [(np.array(values), shapes[tensor].split(" x ")) for tensor, values in rows]
    begin, columns = time.perf_counter(), []
    for values, (m, n) in spectra:
        shape = (int(m), int(n))
        fit = fit_bulk(values, shape)
        energy = None if fit is None else np.sum(values[: fit.outliers] ** 2) / np.sum(values**2)
        columns.append((fit, energy, noise_values(shape)))
    return time.perf_counter() - begin, len(spectra)


def measure(label: str, threads: int, repeats: int) -> dict[str, Any]:
    """One checkpoint: ours, and the peer's analyses with and without its options, by turns."""
    pair = apart(write_pair, WORK / label, PAIRS[label], 0)
    out, said = WORK / f"{label}-bulk", WORK / f"{label}-bulk.json"
    run(footprint_command(out, pair[0]))
    ours, theirs, spectra = [], {option: [] for option in ("plain", *OPTIONS)}, 0
    for _ in range(repeats):
        seconds, spectra = apart(our_seconds, out)
        ours.append(seconds)
        for option, found in theirs.items():
            weightwatcher(pair, said, threads, ["base"], [] if option == "plain" else [option])
            found.append(weightwatcher_said(said, "seconds")["base"])
        print(
            label, f"ours {seconds:.4f} s;", {option: round(each[-1], 2) for option, each in theirs.items()}, flush=True
        )
    return {"model": label, "spectra": spectra, "ours": ours, "weightwatcher": theirs}


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    rows, verdicts = [], []
    for each in found["models"]:
        ours, plain = median(each["ours"]), each["weightwatcher"]["plain"]
        rows.append([each["model"], each["spectra"], "benchshadow", in_brackets(each["ours"], 4), "1.0"])
        for option in OPTIONS:
            extra = [more - less for more, less in zip(each["weightwatcher"][option], plain, strict=True)]
            times = median(extra) / ours
            rows.append(
                [each["model"], each["spectra"], f"WeightWatcher, `{option}`", in_brackets(extra), f"{times:.0f}"]
            )
            if option == "randomize":
                verdicts.append(f"- {each['model']}, times faster: {verdict(times, GOAL, least=True)}.")
    head = ["checkpoint", "spectra", "program", "seconds: median (all)", "times as long as ours"]
    return page("Columns of the bulk", found, table(head, rows), verdicts)


def main() -> None:
    """Measure the models asked for and write the result."""
    given = options(__doc__, models={"nargs": "+", "choices": list(PAIRS), "default": ["20M"]})
    models, trial = (["tiny"], "tiny") if given.small else (given.models, "20M")
    threads, _ = weightwatcher_threads(apart(write_pair, WORK / trial, PAIRS[trial], 0))
    found = [measure(label, threads, given.repeats) for label in models]
    save("marchenko_pastur", {"weightwatcher_threads": threads, "models": found}, written, small=given.small)


if __name__ == "__main__":
    main()
