"""One training under fixed settings: the same bits however often it is killed and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel

from benchshadow.errors import BenchshadowError, InputError

from .folder import checkpoint_folder
from .generators import at_step, put_back
from .machine import Machine
from .model import save
from .optimisers import Together, optimiser
from .settings import Settings
from .state import STATE, purpose, remove_cut_off, resume, save_state

__all__ = ["Diverged", "Progress", "Step", "loss_of", "step", "train"]

Progress = Callable[[int, int], None]


class Diverged(BenchshadowError):
    """A run's loss or gradient is no longer a number, or its loss has left its declared range; the others go on."""


class Step(NamedTuple):
    """What one step met before it changed the weights: loss in nats per token, norm of the gradient before clipping."""

    loss: float
    gradient: float


def train(
    model: PreTrainedModel,
    stream: np.ndarray,
    settings: Settings,
    folder: Path,
    *,
    seed: int,
    progress: Progress | None = None,
    stop_after: int | None = None,
    keep_state: bool = False,
) -> np.ndarray:
    """Train on a stream of packed sequences, in its order, and write checkpoints at log-spaced steps.

    The weights depend on the first weights, the stream, the settings, the seed where the model drops out, the processor
    and the versions of the libraries. Threads, deterministic algorithms and how freed memory is kept are set for the
    whole process. Under `accelerate launch` the processes share each batch and the first of them writes.

    Args:
        model: changed in place; its weights that need no gradient stay.
        stream: token ids, shape (steps * sequences, length).
        settings: what is held equal between arms.
        folder: checkpoints and the state to resume from are written here; a state found here is resumed.
        seed: of what a step draws, such as dropout; a model that draws nothing does not depend on it.
        progress: called with the steps done and the steps in all.
        stop_after: stop, as if killed, after so many steps of this call; for tests.
        keep_state: leave the last saved state to a caller that has more to write before the training is whole.

    Returns:
        Training loss of every step in nats per token, before that step, shape (steps,); NaN after `stop_after`.

    Raises:
        Diverged: loss or gradient is not finite, or the loss stayed above what the settings declare; names the run and
            the step.
        InputError: the stream does not fit settings or vocabulary, the state found is of another training, or the disk
            is full.
    """
    machine = Machine(settings)
    batches = _batches(stream, settings, model.config.get_text_config().vocab_size)
    losses = np.full(settings.steps, np.nan)
    of = purpose(model, stream, settings, seed, machine.count)
    placed = machine.place(model)
    chosen = optimiser(model, settings)
    start = resume(folder, of, model, chosen, losses)
    if machine.writes:
        remove_cut_off(folder)
    wanted = settings.checkpoint_steps()
    placed.train()
    with put_back():
        for at in range(start, settings.steps):
            done = at + 1
            at_step(seed, at, machine.process)
            taken = step(placed, chosen, batches[at], settings, at, machine=machine)
            losses[at] = taken.loss
            _check(taken, losses[:done], settings, folder.name.removesuffix(".partial"))
            if machine.writes and done in wanted:
                save(model, checkpoint_folder(folder, done))
            if machine.writes and done < settings.steps and (done in wanted or done % settings.save_every == 0):
                save_state(folder, of, model, chosen, losses, done)
            if progress:
                progress(done, settings.steps)
            if stop_after is not None and done - start >= stop_after:
                return losses
    machine.wait()
    if machine.writes and not keep_state:
        (folder / STATE).unlink(missing_ok=True)
    return losses


def loss_of(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of every token but the first of a sequence, in nats.

    The last position has nothing to predict and is left out by its target, which spares a copy of all logits.
    """
    logits = model(input_ids=batch, use_cache=False).logits.float()
    targets = torch.nn.functional.pad(batch[:, 1:], (0, 1), value=-100)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)


def step(
    model: torch.nn.Module, chosen: Together, batch: torch.Tensor, settings: Settings, at: int, *, machine: Machine
) -> Step:
    """One step of the optimiser on one batch, at the learning rate of step `at`, counted from zero."""
    for group in chosen.param_groups:
        group["lr"] = settings.rate(at)
    parts = list(machine.parts(batch))
    loss = torch.zeros(())
    for number, part in enumerate(parts, 1):
        with machine.apart(model, last=number == len(parts)):
            with machine.computing():
                found = loss_of(model, part)
            (found / len(parts)).backward()
        loss = found.detach() if len(parts) == 1 else loss.to(found.device) + found.detach() / len(parts)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    chosen.step()
    chosen.zero_grad()
    return Step(float(machine.mean(loss)), float(norm))


def _check(taken: Step, losses: np.ndarray, settings: Settings, run: str) -> None:
    """Stop a run that no longer learns: the last of `losses` is that of the step just taken."""
    done = len(losses)
    for what, value in (("loss", taken.loss), ("norm of the gradient", taken.gradient)):
        if not np.isfinite(value):
            raise Diverged(f"{run}: the {what} is {value} at step {done}; lower the learning rate")
    times, patience = settings.diverges_above, settings.diverges_after
    if times is not None and done > patience and (losses[-patience:] > times * losses[0]).all():
        stayed = f"was above {times:g} times its first, {losses[0]:.3g}, for {patience} steps"
        raise Diverged(f"{run}: the loss is {taken.loss:.3g} at step {done} and {stayed}; lower the learning rate")


def _batches(stream: np.ndarray, settings: Settings, vocabulary: int) -> torch.Tensor:
    shape = (settings.steps * settings.sequences, settings.length)
    if stream.shape != shape:
        sizes = " x ".join(map(str, shape)), " x ".join(map(str, stream.shape))
        raise InputError("stream", f"must hold {sizes[0]} tokens but holds {sizes[1]}")
    if stream.min() < 0 or stream.max() >= vocabulary:
        raise InputError("stream", f"must hold ids in 0 to {vocabulary - 1} but holds {stream.min()} to {stream.max()}")
    return torch.from_numpy(stream.reshape(settings.steps, settings.sequences, settings.length).astype(np.int64))
