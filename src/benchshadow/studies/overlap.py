"""How much two changes of one model have in common, matrix by matrix, from the directions that footprints kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from benchshadow.errors import InputError
from benchshadow.spectra import Directions
from benchshadow.spectra.subspaces import change_overlap

__all__ = ["DIRECTIONS", "overlap", "write_directions"]

DIRECTIONS = "directions.safetensors"
"""The top singular vectors of every change, float32: tensor by name, with .values, .left and .right."""
_PARTS = ("values", "left", "right")


def write_directions(path: Path, directions: Mapping[str, Directions]) -> None:
    """Write the top singular vectors of every change."""
    arrays = {
        f"{name}.{part}": np.ascontiguousarray(getattr(each.change, part), dtype=np.float32)
        for name, each in directions.items()
        for part in _PARTS
    }
    path.write_bytes(save(arrays))


def overlap(first: Path, second: Path, *, top: int = 32) -> pl.DataFrame:
    """Overlaps of two changes, arm against arm or seed against seed, for every matrix that both footprints kept.

    One row per tensor and measure ("left", "right", "left_energy", "right_energy", "cosine"): its value, and the mean
    and standard deviation for changes with the same singular values in random directions. It knows only the directions
    that were kept, at most 32 on a side.

    Args:
        first: folder of a footprint of level 3.
        second: another.
        top: number of directions compared.

    Raises:
        InputError: a folder keeps no directions, or the two share no tensor.
    """
    rows = []
    with _opened(first) as one, _opened(second) as other:
        names = [key.removesuffix(".values") for key in one.keys() if key.endswith(".values")]  # noqa: SIM118
        there = set(other.keys())
        for name in names:
            if f"{name}.values" not in there:
                continue
            changes = [
                tuple(file.get_tensor(f"{name}.{part}").astype(np.float64)[..., :top] for part in _PARTS)
                for file in (one, other)
            ]
            if any(len(changes[0][side]) != len(changes[1][side]) for side in (1, 2)):
                continue
            found = change_overlap(*changes)
            for measure in ("left", "right", "left_energy", "right_energy", "cosine"):
                each = getattr(found, measure)
                rows.append((name, measure, each.value, each.expected, each.deviation))
    if not rows:
        raise InputError(second, f"must share at least one tensor with {first} but shares none")
    columns = ("tensor", "measure", "value", "expected", "deviation")
    return pl.DataFrame(rows, schema=columns, orient="row")


def _opened(folder: Path):
    path = Path(folder) / DIRECTIONS
    if not path.is_file():
        raise InputError(path, "no such file", "make the footprint with --level 3")
    try:
        return safe_open(path, "np")
    except SafetensorError as error:
        raise InputError(path, f"must hold directions but is not a safetensors file ({error})") from error
