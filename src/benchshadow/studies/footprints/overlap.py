"""How much two changes of one model have in common, matrix by matrix, from the directions that footprints kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from benchshadow.errors import InputError
from benchshadow.spectra.directions import Vectors
from benchshadow.spectra.subspaces import change_overlap

__all__ = ["DIRECTIONS", "overlap", "write_directions"]

DIRECTIONS = "directions.safetensors"
"""The top singular vectors of every change, float32: tensor by name, with .values, .left and .right."""
_PARTS = ("values", "left", "right")
OVERLAPS: dict[str, Any] = {
    "tensor": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "expected": pl.Float64,
    "deviation": pl.Float64,
    "reason": pl.String,  # why there is no value
}


def write_directions(path: Path, vectors: Mapping[str, Vectors]) -> None:
    """Write the top singular vectors of every change."""
    arrays = {
        f"{name}.{part}": np.ascontiguousarray(getattr(each, part), dtype=np.float32)
        for name, each in vectors.items()
        for part in _PARTS
    }
    path.write_bytes(save(arrays))


def overlap(first: Path, second: Path, *, top: int = 32) -> pl.DataFrame:
    """Overlaps of two changes, arm against arm or seed against seed, for every matrix that both footprints kept.

    One row per tensor and measure ("left", "right", "left_energy", "right_energy", "cosine"): its value, and the mean
    and standard deviation for changes with the same singular values in random directions. A tensor that cannot be
    compared has one row with the reason. The numbers know only the directions that were kept, at most 32 on a side.

    Args:
        first: folder of a footprint of level 3.
        second: another.
        top: number of directions compared.

    Raises:
        InputError: a folder keeps no directions, or the two share no tensor.
    """
    rows: list[tuple[Any, ...]] = []
    with _opened(first) as one, _opened(second) as other:
        here, there = _names(one), _names(other)
        for name in dict.fromkeys((*here, *there)):
            if name not in here or name not in there:
                rows.append((name, None, None, None, None, f"only {first if name in here else second} has it"))
                continue
            changes = [
                tuple(file.get_tensor(f"{name}.{part}").astype(np.float64)[..., :top] for part in _PARTS)
                for file in (one, other)
            ]
            why = _why_not(*changes)
            if why:
                rows.append((name, None, None, None, None, why))
                continue
            found = change_overlap(*changes)
            for measure in ("left", "right", "left_energy", "right_energy", "cosine"):
                each = getattr(found, measure)
                rows.append((name, measure, each.value, each.expected, each.deviation, None))
    if all(row[1] is None for row in rows):
        raise InputError(second, f"must share at least one tensor with {first} but shares none")
    return pl.DataFrame(rows, schema=OVERLAPS, orient="row")


def _names(file: Any) -> list[str]:
    return [key.removesuffix(".values") for key in file.keys() if key.endswith(".values")]  # noqa: SIM118 (no mapping)


def _why_not(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> str:
    """Why two changes cannot be compared; empty where they can."""
    if any(len(one[side]) != len(other[side]) for side in (1, 2)):
        return "the two have other shapes"
    return "" if len(one[0]) and len(other[0]) else "one of the changes is zero"


def _opened(folder: Path):
    path = Path(folder) / DIRECTIONS
    if not path.is_file():
        raise InputError(
            path, "no such file", "make the footprint with --level 3, or keep trajectory.directions in the study"
        )
    try:
        return safe_open(path, "np")
    except SafetensorError as error:
        raise InputError(path, f"must hold directions but is not a safetensors file ({error})") from error
