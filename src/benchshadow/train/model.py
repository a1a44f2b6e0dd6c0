"""Models of real architectures: made from a configuration, read from and written to a checkpoint, hashed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from benchshadow.errors import InputError

from .adaptation import CONFIG as ADAPTER
from .adaptation import merged, save_factors
from .configuration import configuration
from .durable import flush
from .memory import keep_freed_memory

if TYPE_CHECKING:
    from .architecture import Architecture

__all__ = ["load", "new", "parameters", "save", "weights_sha256"]


def new(architecture: Architecture, *, vocabulary: int, positions: int, seed: int) -> PreTrainedModel:
    """A freshly initialised model in float32; the seed alone determines its weights."""
    config = configuration(architecture, vocabulary=vocabulary, positions=positions)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def parameters(architecture: Architecture, *, vocabulary: int, positions: int) -> int:
    """Number of weights of a model that is not made; those of a shared table count once."""
    config = configuration(architecture, vocabulary=vocabulary, positions=positions)
    with torch.device("meta"):
        return sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())


def load(folder: Path, *, base: Path | None = None) -> PreTrainedModel:
    """A causal language model from a checkpoint folder, in float32.

    Args:
        folder: whole weights, or factors that are merged into those of `base`.
        base: the checkpoint that an adapter belongs to; whole weights need none.

    Raises:
        InputError: the folder holds no checkpoint, one that cannot be read, or one that lacks weights of its model.
    """
    keep_freed_memory()
    if (folder / ADAPTER).is_file():
        if base is None:
            raise InputError(folder, "must hold whole weights but holds an adapter", "name its base too")
        with _silently():
            return merged(load(base), folder)
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


def save(model: torch.nn.Module, folder: Path) -> None:
    """Write `config.json` and `model.safetensors`, or an adapter's two files, into a folder that is whole or absent.

    Raises:
        InputError: it cannot be written, be it that the disk is full; what was half written is removed.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    held: Any = model
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with _silently():
            if isinstance(held, PreTrainedModel):
                held.save_pretrained(partial)
            else:
                save_factors(held, partial)
        flush(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        flush(folder.parent)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise InputError(folder, f"cannot be written ({reason})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def weights_sha256(model: torch.nn.Module) -> str:
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
