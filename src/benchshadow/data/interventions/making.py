"""From an arm's settings in a recipe to its intervention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from . import recipe as kinds
from .concentration import Subset, Zipf
from .controls import AsBuilt, LengthMatched, NovelBroad, SecondDraw
from .coverage import ClusterBalanced, DomainBalanced, Spread
from .duplicates import Deduplicated
from .items import ByTemplate, FormatOnly, Injected, OffTarget, Paraphrased
from .meaning import DeduplicatedByMeaning
from .narrow import NarrowOther
from .pool import Intervention
from .recipe import BENCHMARK, drawn_as
from .repetition import RepeatedPrompts
from .rewriters import ByText, FileRewriter, FromFile, FromModel, FromRules, Rewriter, RewriterSettings
from .rewriting import Normalised
from .scoring import ByScore, Placebo
from .sides import Sides
from .tools import Tools

__all__ = ["Workshop"]

T = TypeVar("T")


@dataclass(frozen=True)
class Workshop:
    """Makes interventions from settings.

    Attributes:
        arms: settings by name, those of the arms that controls are of among them.
        sides: items by the source that settings name, "benchmark" among them where one is asked for.
        tools: what interventions are made with.
        seeded: gives the generator of a purpose and a name.
    """

    arms: Mapping[str, kinds.ArmSettings]
    sides: Mapping[str, Sides]
    tools: Tools
    seeded: Callable[[str, str], np.random.Generator]

    def drawing(self, name: str) -> np.random.Generator:
        """The generator with which an arm's intervention draws, new every time."""
        return self.seeded("treatment", drawn_as(self.arms, name))

    def mixing(self, name: str) -> np.random.Generator:
        """The same for the order of what it drew."""
        return self.seeded("mixing", drawn_as(self.arms, name))

    def named_tools(self) -> dict[str, str]:
        """What the tools are called, and by their hashes the files and models that rewrite, for the manifest."""
        found = dict(self.tools.names)
        for name, arm in self.arms.items():
            settings = getattr(arm, "rewriter", None)
            if isinstance(settings, FromFile | FromModel):
                found[f"rewriter of {name}"] = self._rewriter(name, settings).identity
        return found

    def intervention(self, name: str) -> Intervention:
        """The intervention of an arm."""
        arm = self.arms[name]
        match arm:
            case kinds.Aligned():
                return self._aligned(name, arm, BENCHMARK)
            case kinds.Coverage():
                return self._coverage(name, arm)
            case kinds.Concentrated():
                return Zipf(arm.documents, arm.exponent) if arm.by == "zipf" else Subset(arm.repeats, arm.when)
            case kinds.Repeated():
                items = self.sides[arm.source].seen
                return RepeatedPrompts(items, arm.share, arm.repeats, arm.answers, arm.place, arm.template)
            case kinds.Deduplicated(by="meaning"):
                embedder = _needed(name, "embedder", self.tools.embedder)
                return DeduplicatedByMeaning(embedder, arm.threshold, arm.clusters, arm.keep)
            case kinds.Deduplicated():
                near = arm.near or arm.by == "near"
                return Deduplicated(_needed(name, "near", self.tools.near) if near else None)
            case kinds.Normalised():
                return Normalised(self._rewriter(name, arm.rewriter))
            case kinds.Plain(intervention="a/a"):
                return SecondDraw()
            case kinds.Plain():
                return NovelBroad()
            case kinds.OfPlain() | kinds.OfSource():
                return self._control(arm)

    def _control(self, arm: kinds.OfPlain | kinds.OfSource) -> Intervention:
        of = self.arms[arm.of]
        if arm.intervention == "off-target":  # before the parent is made, whose items it seldom needs
            assert isinstance(arm, kinds.OfSource)
            assert isinstance(of, kinds.Aligned)
            if of.by != "copies":
                return self._aligned(arm.of, of, arm.source)
            injected = self._aligned(arm.of, of, BENCHMARK)
            assert isinstance(injected, Injected)
            return OffTarget(self.sides[arm.source].seen, injected)
        parent = self.intervention(arm.of)
        built = AsBuilt(parent, partial(self.drawing, arm.of))
        match arm.intervention:
            case "placebo":
                assert isinstance(parent, ByScore)
                return Placebo(parent)
            case "format-only":
                assert isinstance(parent, ByTemplate | Injected | Paraphrased)
                return FormatOnly(parent)
            case "length-matched":
                return LengthMatched(built)
            case "narrow-other":
                assert isinstance(arm, kinds.OfSource)
                return NarrowOther(self._documents(arm.source), built)

    def _aligned(self, name: str, arm: kinds.Aligned, source: str) -> Intervention:
        items = self.sides[source].seen
        match arm.by:
            case "score":
                target = self._documents(source)
                return ByScore(lambda documents: self.tools.scorer(documents, target), arm.lengths)
            case "copies":
                return Injected(items, arm.copies, arm.template)
            case "template":
                return ByTemplate(items, arm.templates, arm.epochs)
            case "paraphrase":
                return Paraphrased(items, self._rewriter(name, arm.rewriter), arm.versions, arm.epochs, arm.template)

    def _rewriter(self, name: str, settings: RewriterSettings | None) -> Rewriter:
        match settings:
            case None:
                return ByText(_needed(name, "paraphraser", self.tools.paraphraser))
            case FromRules():
                return ByText.alone(self.tools.normaliser, "rules")
            case FromFile():
                return FileRewriter(settings.path)
            case FromModel():
                return _needed(name, "models", self.tools.models)(settings)

    def _coverage(self, name: str, arm: kinds.Coverage) -> Intervention:
        if arm.by == "domains":
            return DomainBalanced()
        embedder = _needed(name, "embedder", self.tools.embedder)
        if arm.by == "clusters":
            return ClusterBalanced(embedder, arm.clusters)
        return Spread(embedder, arm.by, arm.centres)

    def _documents(self, source: str) -> list[Document]:
        return [item.document() for item in self.sides[source].seen]


def _needed(name: str, what: str, tool: T | None) -> T:
    if tool is None:
        raise InputError(f"arms.{name}", f"needs a tool '{what}' but none was given")
    return tool
