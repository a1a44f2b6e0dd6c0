"""Streams become one: they take turns so that their shares hold from the first document on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from benchshadow.data.documents import Document
from benchshadow.errors import InputError, check_choices

from .lineage import Documents

__all__ = ["Mix"]


@dataclass(frozen=True)
class Mix(Documents):
    """Streams that take turns: the next document is of the stream that lags furthest behind its share.

    No dice are thrown, so that every beginning of the mix has its shares, to within one document of each stream.

    Attributes:
        streams: what is mixed, each in its own order.
        weights: the shares, in any unit; equal ones where none are given.
        by: what the shares are shares of: characters or documents.
        until: "first": the mix ends where the stream whose turn it is has ended, and the shares hold to the end; "all":
            what is left of the others follows, and every document is given.
    """

    kind: ClassVar[str] = "mix"
    streams: tuple[Documents, ...]
    weights: tuple[float, ...] = ()
    by: Literal["characters", "documents"] = "characters"
    until: Literal["first", "all"] = "first"

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", tuple(self.streams))
        object.__setattr__(self, "weights", tuple(map(float, self.weights)) or (1.0,) * len(self.streams))
        if not self.streams:
            raise InputError("mix", "must have at least one stream but has none")
        if len(self.weights) != len(self.streams):
            raise InputError("mix", f"must have a weight a stream, {len(self.streams)}, but has {len(self.weights)}")
        for weight in self.weights:
            if not (weight > 0 and math.isfinite(weight)):
                raise InputError("mix", f"must have weights above 0 but has {weight:g}")
        check_choices("mix, by", [self.by], ["characters", "documents"])
        check_choices("mix, until", [self.until], ["first", "all"])

    def __iter__(self) -> Iterator[Document]:
        """The documents of all streams, by turns.

        Raises:
            InputError: a stream has no document at all.
        """
        parts = [iter(stream) for stream in self.streams]
        given = [0.0] * len(parts)
        begun: set[int] = set()
        open_ = list(range(len(parts)))
        while open_:
            turn = min(open_, key=given.__getitem__)
            document = next(parts[turn], None)
            if document is None:
                if turn not in begun:
                    raise InputError(
                        "mix", f"must have a document in every stream but has none of {self.streams[turn].label()}"
                    )
                if self.until == "first":
                    return
                open_.remove(turn)
                continue
            begun.add(turn)
            given[turn] += (len(document.text) if self.by == "characters" else 1) / self.weights[turn]
            yield document

    def parents(self) -> tuple[Documents, ...]:
        """What is mixed."""
        return self.streams

    def settings(self) -> dict[str, Any]:
        """Weights, their unit, and the end."""
        return {"weights": list(self.weights), "by": self.by, "until": self.until}

    def label(self) -> str:
        """The shares in per cent."""
        whole = sum(self.weights)
        shares = " : ".join(f"{100 * weight / whole:.3g}%" for weight in self.weights)
        end = "until the first ends" if self.until == "first" else "until all end"
        return f"mix {shares} by {self.by}, {end}"
