"""Time, memory and accuracy of `benchshadow footprint` beside three analyses of WeightWatcher 0.7.7, interleaved.

    OMP_NUM_THREADS=1 python benchmarks/footprint.py                 the 20M and the 220M pair
    OMP_NUM_THREADS=1 python benchmarks/footprint.py --pairs 20M     one of them

Both run as whole processes, their start included. The peer is given its quickest setting: no plots, no randomised and
no Marchenko-Pastur fit, `svd_method="fast"` (its default, which without CUDA is SciPy's SVD in float64), and
the number of threads that served it better in a trial on the small pair. Ours measures more: all diagnostics with their
nulls, and it writes the report.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from llama_pairs import PAIRS, write_pair

from benchshadow.checkpoints import open_checkpoint

HERE = Path(__file__).parent
WORK = HERE / "work"
PEER = WORK / "weightwatcher" / "bin" / "python"
RANKS = ("stable_rank", "participation_ratio", "energy_rank", "effective_rank")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LONG = 60.0  # seconds of the peer above which three rounds do
PROGRAMS = {
    "ours": "benchshadow, report included",
    "ours_without_report": "benchshadow, without the report",
    "weightwatcher": "WeightWatcher",
}


@dataclass(frozen=True)
class Run:
    """One process: wall-clock and processor seconds, and its largest resident memory, bytes."""

    seconds: float
    processor_seconds: float
    memory: int


def run(command: list[str], threads: int) -> Run:
    """Run a process to its end; a failure ends the benchmark with its output."""
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
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


def ours(base: Path, tuned: Path, out: Path) -> Run:
    """The command line on a new folder, its report included."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "benchshadow", "footprint", str(base), str(tuned), "--out", str(out)]
    return run([*command, "--workers", str(os.cpu_count())], threads=1)


def without_report(base: Path, tuned: Path, out: Path) -> Run:
    """The function of the same name in a fresh process: all tables and the summary, no page."""
    shutil.rmtree(out, ignore_errors=True)
    script = (
        "import os, sys; from pathlib import Path; from benchshadow.studies.footprint import footprint; "
        "footprint(Path(sys.argv[1]), Path(sys.argv[2]), out=Path(sys.argv[3]), workers=os.cpu_count())"
    )
    return run([sys.executable, "-c", script, str(base), str(tuned), str(out)], threads=1)


def peer(base: Path, tuned: Path, out: Path, threads: int, *more: str) -> Run:
    """The peer's three analyses."""
    script = HERE / "peers" / "weightwatcher_run.py"
    return run([str(PEER), str(script), str(base), str(tuned), str(out), *more], threads)


def peer_environment() -> None:
    """Make the peer's environment where it is missing."""
    if PEER.is_file():
        return
    subprocess.run([sys.executable, "-m", "venv", str(PEER.parents[1])], check=True)
    requirements = HERE / "requirements-weightwatcher.txt"
    subprocess.run([str(PEER), "-m", "pip", "install", "-q", "-r", str(requirements)], check=True)


def exact(base: Path, tuned: Path, most: int) -> dict[str, dict[str, float]]:
    """The ranks of base, tuned and change by a float64 SVD of the stored values, of at most so many matrices."""
    before, after = open_checkpoint(base), open_checkpoint(tuned)
    names = [name for name in before.names() if len(before.shape(name)) == 2]
    chosen = sorted({names[i] for i in np.linspace(0, len(names) - 1, min(most, len(names))).astype(int)})
    found = {}
    for name in chosen:
        sides = {"base": before.read(name).astype(np.float64), "tuned": after.read(name).astype(np.float64)}
        sides["change"] = sides["tuned"] - sides["base"]
        for of, weight in sides.items():
            s = np.linalg.svd(weight, compute_uv=False)
            e, p = s**2 / np.sum(s**2), s / np.sum(s)
            values = (1 / e[0], 1 / np.sum(e**2), np.exp(-np.sum(e * np.log(e))), np.exp(-np.sum(p * np.log(p))))
            found[f"{name.removeprefix('model.')} {of}"] = dict(zip(RANKS, map(float, values), strict=True))
    return found


def our_numbers(out: Path) -> dict[str, dict[str, float]]:
    """The ranks in our records, by tensor and what they are of."""
    found: dict[str, dict[str, float]] = {}
    rows = pl.read_parquet(out / "records.parquet").filter(
        pl.col("diagnostic").is_in(RANKS) & (pl.col("of") != "model")
    )
    for row in rows.iter_rows(named=True):
        found.setdefault(f"{row['tensor']} {row['of']}", {})[row["diagnostic"]] = row["value"]
    return found


def errors(found: dict[str, dict[str, float]], truth: dict[str, dict[str, float]]) -> dict[str, float]:
    """Largest relative error of every rank that a program gives, over the matrices of the truth."""
    largest: dict[str, float] = {}
    for key, expected in truth.items():
        for name, value in found[key].items():
            error = abs(value / expected[name] - 1)
            largest[name] = max(largest.get(name, 0.0), error)
    return largest


