"""The top singular vectors of a matrix from its Gram matrix and one more pass over its blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["top_vectors"]


def top_vectors(
    gram: np.ndarray,
    again: Callable[[], Iterator[np.ndarray]],
    shape: tuple[int, int],
    count: int,
    *,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Left and right singular vectors as columns, largest first; fewer than `count` where the rank is lower.

    Vectors of the shorter side are eigenvectors of the Gram matrix (ARPACK from a seeded start, or all of them where
    that is quicker); those of the longer side are the matrix times them, one pass.

    Args:
        gram: lower triangle of the Gram matrix of the shorter side.
        again: gives the blocks of the matrix once more.
        shape: of the matrix.
        count: how many are wanted.
        rng: draws the start vector.
    """
    short = len(gram)
    count = min(count, short)
    if not gram.diagonal().any():
        return np.zeros((shape[0], 0)), np.zeros((shape[1], 0))
    if short <= 4 * count:
        eigenvalues, vectors = np.linalg.eigh(gram, UPLO="L")
    else:
        from scipy.sparse.linalg import eigsh  # a third of the room's time to import

        whole = np.tril(gram) + np.tril(gram, -1).T
        eigenvalues, vectors = eigsh(whole, k=count, v0=rng.standard_normal(short))
    order = np.argsort(eigenvalues)[::-1][:count]
    eigenvalues, vectors = eigenvalues[order], vectors[:, order]
    kept = eigenvalues > eigenvalues[0] * max(shape) * np.finfo(np.float64).eps
    values, inner = np.sqrt(eigenvalues[kept]), np.ascontiguousarray(vectors[:, kept])
    wide = shape[0] < shape[1]
    outer = np.vstack([(block.T if wide else block) @ inner for block in again()]) / values
    return (inner, outer) if wide else (outer, inner)
