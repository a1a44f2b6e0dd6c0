"""What every test here asks of its input: a vector of finite numbers, long enough."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = ["checked", "spread"]

_LAST_BITS = 1e-10
"""Share of the largest difference below which a spread is what subtraction left in its last bits."""


def checked(values: Float64[np.ndarray, " n"], where: str, least: int) -> Float64[np.ndarray, " n"]:
    """The values, or a sentence that says what is wrong with them."""
    if len(values) < least:
        raise InputError(where, f"must hold at least {least} values but holds {len(values)}")
    if not np.isfinite(values).all():
        raise InputError(where, "must be finite but holds NaN or infinite values")
    return values


def spread(values: Float64[np.ndarray, " n"]) -> float:
    """Standard deviation (n - 1) of at least two values; zero where they differ in the last bits alone."""
    found = float(values.std(ddof=1))
    return 0.0 if found <= _LAST_BITS * float(np.abs(values).max()) else found
