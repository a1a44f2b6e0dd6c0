"""Scheme: bitsandbytes, whose codes of four bits index a table of values, and whose rows of int8 have one scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchshadow.checkpoints.checkpoint import STORED_AS, Checkpoint
from benchshadow.checkpoints.header import parse_object
from benchshadow.errors import InputError

from .claim import Claim, Rows, Settings, numbers, refused_claim, values_of

__all__ = ["claims"]

_STATE = ".quant_state.bitsandbytes__"
_TABLES = ("absmax", "quant_map", "nested_absmax", "nested_quant_map")


def claims(checkpoint: Checkpoint, settings: Settings, names: frozenset[str]) -> Iterator[Claim]:
    """Weights with a `quant_state` beside them (nf4, fp4), and weights of int8 with `SCB`."""
    del settings
    states = {name.partition(_STATE)[0]: name for name in checkpoint.names() if _STATE in name}
    for name in checkpoint.names():
        if name in states and checkpoint.dtype(name) == "U8":
            yield _four_bits(checkpoint, names, name, states[name])
        elif name.endswith(".weight") and checkpoint.dtype(name) == "I8":
            stem = name.removesuffix("weight")
            if f"{stem}SCB" in names:
                yield _eight_bits(checkpoint, names, name, f"{stem}SCB", f"{stem}weight_format")


def _four_bits(checkpoint: Checkpoint, names: frozenset[str], name: str, state: str) -> Claim:
    """Two codes in a byte, the high one first; every block of them is scaled by its largest magnitude."""
    kind = state.partition(_STATE)[2]
    auxiliary = {f"{name}.{each}": f"scales of {name!r}" for each in _TABLES if f"{name}.{each}" in names}
    auxiliary[state] = f"settings of {name!r}"
    try:
        told = parse_object(checkpoint.path, numbers(checkpoint, state).tobytes(), f"{state!r}")
        shape, size = _told(told)
    except InputError as error:
        return refused_claim(name, kind, name, auxiliary, f"its settings are not read: {error.problem}")
    if f"{name}.absmax" not in auxiliary or f"{name}.quant_map" not in auxiliary:
        return refused_claim(name, kind, name, auxiliary, "has no absmax or no quant_map")
    count = shape[0] * shape[1]
    held = int(np.prod(checkpoint.shape(name))), int(np.prod(checkpoint.shape(f"{name}.absmax")))
    if held != (-(-count // 2), -(-count // size)):
        return refused_claim(
            name, kind, name, auxiliary, f"holds {held[0]} bytes and {held[1]} scales for {count} values"
        )

    nested = f"{name}.nested_absmax" in names
    why = _broken(checkpoint, name, told, nested)
    if why:
        return refused_claim(name, kind, name, auxiliary, why)

    def matrix(part: int | None) -> Rows:
        del part
        scales, table = (
            _scales(checkpoint, name, told if nested else None),
            values_of(checkpoint, f"{name}.quant_map").astype(np.float32),
        )

        def rows(start: int, stop: int) -> np.ndarray:
            begin, end = start * shape[1], stop * shape[1]
            first, last = begin // 2, -(-end // 2)
            raw = numbers(checkpoint, name).reshape(-1)[first:last]
            codes = np.stack([raw >> 4, raw & 0xF], axis=-1).reshape(-1)[begin - 2 * first : end - 2 * first]
            values = table[codes]
            values *= scales[np.arange(begin, end) // size]
            return values.reshape(stop - start, shape[1])

        return rows

    return Claim(name, shape, kind, (name,), auxiliary, matrix)


def _broken(checkpoint: Checkpoint, name: str, told: dict[str, Any], nested: bool) -> str:
    """What keeps the tables from being looked up; empty where nothing does."""
    if checkpoint.shape(f"{name}.quant_map") != (16,):
        return "its quant_map must have 16 values"
    if not nested:
        return "its absmax must hold floats" if checkpoint.dtype(f"{name}.absmax") not in STORED_AS else ""
    size, offset = told.get("nested_blocksize"), told.get("nested_offset")
    if not isinstance(size, int) or size < 1 or not isinstance(offset, int | float):
        return "its settings lack nested_blocksize or nested_offset"
    blocks = -(-int(np.prod(checkpoint.shape(f"{name}.absmax"))) // size)
    fits = checkpoint.shape(f"{name}.nested_absmax") == (blocks,) and checkpoint.dtype(f"{name}.absmax") == "U8"
    return "" if fits and checkpoint.shape(f"{name}.nested_quant_map") == (256,) else "its nested tables do not fit"


def _told(told: dict[str, Any]) -> tuple[tuple[int, int], int]:
    shape, size = told.get("shape"), told.get("blocksize")
    if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise InputError("quant_state", f"shape must be two sides but is {shape!r}")
    if not isinstance(size, int) or size < 1:
        raise InputError("quant_state", f"blocksize must be a positive whole number but is {size!r}")
    return (shape[0], shape[1]), size


def _scales(checkpoint: Checkpoint, name: str, nested: dict[str, Any] | None) -> np.ndarray:
    """Largest magnitude of every block, quantised itself where the settings are nested."""
    if nested is None:
        return values_of(checkpoint, f"{name}.absmax").reshape(-1).astype(np.float32)
    table = values_of(checkpoint, f"{name}.nested_quant_map").reshape(-1)
    outer = values_of(checkpoint, f"{name}.nested_absmax").reshape(-1)
    codes = numbers(checkpoint, f"{name}.absmax").reshape(-1)
    block = np.arange(len(codes)) // int(nested["nested_blocksize"])
    return (table[codes] * outer[block] + np.float32(nested["nested_offset"])).astype(np.float32)


def _eight_bits(checkpoint: Checkpoint, names: frozenset[str], name: str, largest: str, form: str) -> Claim:
    """Rows of int8, 127 standing for the largest magnitude of the row."""
    auxiliary = {largest: f"scales of {name!r}"}
    if form in names:
        auxiliary[form] = f"settings of {name!r}"
        if checkpoint.dtype(form) != "U8" or numbers(checkpoint, form).any():
            return refused_claim(name, "int8 of bitsandbytes", name, auxiliary, "does not lie row by row")
    shape = checkpoint.shape(name)
    if len(shape) != 2 or checkpoint.shape(largest) != shape[:1]:
        return refused_claim(name, "int8 of bitsandbytes", name, auxiliary, f"its scales {largest!r} do not fit it")

    def matrix(part: int | None) -> Rows:
        del part
        scales = values_of(checkpoint, largest).astype(np.float32)[:, None] / np.float32(127)
        return lambda start, stop: numbers(checkpoint, name)[start:stop] * scales[start:stop]

    return Claim(name, shape, "int8 of bitsandbytes", (name,), auxiliary, matrix)
