"""The state that a killed training resumes from: whole or absent, and of the same training or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchshadow.errors import InputError
from benchshadow.records import replace_whole

from .durable import flush
from .model import weights_sha256
from .optimisers import Together
from .settings import Settings

__all__ = ["STATE", "purpose", "remove_cut_off", "resume", "save_state"]

STATE = "state.pt"
ANEW = "delete it to train from the start"


def purpose(
    model: torch.nn.Module, stream: np.ndarray, settings: Settings, seed: int, processes: int
) -> dict[str, Any]:
    """What determines a training's weights: its first weights, its tokens, its settings, its seed and its processes.

    Processes that share a batch add its gradients in an order of their own, and each drops out by its own draws.
    """
    return {
        "first weights": weights_sha256(model),
        "tokens": hashlib.sha256(np.ascontiguousarray(stream, "<i4").tobytes()).hexdigest(),
        "seed": seed,
        "number of processes": processes,
        **settings.model_dump(mode="json", exclude={"save_every"}),
    }


def save_state(
    folder: Path, of: dict[str, Any], model: torch.nn.Module, optimiser: Together, losses: np.ndarray, done: int
) -> None:
    """Write the state after `done` steps, over the one before, and see it on the disk before it takes its place.

    The learning rate and what a step draws follow from the position, so the state holds neither.
    """
    state = {
        "of": of,
        "step": done,
        "model": _trained(model),
        "optimiser": optimiser.state_dict(),
        "losses": torch.from_numpy(losses),
    }
    path = folder / STATE
    with replace_whole(path) as partial:
        try:
            torch.save(state, partial)
        except RuntimeError as error:  # torch's writer says so when the disk is full
            raise InputError(path, f"cannot be written ({_first_line(error)})", "make room and run again") from error
        flush(partial)
    flush(folder)


def resume(folder: Path, of: dict[str, Any], model: torch.nn.Module, optimiser: Together, losses: np.ndarray) -> int:
    """Put a saved state into model, optimiser and losses; the steps done, zero where there is no state.

    Raises:
        InputError: the state cannot be read, or is of a training with other weights, tokens, settings or processes.
    """
    path = folder / STATE
    if not path.is_file():
        return 0
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        found, parts = state["of"], (state["model"], state["optimiser"], state["losses"].numpy(), state["step"])
    except Exception as error:  # torch, zipfile and pickle each raise their own
        raise InputError(path, f"cannot be read ({_first_line(error)})", ANEW) from error
    for key, was, now in _differences(found, of):
        raise InputError(path, f"must be of this training but its {key} was {was} and is {now}", ANEW)
    weights, moments, earlier, done = parts
    model.load_state_dict(weights, strict=False)
    optimiser.load_state_dict(moments)
    losses[:] = earlier
    return done


def remove_cut_off(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for cut_off in folder.glob(f".{STATE}.*.partial"):
        cut_off.unlink(missing_ok=True)


def _trained(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state but for weights that are frozen: those are among the first weights, which `purpose` holds."""
    frozen = {name for name, p in model.named_parameters(remove_duplicate=False) if not p.requires_grad}
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) != wanted.get(key):
            yield key, found.get(key), wanted.get(key)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
