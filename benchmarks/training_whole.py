"""What a whole run costs over its bare steps, part by part, and what two workers train beside two bare loops."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchshadow import evaluate
from benchshadow.data.tokenization import load_tokenizer
from benchshadow.studies.declaring.study import Study, read_study
from benchshadow.studies.engines.engine import Call
from benchshadow.studies.engines.engine import run as run_calls
from benchshadow.studies.preparing.arms import arm_stream
from benchshadow.studies.preparing.suite import suite
from benchshadow.studies.running import measuring, runs
from benchshadow.studies.running.progress import Tell
from benchshadow.train import Settings, loop, model
from benchshadow.train.loop import loss_of, train
from benchshadow.train.model import load, new
from benchshadow.train.optimisers import optimiser

__all__ = ["TARGETS", "Bare", "of_a_run", "of_two_workers"]

TARGETS = {"a whole run": 1.25, "two workers": 0.95}
# What a run is made of, by the name under which a module calls it.
PARTS = {
    "drawing tasks and stream": ((runs, "suite"), (runs, "arm_stream")),
    "loading models": ((model, "load"),),
    "training": ((loop, "train"),),
    "scoring": ((evaluate, "score_all"),),
    "footprints": ((measuring, "measure"), (runs, "keep_directions")),
}
ARM = "aligned"


class Bare:
    """The same steps with nothing around them, taken one at a time by a model of its own."""

    def __init__(self, held: Any, stream: np.ndarray, given: Settings) -> None:
        self.model = held.train()
        self.optimiser = optimiser(self.model, given)
        tokens = torch.from_numpy(stream.astype(np.int64))
        self.batches = tokens.reshape(given.steps, given.sequences, given.length)
        self.given = given
        self.seconds = np.zeros(2)

    def step(self, done: int, _: int) -> None:
        """Take the step that the study has just taken, and add its time by both clocks."""
        start = clocks()
        for group in self.optimiser.param_groups:
            group["lr"] = self.given.rate(done - 1)
        loss_of(self.model, self.batches[done - 1]).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.given.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.seconds += clocks() - start


def clocks() -> np.ndarray:
    """Seconds by the clock on the wall and by the processor's."""
    return np.array([time.perf_counter(), time.process_time()])


def demo(folder: Path, steps: int) -> Study:
    """The demo's study, one replicate of so many steps on a base of five."""
    text = resources.files("benchshadow.studies").joinpath("demo.toml").read_text(encoding="utf-8")
    changes = (("[0, 1, 2]", "[0]"), ("steps = 900", "steps = 5"), ("steps = 120", f"steps = {steps}"))
    for old, fresh in (*changes, ("threads = 2", "threads = 1")):
        assert old in text, f"the demo has changed: no {old!r}"
        text = text.replace(old, fresh)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return read_study(folder / "study.toml")


