"""Rows that a footprint's records can hold, for samples: profiles, spread, directions, and matrices of any tower."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow import records

DEPTHS = tuple(round(i / 10, 1) for i in range(11))
AT = (1.0, 8.0)


def added(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A footprint's folder with more records."""
    records.write(pl.concat([records.read(folder), records.frame(list(rows))]), folder / "records.parquet")
    return folder


def only(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A footprint's folder with these records and no others."""
    records.write(records.frame(list(rows)), folder / "records.parquet")
    return folder


def told(folder: Path, name: str, **said: Any) -> Path:
    """A footprint's folder whose summary or manifest says something else."""
    path = folder / f"{name}.json"
    records.write_json(path, (records.read_json(path) if path.is_file() else {}) | said)
    return folder


def profile(tower: str = "language", stack: str | None = None, roles: tuple[str, ...] = ("all", "mlp.up"), size=0.1):
    """Relative change along the depth, beside an even one of 0.2."""
    for role in roles:
        for depth in DEPTHS:
            row = {"of": "profile", "tower": tower, "tensor": stack, "role": role, "depth": depth, "parameter": depth}
            value = {"value": size * (1 + depth), "null_random": 0.2, "unit": "share"}
            yield row | value | {"diagnostic": "relative_change_at_depth"}


def spread(effective: float = 3.1, groups: int = 4):
    """How widely a change is spread over layers, by energy and by relative change."""
    for suffix in ("", "_by_relative_change"):
        for name, value, even in (
            ("effective_layers", effective, float(groups)),
            ("effective_layers_share", effective / groups, 1.0),
            ("gini_of_layers", 0.4, 1e-17),
            ("depth_of_change", 0.7, 0.5),
        ):
            row = {"of": "model", "role": "blocks", "diagnostic": f"{name}{suffix}", "value": value, "unit": "-"}
            yield row | {"null_random": even, "method": "exp entropy"}


def directions(layers: int = 3, role: str = "mlp.up"):
    """What level 3 adds: of every layer and of the model, left and right."""
    places: list[dict[str, Any]] = [{"of": "model", "role": "blocks"}]
    for layer in range(layers):
        name = f"model.layers.{layer}.{role}.weight"
        place = {"of": "change", "tower": "language", "role": role, "layer": layer, "tensor": name}
        places.append(place | {"depth": layer / (layers - 1)})
    for place in places:
        for side in ("left", "right"):
            for r in AT:
                turned = {"side": side, "parameter": r, "null_random": r / 96}
                yield place | turned | {"diagnostic": "subspace_agreement", "value": 0.875, "unit": "share"}
                yield place | turned | {"diagnostic": "subspace_rotation", "value": 0.25, "unit": "radians"}
            new = {"side": side, "null_random": 0.5, "unit": "count"}
            yield place | new | {"diagnostic": "intruder_dimensions", "value": 3.0 if side == "left" else 1.0}
        for r in AT:
            row = {"diagnostic": "principal_overlap", "parameter": r, "value": 0.06, "null_random": 0.02}
            yield place | row | {"unit": "share"}


def matrix(name: str, layer: int | None, tower: str, role: str, value: float | None, **more: Any) -> dict[str, Any]:
    """One number of one matrix."""
    row = {"of": "change", "tensor": name, "tower": tower, "role": role, "layer": layer, "depth": layer}
    said = {"diagnostic": "stable_rank", "value": value, "unit": "dimensions", "method": "gram float32, lapack"}
    return row | said | more
