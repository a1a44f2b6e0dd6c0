"""What a study costs over its bare steps: in its training, in a whole run, and on two workers.

Run as  OMP_NUM_THREADS=1 python benchmarks/training.py [--steps 60] [--rounds 5] [--run-steps 120 200]
It writes results/training-<date>.md beside itself. The two loops take turns in one process, step by step, so that
whatever else the machine does falls on both; the number is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
import transformers
from training_whole import Bare, clocks, first, of_a_run, of_two_workers

from benchshadow.train import Architecture, Settings
from benchshadow.train.loop import train
from benchshadow.train.model import new

ARCHITECTURE = Architecture(hidden_size=128, intermediate_size=384, layers=4, heads=4)
# name: vocabulary, sequences, length
SIZES = {"embedded world": (80, 64, 64), "real text": (4096, 32, 128)}
STUDY_STEPS, STUDY_CHECKPOINTS = 200, 6
TARGET = 1.05


def settings(steps: int, sequences: int, length: int) -> Settings:
    """A study's settings, with no more checkpoints and states per step than its 200 steps have."""
    share = steps / STUDY_STEPS
    return Settings(
        steps=steps,
        sequences=sequences,
        length=length,
        learning_rate=1e-3,
        checkpoints=max(1, round(STUDY_CHECKPOINTS * share)),
        save_every=max(1, round(100 * share)),
    )


def taken(vocabulary: int, stream: np.ndarray, given: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the bare steps and of the study's training, which take turns step by step."""
    bare = Bare(new(ARCHITECTURE, vocabulary=vocabulary, positions=given.length, seed=0), stream, given)
    model = new(ARCHITECTURE, vocabulary=vocabulary, positions=given.length, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        start = clocks()
        train(model, stream, given, Path(folder), seed=0, progress=bare.step)
        whole = clocks() - start
    return bare.seconds, whole - bare.seconds


def measured(name: str, steps: int, rounds: int) -> str:
    """One line of the table."""
    vocabulary, sequences, length = SIZES[name]
    given = settings(steps, sequences, length)
    stream = np.random.default_rng(0).integers(vocabulary, size=(steps * sequences, length)).astype(np.int32)
    taken(vocabulary, stream[: 3 * sequences], settings(3, sequences, length))
    pairs = []
    for turn in range(rounds):
        pairs.append(taken(vocabulary, stream, given))
        (bare, _), (study, _) = pairs[-1]
        print(f"{name}, round {turn + 1}: bare {bare:.2f} s, study {study:.2f} s", flush=True)
    alone, whole = (1000 * median(side[0] for side in column) / steps for column in zip(*pairs, strict=True))
    wall, cpu = (sorted(study[clock] / bare[clock] for bare, study in pairs) for clock in (0, 1))
    verdict = "met" if median(wall) <= TARGET else "missed"
    weights = sum(p.numel() for p in new(ARCHITECTURE, vocabulary=vocabulary, positions=length, seed=0).parameters())
    return (
        f"| {name} | {weights / 1e6:.2f} M | {vocabulary} | {sequences} x {length} | {len(given.checkpoint_steps())}"
        f" | {alone:.0f} | {whole:.0f} | {median(wall):.3f} | {wall[0]:.3f} to {wall[-1]:.3f} | {median(cpu):.3f}"
        f" | {verdict} |"
    )


def processor() -> str:
    """The processor as the system names it, and its cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {len(names) or '?'} cores"


def main() -> None:
    """Measure both sizes and write the page."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=60)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--run-steps", type=int, nargs="+", default=[120, STUDY_STEPS], help="of whole runs; demo: 120"
    )
    chosen = options.parse_args()
    now = datetime.now(UTC)
    lines = [measured(name, chosen.steps, chosen.rounds) for name in SIZES]
    vocabulary, sequences, length = SIZES["embedded world"]
    held = partial(first, ARCHITECTURE, vocabulary, settings(chosen.steps, sequences, length))
    two = of_two_workers(held, chosen.rounds)
    whole = [line for steps in chosen.run_steps for line in (*of_a_run(steps, chosen.rounds), "")]
    head = (
        "| size | weights | vocabulary | sequences x length | checkpoints | bare ms/step | study ms/step"
        " | ratio | rounds | ratio of processor time | target |"
    )
    page = "\n".join(
        [
            f"# Training over its bare steps, {now:%Y-%m-%d}",
            "",
            f"{chosen.steps} steps, medians of {chosen.rounds} rounds; bare and whole steps take turns in one process.",
            "Milliseconds and ratio are by the wall clock, so what other processes took is in the milliseconds.",
            f"Checkpoints and states in the proportion that {STUDY_STEPS} steps with {STUDY_CHECKPOINTS} have.",
            f"The target is a ratio of at most {TARGET:.2f}.",
            "",
            head,
            "|" + "---|" * head.count(" | ") + "---|",
            *lines,
            "",
            "## Two workers",
            "",
            two,
            "",
            "## A whole run",
            "",
            "The demo's `aligned` arm with six checkpoints, each scored on every task and measured against the base;"
            " the demo has 120 steps. Processes have started.",
            "",
            *whole,
            f"Load at the end: {', '.join(f'{each:.1f}' for each in os.getloadavg())} (1, 5, 15 minutes).",
            f"Machine: {processor()}; {platform.system()}, Python {platform.python_version()}, torch "
            f"{torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}.",
            "",
            "Made by `OMP_NUM_THREADS=1 python benchmarks/training.py"
            f" --steps {chosen.steps} --rounds {chosen.rounds} --run-steps {' '.join(map(str, chosen.run_steps))}`.",
            "",
        ]
    )
    path = Path(__file__).parent / "results" / f"training-{now:%Y-%m-%d}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
