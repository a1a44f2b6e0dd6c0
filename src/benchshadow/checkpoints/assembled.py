"""A checkpoint put together from tensors that each know how to open themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from benchshadow.errors import InputError, TensorRefused

from .checkpoint import STORED_AS, Checkpoint, TensorSource, matrix_shape
from .held import HeldMatrix

__all__ = ["AssembledCheckpoint", "Member", "member_of", "not_a_weight", "stored_member"]


@dataclass(frozen=True, eq=False)
class Member:
    """One tensor of an assembled checkpoint.

    Attributes:
        shape: sides.
        dtype: "float32", "bfloat16" ...; what is not a weight keeps the spelling of its format.
        open: the tensor (None) or one slice of its first axis, as a matrix.
        raw: the stored numbers in the tensor's own shape, where they are at hand.
        auxiliary: what it serves, "scales of 'x.weight'"; empty for a tensor of the model.
        refusal: why it cannot be read as a weight; empty where it can.
        scheme: how it was quantised, where its values are dequantised; empty otherwise.
    """

    shape: tuple[int, ...]
    dtype: str
    open: Callable[[int | None], TensorSource]
    raw: Callable[[], np.ndarray] | None = None
    auxiliary: str = ""
    refusal: str = ""
    scheme: str = ""


@dataclass(frozen=True, eq=False)
class AssembledCheckpoint:
    """Tensors under their names; a `Checkpoint`.

    Attributes:
        path: the file or folder, as the user named it.
        files: every file whose bytes determine what is read.
        config: content of `config.json`, None where there is none.
        members: the tensors.
        remarks: what a reader of the numbers must know, in sentences.
    """

    path: Path
    files: tuple[Path, ...]
    config: Mapping[str, Any] | None
    members: Mapping[str, Member]
    remarks: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of values over all tensors of the model: scales and their kin are not counted."""
        return sum(prod(member.shape) for member in self.members.values() if not member.auxiliary)

    def names(self) -> tuple[str, ...]:
        """Names of all tensors."""
        return tuple(self.members)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sides of a tensor."""
        return self._member(name).shape

    def dtype(self, name: str) -> str:
        """Type of a tensor: "float32", "bfloat16" ...; for others the format's own spelling."""
        return self._member(name).dtype

    def auxiliary(self, name: str) -> str | None:
        """What a tensor serves that is no weight of its own ("scales of ..."); None for a tensor of the model."""
        return self._member(name).auxiliary or None

    def refusal(self, name: str) -> str | None:
        """Why a tensor of the model cannot be read as a weight; None where it can."""
        return self._member(name).refusal or None

    def scheme(self, name: str) -> str | None:
        """How a tensor was quantised ("nf4"), where its values are dequantised and their rounding is not modelled."""
        return self._member(name).scheme or None

    def source(self, name: str, part: int | None = None) -> TensorSource:
        """A tensor, or one slice of its first axis, as a matrix that is read lazily."""
        member = self._member(name)
        refusal = member.refusal or not_a_weight(member.dtype)
        if refusal:
            raise TensorRefused(f"{self.path}: tensor {name!r}", refusal)
        return member.open(part)

    def raw(self, name: str) -> np.ndarray:
        """The stored numbers of a tensor in its own shape; eight-bit floats and bfloat16 as their bits."""
        member = self._member(name)
        if member.raw is None:
            raise TensorRefused(f"{self.path}: tensor {name!r}", "is computed and has no stored numbers of its own")
        return member.raw()

    def read(self, name: str) -> np.ndarray:
        """A whole tensor in its own shape, copied into memory."""
        source = self.source(name)
        return np.array(source.rows(0, source.shape[0])).reshape(self.shape(name))

    def _member(self, name: str) -> Member:
        if name not in self.members:
            raise InputError(self.path, f"has no tensor {name!r}")
        return self.members[name]


def not_a_weight(dtype: str) -> str:
    """Why values of a type are no weights; empty where they are."""
    return "" if dtype in STORED_AS else f"holds {dtype}, which is not a weight as it stands"


def member_of(checkpoint: Checkpoint, name: str, *, auxiliary: str = "", refusal: str = "", dtype: str = "") -> Member:
    """A tensor of another checkpoint, as it is or with a word on it.

    Args:
        checkpoint: that has it.
        name: stored.
        auxiliary: what it serves, where it is no weight of its own.
        refusal: why it cannot be read as a weight.
        dtype: another spelling of its type.
    """
    raw = getattr(checkpoint, "raw", None)
    kept = {"auxiliary": auxiliary, "refusal": refusal}
    for word in ("auxiliary", "refusal", "scheme"):
        asked = getattr(checkpoint, word, None)
        kept[word] = kept.get(word) or (asked and asked(name)) or ""
    return Member(
        checkpoint.shape(name),
        dtype or checkpoint.dtype(name),
        partial(checkpoint.source, name),
        None if raw is None else partial(raw, name),
        **kept,
    )


def stored_member(name: str, shape: tuple[int, ...], dtype: str, raw: Callable[[], np.ndarray]) -> Member:
    """A tensor whose stored numbers are at hand as an array.

    Args:
        name: how sentences call it.
        shape: sides.
        dtype: its type; bfloat16 is handed over as uint16.
        raw: the array in the tensor's own shape, called whenever a matrix is opened.
    """

    def open_matrix(part: int | None) -> TensorSource:
        array, label = (raw(), name) if part is None else (raw()[part], f"{name}[{part}]")
        return HeldMatrix(label, array.reshape(matrix_shape(array.shape)), dtype)

    return Member(shape, dtype, open_matrix, raw)
