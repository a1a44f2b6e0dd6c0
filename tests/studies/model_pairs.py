"""Tiny Llama models, saved by transformers, and what was done to a copy of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def llama(tied: bool = False, layers: int = 3) -> LlamaForCausalLM:
    """A random model of about 20,000 parameters."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config)


def save(model: LlamaForCausalLM, folder: Path, stored: str = "float32", shard: str = "5GB") -> Path:
    """Save a copy of the model in a type."""
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(TYPES[stored]).save_pretrained(folder, max_shard_size=shard)
    return folder


def changed(model: LlamaForCausalLM, change: Callable[[str, np.ndarray], np.ndarray]) -> LlamaForCausalLM:
    """A copy whose every weight is what `change` makes of it."""
    copy = LlamaForCausalLM(model.config)
    state = {name: torch.from_numpy(change(name, value.numpy().copy())) for name, value in model.state_dict().items()}
    copy.load_state_dict(state)
    return copy


def noise(name: str, value: np.ndarray) -> np.ndarray:
    """A full-rank change of a tenth of the weights' size."""
    rng = np.random.default_rng(len(name))
    return value + 0.1 * value.std() * rng.standard_normal(value.shape).astype(np.float32)


def weights(model: LlamaForCausalLM, stored: str = "float32") -> dict[str, np.ndarray]:
    """Every stored weight as float64, by name."""
    return {name: value.to(TYPES[stored]).double().numpy() for name, value in model.state_dict().items()}
