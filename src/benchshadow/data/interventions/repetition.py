"""Repeated prompts: a share of the prompts comes again and again, with its own answer or with others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from .pool import Pool, Segment, Treatment
from .prompts import JOINED, Prompt

__all__ = ["RepeatedPrompts"]

SPARE = 1.5
"""Characters that are written for each that is thought to be wanted; twice as many where they were too few."""


@dataclass(frozen=True)
class RepeatedPrompts:
    """Items, a share of which is repeated.

    Attributes:
        items: what is drawn from; as many as fill the treated sequences.
        share: of the drawn prompts that is repeated.
        repeats: how often each of these stands.
        answers: "same": every time its own. "other": the first time its own, then those of other items, each another.
        place: "apart": every repetition is a document. "inside": all repetitions are one document, line by line.
        template: joins prompt and answer.
    """

    items: Sequence[Prompt]
    share: float = 0.1
    repeats: int = 10
    answers: Literal["same", "other"] = "same"
    place: Literal["apart", "inside"] = "apart"
    template: str = JOINED

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError("share", f"must be in [0, 1] but is {self.share}")
        if self.repeats < 1:
            raise InputError("repeats", f"must be at least 1 but is {self.repeats}")
        answers = len({item.answer for item in self.items})
        if self.answers == "other" and answers < self.repeats:
            raise InputError("answers", f"must be at least {self.repeats} different ones but are {answers}")

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Items by lot, repetitions beside their first; the mixing comes later."""
        drawn = [self.items[i] for i in rng.permutation(len(self.items))]
        spare = SPARE
        while True:
            texts, whole = self._enough(drawn, spare * pool.room.tokens / _rate(pool))
            place = {document: index for index, document in enumerate(dict.fromkeys(texts))}
            written = pool.write(place)
            order = np.array([place[text] for text in texts], np.int64)
            if whole or written.lengths[order].sum() >= pool.room.tokens:
                return Treatment((Segment(order + len(pool)),), written)
            spare *= 2

    def _enough(self, drawn: list[Prompt], characters: float) -> tuple[list[Document], bool]:
        """The documents of the first prompts until they have so many characters, and whether these are all."""
        texts: list[Document] = []
        size = 0
        for index, item in enumerate(drawn):
            if size >= characters:
                return texts, False
            versions = list(self._texts(index, item, drawn))
            texts += versions
            size += sum(len(version.text) for version in versions)
        return texts, True

    def _texts(self, index: int, item: Prompt, drawn: list[Prompt]) -> Iterator[Document]:
        """The documents of one prompt; the share is met as evenly as can be among those drawn first."""
        again = int((index + 1) * self.share) > int(index * self.share)
        versions = [item.document(self.template)]
        if again and self.answers == "same":
            versions *= self.repeats
        elif again:
            answers = {item.answer}
            for other in [*drawn[index + 1 :], *drawn[:index]]:
                if len(answers) == self.repeats:
                    break
                if other.answer not in answers:
                    answers.add(other.answer)
                    mark = f" (answer {len(answers)})"
                    versions.append(item._replace(answer=other.answer).document(self.template, mark))
        if self.place == "inside":
            lines = "\n".join(version.text.removesuffix("\n") for version in versions)
            ending = "\n" if versions[0].text.endswith("\n") else ""
            yield versions[0]._replace(text=lines + ending)
        else:
            yield from versions


def _rate(pool: Pool) -> float:
    """Tokens for each character of the pool's documents; with an empty pool, one."""
    characters = int(pool.store.table["characters"].sum())
    return pool.store.account["tokens"] / characters if characters else 1.0
