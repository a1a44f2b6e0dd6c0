"""Inner products of the gradients that single texts would train a layer by, exact and without keeping one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchshadow.errors import InputError

from .blocks import blocks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .passages import Batch, Passages

__all__ = ["gradient_grams"]

ENTRIES = 1 << 22
"""Most entries of gradients that are held at once."""

Slot = list[torch.Tensor]


def gradient_grams(
    model: PreTrainedModel, passages: Passages, layers: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Layer by layer the inner products of the texts' gradients, float64, shape (texts, texts).

    The gradient of a text is that of its mean loss per token in the weights of the layer's linear maps; biases and
    norms are left out. With the inputs x and the errors e of a map it is sum_t e_t x_t', so what is kept is inputs and
    errors of one layer, and gradients are made from them a strip of rows at a time. Texts keep their order.

    Raises:
        InputError: a map does not see its texts side by side, as the experts of a mixture do not.
    """
    for layer in layers:
        order: list[int] = []
        kept: dict[torch.nn.Module, list[Slot]] = {each: [] for each in blocks(model)[layer].modules() if _maps(each)}
        with _frozen(model), _listening(kept), torch.enable_grad():
            vocabulary = model.config.get_text_config().vocab_size
            for batch in passages.batches(vocabulary, device=model.device):
                order += batch.texts
                _loss(model, batch).backward()
        gram = np.zeros((len(order), len(order)))
        for slots in kept.values():
            gram[np.ix_(order, order)] += _gram(slots, len(order))
        yield layer, gram


def _maps(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"


def _loss(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """Sum over the rows of their mean losses: rows do not meet, so each has its own gradient."""
    logits = model(input_ids=batch.ids, use_cache=False).logits[:, :-1].float()
    chosen = logits.gather(-1, batch.ids[:, 1:, None])[..., 0] - logits.logsumexp(-1)
    return -((chosen * batch.inside).sum(1) / batch.lengths).sum()


@contextmanager
def _frozen(model: PreTrainedModel) -> Iterator[None]:
    """No weight gets a gradient of its own, nothing is dropped out; afterwards all is as it was."""
    were = [(each, each.requires_grad) for each in model.parameters()]
    training = model.training
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        model.train(training)
        for parameter, wanted in were:
            parameter.requires_grad_(wanted)


@contextmanager
def _listening(kept: dict[torch.nn.Module, list[Slot]]) -> Iterator[None]:
    """Keep, batch by batch, what goes into each map and the error that comes back to it."""

    def take(module: torch.nn.Module, given: Any, output: torch.Tensor) -> None:
        if given[0].dim() != 3:
            rule = "needs texts side by side in every linear map of a layer"
            raise InputError("probes.gradients", f"{rule} but one sees {tuple(given[0].shape)}", "set it to false")
        slot = [given[0].detach()]
        kept[module].append(slot)
        if not output.requires_grad:
            output.requires_grad_()
        output.register_hook(slot.append)

    handles = [module.register_forward_hook(take) for module in kept]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _gram(slots: Sequence[Slot], texts: int) -> np.ndarray:
    """Inner products of one map's gradients, summed over strips of its outputs."""
    gram = np.zeros((texts, texts))
    inputs, outputs = slots[0][0].shape[-1], slots[0][1].shape[-1]
    rows = max(1, ENTRIES // (texts * inputs))
    for first in range(0, outputs, rows):
        strip = [error[..., first : first + rows].transpose(1, 2) @ given for given, error in slots]
        gradients = torch.cat([each.flatten(1) for each in strip]).double()
        gram += (gradients @ gradients.T).cpu().numpy()
    return gram
