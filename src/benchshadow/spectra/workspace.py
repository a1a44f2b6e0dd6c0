"""Working memory of one thread, kept from block to block and from matrix to matrix."""

from __future__ import annotations

import threading
from math import prod

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["Workspace"]

_HERE = threading.local()


class Workspace:
    """Arrays by name: asked for again, a name gives the same memory in the shape and type now wanted."""

    def __init__(self) -> None:
        self._held: dict[str, np.ndarray] = {}

    @classmethod
    def mine(cls) -> Workspace:
        """The workspace of the thread that asks."""
        if not hasattr(_HERE, "space"):
            _HERE.space = cls()
        return _HERE.space

    def array(self, name: str, shape: tuple[int, ...], kind: DTypeLike) -> np.ndarray:
        """Memory with whatever it held last, its rows one after another."""
        size = prod(shape) * np.dtype(kind).itemsize
        held = self._held.get(name)
        if held is None or held.nbytes < size:
            held = self._held[name] = np.empty(size, np.uint8)
        return held[:size].view(kind).reshape(shape)
