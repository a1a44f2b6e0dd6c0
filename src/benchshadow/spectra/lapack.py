"""Gram matrices and symmetric eigenvalues by the BLAS and LAPACK that SciPy carries, called without Python's lock.

SciPy publishes its routines as C pointers (`scipy.linalg.cython_blas`, `cython_lapack`). Called through them a product
is added to a Gram matrix where it lies, other threads run meanwhile, and the two steps of an eigensolver can have a
type each: the reduction to a tridiagonal matrix, which costs k^3, in the matrix's own, and the iteration on that, which
costs k^2, always in float64. In float32 alone the iteration would lose two of seven digits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from importlib import import_module

import numpy as np
from jaxtyping import Float, Float64

__all__ = ["add_gram", "symmetric_eigenvalues", "top_eigenvectors"]

_LETTERS = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}
_BLOCK = 64  # columns that the reduction takes at a time; LAPACK uses half of it


@cache
def _routine(library: str, name: str) -> Callable[..., None]:
    """A routine of SciPy's as a function of addresses; its published signature tells how many."""
    capsule = import_module(f"scipy.linalg.cython_{library}").__pyx_capi__[name]
    api = ctypes.pythonapi
    signature = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))(capsule)
    address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (signature.count(b",") + 1))(address(capsule, signature))


def _call(library: str, name: str, *given: str | int | float | np.ndarray, letter: str) -> None:
    """Call a routine by the letter of its type: every argument goes by address, scalars in that type."""
    kind = np.float32 if letter == "s" else np.float64
    held = [_argument(each, kind) for each in given]
    _routine(library, letter + name)(*[each.ctypes.data for each in held])


def _argument(value: str | int | float | np.ndarray, kind: type) -> np.ndarray:
    if isinstance(value, str):
        return np.frombuffer(value.encode(), np.uint8)
    if isinstance(value, int):
        return np.array([value], np.intc)
    return np.array([value], kind) if isinstance(value, float) else value


def add_gram(gram: Float[np.ndarray, "k k"], block: Float[np.ndarray, "a b"], wide: bool) -> None:
    """Add block^T block (or, wide, block block^T) to the lower triangle of a Gram matrix, in place.

    Args:
        gram: float32 or float64, its rows one after another in memory; what lies above the diagonal is left alone.
        block: of the same type, its rows one after another in memory.
        wide: whether the block has the short side as its rows.
    """
    rows, columns = block.shape
    # LAPACK counts columns first: to it the lower triangle is the upper one, and a block is its transpose.
    order, inner, how = (rows, columns, "T") if wide else (columns, rows, "N")
    assert (gram.shape, gram.dtype) == ((order, order), block.dtype), "a block must fit its Gram matrix"
    assert all(each.flags.c_contiguous for each in (gram, block)), "rows must lie one after another"
    _call("blas", "syrk", "U", how, order, inner, 1.0, block, columns, 1.0, gram, order, letter=_LETTERS[block.dtype])


def symmetric_eigenvalues(matrix: Float[np.ndarray, "k k"], *, overwrite: bool = False) -> Float64[np.ndarray, " k"]:
    """Eigenvalues, smallest first, of a symmetric matrix given by its lower triangle.

    Args:
        matrix: float32 or float64; the reduction to a tridiagonal matrix is done in this type.
        overwrite: whether the matrix may be destroyed, which spares a copy.
    """
    order, letter = len(matrix), _LETTERS[matrix.dtype]
    work = matrix if overwrite and matrix.flags.c_contiguous else np.array(matrix, order="C")
    diagonal, beside, scalars = np.empty((3, order), matrix.dtype)
    room, told = np.empty(order * _BLOCK, matrix.dtype), np.zeros(1, np.intc)
    _call("lapack", "sytrd", "U", order, work, order, diagonal, beside, scalars, room, room.size, told, letter=letter)
    assert told[0] == 0, f"sytrd refuses its argument {-told[0]}"
    values, beside = diagonal.astype(np.float64), beside.astype(np.float64)
    _call("lapack", "sterf", order, values, beside, told, letter="d")
    if told[0]:
        raise np.linalg.LinAlgError(f"{told[0]} eigenvalues did not converge")
    return values


def top_eigenvectors(
    matrix: Float64[np.ndarray, "k k"], count: int
) -> tuple[Float64[np.ndarray, " r"], Float64[np.ndarray, "k r"]]:
    """The largest eigenvalues, largest first, and their eigenvectors as columns.

    Args:
        matrix: symmetric, given by its lower triangle; left as it is.
        count: how many, at most k.
    """
    order, count = len(matrix), min(count, len(matrix))
    work, values, found = np.array(matrix, np.float64, order="C"), np.empty(order), np.zeros(1, np.intc)
    vectors, support = np.empty((count, order)), np.empty(2 * count, np.intc)
    room, indices, told = np.empty(order * _BLOCK), np.empty(10 * order, np.intc), np.zeros(1, np.intc)
    bounds = (0.0, 0.0, order - count + 1, order, 0.0)
    _call(
        "lapack", "syevr", "V", "I", "U", order, work, order, *bounds, found, values, vectors, order, support,
        room, room.size, indices, indices.size, told, letter="d",
    )  # fmt: skip
    if told[0]:
        raise np.linalg.LinAlgError("eigenvectors did not converge")
    return values[:count][::-1].copy(), vectors[::-1].T.copy()
