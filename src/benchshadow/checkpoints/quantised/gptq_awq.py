"""Scheme: whole numbers of 2 to 8 bits packed in words, with scales and zero points for groups: GPTQ and AWQ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchshadow.checkpoints.checkpoint import Checkpoint

from .claim import Claim, Rows, Settings, group_numbers, numbers, refused_claim, values_of
from .codes import unpacked

__all__ = ["claims"]

# Numbers of four bits lie in AWQ's words in the order 0 2 4 6 1 3 5 7; this puts them back.
_AWQ_BACK = [0, 4, 1, 5, 2, 6, 3, 7]


def claims(checkpoint: Checkpoint, settings: Settings, names: frozenset[str]) -> Iterator[Claim]:
    """Weights whose `qweight` has `scales` beside it."""
    for name in checkpoint.names():
        if checkpoint.dtype(name) != "I32":
            continue
        module, _, last = name.rpartition(".")
        if last == "qweight" and f"{module}.scales" in names:
            yield _quantised(checkpoint, settings, names, module, name)


@dataclass(frozen=True)
class _Parts:
    """The stored tensors of one module."""

    weight: str
    scales: str
    zeros: str
    groups: str | None


def _quantised(checkpoint: Checkpoint, settings: Settings, names: frozenset[str], module: str, stored: str) -> Claim:
    """GPTQ packs neighbouring inputs into a word, AWQ neighbouring outputs."""
    groups = f"{module}.g_idx"
    groups = groups if groups in names and checkpoint.shape(groups) != (0,) else None
    parts = _Parts(stored, f"{module}.scales", f"{module}.qzeros", groups)
    name = f"{module}.weight"
    auxiliary = {parts.scales: f"scales of {name!r}"}
    if parts.zeros in names:
        auxiliary[parts.zeros] = f"zero points of {name!r}"
    if groups:
        auxiliary[groups] = f"groups of {name!r}"
    method = settings.get("quant_method")
    scheme = {"gptq": "GPTQ", "awq": "AWQ"}.get(str(method), f"of the scheme {method!r}" if method else "GPTQ or AWQ")
    why = _unclear(settings) or ("" if parts.zeros in names else "has no qzeros")
    if why:
        return refused_claim(name, scheme, stored, auxiliary, why)
    sizes = _gptq_sizes(checkpoint, parts, settings) if method == "gptq" else _awq_sizes(checkpoint, parts)
    if sizes is None:
        return refused_claim(name, scheme, stored, auxiliary, "the shapes of its tensors do not fit each other")
    shape, bits = sizes
    plus = 0 if method == "awq" or settings.get("checkpoint_format") == "gptq_v2" else 1

    def matrix(part: int | None) -> Rows:
        del part
        if method == "awq":
            return _awq_rows(checkpoint, parts, shape)
        return _gptq_rows(checkpoint, parts, shape, bits, plus)

    return Claim(name, shape, f"{scheme} of {bits} bits", (stored,), auxiliary, matrix)


def _unclear(settings: Settings) -> str:
    """Why the settings do not say how the words are packed; empty where they do."""
    method = settings.get("quant_method")
    if method == "gptq":
        kind = settings.get("checkpoint_format") or "gptq"
        return "" if kind in ("gptq", "gptq_v2") else f"its checkpoint_format {kind!r} is not read"
    if method == "awq":
        kind = str(settings.get("version") or "gemm").lower()
        bits = settings.get("bits", settings.get("w_bit", 4))
        if bits != 4:
            return f"its {bits} bits are not read"
        return "" if kind == "gemm" else f"its version {kind!r} is not read"
    return "no settings that are known say how it is packed"


def _gptq_sizes(checkpoint: Checkpoint, parts: _Parts, settings: Settings) -> tuple[tuple[int, int], int] | None:
    """Outputs x inputs and bits; the groups tell the inputs, and so the bits where a module has its own."""
    words, outputs = checkpoint.shape(parts.weight)
    bits = settings.get("bits")
    if parts.groups:
        inputs = checkpoint.shape(parts.groups)[0]
        bits = 32 * words // max(inputs, 1)
    elif isinstance(bits, int) and bits > 0:
        inputs = 32 * words // bits
    else:
        return None
    count = checkpoint.shape(parts.scales)[0]
    fits = (
        bits in (2, 3, 4, 8)
        and words * 32 == inputs * bits
        and checkpoint.shape(parts.scales) == (count, outputs)
        and checkpoint.shape(parts.zeros) == (count, -(-outputs * bits // 32))
    )
    return ((outputs, inputs), bits) if fits and (parts.groups or inputs % count == 0) else None


def _awq_sizes(checkpoint: Checkpoint, parts: _Parts) -> tuple[tuple[int, int], int] | None:
    inputs, words = checkpoint.shape(parts.weight)
    count = checkpoint.shape(parts.scales)[0]
    fits = checkpoint.shape(parts.scales) == (count, 8 * words) and checkpoint.shape(parts.zeros) == (count, words)
    return ((8 * words, inputs), 4) if fits and count and inputs % count == 0 else None


def _gptq_rows(checkpoint: Checkpoint, parts: _Parts, shape: tuple[int, int], bits: int, plus: int) -> Rows:
    """Scale times (q - zero); the zero point is stored less one, within its bits, but for the format's version 2."""
    outputs, inputs = shape
    scales = values_of(checkpoint, parts.scales)
    zeros = unpacked(numbers(checkpoint, parts.zeros), bits)[:, :outputs].astype(np.int16)
    zeros = (zeros + plus) & (2**bits - 1)
    if parts.groups:
        group = group_numbers(checkpoint, parts.groups, len(scales))
    else:
        group = np.arange(inputs) // (inputs // len(scales))

    def rows(start: int, stop: int) -> np.ndarray:
        words = numbers(checkpoint, parts.weight)[:, start:stop].T
        values = unpacked(words, bits).astype(np.float32)
        values -= zeros[group, start:stop].T
        values *= scales[group, start:stop].T
        return values

    return rows


def _awq_rows(checkpoint: Checkpoint, parts: _Parts, shape: tuple[int, int]) -> Rows:
    """Scale (q - zero), where every word holds eight outputs in an order of its own."""
    _, inputs = shape
    scales = values_of(checkpoint, parts.scales)
    zeros = _in_order(numbers(checkpoint, parts.zeros)).astype(np.float32)
    group = np.arange(inputs) // (inputs // len(scales))

    def rows(start: int, stop: int) -> np.ndarray:
        first, last = start // 8, -(-stop // 8)
        held = _in_order(numbers(checkpoint, parts.weight)[:, first:last])[:, start - 8 * first : stop - 8 * first]
        values = held.astype(np.float32)
        values -= zeros[group, start:stop]
        values *= scales[group, start:stop]
        return np.ascontiguousarray(values.T)

    return rows


def _in_order(words: np.ndarray) -> np.ndarray:
    held = unpacked(words, 4)
    return held.reshape(*words.shape, 8)[..., _AWQ_BACK].reshape(held.shape)
