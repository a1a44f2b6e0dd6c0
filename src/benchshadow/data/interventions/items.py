"""Aligned by items: a benchmark's own items in the stream, as copies, in templates or paraphrased; and its controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.packing import TokenStore
from benchshadow.errors import InputError

from .pool import Pool, Segment, Treatment
from .prompts import JOINED, Prompt, with_others_answers
from .rewriters import Rewriter

__all__ = ["ByTemplate", "FormatOnly", "Injected", "OffTarget", "Paraphrased"]


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
        written = self.written(pool) if self.copies else None
        copies = np.tile(np.arange(len(self.items)), self.copies) + len(pool)
        segment = Segment(np.concatenate([copies, pool.fresh(rng)]), must=len(copies))
        tokens = 0 if written is None else self.copies * int(written.lengths.sum())
        return Treatment((segment,), written, told={"injected_tokens": tokens})

    def written(self, pool: Pool) -> TokenStore:
        """Every item once, as a text."""
        return pool.write(item.document(self.template) for item in self.items)


@dataclass(frozen=True)
class OffTarget:
    """Another source's items injected in as many copies, and of them as many as give the tokens of an injection.

    Attributes:
        items: of the other source.
        of: what is matched.
    """

    items: Sequence[Prompt]
    of: Injected

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Items by lot; their tokens come as near to the other's as whole items can."""
        wanted = int(self.of.written(pool).lengths.sum())
        items = [self.items[i] for i in rng.spawn(1)[0].permutation(len(self.items))]
        ends = np.cumsum(replace(self.of, items=items).written(pool).lengths)
        if ends[-1] < wanted:
            rule = f"must hold {wanted} tokens of items, as the injection that it stands for, but holds {ends[-1]}"
            raise InputError("source", rule, "name a larger one")
        few = items[: int(np.argmin(np.abs(ends - wanted))) + 1]
        treatment = replace(self.of, items=few)(pool, rng=rng)
        matched = {"injected_tokens_of_parent": self.of.copies * wanted}
        return replace(treatment, told={**treatment.told, **matched})


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
        """What the other gives of items that have each other's answers; all else is drawn as it is there."""
        return replace(self.of, items=with_others_answers(self.of.items, rng.spawn(1)[0]))(pool, rng=rng)


def _epochs(count: int, epochs: int, rng: np.random.Generator) -> np.ndarray:
    if epochs < 1:
        raise InputError("epochs", f"must be at least 1 but is {epochs}")
    return np.concatenate([rng.permutation(count) for _ in range(epochs)])
