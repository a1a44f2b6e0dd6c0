"""A PEFT adapter on disk: for every weight it changes the two factors and their scale, and what it replaces whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchshadow.errors import InputError

from . import pickled, single_file
from .adapter_settings import LoraSettings, lora_settings
from .checkpoint import Checkpoint
from .formats import located
from .header import shown
from .safetensors_files import read_object

__all__ = ["Adapter", "Factors", "is_adapter", "open_adapter"]

CONFIG = "adapter_config.json"
_WEIGHTS = (("adapter_model.safetensors", single_file), ("adapter_model.bin", pickled))
_PREFIX = "base_model.model."
# "q_proj.lora_A.weight"; a file that save_pretrained did not write keeps the adapter's name, "lora_A.default.weight".
_PART = re.compile(r"(?P<module>.+)\.(?P<part>lora_\w+?)(\.(?P<adapter>\w+))??(?P<end>\.weight|\.bias)?")
# The embedding under a LoRA of its own is saved whole, as its base layer, where the vocabulary was resized.
_SAVED = re.compile(r"\.(modules_to_save(\.default)?|base_layer)\.")
_SIDES = {"lora_A": "A", "lora_B": "B", "lora_embedding_A": "A", "lora_embedding_B": "B"}
_MAGNITUDE = "lora_magnitude_vector"


@dataclass(frozen=True, eq=False)
class Factors:
    """The change of one weight, scale B A, as its factors, which are read when they are asked for.

    Attributes:
        module: whose weight it is.
        rank: number of rows of A, of columns of B.
        scale: what the product is multiplied by.
        transposed: whether the weight lies as in x out, so that its change is scale (B A)^T.
        is_embedding: whether it is a table of tokens, which always lies so.
        inputs: columns of A.
        outputs: rows of B.
    """

    module: str
    rank: int
    scale: float
    transposed: bool
    is_embedding: bool
    inputs: int
    outputs: int
    _held: Checkpoint
    _names: Mapping[str, str]

    @property
    def A(self) -> np.ndarray:  # noqa: N802 (its name in the papers)
        """The factor on the side of the input, rank x inputs."""
        return self._held.read(self._names["A"])

    @property
    def B(self) -> np.ndarray:  # noqa: N802 (as A)
        """The factor on the side of the output, outputs x rank."""
        return self._held.read(self._names["B"])

    @property
    def magnitude(self) -> np.ndarray | None:
        """DoRA's length of every output; None where the change is the product alone."""
        name = self._names.get(_MAGNITUDE)
        return None if name is None else self._held.read(name).reshape(-1)

    @property
    def has_magnitude(self) -> bool:
        """Whether it is DoRA, whose change needs the base."""
        return _MAGNITUDE in self._names

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the weight."""
        return (self.inputs, self.outputs) if self.transposed else (self.outputs, self.inputs)

    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """L (rows x rank) and R (rank x columns), as the weight lies: its change is scale L R."""
        return (self.A.T, self.B.T) if self.transposed else (self.B, self.A)


@dataclass(frozen=True, eq=False)
class Adapter:
    """An adapter that was opened.

    Attributes:
        path: its folder, as the user named it.
        files: weights and settings.
        config: content of `adapter_config.json`.
        settings: what it says.
        deltas: factors by the name of the weight they change, without the wrapper of PEFT.
        replaced: stored name by the name of the weight or bias that it stands for whole.
        refused: by the name of a weight, why its change is not read (a convolution).
        held: where the stored tensors are read from.
        remarks: what a reader of the numbers must know, in sentences.
    """

    path: Path
    files: tuple[Path, ...]
    config: Mapping[str, Any]
    settings: LoraSettings
    deltas: Mapping[str, Factors]
    replaced: Mapping[str, str]
    refused: Mapping[str, str]
    held: Checkpoint
    remarks: tuple[str, ...]


def is_adapter(path: Path | str) -> bool:
    """Whether a path, or a model of the hub's cache, is the folder of a PEFT adapter."""
    try:
        return (_folder(path) / CONFIG).is_file()
    except InputError:
        return False


def _folder(path: Path | str) -> Path:
    """The folder of an adapter; its weights named themselves mean their folder."""
    found = located(path)
    return found.parent if found.name in dict(_WEIGHTS) else found


