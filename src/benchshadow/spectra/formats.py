"""The stored number types: the distance between neighbouring values (ulp) of every entry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

__all__ = ["FORMATS", "StoredFormat", "constant", "floor_power", "ulp"]


@dataclass(frozen=True)
class StoredFormat:
    """A binary floating-point type: explicit bits of its fraction, and the exponent of its smallest normal number."""

    fraction_bits: int
    smallest_exponent: int


FORMATS = {
    "float64": StoredFormat(52, -1022),
    "float32": StoredFormat(23, -126),
    "bfloat16": StoredFormat(7, -126),
    "float16": StoredFormat(10, -14),
}
"""IEEE 754 binary64, binary32, binary16, and bfloat16 (binary32 cut to 16 bits)."""

_EXPONENT_BITS = {np.dtype(np.float32): np.uint32(0x7F800000), np.dtype(np.float64): np.uint64(0x7FF0000000000000)}
# The bits of the exponent in an array's own type: keeping only them rounds |x| down to a power of two.


def ulp(values: Float[np.ndarray, "..."], stored: str) -> Float[np.ndarray, "..."]:
    """Unit in the last place of each entry in its stored type, in the entries' unit and the array's type.

    The gap between a value and the next larger one in magnitude: 2^(max(floor(log2 |x|), e_min) - fraction bits). Exact
    at powers of two; subnormal numbers and zero have the gap of the subnormal range.
    """
    values = np.ascontiguousarray(values)
    found = floor_power(values, stored, np.empty_like(values))
    found *= found.dtype.type(2.0 ** -FORMATS[stored].fraction_bits)
    return found


def floor_power(values: np.ndarray, stored: str, out: np.ndarray) -> np.ndarray:
    """Every magnitude rounded down to a power of two, at least the smallest normal one: ulp x 2^(fraction bits)."""
    mask = _EXPONENT_BITS[values.dtype]
    np.bitwise_and(values.view(mask.dtype), mask, out=out.view(mask.dtype))
    # With a row NumPy's maximum runs several times as fast as with a number.
    return np.maximum(out, constant(2.0 ** FORMATS[stored].smallest_exponent, out.shape[-1:], out.dtype), out=out)


@lru_cache(maxsize=64)
def constant(value: float, shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """An array of one number, made once and not to be written to."""
    array = np.full(shape, value, kind)
    array.setflags(write=False)
    return array
