"""Time, memory and accuracy of `benchshadow footprint` beside three analyses of WeightWatcher 0.7.7, interleaved.

    python benchmarks/footprint.py                 the 20M and the 220M pair
    python benchmarks/footprint.py --pairs 20M     one of them

Both run as whole processes, their start included. The peer is given its quickest setting: no plots, no randomised and no
Marchenko-Pastur fit, `svd_method="fast"` (its default, which is SciPy's float64 SVD without CUDA), and the number of
threads that served it better in a trial on the small pair. Ours measures more: all diagnostics with their nulls, and
writes the report.
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
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from llama_pairs import PAIRS, write_pair

from benchshadow.checkpoints import open_checkpoint

HERE = Path(__file__).parent
WORK = HERE / "work"
PEER = WORK / "weightwatcher" / "bin" / "python"
RANKS = ("stable_rank", "participation_ratio", "energy_rank", "effective_rank")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
WARM_ENOUGH = 60.0


@dataclass(frozen=True)
class Run:
    """One process: wall-clock seconds and its largest resident memory, bytes."""

    seconds: float
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
    return Run(time.perf_counter() - begin, usage.ru_maxrss * 1024)


def ours(base: Path, tuned: Path, out: Path) -> Run:
    """The command line on a new folder."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "benchshadow", "footprint", str(base), str(tuned), "--out", str(out)]
    return run([*command, "--workers", str(os.cpu_count())], threads=1)


def peer(base: Path, tuned: Path, out: Path, threads: int, *more: str) -> Run:
    """The peer's three analyses."""
    return run([str(PEER), str(HERE / "weightwatcher_run.py"), str(base), str(tuned), str(out), *more], threads)


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


def measure(label: str, peer_threads: int, repeats: int) -> dict[str, object]:
    """One pair: both programs by turns, then the accuracy of their numbers."""
    base, tuned = write_pair(WORK / label, PAIRS[label], seed=0)
    out, theirs_out = WORK / f"{label}-ours", WORK / f"{label}-theirs.json"
    mine: list[Run] = []
    theirs: list[Run] = []
    while len(mine) < (3 if theirs and theirs[0].seconds > WARM_ENOUGH else repeats):
        mine.append(ours(base, tuned, out))
        theirs.append(peer(base, tuned, theirs_out, peer_threads))
        print(f"{label}: ours {mine[-1].seconds:.1f} s, WeightWatcher {theirs[-1].seconds:.1f} s", flush=True)
    truth = exact(base, tuned, 200 if label == "20M" else 12)
    return {
        "pair": label,
        "shape": asdict(PAIRS[label]),
        "ours": [asdict(each) for each in mine],
        "weightwatcher": [asdict(each) for each in theirs],
        "faster": statistics.median(r.seconds for r in theirs) / statistics.median(r.seconds for r in mine),
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


def table(result: dict[str, object]) -> str:
    """The result as a page."""
    lines = [
        f"# `benchshadow footprint` beside WeightWatcher 0.7.7, {result['date']}",
        "",
        ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in result["machine"].items()),  # type: ignore[union-attr]
        "",
        f"WeightWatcher on {result['weightwatcher_threads']} thread(s), the quicker of one and all cores; its quickest",
        "options. Whole processes by turns; median seconds (all of them), largest resident memory.",
        "",
        "| pair | ours | WeightWatcher | times faster | our memory | its memory |",
        "|---|---|---|---|---|---|",
    ]
    for pair in result["pairs"]:  # type: ignore[union-attr]
        cells = []
        for side in ("ours", "weightwatcher"):
            seconds = [each["seconds"] for each in pair[side]]
            cells.append(f"{statistics.median(seconds):.1f} ({', '.join(f'{each:.1f}' for each in seconds)})")
        memory = [f"{max(each['memory'] for each in pair[side]) / 1e6:.0f} MB" for side in ("ours", "weightwatcher")]
        lines.append(f"| {pair['pair']} | {' | '.join(cells)} | {pair['faster']:.1f} | {' | '.join(memory)} |")
    lines += ["", "Largest relative error against float64 SVD of the stored values:", ""]
    lines += [f"| pair | spectra | program | {' | '.join(RANKS)} |", f"|---|---|---|{'---|' * len(RANKS)}"]
    for pair in result["pairs"]:  # type: ignore[union-attr]
        for program, side in (("ours", "our_errors"), ("WeightWatcher", "weightwatcher_errors")):
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
    base, tuned = write_pair(WORK / "20M", PAIRS["20M"], seed=0)
    tried = {threads: peer(base, tuned, WORK / "tried.json", threads) for threads in (1, os.cpu_count() or 1)}
    best = min(tried, key=lambda threads: tried[threads].seconds)
    print({threads: round(each.seconds, 1) for threads, each in tried.items()}, "WeightWatcher by threads", flush=True)
    date = datetime.date.today().isoformat()
    result: dict[str, object] = {
        "date": date,
        "machine": machine(),
        "weightwatcher_threads": best,
        "weightwatcher_by_threads": {threads: each.seconds for threads, each in tried.items()},
        "pairs": [],
    }
    (HERE / "results").mkdir(exist_ok=True)
    for label in given.pairs:
        result["pairs"].append(measure(label, best, given.repeats))  # type: ignore[attr-defined]
        (HERE / "results" / f"footprint-{date}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (HERE / "results" / f"footprint-{date}.md").write_text(table(result), encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