def open_adapter(path: Path | str) -> Adapter:
    """Open the folder of a PEFT adapter; of the tensors only the header is read.

    Raises:
        InputError: a file is missing, the adapter is not LoRA or one of its kin that is read (rsLoRA, DoRA), or one of
            its tensors is not understood: it is named.
    """
    folder = _folder(path)
    if not (folder / CONFIG).is_file():
        raise InputError(folder, f"must hold {CONFIG} but does not")
    config = read_object(folder / CONFIG)
    settings = lora_settings(folder / CONFIG, config)
    found = next(((folder / name, kind) for name, kind in _WEIGHTS if (folder / name).is_file()), None)
    if found is None:
        raise InputError(folder, f"must hold {' or '.join(name for name, _ in _WEIGHTS)} but holds neither")
    file, kind = found
    held = kind.open(file)
    parts, replaced, biases = _sorted(file, held)
    refused = {f"{module}.weight": why for module, names in parts.items() if (why := _refusal(held, names))}
    deltas = {
        f"{module}.weight": _factors(file, held, settings, module, names)
        for module, names in parts.items()
        if f"{module}.weight" not in refused
    }
    if not deltas and not replaced and not refused:
        raise InputError(file, "must change at least one weight but changes none")
    remarks: list[str] = [*getattr(held, "remarks", ())]
    if biases:
        remarks.append(f"{file}: {biases} biases of its B factors change vectors, which have no spectrum")
    return Adapter(folder, (file, folder / CONFIG), config, settings, deltas, replaced, refused, held, tuple(remarks))


def _sorted(file: Path, held: Checkpoint) -> tuple[dict[str, dict[str, str]], dict[str, str], int]:
    """Stored names by module and part, those that replace a tensor whole, and the number of biases of factors."""
    parts: dict[str, dict[str, str]] = {}
    replaced: dict[str, str] = {}
    biases = 0
    for stored in held.names():
        name = stored.removeprefix(_PREFIX)
        found = _PART.fullmatch(name)
        if found is None:
            replaced[_SAVED.sub(".", name)] = stored
            continue
        part = _SIDES.get(found["part"], found["part"])
        if found["end"] == ".bias" and part == "B":
            biases += 1
            continue
        if part not in ("A", "B", _MAGNITUDE) or found["end"] == ".bias":
            raise InputError(f"{file}: tensor {shown(stored)}", "must be a factor of LoRA but is not one that is known")
        names = parts.setdefault(found["module"], {})
        if part in names:
            raise InputError(f"{file}: tensor {shown(stored)}", f"must be the only {part} of its module but is not")
        names[part] = stored
    return parts, replaced, biases


def _refusal(held: Checkpoint, names: Mapping[str, str]) -> str:
    """Why the change of a module is not read; empty where it is."""
    shapes = [" x ".join(map(str, held.shape(names[side]))) for side in ("A", "B") if side in names]
    if all(len(held.shape(names[side])) == 2 for side in ("A", "B") if side in names):
        return ""
    return f"is adapted by factors that are no matrices, {' and '.join(shapes)}: convolutions are not read"


def _factors(file: Path, held: Checkpoint, settings: LoraSettings, module: str, names: Mapping[str, str]) -> Factors:
    """The factors of one module, held to the rank that the settings give it."""
    where = f"{file}: module {shown(module)}"
    if not {"A", "B"} <= names.keys():
        raise InputError(where, f"must have lora_A and lora_B but has {', '.join(sorted(names))}")
    a, b = held.shape(names["A"]), held.shape(names["B"])
    rank = settings.rank_of(module)
    if a[0] != rank or b[1] != rank:
        raise InputError(where, f"must have rank {rank} as its settings say but A has {a[0]} rows and B {b[1]} columns")
    if (_MAGNITUDE in names) != settings.dora:
        has = "has" if _MAGNITUDE in names else "lacks"
        raise InputError(where, f"use_dora is {str(settings.dora).lower()} but the module {has} {_MAGNITUDE}")
    embedding = ".lora_embedding_" in names["A"]
    transposed = embedding or settings.fan_in_fan_out
    return Factors(module, rank, settings.scale_of(module), transposed, embedding, a[1], b[0], held, names)
