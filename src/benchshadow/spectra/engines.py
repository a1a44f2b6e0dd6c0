"""Dense decompositions in float64 by torch (MKL) where it is installed, by NumPy otherwise.

NumPy and not SciPy, whose wrappers hold the interpreter's lock: two threads of NumPy decompose two matrices at a time.
"""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = ["ENGINES", "choose", "gram_eigenvalues", "singular_values"]

ENGINES = ("torch", "numpy")


@cache
def _torch_installed() -> bool:
    return importlib.util.find_spec("torch") is not None


def choose(engine: str | None) -> str:
    """The engine to use: the one named, or torch where it is installed and NumPy otherwise."""
    if engine is None:
        return "torch" if _torch_installed() else "numpy"
    if engine not in ENGINES:
        raise InputError("engine", f"must be one of {', '.join(ENGINES)} but is {engine!r}")
    if engine == "torch" and not _torch_installed():
        raise InputError("engine", "is 'torch', which is not installed", "pip install torch, or leave engine out")
    return engine


def add_gram(gram: Float64[np.ndarray, "k k"], block: Float64[np.ndarray, "a b"], wide: bool) -> None:
    """Add block^T block (or, wide, block block^T) to a Gram matrix, in place.

    NumPy serves both engines: it sees that a matrix meets its own transpose and does half the work of a product.
    """
    gram += block @ block.T if wide else block.T @ block


def gram_eigenvalues(gram: Float64[np.ndarray, "k k"], engine: str) -> Float64[np.ndarray, " k"]:
    """Eigenvalues, smallest first, of a symmetric matrix given by its lower triangle."""
    if engine == "torch" and len(gram) > 1:
        import torch

        return torch.linalg.eigvalsh(torch.from_numpy(gram), UPLO="L").numpy()
    return np.linalg.eigvalsh(gram, UPLO="L")


def singular_values(matrix: Float64[np.ndarray, "m n"], engine: str) -> Float64[np.ndarray, " k"]:
    """Singular values, largest first, by a full bidiagonal reduction: the stable and slower way."""
    if engine == "torch":
        import torch

        return torch.linalg.svdvals(torch.from_numpy(np.ascontiguousarray(matrix))).numpy()
    return np.linalg.svd(matrix, compute_uv=False)
