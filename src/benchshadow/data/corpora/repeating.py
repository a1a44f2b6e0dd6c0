"""Documents more often or more rarely: a stream again and again, or each document by its weight."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from benchshadow.data.documents import Document, unit_hash
from benchshadow.errors import InputError

from .lineage import Documents

__all__ = ["Repeat", "Weight"]


@dataclass(frozen=True)
class Repeat(Documents):
    """The whole stream so many times, one after the other; ids stay, so that epochs can be counted."""

    kind: ClassVar[str] = "repeat"
    stream: Documents
    times: int

    def __post_init__(self) -> None:
        if self.times < 1:
            raise InputError("repeat", f"must be at least 1 time but is {self.times}")

    def __iter__(self) -> Iterator[Document]:
        """The documents, `times` times over."""
        for _ in range(self.times):
            yield from self.stream

    def parents(self) -> tuple[Documents, ...]:
        """What is repeated."""
        return (self.stream,)

    def settings(self) -> dict[str, Any]:
        """How often."""
        return {"times": self.times}

    def label(self) -> str:
        """How often."""
        return f"{self.times} times over"


@dataclass(frozen=True)
class Weight(Documents):
    """Each document as often as its weight says: 2.5 is twice, and for half of the documents a third time.

    Copies follow their document. Which documents get the broken part is decided by a hash of the id, so a larger weight
    keeps all that a smaller one gave.

    Attributes:
        stream: what is weighted.
        weight: of every document; or by domain, where domains that are not named have weight 1.
        salt: another one chooses other documents for the broken part.
    """

    kind: ClassVar[str] = "weight"
    stream: Documents
    weight: float | Mapping[str, float]
    salt: str = ""

    def __post_init__(self) -> None:
        for each in self._weights():
            if not (each >= 0 and math.isfinite(each)):
                raise InputError("weight", f"must be at least 0 but is {each:g}")

    def __iter__(self) -> Iterator[Document]:
        """The documents, each by its weight."""
        for document in self.stream:
            weight = self.weight if isinstance(self.weight, int | float) else self.weight.get(document.domain, 1.0)
            whole = math.floor(weight)
            times = whole + (unit_hash("weight", self.salt, document.id) < weight - whole)
            for _ in range(times):
                yield document

    def parents(self) -> tuple[Documents, ...]:
        """What is weighted."""
        return (self.stream,)

    def settings(self) -> dict[str, Any]:
        """The weight or weights, and the salt."""
        weight = float(self.weight) if isinstance(self.weight, int | float) else dict(self.weight)
        return {"weight": weight, "salt": self.salt}

    def label(self) -> str:
        """The weight, or the weight of each domain."""
        if isinstance(self.weight, int | float):
            return f"weight {self.weight:g}"
        return "weights " + ", ".join(f"{name} {each:g}" for name, each in sorted(self.weight.items()))

    def _weights(self) -> list[float]:
        return [self.weight] if isinstance(self.weight, int | float) else list(self.weight.values())
