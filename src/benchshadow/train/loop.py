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
from .memory import keep_freed_memory
from .model import save
from .settings import Settings
from .state import STATE, purpose, resume, save_state

__all__ = ["Diverged", "Progress", "Step", "adamw", "loss_of", "step", "train"]

Progress = Callable[[int, int], None]


class Diverged(BenchshadowError):
    """A run's loss or gradient is no longer a number; the other runs go on."""


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
    progress: Progress | None = None,
    stop_after: int | None = None,
) -> np.ndarray:
    """Train on a stream of packed sequences, in its order, and write checkpoints at log-spaced steps.

    The weights depend on the first weights, the stream, the settings, the processor and the versions of the libraries.
    Threads, deterministic algorithms and how freed memory is kept are set for the whole process.

    Args:
        model: changed in place.
        stream: token ids, shape (steps * sequences, length).
        settings: what is held equal between arms.
        folder: checkpoints and the state to resume from are written here; a state found here is resumed.
        progress: called with the steps done and the steps in all.
        stop_after: stop, as if killed, after so many steps of this call; for tests.

    Returns:
        Training loss of every step in nats per token, before that step, shape (steps,); NaN after `stop_after`.

    Raises:
        Diverged: loss or gradient is not finite; names the run and the step.
        InputError: the stream does not fit settings or vocabulary, or the state found is of another training.
    """
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    keep_freed_memory()
    batches = _batches(stream, settings, model.config.vocab_size)
    optimiser = adamw(model, settings)
    losses = np.full(settings.steps, np.nan)
    of = purpose(model, stream, settings)
    start = resume(folder, of, model, optimiser, losses)
    wanted = settings.checkpoint_steps()
    model.train()
    for at in range(start, settings.steps):
        done = at + 1
        taken = step(model, optimiser, batches[at], settings, at)
        losses[at] = taken.loss
        _check(taken, folder.name.removesuffix(".partial"), done)
        if done in wanted:
            save(model, checkpoint_folder(folder, done))
        if done < settings.steps and (done in wanted or done % settings.save_every == 0):
            save_state(folder, of, model, optimiser, losses, done)
        if progress:
            progress(done, settings.steps)
        if stop_after is not None and done - start >= stop_after:
            return losses
    (folder / STATE).unlink(missing_ok=True)
    return losses


def adamw(model: PreTrainedModel, settings: Settings) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) with decay on matrices alone."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, eps=settings.epsilon, fused=True)


def loss_of(model: PreTrainedModel, batch: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of every token but the first of a sequence, in nats.

    The last position has nothing to predict and is left out by its target, which spares a copy of all logits.
    """
    logits = model(input_ids=batch, use_cache=False).logits
    targets = torch.nn.functional.pad(batch[:, 1:], (0, 1), value=-100)
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)


def step(
    model: PreTrainedModel, optimiser: torch.optim.Optimizer, batch: torch.Tensor, settings: Settings, at: int
) -> Step:
    """One step of the optimiser on one batch, at the learning rate of step `at`, counted from zero."""
    for group in optimiser.param_groups:
        group["lr"] = settings.rate(at)
    loss = loss_of(model, batch)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return Step(float(loss.detach()), float(norm))


def _check(taken: Step, run: str, done: int) -> None:
    for what, value in (("loss", taken.loss), ("norm of the gradient", taken.gradient)):
        if not np.isfinite(value):
            raise Diverged(f"{run}: the {what} is {value} at step {done}; lower the learning rate")


def _batches(stream: np.ndarray, settings: Settings, vocabulary: int) -> torch.Tensor:
    shape = (settings.steps * settings.sequences, settings.length)
    if stream.shape != shape:
        sizes = " x ".join(map(str, shape)), " x ".join(map(str, stream.shape))
        raise InputError("stream", f"must hold {sizes[0]} tokens but holds {sizes[1]}")
    if stream.min() < 0 or stream.max() >= vocabulary:
        raise InputError("stream", f"must hold ids in 0 to {vocabulary - 1} but holds {stream.min()} to {stream.max()}")
    return torch.from_numpy(stream.reshape(settings.steps, settings.sequences, settings.length).astype(np.int64))
