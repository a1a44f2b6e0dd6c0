"""One pass of a model, and of its base beside it, over passages: token by token what it expects, and pooled states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import stdtrit

from .representation import Pools

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .passages import Batch, Passages

__all__ = ["Divergence", "Walk", "divergence", "walk"]


@dataclass(frozen=True)
class Walk:
    """What a model makes of passages; arrays have one entry per token, passage after passage.

    Attributes:
        starts: where each passage begins, and the end of the last, shape (texts + 1,).
        log_probability: of the token after those before it, nats.
        expected: mean of the log-probability over the model's own distribution there, nats.
        deviation: its standard deviation, nats.
        divergence: KL(base || model) of the distribution over the vocabulary, nats; None without a base.
        pools: the model's pooled states.
        base_pools: the base's; None without a base.
    """

    starts: np.ndarray
    log_probability: np.ndarray
    expected: np.ndarray
    deviation: np.ndarray
    divergence: np.ndarray | None
    pools: Pools
    base_pools: Pools | None


def walk(
    model: PreTrainedModel, passages: Passages, *, layers: Sequence[int] = (), base: PreTrainedModel | None = None
) -> Walk:
    """Read every passage after the end token, once by the model and, where there is one, once by its base.

    Both read a batch before the next one comes, so distributions over the vocabulary live for one batch alone.

    Args:
        model: what is looked at.
        passages: tokens.
        layers: whose states are pooled.
        base: what it is compared with, of the same vocabulary.
    """
    texts = len(passages.ids)
    pools = Pools(model, layers, texts)
    base_pools = None if base is None else Pools(base, layers, texts)
    found: list[np.ndarray] = [np.empty(0)] * texts
    vocabulary = model.config.get_text_config().vocab_size
    for batch in passages.batches(vocabulary, device=model.device):
        own = _expectations(model, batch, pools)
        before = None if base is None or base_pools is None else _expectations(base, batch, base_pools)
        for text, row in zip(batch.texts, _told(own, before, batch), strict=True):
            found[text] = row
    starts = np.cumsum([0, *map(len, passages.ids)])
    told = np.concatenate(found)
    divergence = None if base is None else told[:, 3]
    return Walk(starts, told[:, 0], told[:, 1], told[:, 2], divergence, pools, base_pools)


def _expectations(model: PreTrainedModel, batch: Batch, pools: Pools) -> torch.Tensor:
    """Log-probabilities over the vocabulary of every token of the batch, float64, shape (rows, width - 1, symbols)."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode(), pools.listening(batch):
            return model(input_ids=batch.ids, use_cache=False).logits[:, :-1].double().log_softmax(-1)
    finally:
        model.train(training)


def _told(own: torch.Tensor, before: torch.Tensor | None, batch: Batch) -> list[np.ndarray]:
    """Per row a table of log-probability, expectation, deviation and divergence of its tokens."""
    with torch.inference_mode():
        shares = own.exp()
        # A share of zero times a logarithm of minus infinity is zero.
        surprise = own.masked_fill(shares == 0, 0.0)
        mean = (shares * surprise).sum(-1)
        variance = (shares * (surprise - mean[..., None]).square()).sum(-1)
        columns = [own.gather(-1, batch.ids[:, 1:, None])[..., 0], mean, variance.sqrt()]
        if before is not None:
            weights = before.exp()
            columns.append((weights * (before - own).masked_fill(weights == 0, 0.0)).sum(-1))
        table = torch.stack(columns, -1).cpu().numpy()
    return [row[:length] for row, length in zip(table, batch.lengths.tolist(), strict=True)]


@dataclass(frozen=True)
class Divergence:
    """KL(base || tuned) over the tokens of some texts.

    Attributes:
        mean: nats per token.
        half_width: of the 95% interval over texts, Student's t; None with one text.
        tokens: number of tokens.
    """

    mean: float
    half_width: float | None
    tokens: int


def divergence(walked: Walk, first: Sequence[int] | None = None) -> Divergence:
    """How far the expectations of a model have moved from its base's, KL(base || tuned) per token.

    The sum over all tokens over their number; the interval is that of a ratio of sums over texts. On text that the base
    gives little probability to it tells little of what the base would have said itself.

    Args:
        walked: a pass with a base beside the model.
        first: of every text the first token that counts, as answers have it; all of them where it is left out.
    """
    assert walked.divergence is not None, "a pass without a base has no divergence"
    starts = walked.starts[:-1] + (0 if first is None else np.asarray(first))
    parts = [walked.divergence[start:stop] for start, stop in zip(starts, walked.starts[1:], strict=True)]
    sums, counts = np.array([part.sum() for part in parts]), np.array([len(part) for part in parts])
    mean, n = float(sums.sum() / counts.sum()), len(parts)
    half = None
    if n > 1:
        residuals = sums - mean * counts
        half = float(stdtrit(n - 1, 0.975) * np.sqrt(residuals @ residuals / (n - 1) / n) / counts.mean())
    return Divergence(mean, half, int(counts.sum()))
