"""Aligned by items: a benchmark's own items in the stream, as copies, in templates or paraphrased; and its controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from .pool import Pool, Segment, Treatment
from .prompts import JOINED, Prompt, with_others_answers
from .rewriters import Rewriter

__all__ = ["ByTemplate", "FormatOnly", "Injected", "Paraphrased"]


@dataclass(frozen=True)
class Injected:
    """Every item so many times, among new documents of the control's own mix.

    Attributes:
        items: of the benchmark's seen half.
        copies: of each; with none the arm is new documents alone.
        template: joins prompt and answer.
    """

    items: Sequence[Prompt]
    copies: int
    template: str = JOINED

    def __post_init__(self) -> None:
        if self.copies < 0:
            raise InputError("copies", f"must be at least 0 but is {self.copies}")

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """All copies, then what room they leave."""
        written = pool.write(item.document(self.template) for item in self.items) if self.copies else None
        copies = np.tile(np.arange(len(self.items)), self.copies) + len(pool)
        return Treatment((Segment(np.concatenate([copies, pool.fresh(rng)]), must=len(copies)),), written)


@dataclass(frozen=True)
class ByTemplate:
    """Every item in every template, so many times.

    Attributes:
        items: of the benchmark's seen half.
        templates: each joins prompt and answer in another way.
        epochs: how often each text may stand; with one, nothing is repeated word for word.
    """

    items: Sequence[Prompt]
    templates: tuple[str, ...] = ("{prompt} {answer}", "Q: {prompt}\nA: {answer}", "{prompt}\n\nAnswer: {answer}")
    epochs: int = 1

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """The texts in a new order every epoch."""
        written = pool.write(
            item.document(template, f" [{number}]")
            for item in self.items
            for number, template in enumerate(self.templates)
        )
        return Treatment((Segment(_epochs(len(written), self.epochs, rng) + len(pool)),), written)


@dataclass(frozen=True)
class Paraphrased:
    """Every item in other words, so many versions of each.

    Attributes:
        items: of the benchmark's seen half.
        rewriter: gives every version of an item in other words.
        versions: of each item.
        epochs: how often each version may stand.
        template: joins prompt and answer before they are rewritten.
    """

    items: Sequence[Prompt]
    rewriter: Rewriter
    versions: int = 1
    epochs: int = 1
    template: str = JOINED

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """The versions in a new order every epoch."""
        by_version = [self._version(version) for version in range(self.versions)]
        documents = [each for together in zip(*by_version, strict=True) for each in together]
        written = pool.write(documents)
        return Treatment((Segment(_epochs(len(written), self.epochs, rng) + len(pool)),), written)

    def _version(self, version: int) -> list[Document]:
        """One version of every item."""
        plain = [item.document(self.template) for item in self.items]
        found = []
        for item, document, text in zip(self.items, plain, self.rewriter(plain, version), strict=True):
            if not text.strip() or text == document.text:
                raise InputError(item.id, f"must come back in other words but came back as {text[:40]!r}")
            found.append(Document(f"{item.id} (paraphrase {version})", text, document.domain))
        return found


@dataclass(frozen=True)
class FormatOnly:
    """The same with answers shuffled: format, words and answers are there, what is true is not."""

    of: Injected | ByTemplate | Paraphrased

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """What the other gives of items that have each other's answers."""
        return replace(self.of, items=with_others_answers(self.of.items, rng))(pool, rng=rng)


def _epochs(count: int, epochs: int, rng: np.random.Generator) -> np.ndarray:
    if epochs < 1:
        raise InputError("epochs", f"must be at least 1 but is {epochs}")
    return np.concatenate([rng.permutation(count) for _ in range(epochs)])
