"""States of a model at the end of its blocks, pooled text by text while they pass, so that none is kept whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchshadow.spectra.activations import centred, cka, debiased_cka, decay_exponent, rank_of_noise, rankme

from .blocks import blocks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .passages import Batch

__all__ = ["POOLINGS", "Pools", "Represented", "represented"]

POOLINGS = ("last", "mean")
"""The state of a text's last token; the mean over its tokens. The end token before the text is in neither."""


class Pools:
    """Pooled states of some layers of a model, filled while batches pass through it.

    Args:
        model: whose blocks are listened to inside `listening`.
        layers: counted from zero.
        texts: number of texts that will pass.
    """

    def __init__(self, model: PreTrainedModel, layers: Sequence[int], texts: int) -> None:
        self._blocks = {layer: blocks(model)[layer] for layer in layers}
        self._texts = texts
        self._found: dict[tuple[int, str], np.ndarray] = {}
        self._batch: Batch | None = None

    @contextmanager
    def listening(self, batch: Batch) -> Iterator[None]:
        """Pool what the blocks give while this batch passes."""
        self._batch = batch
        handles = [block.register_forward_hook(self._hook(layer)) for layer, block in self._blocks.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def states(self, layer: int, pooling: str) -> np.ndarray:
        """States of a layer, float64, one row per text in their own order, shape (texts, width of the model)."""
        return self._found[layer, pooling]

    def _hook(self, layer: int) -> Any:
        def take(_module: torch.nn.Module, _given: Any, output: Any) -> None:
            assert self._batch is not None, "the hook stands only while a batch passes"
            states = (output[0] if isinstance(output, tuple) else output).detach()
            for pooling, pooled in _pooled(states, self._batch).items():
                empty = np.empty((self._texts, pooled.shape[1]))
                self._found.setdefault((layer, pooling), empty)[self._batch.texts] = pooled

        return take


def _pooled(states: torch.Tensor, batch: Batch) -> dict[str, np.ndarray]:
    last = states[torch.arange(len(states), device=states.device), batch.lengths].double()
    inside = batch.inside[..., None].to(states.dtype)
    mean = (states[:, 1:] * inside).sum(1).double() / batch.lengths[:, None]
    return {"last": last.cpu().numpy(), "mean": mean.cpu().numpy()}


@dataclass(frozen=True)
class Represented:
    """What the states of one layer tell.

    Attributes:
        layer: counted from zero.
        pooling: one of `POOLINGS`.
        rankme: effective rank of the states, dimensions; None where they are zero.
        rankme_of_noise: the same of normal numbers in as many texts and dimensions.
        rankme_centred: of the states less their mean over the texts.
        decay_exponent: of the covariance's eigenvalues, without unit; None with too few of them.
        decay_ranks: first and last rank of that fit, counted from one.
        cka: linear CKA with the base's states; None without a base.
        cka_debiased: its debiased estimate.
    """

    layer: int
    pooling: str
    rankme: float | None
    rankme_of_noise: float
    rankme_centred: float | None
    decay_exponent: float | None
    decay_ranks: tuple[int, int] | None
    cka: float | None
    cka_debiased: float | None


def represented(layers: Sequence[int], pools: Pools, base: Pools | None) -> Iterator[Represented]:
    """The numbers of every layer and pooling, one layer after the other."""
    for layer in layers:
        for pooling in POOLINGS:
            states = pools.states(layer, pooling)
            before = None if base is None else base.states(layer, pooling)
            decay = decay_exponent(states)
            yield Represented(
                layer,
                pooling,
                rankme(states),
                rank_of_noise(states.shape),
                rankme(centred(states)),
                None if decay is None else decay.exponent,
                None if decay is None else (decay.first, decay.last),
                None if before is None else cka(before, states),
                None if before is None else debiased_cka(before, states),
            )
