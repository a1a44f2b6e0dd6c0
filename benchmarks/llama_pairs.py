"""A base and a tuned checkpoint in the layout of a Llama model: trained-looking weights and a change that decays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from layouts import Shape, told
from writer import Writer

__all__ = ["write_pair"]


def write_pair(folder: Path, shape: Shape, seed: int) -> tuple[Path, Path]:
    """Write `base` and `tuned` below a folder, tensor by tensor; a pair that is there already is kept."""
    base, tuned = folder / "base", folder / "tuned"
    mark = folder / "shape.json"
    said = json.dumps({**told(shape), "seed": seed}, sort_keys=True)
    if mark.is_file() and mark.read_text(encoding="utf-8") == said:
        return base, tuned
    mark.unlink(missing_ok=True)
    rng = np.random.default_rng(seed)
    with Writer(base, shape.tensors(), shape) as before, Writer(tuned, shape.tensors(), shape) as after:
        for name, sides in shape.tensors().items():
            weight = _weight(sides, rng)
            before.add(name, _raw(weight, shape.stored))
            weight += _change(weight, rng)
            after.add(name, _raw(weight, shape.stored))
    mark.write_text(said, encoding="utf-8")
    return base, tuned


def _weight(sides: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of standard deviation .02 and a few dozen directions above it, as in trained matrices."""
    if len(sides) == 1:
        return (1 + 0.1 * rng.standard_normal(sides)).astype(np.float32)
    noise = 0.02 * rng.standard_normal(sides, dtype=np.float32)
    noise += _decaying(sides, 3 * np.linalg.norm(noise) / np.sqrt(min(sides)), 64, 0.7, rng)
    return noise


def _change(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A change of about five hundredths of the norm: half of its directions, 512 at most, decay as 1/i over noise."""
    if weight.ndim == 1:
        return (0.001 * rng.standard_normal(weight.shape)).astype(np.float32)
    norm = 0.05 * float(np.linalg.norm(weight))
    noise = rng.standard_normal(weight.shape, dtype=np.float32) * (0.2 * norm / np.sqrt(weight.size))
    noise += _decaying(weight.shape, 0.75 * norm, min(min(weight.shape) // 2, 512), 1.0, rng)
    return noise


def _decaying(sides: tuple[int, ...], top: float, rank: int, power: float, rng: np.random.Generator) -> np.ndarray:
    """Random directions with singular values of about top / i^power."""
    values = np.arange(1, rank + 1) ** -power * top
    left = rng.standard_normal((sides[0], rank), dtype=np.float32) / np.float32(np.sqrt(sides[0]))
    right = rng.standard_normal((rank, sides[1]), dtype=np.float32) / np.float32(np.sqrt(sides[1]))
    return (left * values.astype(np.float32)) @ right


def _raw(values: np.ndarray, stored: str) -> np.ndarray:
    """Values as they lie on disk; bfloat16 rounds to nearest, ties to even."""
    if stored == "F32":
        return values.astype("<f4", copy=False)
    bits = np.ascontiguousarray(values, "<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