def of_a_run(steps: int, rounds: int) -> list[str]:
    """Lines of the page: a run with all tiers and a footprint at each of six checkpoints, over its bare steps.

    The bare step is taken in the run's own call of progress, and its time taken off.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = demo(folder, steps)
        bases, cells = runs.plan_runs(study)
        cell = next(each for each in cells if each.arm == ARM)
        runs.execute(study, bases[0], folder)
        turns = [_turn(study, cell, folder) for _ in range(rounds + 1)][1:]
    ratios = [sorted(whole[clock] / bare[clock] for whole, bare, _ in turns) for clock in (0, 1)]
    parts = {part: median(taken[part] for *_, taken in turns) / steps * 1000 for part in PARTS}
    bare, whole = (median(turn[at][1] for turn in turns) / steps * 1000 for at in (1, 0))
    rest = whole - sum(parts.values())
    verdict = "met" if median(ratios[0]) <= TARGETS["a whole run"] else "missed"
    return [
        f"| part of a run of {steps} steps | ms of processor time per step | over the bare steps |",
        "|---|---|---|",
        f"| bare steps | {bare:.1f} | 1.000 |",
        *(f"| {part} | {value:.1f} | {value / bare:.3f} |" for part, value in parts.items()),
        f"| all else | {rest:.1f} | {rest / bare:.3f} |",
        f"| the whole run | {whole:.1f} | {median(ratios[1]):.3f} ({ratios[1][0]:.3f} to {ratios[1][-1]:.3f}) |",
        "",
        f"By the wall clock a whole run of {steps} steps takes {median(ratios[0]):.3f} of its bare steps"
        f" ({ratios[0][0]:.3f} to {ratios[0][-1]:.3f}); the target of at most {TARGETS['a whole run']} is {verdict}.",
    ]


def _turn(study: Study, cell: runs.Run, out: Path) -> tuple[np.ndarray, np.ndarray, Counter[str]]:
    """Seconds of a run from nothing, of its bare steps, and processor seconds of its parts."""
    shutil.rmtree(runs.run_folder(out, cell), ignore_errors=True)
    tokenizer = load_tokenizer(runs.run_folder(out, cell.base) / "tokenizer.json")
    fed = arm_stream(study, suite(study, cell.replicate).sources, tokenizer, cell.arm, cell.replicate)
    bare = Bare(load(runs.base_checkpoint(study, out, cell)), fed.ids, study.settings)
    taken: Counter[str] = Counter()
    step = Tell.step

    def both(self: Tell, done: int, steps: int) -> None:
        bare.step(done, steps)
        step(self, done, steps)

    with _timed(taken), patch.object(Tell, "step", both):
        start = clocks()
        runs.execute(study, cell, out)
        whole = clocks() - start
    taken["training"] -= bare.seconds[1]
    return whole - bare.seconds, bare.seconds, taken


@contextmanager
def _timed(taken: Counter[str]) -> Iterator[None]:
    with ExitStack() as stack:
        for part, places in PARTS.items():
            for module, name in places:
                stack.enter_context(patch.object(module, name, _watched(getattr(module, name), taken, part)))
        yield


def _watched(function: Callable[..., Any], taken: Counter[str], part: str) -> Callable[..., Any]:
    def watched(*given: Any, **named: Any) -> Any:
        start = time.process_time()
        try:
            return function(*given, **named)
        finally:
            taken[part] += time.process_time() - start

    return watched


def of_two_workers(held: Callable[[], tuple[Any, np.ndarray, Settings]], rounds: int) -> str:
    """A line of the page: steps per second of two workers' trainings over those of two bare loops, by turns."""
    ratios = []
    for _ in range(rounds):
        seconds = {}
        for how in (_bare_alone, _study_alone):
            with tempfile.TemporaryDirectory() as name:
                calls = [Call(str(number), how, (held, Path(name), number)) for number in range(2)]
                outcomes = list(run_calls(calls, workers=2))
            failed = [each.failure for each in outcomes if each.failure]
            assert not failed, failed
            seconds[how] = [each.result for each in outcomes]
        rates = {how: sum(1 / each for each in took) for how, took in seconds.items()}
        ratios.append(rates[_study_alone] / rates[_bare_alone])
    verdict = "met" if median(ratios) >= TARGETS["two workers"] else "missed"
    return (
        f"Two workers train {median(ratios):.3f} of the steps that two bare loops take in the same time"
        f" ({min(ratios):.3f} to {max(ratios):.3f} in {rounds} rounds by turns, processes started beforehand);"
        f" the target of at least {TARGETS['two workers']} is {verdict}."
    )


def _bare_alone(held: Callable[[], tuple[Any, np.ndarray, Settings]], place: Path, number: int) -> float:
    torch.set_num_threads(1)
    made, stream, given = held()
    bare = Bare(made, stream, given)
    _wait_for_the_other(place, number)
    start = time.perf_counter()
    for done in range(1, given.steps + 1):
        bare.step(done, given.steps)
    return time.perf_counter() - start


def _study_alone(held: Callable[[], tuple[Any, np.ndarray, Settings]], place: Path, number: int) -> float:
    torch.set_num_threads(1)
    made, stream, given = held()
    tell = Tell(place / f"run-{number}", given)
    _wait_for_the_other(place, number)
    start = time.perf_counter()
    train(made, stream, given, place / f"run-{number}", seed=0, progress=tell.step)
    return time.perf_counter() - start


def _wait_for_the_other(place: Path, number: int) -> None:
    (place / f"ready-{number}").touch()
    while not (place / f"ready-{1 - number}").exists():
        time.sleep(0.005)


def first(architecture: Any, vocabulary: int, given: Settings) -> tuple[Any, np.ndarray, Settings]:
    """A model, a stream and settings that both sides of `of_two_workers` start from."""
    stream = np.random.default_rng(0).integers(vocabulary, size=(given.steps * given.sequences, given.length))
    return new(architecture, vocabulary=vocabulary, positions=given.length, seed=0), stream.astype(np.int32), given
