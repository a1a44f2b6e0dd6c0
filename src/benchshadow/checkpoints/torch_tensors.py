"""Tensors of torch as members of a checkpoint: read block by block, from whatever device they are on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchshadow.errors import InputError

from .assembled import Member, stored_member
from .checkpoint import TensorSource, matrix_shape, widened
from .held import ComputedMatrix

__all__ = ["tensor_member"]

# Names of torch, spelt as in safetensors where the values are not weights as they stand.
_SPELT: Mapping[str, str] = {
    "int64": "I64",
    "uint64": "U64",
    "int32": "I32",
    "uint32": "U32",
    "int16": "I16",
    "uint16": "U16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
}


def tensor_member(where: str, name: str, tensor: Any) -> Member:
    """A tensor of torch as a member; nothing is copied, and what is on another device is moved block by block.

    Raises:
        InputError: the tensor has no values of its own (it is on the meta device) or is not laid out densely.
    """
    import torch

    tensor = tensor.detach()
    if tensor.device.type == "meta" or tensor.layout != torch.strided or tensor.is_quantized:
        what = "on the meta device" if tensor.device.type == "meta" else f"laid out as {tensor.layout}"
        raise InputError(f"{where}: tensor {name!r}", f"must hold dense values but is {what}")
    kind = str(tensor.dtype).removeprefix("torch.")
    dtype, shape = _SPELT.get(kind, kind), tuple(tensor.shape)
    if tensor.device.type == "cpu":
        return stored_member(name, shape, dtype, lambda: _bits(tensor))

    def open_matrix(part: int | None) -> TensorSource:
        held, label = (tensor, name) if part is None else (tensor[part], f"{name}[{part}]")
        flat = held.reshape(matrix_shape(tuple(held.shape)))

        def block(start: int, stop: int) -> np.ndarray:
            return widened(_bits(flat[start:stop].cpu()), dtype)

        return ComputedMatrix(label, (flat.shape[0], flat.shape[1]), dtype, block)

    return Member(shape, dtype, open_matrix, lambda: _bits(tensor.cpu()))


def _bits(tensor: Any) -> np.ndarray:
    """The memory of a tensor as an array of NumPy; types that NumPy lacks as whole numbers of their width."""
    import torch

    tensor = tensor.resolve_conj().resolve_neg()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16)
    if str(tensor.dtype).startswith("torch.float8"):
        return tensor.view(torch.uint8).numpy()
    return tensor.numpy()
