"""What a scheme of quantisation says of one weight: its values, and the stored tensors that they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from benchshadow.checkpoints.assembled import Member, member_of
from benchshadow.checkpoints.checkpoint import STORED_AS, Checkpoint, TensorSource, matrix_shape
from benchshadow.checkpoints.held import ComputedMatrix
from benchshadow.errors import InputError, TensorRefused

from .codes import FLOAT8, float8, powers_of_two

__all__ = ["Claim", "Rows", "Settings", "group_numbers", "numbers", "raw_of", "refused_claim", "values_of"]

Rows = Callable[[int, int], np.ndarray]
"""Rows start to stop of one matrix, float32."""
Settings = Mapping[str, Any]
"""`quantization_config` of a configuration; empty where there is none."""


@dataclass(frozen=True, eq=False)
class Claim:
    """One weight as a scheme reads it.

    Attributes:
        name: under which the weight is presented, "...q_proj.weight".
        shape: sides of the dequantised weight: rows x columns, or a stack of such matrices.
        scheme: in words, "fp8 with scales in blocks of 128 x 128".
        replaces: stored names that the weight takes the place of.
        auxiliary: what every other stored tensor serves, by its name.
        matrix: rows of the matrix, or (with its number) of one matrix of the stack; None where it is refused.
        refusal: why its values cannot be told; empty where they can.
    """

    name: str
    shape: tuple[int, ...]
    scheme: str
    replaces: tuple[str, ...]
    auxiliary: Mapping[str, str] = field(default_factory=dict)
    matrix: Callable[[int | None], Rows] | None = None
    refusal: str = ""

    def member(self, checkpoint: Checkpoint) -> Member:
        """The weight as a member of the checkpoint that is presented."""
        if self.refusal or self.matrix is None:
            return member_of(
                checkpoint, self.replaces[0], refusal=self.refusal or f"is {self.scheme}", dtype=self.scheme
            )
        return Member(self.shape, "float32", self._open, scheme=self.scheme)

    def _open(self, part: int | None) -> TensorSource:
        assert self.matrix is not None, "a refused weight is not opened"
        if len(self.shape) == 2:
            if part is not None:
                raise InputError(self.name, "is a matrix and has no slices")
            return ComputedMatrix(self.name, (self.shape[0], self.shape[1]), "float32", self.matrix(None))
        if part is not None:
            return ComputedMatrix(f"{self.name}[{part}]", (self.shape[1], self.shape[2]), "float32", self.matrix(part))
        return ComputedMatrix(self.name, matrix_shape(self.shape), "float32", self._flat)

    def _flat(self, start: int, stop: int) -> np.ndarray:
        """Every matrix of the stack as one row."""
        assert self.matrix is not None, "a refused weight is not opened"
        flat = np.empty((stop - start, prod(self.shape[1:])), np.float32)
        for row, part in enumerate(range(start, stop)):
            flat[row] = self.matrix(part)(0, self.shape[1]).reshape(-1)
        return flat


def refused_claim(name: str, scheme: str, stored: str, auxiliary: Mapping[str, str], why: str) -> Claim:
    """A weight whose values cannot be told, and the sentence that says why."""
    return Claim(name, (), scheme, (stored,), auxiliary, None, f"is {scheme} and {why}")


def raw_of(checkpoint: Checkpoint, name: str) -> np.ndarray:
    """The stored numbers of a tensor, in its own shape."""
    return getattr(checkpoint, "raw")(name)  # noqa: B009 (a format may lack it; those that open here have it)


def values_of(checkpoint: Checkpoint, name: str, *, bytes_are_powers: bool = False) -> np.ndarray:
    """The values of scales and their kin, in their own shape: as they stand, or decoded from eight bits.

    Args:
        checkpoint: where they are stored.
        name: of the tensor.
        bytes_are_powers: whether whole bytes are exponents, as in the microscaling formats.

    Raises:
        InputError: they are stored as something else.
    """
    kind = checkpoint.dtype(name)
    if kind in STORED_AS:
        return checkpoint.read(name)
    if kind in FLOAT8:
        return float8(kind)[raw_of(checkpoint, name)]
    if kind == "F8_E8M0" or (kind == "U8" and bytes_are_powers):
        return powers_of_two(raw_of(checkpoint, name))
    raise InputError(f"{checkpoint.path}: tensor {name!r}", f"must hold scales but holds {kind}")


def group_numbers(checkpoint: Checkpoint, name: str, count: int) -> np.ndarray:
    """The group of every input, held to those that have scales."""
    found = numbers(checkpoint, name).astype(np.int64)
    if found.size and not 0 <= found.min() <= found.max() < count:
        where = f"{checkpoint.path}: tensor {name!r}"
        raise TensorRefused(where, f"must number groups 0 to {count - 1} but holds {found.min()} and {found.max()}")
    return found


def numbers(checkpoint: Checkpoint, name: str) -> np.ndarray:
    """Whole numbers, in their own shape."""
    kind = checkpoint.dtype(name)
    if kind[:1] not in "IU":
        raise InputError(f"{checkpoint.path}: tensor {name!r}", f"must hold whole numbers but holds {kind}")
    return raw_of(checkpoint, name)
