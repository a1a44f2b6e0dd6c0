"""Scheme: numbers of eight bits (fp8, int8), each times the scale of its block, its row or its tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from benchshadow.checkpoints.checkpoint import Checkpoint

from .claim import Claim, Rows, Settings, raw_of, refused_claim, values_of
from .codes import FLOAT8, float8

__all__ = ["claims"]

_SCALES = ("_scale_inv", "_scale")
_POINT = "_zero_point"


def claims(checkpoint: Checkpoint, settings: Settings, names: frozenset[str]) -> Iterator[Claim]:
    """Weights of eight bits that have scales beside them.

    `weight_scale_inv` (DeepSeek-V3) is multiplied, whatever it is called, and so is `weight_scale` (compressed-tensors,
    FBGEMM, ModelOpt). The scales of a tensor broadcast against it: one for all, one for a row, one for a block.
    """
    for name in checkpoint.names():
        kind = checkpoint.dtype(name)
        scale = next((name + end for end in _SCALES if name + end in names), None)
        if scale is None or (kind not in FLOAT8 and kind != "I8"):
            continue
        point = name + _POINT if name + _POINT in names else None
        yield _claim(checkpoint, settings, name, scale, point)


def _claim(checkpoint: Checkpoint, settings: Settings, name: str, scale: str, point: str | None) -> Claim:
    shape, kind = checkpoint.shape(name), checkpoint.dtype(name)
    scheme = {"I8": "int8"}.get(kind, "fp8") + " with scales"
    auxiliary = {scale: f"scales of {name!r}"} | ({point: f"zero points of {name!r}"} if point else {})
    sides = checkpoint.shape(scale)
    blocks = _blocks(shape, sides, _block_size(settings))
    if blocks is None or len(shape) not in (2, 3):
        both = " and ".join(" x ".join(map(str, each)) or "one" for each in (sides, shape))
        return refused_claim(name, scheme, name, auxiliary, f"its scales do not fit it: {both}")
    powers = "mxfp8" in str(settings.get("format", ""))
    matrix = partial(_matrix, checkpoint, name, scale, point, blocks, powers)
    said = {1: "one scale"}.get(int(np.prod(sides)), f"{' x '.join(map(str, sides))} scales")
    return Claim(name, shape, scheme.replace("scales", said), (name,), auxiliary, matrix)


def _block_size(settings: Settings) -> tuple[int, ...] | None:
    """Sides of a block, as DeepSeek's and compressed-tensors' configurations give them."""
    size = settings.get("weight_block_size")
    groups = settings.get("config_groups")
    if size is None and isinstance(groups, dict) and len(groups) == 1:
        weights = next(iter(groups.values())).get("weights") or {}
        size = weights.get("block_structure") or (weights.get("group_size") and (1, weights["group_size"]))
    if isinstance(size, list | tuple) and all(isinstance(side, int) and side > 0 for side in size):
        return tuple(size)
    return None


def _blocks(shape: Sequence[int], scales: Sequence[int], size: Sequence[int] | None) -> tuple[int, ...] | None:
    """How many neighbours share a scale, along every side of the weight; None where the scales do not fit.

    A side with one scale for each entry has blocks of 1. Blocks of the size that the settings give come first; without
    them a side is divided into equal blocks, or belongs to one.
    """
    if int(np.prod(scales)) == 1:
        return tuple(max(side, 1) for side in shape)
    scales = (*scales, *(1 for _ in range(len(shape) - len(scales))))
    if len(scales) != len(shape):
        return None
    found = []
    given = (*(1 for _ in range(len(shape) - len(size))), *size) if size else (0,) * len(shape)
    for side, count, block in zip(shape, scales, given, strict=True):
        if block > 1 and count == -(-side // block):
            found.append(block)
        elif count == 1:
            found.append(max(side, 1))
        elif count == side:
            found.append(1)
        elif size is None and count and side % count == 0:
            found.append(side // count)
        else:
            return None
    return tuple(found)


def _matrix(
    checkpoint: Checkpoint,
    name: str,
    scale: str,
    point: str | None,
    blocks: tuple[int, ...],
    powers: bool,
    part: int | None,
) -> Rows:
    """Rows of the weight, or of one matrix of a stack."""
    shape, kind = checkpoint.shape(name), checkpoint.dtype(name)
    scales = _spread(values_of(checkpoint, scale, bytes_are_powers=powers), shape, blocks, part)
    zeros = None
    if point is not None:
        whole = checkpoint.dtype(point)[:1] in "IU"
        held = raw_of(checkpoint, point) if whole else values_of(checkpoint, point)
        zeros = _spread(held, shape, blocks, part)
    height, columns = blocks[-2], np.arange(shape[-1]) // blocks[-1]

    def rows(start: int, stop: int) -> np.ndarray:
        stored = raw_of(checkpoint, name)
        stored = (stored if part is None else stored[part])[start:stop]
        values = float8(kind)[stored] if kind in FLOAT8 else stored.astype(np.float32)
        grid = np.ix_(np.arange(start, stop) // height, columns)
        if zeros is not None:
            values -= zeros[grid]
        values *= scales[grid]
        return values

    return rows


def _spread(scales: np.ndarray, shape: tuple[int, ...], blocks: tuple[int, ...], part: int | None) -> np.ndarray:
    """The scales as blocks of rows x blocks of columns, of one matrix."""
    counts = [-(-side // block) for side, block in zip(shape, blocks, strict=True)]
    grid = scales.astype(np.float32).reshape(counts)
    return grid if part is None else grid[part // blocks[0]]
