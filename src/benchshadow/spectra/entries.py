"""What is summed entry by entry, on strips whose working copies stay in the caches: energies, counts, rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .formats import FORMATS, constant, floor_power
from .sums import Pass
from .workspace import Workspace

__all__ = ["STRIP", "add_strip", "widen"]

STRIP = 1 << 18
"""Entries of a strip."""
_PIECE = 1 << 13


def widen(block: np.ndarray, out: np.ndarray) -> None:
    """Copy stored values into a float buffer, exactly; bfloat16 bits are the upper half of a float32's."""
    if block.dtype != np.uint16:
        np.copyto(out, block)
    elif out.dtype == np.float32:
        np.left_shift(block, 16, out=out.view(np.uint32), dtype=np.uint32, casting="unsafe")
    else:
        out[...] = (block.astype(np.uint32) << 16).view(np.float32)


def add_strip(
    done: Pass,
    parts: dict[str, np.ndarray],
    types: Sequence[str],
    where: tuple[slice, slice],
    space: Workspace,
) -> None:
    """Add one strip to a pass; leaves each part divided by its scale.

    Args:
        done: what is added to.
        parts: the strip of every side, widened, and room for that of the change.
        types: stored types of the sides.
        where: rows and columns of the matrix that the strip covers.
        space: working memory.
    """
    powers = [
        floor_power(parts[key], kind, space.array(f"power {key}", parts[key].shape, parts[key].dtype))
        for key, kind in zip(done.sides, types, strict=True)
    ]
    if parts["tuned"].dtype == np.float64 or "float16" in types:
        _forget_zeros(parts, done.sides, powers)
    if "change" in parts:
        _compare(done, parts, powers, types, space)
    for key, power, kind in zip(done.sides, powers, types, strict=True):
        if key in done.profiles:
            power *= power.dtype.type(2.0 ** -FORMATS[kind].fraction_bits / done.scale[key])
            power *= power
            rows, columns = where
            done.profiles[key].rows[rows] += power @ constant(1.0, power.shape[1:], power.dtype) / 12
            done.profiles[key].columns[columns] += constant(1.0, power.shape[:1], power.dtype) @ power / 12
        else:
            if done.scale[key] != 1.0:
                power /= done.scale[key]
            flat = power.reshape(-1)
            done.variance[key] += float(np.dot(flat, flat)) * 4.0 ** -FORMATS[kind].fraction_bits / 12
    for key, part in parts.items():
        if done.scale[key] != 1.0:
            part /= done.scale[key]
        if key in done.diagonals:
            _add_diagonal(done, key, part, where, space)
        else:
            done.energy[key] += _square(part)


def _add_diagonal(done: Pass, key: str, part: np.ndarray, where: tuple[slice, slice], space: Workspace) -> None:
    """Add the sums of squares of the lines of the short side."""
    squares = np.multiply(part, part, out=space.array("squares", part.shape, part.dtype))
    rows, columns = where
    wide = done.shape[0] < done.shape[1]
    done.diagonals[key][rows if wide else columns] += squares.sum(axis=1 if wide else 0, dtype=np.float64)


def _square(part: np.ndarray) -> float:
    """Sum of the squares, in pieces: the rounding of equal terms adds up with their number."""
    flat = part.reshape(-1)
    total = 0.0
    for start in range(0, len(flat), _PIECE):
        piece = flat[start : start + _PIECE]
        total += float(np.dot(piece, piece))
    return total


def _compare(
    done: Pass, parts: dict[str, np.ndarray], powers: Sequence[np.ndarray], types: Sequence[str], space: Workspace
) -> None:
    """Fill in the change, and count the entries that are equal, and those that rounding could have moved."""
    flags = space.array("flags", parts["tuned"].shape, np.bool_)
    change = np.subtract(parts["tuned"], parts["base"], out=parts["change"])
    moved = int(np.count_nonzero(np.not_equal(parts["tuned"], parts["base"], out=flags)))
    done.equal += change.size - moved
    if not moved:
        done.within += change.size
        return
    slack, size = (space.array(name, change.shape, change.dtype) for name in ("slack", "size"))
    half = [change.dtype.type(2.0 ** -(FORMATS[kind].fraction_bits + 1)) for kind in types]
    if half[0] == half[1]:
        np.add(*powers, out=slack)
        slack *= half[0]
    else:
        np.add(np.multiply(powers[0], half[0], out=slack), np.multiply(powers[1], half[1], out=size), out=slack)
    np.abs(change, out=size)
    done.within += int(np.count_nonzero(np.less_equal(size, slack, out=flags)))


def _forget_zeros(parts: dict[str, np.ndarray], sides: Sequence[str], powers: Sequence[np.ndarray]) -> None:
    """Entries that are zero on every side were not rounded.

    In float32 the square of the smallest ulp vanishes by itself, but for float16's.
    """
    held = parts[sides[0]] != 0
    for key in sides[1:]:
        held |= parts[key] != 0
    for power in powers:
        power *= held
