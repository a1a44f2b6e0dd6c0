"""Format: PyTorch's own files (.bin, .pt, .pth), through torch's restricted unpickler alone, which runs no code."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError

from .assembled import AssembledCheckpoint, Member
from .header import shown
from .safetensors_files import read_config, read_object
from .sharding import check_agreement, shards_of
from .torch_tensors import tensor_member

__all__ = ["SUFFIXES", "load_pickle", "matches", "open"]

SUFFIXES = (".bin", ".pt", ".pth")
WHOLE = "pytorch_model.bin"
INDEX = "pytorch_model.bin.index.json"
_INNER = ("state_dict", "model", "model_state_dict", "module")


def matches(path: Path) -> bool:
    """Whether the path is such a file, or a folder with `pytorch_model.bin` or its index."""
    if path.is_dir():
        return (path / WHOLE).is_file() or (path / INDEX).is_file()
    return path.is_file() and path.suffix in SUFFIXES


def open(path: Path) -> AssembledCheckpoint:  # noqa: A001 (the verb of every format)
    """The checkpoint in such a file or folder.

    A nested `{"state_dict": ...}` or `{"model": ...}` is opened one level; what is not a tensor is passed over and
    said.

    Raises:
        InputError: torch is not installed, the file would run code or breaks a rule, or index and shards disagree.
    """
    if path.is_file():
        return _assembled(path, {path.name: path}, None, path.parent / "config.json")
    if (path / WHOLE).is_file():
        return _assembled(path, {WHOLE: path / WHOLE}, None, path / "config.json")
    index = path / INDEX
    listed, shards = shards_of(index, read_object(index), ".bin", "a .bin file")
    return _assembled(path, shards, index, path / "config.json", listed)


def _assembled(
    path: Path, files: Mapping[str, Path], index: Path | None, config: Path, listed: Mapping[str, str] | None = None
) -> AssembledCheckpoint:
    members: dict[str, Member] = {}
    held: dict[str, Path] = {}
    remarks: list[str] = []
    for file in files.values():
        for name, tensor in load_pickle(file, remarks).items():
            if name in held:
                raise InputError(file, f"must hold tensors of its own but {name!r} stands in {held[name]} too")
            members[name], held[name] = tensor_member(str(file), name, tensor), file
    if index is not None and listed is not None:
        check_agreement(index, listed, held)
    if not members:
        raise InputError(path, "must hold at least one tensor but holds none")
    beside = tuple(file for file in (index, config) if file is not None and file.is_file())
    return AssembledCheckpoint(path, (*files.values(), *beside), read_config(config), members, tuple(remarks))


def load_pickle(file: Path, remarks: list[str]) -> dict[str, Any]:
    """Tensors of torch by name, mapped from the file where its format allows it.

    Args:
        file: what `torch.save` wrote.
        remarks: what was passed over is added here, in sentences.

    Raises:
        InputError: torch is not installed, or the file is not one that the restricted unpickler reads.
    """
    try:
        import torch
    except ImportError:
        raise InputError(
            file, "is a pickle, which only torch reads here and torch is not installed", "pip install torch"
        ) from None
    content = _unpickled(torch, file)
    inner = next((key for key in _INNER if isinstance(content, Mapping) and isinstance(content.get(key), Mapping)), "")
    outer = content
    content = outer[inner] if inner else outer
    if not isinstance(content, Mapping):
        raise InputError(file, f"must hold tensors by name but holds a {type(content).__name__}")
    tensors = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    beside = [key for key in outer if key != inner] if inner else []
    passed = [shown(key) for key in (*beside, *(key for key in content if key not in tensors))]
    if passed:
        more = f" and {len(passed) - 3} more" if len(passed) > 3 else ""
        remarks.append(f"{file}: passed over what is not a tensor of the model: {', '.join(passed[:3])}{more}")
    unnamed = next((name for name in tensors if not isinstance(name, str)), None)
    if unnamed is not None:
        raise InputError(file, f"must name its tensors by text but names one {shown(unnamed)}")
    return tensors


def _unpickled(torch: Any, file: Path) -> Any:
    """What the restricted unpickler makes of a file; one in the format before torch 1.6 cannot be mapped."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a pickle protocol that torch does not write itself
            return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        found = f"asks to call {asked[1]}" if asked else "is not one that the restricted unpickler reads"
        raise InputError(file, f"must hold nothing but tensors but {found}", "convert it to safetensors") from None
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror or error})") from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(file, f"must be a file of torch.save but cannot be read as one ({said[:160]})") from error
