"""One training under fixed settings: the same bits however often it is killed and resumed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from ..errors import BenchshadowError
from .model import save
from .settings import Settings

__all__ = ["Diverged", "Progress", "checkpoint_folder", "loss_of", "step", "train"]

Progress = Callable[[int, int], None]
STATE = "state.pt"


class Diverged(BenchshadowError):
    """A run's loss is no longer a number; the other runs go on."""


def checkpoint_folder(folder: Path, at: int) -> Path:
    """Where the checkpoint after a number of steps lives."""
    return folder / "checkpoints" / f"step-{at:06d}"


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

    Args:
        model: changed in place.
        stream: token ids, shape (steps * sequences, length).
        settings: what is held equal between arms.
        folder: checkpoints and the state to resume from are written here; a state found here is resumed.
        progress: called with the steps done and the steps in all.
        stop_after: stop, as if killed, after so many steps of this call; for tests.

    Returns:
        Training loss of every step in nats per token, shape (steps,).
    """
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    optimiser = adamw(model, settings)
    losses = np.full(settings.steps, np.nan)
    start = _resume(folder, model, optimiser, losses)
    wanted = settings.checkpoint_steps()
    batches = torch.from_numpy(stream.reshape(settings.steps, settings.sequences, settings.length).astype(np.int64))
    model.train()
    for at in range(start, settings.steps):
        losses[at] = step(model, optimiser, batches[at], settings, at)
        if not np.isfinite(losses[at]):
            raise Diverged(f"{folder.name}: the loss is {losses[at]} at step {at + 1}; lower the learning rate")
        done = at + 1
        if done in wanted:
            save(model, checkpoint_folder(folder, done))
        if done < settings.steps and (done in wanted or done % settings.save_every == 0):
            _save_state(folder, model, optimiser, losses, done)
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
    return torch.optim.AdamW(
        groups, lr=settings.learning_rate, betas=settings.betas, eps=settings.epsilon, fused=True
    )


def loss_of(model: PreTrainedModel, batch: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of every token but the first of a sequence, in nats."""
    logits = model(input_ids=batch, use_cache=False).logits[:, :-1]
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), batch[:, 1:].reshape(-1))


def step(
    model: PreTrainedModel, optimiser: torch.optim.Optimizer, batch: torch.Tensor, settings: Settings, at: int
) -> float:
    """One step of the optimiser on one batch; the loss before it."""
    for group in optimiser.param_groups:
        group["lr"] = settings.rate(at)
    loss = loss_of(model, batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return float(loss.detach())


def _save_state(folder: Path, model: PreTrainedModel, optimiser: Any, losses: np.ndarray, done: int) -> None:
    partial = folder / f".{STATE}.partial"
    state = {
        "step": done,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "losses": torch.from_numpy(losses),
    }
    torch.save(state, partial)
    os.replace(partial, folder / STATE)


def _resume(folder: Path, model: PreTrainedModel, optimiser: Any, losses: np.ndarray) -> int:
    path = folder / STATE
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    losses[:] = state["losses"].numpy()
    return state["step"]
