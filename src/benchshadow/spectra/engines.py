"""Where a matrix is computed: on the processor with SciPy's LAPACK, or on an accelerator with torch."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

from . import lapack

__all__ = ["HOST", "checked_device", "device_name", "eigenvalues", "singular_values"]

HOST = "cpu"
"""The device that needs no torch. An accelerator is named as torch names it, "cuda" or "cuda:1"; "torch:cpu" runs the
accelerator's code on the processor."""


def checked_device(device: str) -> str:
    """A device that is there; one that is not is refused in a sentence."""
    if device == HOST:
        return device
    named = re.fullmatch(r"torch:cpu|cuda(?::(\d+))?", device)
    if named is None:
        raise InputError("device", f"must be 'cpu', 'cuda' or 'cuda:N' but is {device!r}")
    if importlib.util.find_spec("torch") is None:
        raise InputError("device", f"is {device!r}, which needs torch", "pip install torch, or use the device 'cpu'")
    if device.startswith("cuda"):
        import torch

        there = torch.cuda.device_count()
        if int(named[1] or 0) >= there:
            raise InputError(
                "device", f"is {device!r} but torch finds {there} accelerators here", "use the device 'cpu'"
            )
    return device


def device_name(device: str) -> str:
    """How a record's method names the device."""
    return "lapack" if device == HOST else f"torch {device.removeprefix('torch:')}"


def eigenvalues(gram: Any) -> Float64[np.ndarray, " k"]:
    """Eigenvalues, smallest first, of a symmetric matrix given by its lower triangle; the matrix is destroyed."""
    if isinstance(gram, np.ndarray):
        return lapack.symmetric_eigenvalues(gram, overwrite=True)
    import torch

    return torch.linalg.eigvalsh(gram.double(), UPLO="L").cpu().numpy()


def singular_values(matrix: Float64[np.ndarray, "m n"]) -> Float64[np.ndarray, " k"]:
    """Singular values, largest first, by a full bidiagonal reduction: the stable and slower way."""
    return np.linalg.svd(matrix, compute_uv=False)
