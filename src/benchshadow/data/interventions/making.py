"""From an arm's settings in a recipe to its intervention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from . import recipe as kinds
from .concentration import Subset, Zipf
from .controls import LengthMatched, NovelBroad, SecondDraw
from .coverage import ClusterBalanced, DomainBalanced, Spread
from .duplicates import Deduplicated
from .items import ByTemplate, FormatOnly, Injected, Paraphrased
from .narrow import NarrowOther
from .pool import Intervention
from .prompts import Prompt, halves, prompts_hash, read_prompts
from .recipe import BENCHMARK, Items, Recipe
from .repetition import RepeatedPrompts
from .rewriting import Normalised
from .scoring import ByScore, Placebo
from .tools import Tools

__all__ = ["Workshop"]

T = TypeVar("T")


@dataclass(frozen=True)
class Workshop:
    """Makes interventions of a recipe.

    Attributes:
        recipe: names arms and sources.
        tools: what they are made with.
        seed: splits items into those seen and those held out.
    """

    recipe: Recipe
    tools: Tools
    seed: int

    @cached_property
    def sides(self) -> dict[str, tuple[list[Prompt], list[Prompt]]]:
        """The seen and the held-out items of every source, the benchmark among them."""
        files = dict(self.recipe.sources)
        if self.recipe.benchmark is not None:
            files[BENCHMARK] = self.recipe.benchmark
        return {name: self._split(items) for name, items in sorted(files.items())}

    def _split(self, items: Items) -> tuple[list[Prompt], list[Prompt]]:
        found = read_prompts(items.file, prompt=items.prompt, answer=items.answer, domain=items.domain)
        seen, held = halves(found, items.seen, self.seed)
        if not seen:
            raise InputError(items.file, f"must have seen items but has none among {len(found)}", "raise its 'seen'")
        return seen, held

    def hashes(self) -> dict[str, dict[str, Any]]:
        """Hash and number of the items of every side, for the manifest."""
        return {
            name: {
                side: {"items": len(items), "sha256": prompts_hash(items)}
                for side, items in zip(("seen", "held_out"), both, strict=True)
            }
            for name, both in self.sides.items()
        }

    def intervention(self, name: str) -> Intervention:
        """The intervention of an arm."""
        arm = self.recipe.arms[name]
        match arm:
            case kinds.Aligned():
                return self._aligned(name, arm, BENCHMARK)
            case kinds.Coverage():
                return self._coverage(name, arm)
            case kinds.Concentrated():
                return Zipf(arm.documents, arm.exponent) if arm.by == "zipf" else Subset(arm.repeats, arm.when)
            case kinds.Repeated():
                items = self.sides[arm.source][0]
                return RepeatedPrompts(items, arm.share, arm.repeats, arm.answers, arm.place, arm.template)
            case kinds.Deduplicated():
                return Deduplicated(_needed(name, "near", self.tools.near) if arm.near else None)
            case kinds.Plain(intervention="normalised"):
                return Normalised(self.tools.normaliser)
            case kinds.Plain(intervention="a/a"):
                return SecondDraw()
            case kinds.Plain():
                return NovelBroad()
            case kinds.OfPlain() | kinds.OfSource():
                return self._control(arm)

    def _control(self, arm: kinds.OfPlain | kinds.OfSource) -> Intervention:
        of, parent = self.recipe.arms[arm.of], self.intervention(arm.of)
        match arm.intervention:
            case "placebo":
                assert isinstance(parent, ByScore)
                return Placebo(parent)
            case "format-only":
                assert isinstance(parent, ByTemplate | Injected | Paraphrased)
                return FormatOnly(parent)
            case "length-matched":
                return LengthMatched(parent)
            case "off-target":
                assert isinstance(arm, kinds.OfSource)
                assert isinstance(of, kinds.Aligned)
                return self._aligned(arm.of, of, arm.source)
            case "narrow-other":
                assert isinstance(arm, kinds.OfSource)
                return NarrowOther(self._documents(arm.source), parent)

    def _aligned(self, name: str, arm: kinds.Aligned, source: str) -> Intervention:
        items = self.sides[source][0]
        match arm.by:
            case "score":
                target = self._documents(source)
                return ByScore(lambda documents: self.tools.scorer(documents, target), arm.lengths)
            case "copies":
                return Injected(items, arm.copies, arm.template)
            case "template":
                return ByTemplate(items, arm.templates, arm.epochs)
            case "paraphrase":
                rewriter: Callable[[str, int], str] = _needed(name, "paraphraser", self.tools.paraphraser)
                return Paraphrased(items, rewriter, arm.versions, arm.epochs, arm.template)

    def _coverage(self, name: str, arm: kinds.Coverage) -> Intervention:
        if arm.by == "domains":
            return DomainBalanced()
        embedder = _needed(name, "embedder", self.tools.embedder)
        if arm.by == "clusters":
            return ClusterBalanced(embedder, arm.clusters)
        return Spread(embedder, arm.by, arm.centres)

    def _documents(self, source: str) -> list[Document]:
        return [item.document() for item in self.sides[source][0]]


def _needed(name: str, what: str, tool: T | None) -> T:
    if tool is None:
        raise InputError(f"arms.{name}", f"needs a tool '{what}' but none was given")
    return tool
