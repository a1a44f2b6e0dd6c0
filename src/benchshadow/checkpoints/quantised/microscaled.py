"""Scheme: floats of four bits (E2M1), two in a byte, with a scale for every 16 or 32: MXFP4 and NVFP4."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from benchshadow.checkpoints.checkpoint import Checkpoint

from .claim import Claim, Rows, Settings, raw_of, refused_claim, values_of
from .codes import FP4, nibbles, powers_of_two

__all__ = ["claims"]

# Endings of the packed weight, of the scales, and of a scale of the whole tensor with whether it divides:
# compressed-tensors divides by its global scale, ModelOpt multiplies by its own.
_LAYOUTS = (
    ("weight_packed", "weight_scale", "weight_global_scale", True),
    ("weight", "weight_scale", "weight_scale_2", False),
)


def claims(checkpoint: Checkpoint, settings: Settings, names: frozenset[str]) -> Iterator[Claim]:
    """Expert stacks of gpt-oss (`..._blocks`, `..._scales`), and linear layers of compressed-tensors and ModelOpt."""
    del settings
    for name in checkpoint.names():
        if checkpoint.dtype(name) != "U8":
            continue
        stem = name.removesuffix("_blocks")
        if stem != name and f"{stem}_scales" in names:
            yield _stack(checkpoint, stem, name, f"{stem}_scales")
            continue
        for packed, scale, whole, divides in _LAYOUTS:
            module = name.removesuffix(packed)
            if module != name and module + scale in names and (packed != "weight" or module + whole in names):
                whole = module + whole if module + whole in names else None
                yield _linear(checkpoint, f"{module}weight", name, module + scale, whole, divides)
                break


def _stack(checkpoint: Checkpoint, name: str, blocks: str, scales: str) -> Claim:
    """Experts x outputs x groups x 16 bytes; presented as in the unquantised checkpoint, experts x inputs x outputs."""
    auxiliary = {scales: f"scales of {name!r}"}
    shape, sides = checkpoint.shape(blocks), checkpoint.shape(scales)
    if len(shape) != 4 or shape[:3] != sides or checkpoint.dtype(scales) != "U8":
        return refused_claim(name, "MXFP4", blocks, auxiliary, f"its blocks {shape} and scales {sides} do not fit")
    experts, outputs, groups, width = shape

    def matrix(part: int | None) -> Rows:
        def rows(start: int, stop: int) -> np.ndarray:
            first, last = start // (2 * width), -(-stop // (2 * width))
            values = FP4[nibbles(raw_of(checkpoint, blocks)[part, :, first:last])]
            values *= powers_of_two(raw_of(checkpoint, scales)[part, :, first:last])[:, :, None]
            flat = values.reshape(outputs, -1)
            skipped = first * 2 * width
            return np.ascontiguousarray(flat[:, start - skipped : stop - skipped].T)

        return rows

    return Claim(name, (experts, groups * width * 2, outputs), "MXFP4", (blocks,), auxiliary, matrix)


def _linear(checkpoint: Checkpoint, name: str, packed: str, scale: str, whole: str | None, divides: bool) -> Claim:
    """Outputs x bytes, with a scale for every 16 (a float of eight bits) or 32 (a power of two) inputs."""
    scheme, group = ("MXFP4", 32) if whole is None else ("NVFP4", 16)
    auxiliary = {each: f"scales of {name!r}" for each in (scale, whole) if each is not None}
    shape, sides = checkpoint.shape(packed), checkpoint.shape(scale)
    if len(shape) != 2 or 2 * shape[1] % group or sides != (shape[0], 2 * shape[1] // group):
        return refused_claim(name, scheme, packed, auxiliary, f"its bytes {shape} and scales {sides} do not fit")
    matrix = partial(_linear_rows, checkpoint, packed, scale, whole, divides, group)
    return Claim(name, (shape[0], 2 * shape[1]), scheme, (packed,), auxiliary, matrix)


def _linear_rows(
    checkpoint: Checkpoint, packed: str, scale: str, whole: str | None, divides: bool, group: int, part: int | None
) -> Rows:
    del part
    scales = values_of(checkpoint, scale, bytes_are_powers=True)
    if whole is not None:
        factor = values_of(checkpoint, whole).reshape(-1)[0]
        scales = scales / factor if divides else scales * factor

    def rows(start: int, stop: int) -> np.ndarray:
        values = FP4[nibbles(raw_of(checkpoint, packed)[start:stop])]
        values *= np.repeat(scales[start:stop], group, axis=1)
        return values

    return rows
