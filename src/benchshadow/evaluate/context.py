"""How many tokens a model reads at once, whatever its family calls that, and where it does not count them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["UNCOUNTED", "positions"]

UNCOUNTED = 2048
"""Tokens that are read at once by a model that counts none, such as one that carries a state along."""
_NAMES = ("max_position_embeddings", "max_seq_len")


def positions(model: PreTrainedModel) -> int:
    """Positions of a model's language model, or `UNCOUNTED` where its configuration names none."""
    config = model.config.get_text_config()
    named = (getattr(config, name, None) for name in _NAMES)
    return next((count for count in named if isinstance(count, int)), UNCOUNTED)
