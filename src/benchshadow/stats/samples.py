"""What every test here asks of its input: a vector of finite numbers, long enough."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = ["checked"]


def checked(values: Float64[np.ndarray, " n"], where: str, least: int) -> Float64[np.ndarray, " n"]:
    """The values, or a sentence that says what is wrong with them."""
    if len(values) < least:
        raise InputError(where, f"must hold at least {least} values but holds {len(values)}")
    if not np.isfinite(values).all():
        raise InputError(where, "must be finite but holds NaN or infinite values")
    return values
