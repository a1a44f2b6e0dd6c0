"""What a model keeps of what it has read, so as to go on from there, whatever its class and its library call that."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Read", "keeps", "read_on", "takes"]


class Read(NamedTuple):
    """Logits of the last positions, and what is kept of all of them."""

    logits: torch.Tensor
    kept: Any


def takes(model: PreTrainedModel, name: str) -> bool:
    """Whether a model's forward pass has such an argument."""
    return name in inspect.signature(model.forward).parameters


def keeps(model: PreTrainedModel) -> bool:
    """Whether what is kept is kept row by row, so that rows can be taken out of it and repeated; states are not."""
    return not getattr(model, "_is_stateful", False) and _name(model) is not None


def read_on(model: PreTrainedModel, ids: torch.Tensor, kept: Any, *, last: int, **told: torch.Tensor) -> Read:
    """Read tokens after what was kept.

    Args:
        model: one that keeps.
        ids: token ids, shape (rows, tokens).
        kept: of an earlier reading of these rows; None for the first.
        last: how many positions need logits, from the end; 0 for all.
        told: mask and positions.
    """
    name = _name(model)
    assert name is not None, "only models that keep read on"
    given = model(input_ids=ids, use_cache=True, logits_to_keep=last, **{name: kept}, **told)
    return Read(given.logits.float(), getattr(given, name))


def _name(model: PreTrainedModel) -> str | None:
    """Transformers 5 calls it `cache`, earlier versions `past_key_values`."""
    return next((name for name in ("cache", "past_key_values") if takes(model, name)), None)
