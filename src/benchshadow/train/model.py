"""Models of real architectures: made from a configuration, read from and written to a checkpoint, hashed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel
from transformers.utils import logging

from benchshadow.errors import InputError

from .memory import keep_freed_memory

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
    """A causal language model from a checkpoint folder, in float32.

    Raises:
        InputError: the folder holds no checkpoint, one that cannot be read, or one that lacks weights of its model.
    """
    keep_freed_memory()
    if not (folder / "config.json").is_file():
        raise InputError(folder, "must hold a checkpoint but has no config.json")
    try:
        with _silently():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
            )
        model, found = loaded
    except Exception as error:  # transformers, safetensors and json each raise their own
        raise InputError(folder, f"cannot be loaded as a causal language model ({_first_line(error)})") from error
    if found["missing_keys"]:
        raise InputError(folder, f"must hold every weight of its model but lacks {sorted(found['missing_keys'])[0]}")
    return model


def save(model: PreTrainedModel, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` into a folder that is whole or absent."""
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with _silently():
            model.save_pretrained(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except OSError as error:
        raise InputError(folder, f"cannot be written ({error.strerror or error})") from error


def weights_sha256(model: PreTrainedModel) -> str:
    """Hash of the sorted state: names, types, shapes and bytes."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        found.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
        found.update(array.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


@contextmanager
def _silently() -> Iterator[None]:
    """Without the library's own progress bars and remarks: a study shows one bar, its own."""
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
