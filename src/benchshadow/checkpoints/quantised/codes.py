"""What stored numbers of few bits stand for: floats of eight and four bits, powers of two, packed words."""

from __future__ import annotations

from functools import cache

import numpy as np

__all__ = ["FLOAT8", "FP4", "float8", "nibbles", "powers_of_two", "unpacked"]

# Bits of exponent, of fraction, and bias; whether the largest exponent holds infinities as in IEEE 754.
# Micikevicius et al., FP8 formats for deep learning (2022); the FNUZ kinds are those of Graphcore and AMD.
FLOAT8 = {
    "F8_E4M3": (4, 3, 7, False),
    "F8_E5M2": (5, 2, 15, True),
    "F8_E4M3FNUZ": (4, 3, 8, False),
    "F8_E5M2FNUZ": (5, 2, 16, False),
}

FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
"""The sixteen values of E2M1, by code (Open Compute Project, Microscaling formats 1.0, 2023)."""


@cache
def float8(code: str) -> np.ndarray:
    """The 256 values of a float of eight bits, by byte, as float32."""
    exponent_bits, fraction_bits, bias, ieee = FLOAT8[code]
    byte = np.arange(256)
    sign = np.where(byte & 0x80, -1.0, 1.0)
    exponent = (byte >> fraction_bits) & (2**exponent_bits - 1)
    fraction = (byte & (2**fraction_bits - 1)) / 2**fraction_bits
    normal = np.ldexp(1 + fraction, exponent - bias)
    values = sign * np.where(exponent == 0, np.ldexp(fraction, 1 - bias), normal)
    if code.endswith("FNUZ"):
        values[0x80] = np.nan
    elif ieee:
        special = exponent == 2**exponent_bits - 1
        values[special] = np.where(fraction[special] == 0, sign[special] * np.inf, np.nan)
    else:
        values[[0x7F, 0xFF]] = np.nan
    table = values.astype(np.float32)
    table.flags.writeable = False
    return table


def powers_of_two(raw: np.ndarray) -> np.ndarray:
    """Scales of the type E8M0 as float32: 2^(byte - 127), and NaN for 255."""
    return _powers()[raw]


@cache
def _powers() -> np.ndarray:
    table = np.ldexp(np.float64(1), np.arange(256) - 127)
    table[255] = np.nan
    return table.astype(np.float32)


def nibbles(raw: np.ndarray) -> np.ndarray:
    """The two numbers of four bits of every byte along the last axis, the low ones first."""
    return np.stack([raw & 0xF, raw >> 4], axis=-1).reshape(*raw.shape[:-1], 2 * raw.shape[-1])


def unpacked(words: np.ndarray, bits: int) -> np.ndarray:
    """Whole numbers of 1 to 8 bits that lie one after the other in words of 32 along the last axis, low bits first.

    A number may begin in one word and end in the next, as those of three bits do.

    Args:
        words: rows x words, of 32 bits.
        bits: of one number.

    Returns:
        rows x (32 words / bits), whatever is left over cut off.
    """
    words = np.ascontiguousarray(words).view(np.uint32)
    if 32 % bits == 0:
        shifts = np.arange(0, 32, bits, dtype=np.uint32)
        values = (words[..., None] >> shifts) & np.uint32(2**bits - 1)
        return values.astype(np.uint8).reshape(*words.shape[:-1], words.shape[-1] * (32 // bits))
    stream = np.unpackbits(words.astype("<u4").view(np.uint8), axis=-1, bitorder="little")
    count = stream.shape[-1] // bits
    stream = stream[..., : count * bits].reshape(*words.shape[:-1], count, bits)
    return stream @ (1 << np.arange(bits)).astype(np.uint8)
