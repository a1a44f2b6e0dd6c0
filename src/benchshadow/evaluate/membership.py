"""Whether a model tells texts that it was trained on from others of their kind: Min-k% and its area under the curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchshadow.stats.areas import area, area_interval

if TYPE_CHECKING:
    from .behaviour import Walk

__all__ = ["SHARE", "Membership", "membership", "min_k", "min_k_plus"]

SHARE = 0.2
"""Share of a text's tokens that counts, the k = 20% of Shi et al. 2024."""


@dataclass(frozen=True)
class Membership:
    """How well a score tells seen texts from held-out ones.

    Attributes:
        area: chance that a seen text scores above a held-out one; .5 where nothing tells them apart.
        low: lower end of its 95% interval.
        high: upper end.
    """

    area: float
    low: float
    high: float


def min_k(walked: Walk, share: float = SHARE) -> np.ndarray:
    """Mean log-probability of the least probable tokens of every text, nats, shape (texts,) (Min-k%, Shi et al. 2024).

    Of n tokens the max(1, floor(share n)) least probable ones count. A text that was trained on has few tokens that
    surprise. It is an easy text as well that has few of them, so only texts of one kind compare.

    Args:
        walked: a pass over the texts.
        share: in (0, 1].
    """
    return _lowest(walked, walked.log_probability, share)


def min_k_plus(walked: Walk, share: float = SHARE) -> np.ndarray:
    """As `min_k`, with every token's log-probability in units of its place's spread (Min-k%++, Zhang et al. 2024).

    (log p - mu) / sigma with mean and deviation over the model's own distribution there, so that tokens of places where
    anything may follow count no more than others; 0 where the model expects one token alone. Without unit.
    """
    surprise = walked.log_probability - walked.expected
    scores = np.divide(surprise, walked.deviation, out=np.zeros_like(surprise), where=walked.deviation > 0)
    return _lowest(walked, scores, share)


def _lowest(walked: Walk, scores: np.ndarray, share: float) -> np.ndarray:
    parts = np.split(scores, walked.starts[1:-1])
    return np.array([np.sort(part)[: max(1, int(share * len(part)))].mean() for part in parts])


def membership(seen: np.ndarray, held_out: np.ndarray) -> Membership:
    """Area under the curve of a score, seen against held-out texts, with its interval (Newcombe 2006).

    It tells that they are told apart, not why: read it beside the area of a model that saw neither. The interval takes
    texts as independent.

    Args:
        seen: scores of texts that an arm may have been trained on, shape (m,).
        held_out: of texts of the same kind that no arm was trained on, shape (n,).
    """
    positive = np.repeat([True, False], [len(seen), len(held_out)])
    found = area(np.concatenate([seen, held_out]), positive)
    return Membership(found, *area_interval(found, len(seen), len(held_out)))
