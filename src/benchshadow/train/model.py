"""Models of real architectures: made from a configuration, read from and written to a checkpoint, hashed."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from ..errors import InputError

if TYPE_CHECKING:
    from .settings import Architecture

__all__ = ["load", "new", "save", "weights_sha256"]


def new(architecture: Architecture, *, vocabulary: int, positions: int, seed: int) -> PreTrainedModel:
    """A freshly initialised model in float32; the seed alone determines its weights."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=architecture.hidden_size,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.key_value_heads or architecture.heads,
        max_position_embeddings=positions,
        tie_word_embeddings=architecture.tied_embeddings,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def load(folder: Path) -> PreTrainedModel:
    """A causal language model from a checkpoint folder, in float32."""
    if not (folder / "config.json").is_file():
        raise InputError(folder, "must hold a checkpoint but has no config.json")
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)


def save(model: PreTrainedModel, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` into a folder that is whole or absent."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def weights_sha256(model: PreTrainedModel) -> str:
    """Hash of the sorted state: names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        array = tensor.detach().contiguous().cpu()
        found.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
        found.update(array.view(torch.uint8).numpy().tobytes() if array.dim() else array.numpy().tobytes())
    return found.hexdigest()
