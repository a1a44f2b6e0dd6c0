"""The state that a killed training resumes from: whole or absent, and of the same training or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from benchshadow.errors import InputError
from benchshadow.records import replace_whole

from .model import weights_sha256
from .settings import Settings

__all__ = ["STATE", "purpose", "resume", "save_state"]

STATE = "state.pt"
ANEW = "delete it to train from the start"


def purpose(model: PreTrainedModel, stream: np.ndarray, settings: Settings) -> dict[str, Any]:
    """What determines a training's weights: its first weights, its tokens and its settings, as hashes and values."""
    return {
        "first weights": weights_sha256(model),
        "tokens": hashlib.sha256(np.ascontiguousarray(stream, "<i4").tobytes()).hexdigest(),
        **settings.model_dump(mode="json", exclude={"save_every"}),
    }


def save_state(
    folder: Path,
    of: dict[str, Any],
    model: PreTrainedModel,
    optimiser: torch.optim.Optimizer,
    losses: np.ndarray,
    done: int,
) -> None:
    """Write the state after `done` steps, over the one before."""
    state = {
        "of": of,
        "step": done,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "losses": torch.from_numpy(losses),
    }
    with replace_whole(folder / STATE) as partial:
        torch.save(state, partial)


def resume(
    folder: Path, of: dict[str, Any], model: PreTrainedModel, optimiser: torch.optim.Optimizer, losses: np.ndarray
) -> int:
    """Put a saved state into model, optimiser and losses; the steps done, zero where there is no state.

    What a killed process left half written is removed.

    Raises:
        InputError: the state cannot be read, or is of a training with other weights, tokens or settings.
    """
    for cut_off in folder.glob(f".{STATE}.*.partial"):
        cut_off.unlink(missing_ok=True)
    path = folder / STATE
    if not path.is_file():
        return 0
    try:
        state = torch.load(path, weights_only=True)
        found, parts = state["of"], (state["model"], state["optimiser"], state["losses"].numpy(), state["step"])
    except Exception as error:  # torch, zipfile and pickle each raise their own
        raise InputError(path, f"cannot be read ({next(iter(str(error).splitlines()), '?')})", ANEW) from error
    for key, was, now in _differences(found, of):
        raise InputError(path, f"must be of this training but its {key} was {was} and is {now}", ANEW)
    weights, moments, earlier, done = parts
    model.load_state_dict(weights)
    optimiser.load_state_dict(moments)
    losses[:] = earlier
    return done


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) != wanted.get(key):
            yield key, found.get(key), wanted.get(key)
