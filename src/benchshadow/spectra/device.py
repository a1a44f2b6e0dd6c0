"""The pass of `streaming` on an accelerator: blocks are moved there as they are stored, and summed there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .formats import FORMATS
from .source import MatrixSource
from .streaming import places, read_block
from .sums import Pass

__all__ = ["stream_on"]


def stream_on(
    device: str, sources: Sequence[MatrixSource], wanted: Sequence[str], scale: dict[str, float], kind: str
) -> Pass:
    """Read one matrix, or a base and a tuned one, once; the same sums as `streaming.stream`.

    Products are true float32 or float64 (TF32 is turned off); sums over blocks are float64. Gram matrices are left on
    the device.

    Args:
        device: as torch names it, or "torch:cpu".
        sources: the tuned matrix, or base and tuned.
        wanted: of which of base, tuned and change the Gram matrix is gathered.
        scale: from `scales`.
        kind: "float32" or "float64".
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    place_of, dtype = torch.device(device.removeprefix("torch:")), getattr(torch, kind)
    shape = sources[-1].shape
    done = Pass.empty(shape, kind, scale, len(sources), profiled=bool(wanted))
    short, wide = min(shape), shape[0] < shape[1]
    done.grams = {
        key: torch.zeros((short, short), dtype=dtype, device=place_of) for key in done.energy if key in wanted
    }
    if kind == "float32":
        done.diagonals = {key: torch.zeros(short, dtype=torch.float64, device=place_of) for key in done.grams}
    by_rows = not (wide and wanted)
    for place in places(shape, by_rows):
        parts: dict[str, Any] = {}
        for key, source in zip(done.sides, sources, strict=True):
            parts[key] = _moved(read_block(source, place, by_rows), place_of).to(dtype)
        _add_block(done, parts, [source.stored for source in sources], place, by_rows)
        for key, gram in done.grams.items():
            block = parts[key]
            gram.addmm_(block, block.T) if wide else gram.addmm_(block.T, block)
            if key in done.diagonals:
                done.diagonals[key] += (block * block).sum(1 if wide else 0, dtype=torch.float64)
    for key, diagonal in done.diagonals.items():
        done.grams[key].diagonal().copy_(diagonal)
    return done


def _moved(block: np.ndarray, place: Any) -> Any:
    """A block on the device, in its stored type."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        if block.dtype == np.uint16:
            held = torch.from_numpy(np.ascontiguousarray(block).view(np.int16))
            return held.to(place).view(torch.bfloat16)
        return torch.from_numpy(np.ascontiguousarray(block)).to(place)


def _add_block(done: Pass, parts: dict[str, Any], types: Sequence[str], place: slice, by_rows: bool) -> None:
    """Add one block to the energies, the counts and the profiles; leaves each part divided by its scale."""
    import torch

    zero = parts["tuned"] == 0
    if len(types) == 2:
        zero &= parts["base"] == 0
    powers = [_powers(parts[key], kind) * ~zero for key, kind in zip(done.sides, types, strict=True)]
    if len(types) == 2:
        parts["change"] = change = parts["tuned"] - parts["base"]
        done.equal += int((parts["tuned"] == parts["base"]).sum())
        slack = sum(
            power * 2.0 ** -(FORMATS[kind].fraction_bits + 1) for power, kind in zip(powers, types, strict=True)
        )
        done.within += int((change.abs() <= slack).sum())
    for key, power, kind in zip(done.sides, powers, types, strict=True):
        variance = (power * (2.0 ** -FORMATS[kind].fraction_bits / done.scale[key])) ** 2
        if key not in done.profiles:
            done.variance[key] += float(variance.sum(dtype=torch.float64)) / 12
            continue
        rows, columns = (place, slice(None)) if by_rows else (slice(None), place)
        done.profiles[key].rows[rows] += variance.sum(1).cpu().numpy() / 12
        done.profiles[key].columns[columns] += variance.sum(0).cpu().numpy() / 12
    for key in parts:
        parts[key] = part = parts[key] / done.scale[key]
        done.energy[key] += float((part * part).sum(dtype=torch.float64))


def _powers(part: Any, stored: str) -> Any:
    """Every magnitude rounded down to a power of two, at least the smallest normal one of the stored type."""
    import torch

    mantissa, exponent = torch.frexp(part)
    power = torch.ldexp(torch.ones_like(part), exponent - 1) * (mantissa != 0)
    return power.clamp_min(2.0 ** FORMATS[stored].smallest_exponent)
