"""The stored number types: the distance between neighbouring values (ulp) of every entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

__all__ = ["EXPONENT_BITS", "FORMATS", "StoredFormat", "ulp"]


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

EXPONENT_BITS = {np.dtype(np.float32): np.uint32(0x7F800000), np.dtype(np.float64): np.uint64(0x7FF0000000000000)}
"""The bits of the exponent in an array's own type: keeping only them rounds |x| down to a power of two."""


def ulp(values: Float[np.ndarray, "..."], stored: str) -> Float[np.ndarray, "..."]:
    """Unit in the last place of each entry in its stored type, in the entries' unit and the array's type.

    The gap between a value and the next larger one in magnitude: 2^(max(floor(log2 |x|), e_min) - fraction bits). Exact
    at powers of two; subnormal numbers and zero have the gap of the subnormal range.
    """
    kind = FORMATS[stored]
    values = np.ascontiguousarray(values)
    mask = EXPONENT_BITS[values.dtype]
    power = (values.view(mask.dtype) & mask).view(values.dtype)
    one = values.dtype.type
    np.maximum(power, one(2.0**kind.smallest_exponent), out=power)
    power *= one(2.0**-kind.fraction_bits)
    return power