def said(one: Run) -> str:
    """A run in words."""
    return f"{one.seconds:.1f} s ({one.processor_seconds:.1f} s of processor)"


def measure(label: str, peer_threads: int, repeats: int) -> dict[str, object]:
    """One pair: both programs by turns, then the accuracy of their numbers."""
    base, tuned = apart(write_pair, WORK / label, PAIRS[label], 0)
    out, theirs_out = WORK / f"{label}-ours", WORK / f"{label}-theirs.json"
    runs: dict[str, list[Run]] = {"ours": [], "ours_without_report": [], "weightwatcher": []}
    theirs = runs["weightwatcher"]
    while len(theirs) < (min(3, repeats) if theirs and theirs[0].seconds > LONG else repeats):
        runs["ours"].append(ours(base, tuned, out))
        runs["ours_without_report"].append(without_report(base, tuned, out))
        theirs.append(peer(base, tuned, theirs_out, peer_threads))
        print(label, *(f"{side} {said(each[-1])};" for side, each in runs.items()), flush=True)
    truth = apart(exact, base, tuned, 200 if label == "20M" else 12)
    return {
        "pair": label,
        "shape": asdict(PAIRS[label]),
        **{side: [asdict(each) for each in found] for side, found in runs.items()},
        "spectra_checked": len(truth),
        "our_errors": errors(our_numbers(out), truth),
        "weightwatcher_errors": errors(json.loads(theirs_out.read_text(encoding="utf-8")), truth),
    }


def machine() -> dict[str, object]:
    """What it ran on."""
    model = ""
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "load_at_start": os.getloadavg(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
    }


def median(pair: dict, side: str, key: str) -> float:
    """Median over the runs of one program."""
    return statistics.median(each[key] for each in pair[side])


def table(result: dict) -> str:
    """The result as a page."""
    fitted = result["weightwatcher_20M_with_bulk_fit"]["seconds"]
    lines = [
        f"# `benchshadow footprint` beside WeightWatcher 0.7.7, {result['date']}",
        "",
        ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in result["machine"].items()),
        "",
        f"WeightWatcher has its quickest options and {result['weightwatcher_threads']} thread(s), the quicker of one",
        f"and all cores; with its fit of bulks, which ours includes, it takes {fitted:.0f} s for 20M.",
        "Whole processes by turns; median seconds with all of them in brackets.",
        "",
        "| pair | program | seconds | times faster | processor seconds | largest memory |",
        "|---|---|---|---|---|---|",
    ]
    for pair in result["pairs"]:
        theirs = median(pair, "weightwatcher", "seconds")
        for side, name in PROGRAMS.items():
            seconds = median(pair, side, "seconds")
            every = ", ".join(f"{each['seconds']:.1f}" for each in pair[side])
            memory = max(each["memory"] for each in pair[side]) / 1e6
            busy = median(pair, side, "processor_seconds")
            cells = [pair["pair"], name, f"{seconds:.1f} ({every})", f"{theirs / seconds:.1f}", f"{busy:.1f}"]
            lines.append(f"| {' | '.join(cells)} | {memory:.0f} MB |")
    lines += ["", "Largest relative error against float64 SVD of the stored values:", ""]
    lines += [f"| pair | spectra | program | {' | '.join(RANKS)} |", f"|---|---|---|{'---|' * len(RANKS)}"]
    for pair in result["pairs"]:
        for program, side in (("benchshadow", "our_errors"), ("WeightWatcher", "weightwatcher_errors")):
            cells = [f"{pair[side][name]:.1e}" if name in pair[side] else "not given" for name in RANKS]
            lines.append(f"| {pair['pair']} | {pair['spectra_checked']} | {program} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what was asked for and write the result beside the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    peer_environment()
    base, tuned = apart(write_pair, WORK / "20M", PAIRS["20M"], 0)
    tried = {threads: peer(base, tuned, WORK / "tried.json", threads) for threads in (1, os.cpu_count() or 1)}
    best = min(tried, key=lambda threads: tried[threads].seconds)
    print({threads: round(each.seconds, 1) for threads, each in tried.items()}, "WeightWatcher by threads", flush=True)
    date = datetime.date.today().isoformat()
    result: dict = {
        "date": date,
        "machine": machine(),
        "weightwatcher_threads": best,
        "weightwatcher_by_threads": {threads: each.seconds for threads, each in tried.items()},
        "weightwatcher_20M_with_bulk_fit": asdict(peer(base, tuned, WORK / "tried.json", best, "mp")),
        "pairs": [],
    }
    (HERE / "results").mkdir(exist_ok=True)
    for label in given.pairs:
        result["pairs"].append(measure(label, best, given.repeats))
        (HERE / "results" / f"footprint-{date}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (HERE / "results" / f"footprint-{date}.md").write_text(table(result), encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
