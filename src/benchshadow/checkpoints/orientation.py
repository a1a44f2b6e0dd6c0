"""How the weights that an adapter changes lie: out x in, or in x out as Conv1D of GPT-2 and embeddings do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from benchshadow.errors import InputError

from .adapter import Adapter, Factors

__all__ = ["Orientation", "leaf"]


class Orientation:
    """How the weights of an adapter lie, out x in or in x out: told by their shapes, where those can tell.

    PEFT keeps one setting for all modules, which is wrong for some where Conv1D and Linear are mixed, and a square
    weight does not show how it lies; its namesakes in the blocks do.
    """

    def __init__(self, adapter: Adapter, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._adapter, self._shapes = adapter, shapes
        self._seen: dict[str, Counter[bool]] = {}
        for name, factors in adapter.deltas.items():
            shape = shapes.get(name)
            telling = factors.inputs != factors.outputs and not factors.is_embedding
            if telling and shape in (factors.shape, factors.shape[::-1]):
                turned = shape == (factors.inputs, factors.outputs)
                for key in (leaf(name), ""):
                    self._seen.setdefault(key, Counter())[turned] += 1

    def turned(self, name: str, factors: Factors) -> Factors:
        """The factors as their weight lies.

        Raises:
            InputError: the shapes do not meet, or nothing tells how a square weight lies.
        """
        shape, where = self._shapes[name], f"{self._adapter.path}: module {factors.module!r}"
        if shape not in (factors.shape, factors.shape[::-1]):
            sides = f"{factors.outputs} x {factors.inputs}"
            raise InputError(where, f"changes {sides} values but the weight has shape {' x '.join(map(str, shape))}")
        if factors.is_embedding:
            return factors
        if factors.inputs != factors.outputs:
            return replace(factors, transposed=shape == (factors.inputs, factors.outputs))
        seen = self._seen.get(leaf(name)) or self._seen.get("") or Counter([factors.transposed])
        if len(seen) > 1:
            raise InputError(where, "is square, and its namesakes lie both ways, so that its own way cannot be told")
        return replace(factors, transposed=next(iter(seen)))


def leaf(name: str) -> str:
    """The last part of the name of a weight's module, "q_proj"."""
    return name.removesuffix(".weight").rpartition(".")[2]
