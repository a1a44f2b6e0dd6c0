"""How the items of a task are scored: how options compete, when an answer is the right one, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from benchshadow.errors import InputError, check_choices

from .alike import ALIKE, Alike

__all__ = ["COMPETE", "Compete", "Described", "Judge", "Scoring", "margin_unit"]

Compete = Literal["sum", "token", "byte", "unconditional"]
"""By which log-probability options compete."""
COMPETE: tuple[Compete, ...] = ("sum", "token", "byte", "unconditional")
"""All of them."""


class Described(Protocol):
    """Another program that has a part in the scores."""

    @property
    def described(self) -> dict[str, Any]:
        """What it is, with its version, for manifests and hashes."""
        ...


class Judge(Described, Protocol):
    """Another program that knows which answers are right."""

    def right(self, item: str, answer: str) -> float:
        """How right an answer to the item of this id is, 0 to 1."""
        ...


@dataclass(frozen=True)
class Scoring:
    """Everything about the scoring of a task that its items do not tell.

    Attributes:
        compete: options compete by their log-probability (sum), by that per token or per byte of the option, or by how
            much the question raises it over the option's own after `bare` (unconditional: the pointwise mutual
            information of Holtzman et al. 2021).
        bare: prompt without the question that the unconditional log-probability is read after.
        alike: what a generated answer and a right one may differ in.
        take: the whole of an answer is compared, or the last number of a generated and of a right one, in which `alike`
            has no part.
        most_tokens: an answer that has not ended after so many ends there.
        stop: texts that end an answer and are no part of it; the end token always does.
        overlap: share of a window of a long text, at least, that is read and not scored once more.
        judge: says whether a generated answer is right, in place of the options.
        harness: the program that asks and scores on its own.
    """

    compete: Compete = "sum"
    bare: str = ""
    alike: tuple[Alike, ...] = ("space",)
    take: Literal["whole", "last number"] = "whole"
    most_tokens: int = 32
    stop: tuple[str, ...] = ("\n",)
    overlap: float = 0.0
    judge: Judge | None = None
    harness: Described | None = None

    def __post_init__(self) -> None:
        check_choices("compete", [self.compete], COMPETE)
        check_choices("alike", self.alike, ALIKE, none=True)
        check_choices("take", [self.take], ("whole", "last number"))
        if self.most_tokens < 1:
            raise InputError("most_tokens", f"must be at least 1 but is {self.most_tokens}")
        if not 0 <= self.overlap < 1:
            raise InputError("overlap", f"must be in [0, 1) but is {self.overlap}")
        if not all(self.stop):
            raise InputError("stop", "must hold texts but holds an empty one")

    @property
    def margin_unit(self) -> str:
        """Unit of that by which one option leads another."""
        return margin_unit(self.compete)

    @property
    def described(self) -> dict[str, Any]:
        """For manifests and hashes."""
        programs = {"judge": self.judge, "harness": self.harness}
        told = {name: None if each is None else each.described for name, each in programs.items()}
        return {**vars(self), **told}


def margin_unit(compete: Compete) -> str:
    """Unit of that by which one option leads another where options compete so."""
    return {"token": "nats/token", "byte": "nats/byte"}.get(compete, "nats")
