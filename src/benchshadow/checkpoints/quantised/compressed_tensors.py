"""Scheme: rows of whole numbers packed in words without gaps, as compressed-tensors stores them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchshadow.checkpoints.checkpoint import Checkpoint

from .claim import Claim, Rows, Settings, group_numbers, numbers, refused_claim, values_of
from .codes import unpacked

__all__ = ["claims"]

_KEPT = {"weight_zero_point": "zero points", "weight_g_idx": "groups", "weight_shape": "shape"}


def claims(checkpoint: Checkpoint, settings: Settings, names: frozenset[str]) -> Iterator[Claim]:
    """Weights whose `weight_packed` holds words and has `weight_scale` beside it."""
    for name in checkpoint.names():
        module, _, last = name.rpartition(".")
        if last == "weight_packed" and checkpoint.dtype(name) == "I32" and f"{module}.weight_scale" in names:
            yield _compressed(checkpoint, settings, names, module, name)


def _compressed(checkpoint: Checkpoint, settings: Settings, names: frozenset[str], module: str, stored: str) -> Claim:
    """Compressed-tensors: rows of numbers, 2^(bits - 1) added to each; zero points packed along the rows."""
    name, scale = f"{module}.weight", f"{module}.weight_scale"
    held = {f"{module}.{end}": f"{what} of {name!r}" for end, what in _KEPT.items()}
    auxiliary = {scale: f"scales of {name!r}"} | {each: what for each, what in held.items() if each in names}
    shape, sides = f"{module}.weight_shape", checkpoint.shape(scale)
    if shape not in auxiliary or checkpoint.shape(shape) != (2,):
        return refused_claim(name, "packed integers", stored, auxiliary, "has no weight_shape")
    rows, columns = (int(side) for side in numbers(checkpoint, shape))
    bits = _bits(settings, checkpoint.shape(stored), rows, columns)
    grouped = f"{module}.weight_g_idx" in auxiliary
    if (
        bits is None
        or len(sides) != 2
        or sides[0] not in (1, rows)
        or not sides[1]
        or (columns % sides[1] and not grouped)
    ):
        return refused_claim(name, "packed integers", stored, auxiliary, "the shapes of its tensors do not fit")
    point = f"{module}.weight_zero_point"

    def matrix(part: int | None) -> Rows:
        del part
        group = np.arange(columns) // max(columns // sides[1], 1)
        if grouped:
            group = group_numbers(checkpoint, f"{module}.weight_g_idx", sides[1])
        scales = np.broadcast_to(values_of(checkpoint, scale), (rows, sides[1]))
        zeros = np.zeros((1, sides[1]), np.float32)
        if point in auxiliary:
            zeros = unpacked(numbers(checkpoint, point).T, bits).T[:rows].astype(np.float32) - 2 ** (bits - 1)
        zeros = np.broadcast_to(zeros, (rows, sides[1]))

        def block(start: int, stop: int) -> np.ndarray:
            values = unpacked(numbers(checkpoint, stored)[start:stop], bits)[:, :columns].astype(np.float32)
            values -= 2 ** (bits - 1)
            values -= zeros[start:stop, group]
            values *= scales[start:stop, group]
            return values

        return block

    return Claim(name, (rows, columns), f"packed integers of {bits} bits", (stored,), auxiliary, matrix)


def _bits(settings: Settings, packed: tuple[int, ...], rows: int, columns: int) -> int | None:
    """Bits of a number: the one of the settings with which the words fit, or the only one with which they do."""
    if len(packed) != 2 or packed[0] != rows:
        return None
    groups = settings.get("config_groups")
    named = (
        [(group.get("weights") or {}).get("num_bits") for group in groups.values()] if isinstance(groups, dict) else []
    )
    fitting = [bits for bits in range(1, 9) if packed[1] == -(-columns * bits // 32)]
    told = [bits for bits in fitting if bits in named]
    found = told or fitting
    return found[0] if len(found) == 1 else None
