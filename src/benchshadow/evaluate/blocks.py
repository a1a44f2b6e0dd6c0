"""The blocks of a model, and those of them that are to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch

from benchshadow.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["blocks", "chosen_layers", "depth"]


def blocks(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The repeated layers of the language model, the first one first.

    Raises:
        InputError: no list of modules is as long as the configuration says.
    """
    wanted = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == wanted:
            return list(module)
    raise InputError(type(model).__name__, f"must hold its {wanted} blocks as one list of modules but does not")


def chosen_layers(model: PreTrainedModel, layers: Sequence[int] | Literal["all"]) -> list[int]:
    """The layers asked for, counted from zero and in rising order."""
    count = len(blocks(model))
    if layers == "all":
        return list(range(count))
    for layer in layers:
        if not 0 <= layer < count:
            raise InputError("probes.layers", f"must be from 0 to {count - 1} in a model of {count} but holds {layer}")
    return sorted(set(layers))


def depth(model: PreTrainedModel, layer: int) -> float:
    """Place of a layer between the first block, 0, and the last, 1."""
    return layer / max(1, len(blocks(model)) - 1)
