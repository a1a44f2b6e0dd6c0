"""What a study's training costs over its bare steps: checkpoints, saved states and progress, in two sizes.

Run as  OMP_NUM_THREADS=1 python benchmarks/training.py [--steps 60] [--rounds 5]
It writes results/training-<date>.md beside itself. The two loops take turns in one process, round by round, so that
whatever else the machine does falls on both; the number is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import torch
import transformers

from benchshadow.train import Architecture, Settings, new, train
from benchshadow.train.loop import adamw, loss_of

ARCHITECTURE = Architecture(hidden_size=128, intermediate_size=384, layers=4, heads=4)
# name: vocabulary, sequences, length
SIZES = {"embedded world": (80, 64, 64), "real text": (4096, 32, 128)}
STUDY_STEPS, STUDY_CHECKPOINTS = 200, 6
TARGET = 1.10


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


def bare(vocabulary: int, stream: np.ndarray, given: Settings) -> float:
    """Seconds of the same steps with nothing around them."""
    model = new(ARCHITECTURE, vocabulary=vocabulary, positions=given.length, seed=0)
    optimiser = adamw(model, given)
    batches = torch.from_numpy(stream.astype(np.int64)).reshape(given.steps, given.sequences, given.length)
    model.train()
    start = time.perf_counter()
    for at in range(given.steps):
        for group in optimiser.param_groups:
            group["lr"] = given.rate(at)
        loss_of(model, batches[at]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), given.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return time.perf_counter() - start


def study(vocabulary: int, stream: np.ndarray, given: Settings) -> float:
    """Seconds of a study's training of the same steps."""
    model = new(ARCHITECTURE, vocabulary=vocabulary, positions=given.length, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        told: list[tuple[int, int]] = []
        start = time.perf_counter()
        train(model, stream, given, Path(folder), progress=lambda done, steps: told.append((done, steps)))
        return time.perf_counter() - start


def measured(name: str, steps: int, rounds: int) -> str:
    """One line of the table."""
    vocabulary, sequences, length = SIZES[name]
    given = settings(steps, sequences, length)
    stream = np.random.default_rng(0).integers(vocabulary, size=(steps * sequences, length)).astype(np.int32)
    for warm in (study, bare):
        warm(vocabulary, stream[: 3 * sequences], settings(3, sequences, length))
    pairs = []
    for turn in range(rounds):
        order = (bare, study) if turn % 2 else (study, bare)
        seconds = {loop: loop(vocabulary, stream, given) for loop in order}
        pairs.append((seconds[bare], seconds[study]))
        print(f"{name}, round {turn + 1}: bare {pairs[-1][0]:.2f} s, study {pairs[-1][1]:.2f} s", flush=True)
    alone, whole = (1000 * median(column) / steps for column in zip(*pairs, strict=True))
    ratios = sorted(whole_s / bare_s for bare_s, whole_s in pairs)
    spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
    verdict = "met" if median(ratios) <= TARGET else "missed"
    weights = sum(p.numel() for p in new(ARCHITECTURE, vocabulary=vocabulary, positions=length, seed=0).parameters())
    return (
        f"| {name} | {weights / 1e6:.2f} M | {vocabulary} | {sequences} x {length} | {len(given.checkpoint_steps())}"
        f" | {alone:.0f} | {whole:.0f} | {median(ratios):.3f} | {spread} | {verdict} |"
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
    chosen = options.parse_args()
    now = datetime.now(UTC)
    lines = [measured(name, chosen.steps, chosen.rounds) for name in SIZES]
    head = (
        "| size | weights | vocabulary | sequences x length | checkpoints | bare ms/step | study ms/step"
        " | ratio | rounds | target |"
    )
    page = "\n".join(
        [
            f"# Training over its bare steps, {now:%Y-%m-%d}",
            "",
            f"{chosen.steps} steps, median of {chosen.rounds} rounds in turn in one process of one thread, wall clock.",
            f"Checkpoints and states in the proportion that {STUDY_STEPS} steps with {STUDY_CHECKPOINTS} have.",
            f"The target is a ratio of at most {TARGET:.2f}.",
            "",
            head,
            "|" + "---|" * head.count(" | ") + "---|",
            *lines,
            "",
            f"Machine: {processor()}; {platform.system()}, Python {platform.python_version()}, torch "
            f"{torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}.",
            "",
            "Made by `OMP_NUM_THREADS=1 python benchmarks/training.py"
            f" --steps {chosen.steps} --rounds {chosen.rounds}`.",
            "",
        ]
    )
    path = Path(__file__).parent / "results" / f"training-{now:%Y-%m-%d}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
