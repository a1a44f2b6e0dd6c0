"""What measuring costs over its bare kernels: reads, widening, Gram products and eigenvalues of the same matrices.

    OMP_NUM_THREADS=1 python benchmarks/overhead.py [--models 220M] [--repeats 5] [--small]

In one process, warm, by turns, on one thread: `measure` at level 2 with all columns and nulls, and beside it the same
decompositions with nothing around them, by the routines and in the types that the records' `method` names. Bare
matrices are read whole, the quickest way; `measure` reads them in blocks, as its memory is bounded.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
from harness import WORK, apart, options
from layouts import PAIRS
from llama_pairs import write_pair
from pages import in_brackets, page, save, table, verdict
from stored import Stored, stored_tensors

from benchshadow.checkpoints import open_checkpoint
from benchshadow.spectra import lapack
from benchshadow.studies.footprints.measurement import Measured
from benchshadow.studies.footprints.measurement import measure as measured

GOAL = 1.15
Job = tuple[str, dict[str, str]]
"""A stored tensor, and the method by what was decomposed."""


def jobs_of(found: Measured) -> list[Job]:
    """What was decomposed, and how: the record of the effective rank says it, which no level below 2 has."""
    stored = dict(found.coverage.select("canonical", "tensor").iter_rows())
    rows = found.records.filter(
        (pl.col("diagnostic") == "effective_rank") & pl.col("of").is_in(["base", "tuned", "change"])
    )
    jobs: dict[str, dict[str, str]] = {}
    for tensor, of, method in rows.select("tensor", "of", "method").iter_rows():
        jobs.setdefault(stored[tensor], {})[of] = method
    return list(jobs.items())


def bare(sides: list[dict[str, Stored]], jobs: list[Job]) -> None:
    """The kernels alone."""
    for name, methods in jobs:
        read = [side[name].read() for side in sides]
        for of, method in methods.items():
            if not method.startswith(("zero", "undefined")):
                decompose(read[-1] - read[0] if of == "change" else read[-1 if of == "tuned" else 0], method)


def decompose(matrix: np.ndarray, method: str) -> np.ndarray:
    """Eigenvalues of the Gram matrix, or singular values, as a `method` says: "gram float32, lapack", "qr float64"."""
    kind = re.findall(r"float\d\d", method)[0]
    matrix = np.asarray(matrix, kind)
    if method.startswith("qr"):
        tall = matrix if len(matrix) >= matrix.shape[1] else matrix.T
        return np.linalg.svd(np.linalg.qr(tall, mode="r"), compute_uv=False)
    gram = np.zeros((min(matrix.shape),) * 2, matrix.dtype)
    lapack.add_gram(gram, matrix, len(matrix) < matrix.shape[1])
    return lapack.symmetric_eigenvalues(gram, overwrite=True)


def by_turns(sides: tuple[Path, ...], repeats: int) -> dict[str, Any]:
    """Seconds of both, round by round, the first round left out."""
    read = [stored_tensors(side) for side in sides]
    opened = [open_checkpoint(side) for side in sides]
    jobs = jobs_of(measured(*opened, seed=0))
    bare(read, jobs)
    found: dict[str, list[float]] = {"measure": [], "bare": []}
    for _ in range(repeats):
        for name, call in (("measure", lambda: measured(*opened, seed=0)), ("bare", lambda: bare(read, jobs))):
            begin = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - begin)
        print({name: round(each[-1], 3) for name, each in found.items()}, flush=True)
    methods = sorted({method for _, each in jobs for method in each.values()})
    return {**found, "methods": methods, "matrices": len(jobs)}


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    rows, verdicts = [], []
    for each in found["cases"]:
        ratios = [more / less for more, less in zip(each["measure"], each["bare"], strict=True)]
        rows.append([each["case"], each["matrices"], in_brackets(each["measure"]), in_brackets(each["bare"])])
        rows[-1] += [in_brackets(ratios, 3), "; ".join(each["methods"])]
        verdicts.append(f"- {each['case']}: ratio {verdict(median(ratios), GOAL, least=False)}.")
    head = ["measured", "matrices", "`measure`, seconds", "bare kernels, seconds", "ratio", "methods"]
    return page("Measuring over its bare kernels", found, table(head, rows), verdicts)


def main() -> None:
    """Measure one checkpoint and a pair of every model asked for."""
    given = options(__doc__, models={"nargs": "+", "choices": list(PAIRS), "default": ["220M"]})
    cases = []
    for label in ["tiny"] if given.small else given.models:
        base, tuned = apart(write_pair, WORK / label, PAIRS[label], 0)
        for what, sides in (("checkpoint", (base,)), ("pair", (base, tuned))):
            print(label, what, flush=True)
            cases.append({"case": f"{label}, {what}", **apart(by_turns, sides, given.repeats)})
    save("overhead", {"cases": cases}, written, small=given.small)


if __name__ == "__main__":
    main()
