"""Matrices whose spectra are known because they were built from them."""

from __future__ import annotations

import numpy as np

from benchshadow.spectra import ArraySource, measure_change, measure_matrix


def rotation(size, rng):
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


def planted(values, shape, rng):
    """A float64 matrix with these singular values and random directions."""
    r = len(values)
    left = np.linalg.qr(rng.standard_normal((shape[0], r)))[0]
    right = np.linalg.qr(rng.standard_normal((shape[1], r)))[0]
    return (left * np.asarray(values)) @ right.T


def to_bf16(array):
    """Round to the nearest bfloat16, ties to even; the values as float32."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    up = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return ((bits + up) & np.uint32(0xFFFF0000)).view(np.float32)


def bf16_pair(relative, shape, rng, *, both, scales=1.0, rank=8):
    """A bf16 pair with a change of one rank and relative size; the base exactly as stored, or rounded as well."""
    base = rng.standard_normal(shape) * 0.02 * scales
    if not both:
        base = to_bf16(base).astype(np.float64)
    change = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    change *= relative * np.linalg.norm(base) / np.linalg.norm(change)
    return ArraySource(to_bf16(base), "bfloat16"), ArraySource(to_bf16(base + change), "bfloat16")


def of_matrix(spectrum):
    return {(each.diagnostic, each.parameter): each for each in measure_matrix(spectrum)}


def of_change(update):
    return {(each.diagnostic, each.parameter, each.side): each for each in measure_change(update)}
