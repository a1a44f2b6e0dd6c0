"""The recipe of a set of arms: a budget, a benchmark, further sources, and what is done in each arm, as a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchshadow.errors import InputError
from benchshadow.records import read_toml

from .prompts import JOINED
from .rewriters import FromFile, FromModel, FromRules, RewriterSettings

__all__ = [
    "BENCHMARK",
    "CONTROL",
    "ArmSettings",
    "Budget",
    "Items",
    "Recipe",
    "check_parent",
    "drawn_as",
    "read_recipe",
    "source_of",
    "treated_count",
]

CONTROL = "control"
"""The arm that is always there and that nobody declares."""
BENCHMARK = "benchmark"
"""What arms call the seen half of the benchmark."""


class Strict(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(Strict):
    """What all arms have in common."""

    tokens: int = Field(ge=1, description="of every arm, exactly; a multiple of the length")
    length: int = Field(ge=2, description="tokens of a sequence")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.tokens % self.length:
            low = self.tokens - self.tokens % self.length
            raise ValueError(
                f"tokens must be a multiple of length {self.length} but are {self.tokens}; {low} or {low + self.length}"
            )
        return self

    @property
    def sequences(self) -> int:
        """Of every arm."""
        return self.tokens // self.length


class Provenance(Strict):
    """What is said of the rights in a text, for the manifest."""

    licence: str = Field(default="", description="of the text")
    origin: str = Field(default="", description="where the text comes from")


class Items(Provenance):
    """A file of items; templates over the fields of its rows."""

    file: str = Field(description="of one item per row, below the data folder or absolute")
    prompt: str = Field("{question}", description="template of what is asked")
    answer: str = Field("{answer}", description="template of the answer")
    domain: str = Field("", description="template of the item's domain; the file's folder where it is empty")
    seen: float = Field(0.5, gt=0, le=1, description="share of the items that arms may see")


class Arm(Strict):
    """Settings that every arm has."""

    dose: float = Field(1.0, gt=0, le=1, description="share of the sequences that is treated")


class OfArm(Arm):
    """Settings of a control of another arm."""

    of: str = Field(description="the arm that it is a control of; the dose must be the same")


class Aligned(Arm):
    """Near to the benchmark's seen half."""

    intervention: Literal["aligned"]
    by: Literal["score", "template", "copies", "paraphrase"] = Field(
        "score", description="score: the corpus's nearest documents; template, copies, paraphrase: the items themselves"
    )
    lengths: bool = Field(True, description="score: keep the control's strata of length")
    copies: int = Field(1, ge=0, description="copies: of every item")
    template: str = Field(JOINED, description="copies, paraphrase: joins prompt and answer")
    templates: tuple[str, ...] = Field(
        (JOINED, "Q: {prompt}\nA: {answer}"), min_length=1, description="template: every item stands in each of them"
    )
    versions: int = Field(1, ge=1, description="paraphrase: of every item")
    epochs: int = Field(1, ge=1, description="template, paraphrase: how often a text may stand")
    rewriter: RewriterSettings | None = Field(
        None, description="paraphrase: what gives items in other words; a must from the command line"
    )

    @model_validator(mode="after")
    def _can_rewrite(self) -> Self:
        if self.rewriter is not None and self.by != "paraphrase":
            raise ValueError(f"a rewriter is for by = 'paraphrase' but by is '{self.by}'")
        if isinstance(self.rewriter, FromRules):
            raise ValueError("rewriter.kind must be 'file' or 'model' for a paraphrase but is 'rules'")
        if isinstance(self.rewriter, FromModel) and self.versions > 1 and "{version}" not in self.rewriter.prompt:
            raise ValueError(f"rewriter.prompt must name {{version}} for {self.versions} versions but does not")
        return self


class Coverage(Arm):
    """Spread as evenly as can be."""

    intervention: Literal["coverage"]
    by: Literal["domains", "clusters", "farthest first", "facility location"] = Field(
        "domains", description="every domain or cluster with as many tokens, or texts around centres that lie far apart"
    )
    clusters: int = Field(64, ge=1, description="clusters: how many, of a k-means of an embedding")
    centres: int = Field(1000, ge=1, description="farthest first, facility location: how many")


class Concentrated(Arm):
    """Few documents often."""

    intervention: Literal["concentrated"]
    by: Literal["zipf", "subset"] = Field(
        "subset", description="zipf: drawn by rank, again and again; subset: whole passes over a few"
    )
    documents: int = Field(1000, ge=1, description="zipf: distinct ones")
    exponent: float = Field(1.0, ge=0, description="zipf: rank r in proportion to r^-exponent")
    repeats: int = Field(10, ge=1, description="subset: of each document")
    when: Literal["whole", "first half"] = Field("whole", description="subset: where in the stream it is repeated")


class Repeated(Arm):
    """A share of the prompts again and again."""

    intervention: Literal["repeated prompts"]
    source: str = Field(BENCHMARK, description="whose items: the benchmark's, or those of one of the sources")
    share: float = Field(0.1, ge=0, le=1, description="of the prompts that is repeated")
    repeats: int = Field(10, ge=1, description="how often each of these stands")
    answers: Literal["same", "other"] = Field("same", description="other: each time the answer of another item")
    place: Literal["apart", "inside"] = Field("apart", description="inside: all repeats are one document, line by line")
    template: str = Field(JOINED, description="joins prompt and answer")


class Deduplicated(Arm):
    """No text twice."""

    intervention: Literal["deduplicated"]
    by: Literal["text", "near", "meaning"] = Field(
        "text", description="text: equal texts; near: near-duplicates too; meaning: by an embedding"
    )
    near: bool = Field(False, description="the same as by = 'near'")
    threshold: float = Field(0.95, gt=0, lt=1, description="meaning: cosine above which two texts say the same")
    clusters: int = Field(64, ge=1, description="meaning: of the k-means inside whose clusters pairs are looked for")
    keep: Literal["farthest", "first"] = Field("farthest", description="meaning: from its centre, or in the corpus")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.near and self.by == "meaning":
            raise ValueError("near must be left out where by is 'meaning'")
        return self


class Normalised(Arm):
    """One manner of spelling or of saying."""

    intervention: Literal["normalised"]
    rewriter: RewriterSettings = Field(FromRules(), description="what gives documents in one manner")


class Plain(Arm):
    """Interventions without settings."""

    intervention: Literal["a/a", "novel-broad"] = Field(
        description="a/a: the control's recipe drawn again; novel-broad: new documents in the control's mix of domains"
    )


class OfPlain(OfArm):
    """Controls of an arm without settings of their own."""

    intervention: Literal["placebo", "format-only", "length-matched"] = Field(
        description="placebo: aligned by scores that were permuted; format-only: the same items with answers shuffled; "
        "length-matched: documents by lot, as long as the parent's"
    )


class OfSource(OfArm):
    """Controls of an arm that take items from elsewhere."""

    intervention: Literal["off-target", "narrow-other"] = Field(
        description="off-target: aligned in the same way to another source; narrow-other: a narrow source that is as "
        "unexpected per token and repeated as often as the parent's text"
    )
    source: str = Field(description="one of the sources")


ArmSettings = Annotated[
    Aligned | Coverage | Concentrated | Repeated | Deduplicated | Normalised | Plain | OfPlain | OfSource,
    Field(discriminator="intervention"),
]
"""Any arm, told apart by its `intervention`."""


class Recipe(Strict):
    """All that determines the arms, beside the corpus, the tokenizer and the seed."""

    budget: Budget = Field(description="of every arm")
    corpus: Provenance = Field(Provenance(), description="whose the corpus is; its files are named in the call")
    benchmark: Items | None = Field(None, description="whose seen half arms may hold")
    sources: dict[str, Items] = Field({}, description="further items, which controls are made of")
    arms: dict[str, ArmSettings] = Field(min_length=1, description="by name; the control is always there")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name, arm in self.arms.items():
            if name == CONTROL or not name.replace("-", "a").replace("_", "a").isalnum():
                raise ValueError(
                    f"arms must be named in letters, digits, - and _, none '{CONTROL}', but one is '{name}'"
                )
            check_parent(self.arms, name)
            treated_count(self.budget.sequences, arm.dose, name)
            source = source_of(arm)
            if source == BENCHMARK and self.benchmark is None:
                raise ValueError(f"arms.{name} needs [benchmark], which is missing")
            if source not in (None, BENCHMARK) and source not in self.sources:
                raise ValueError(f"arms.{name}.source must be among {sorted(self.sources)} but is '{source}'")
        return self


def source_of(arm: Any) -> str | None:
    """The source whose items an arm is made of, "benchmark" for the benchmark's; None where it needs no items."""
    return getattr(arm, "source", BENCHMARK if isinstance(arm, Aligned) else None)


def treated_count(sequences: int, dose: float, name: str) -> int:
    """How many of so many sequences an arm's dose treats.

    Raises:
        ValueError: none; the sentence begins with the place.
    """
    count = round(sequences * dose)
    if not count:
        raise ValueError(f"arms.{name}.dose must treat at least one of {sequences} sequences but is {dose}")
    return count


def drawn_as(arms: Mapping[str, ArmSettings], name: str) -> str:
    """The name that an arm is drawn and mixed under: arms that share it differ in their settings and in nothing else.

    So copies stand among the same new documents however many there are, the prompts that are repeated often are among
    those that are repeated seldom, and other items or other answers stand where the parent's stand.

    Args:
        arms: the arm, and the one it is a control of.
        name: the arm's.
    """
    arm = arms[name]
    if isinstance(arm, OfPlain | OfSource) and arm.intervention in ("format-only", "off-target"):
        return drawn_as(arms, arm.of)
    if isinstance(arm, Aligned) and arm.by == "copies":
        return "aligned by copies"
    return "repeated prompts" if isinstance(arm, Repeated) else name


def check_parent(arms: Mapping[str, ArmSettings], name: str) -> None:
    """See that a control of an arm is one that this arm can have.

    Raises:
        ValueError: it is not; the sentence begins with the place.
    """
    arm = arms[name]
    if not isinstance(arm, OfArm):
        return
    parent = arms.get(arm.of)
    if parent is None or isinstance(parent, OfArm):
        allowed = sorted(n for n, each in arms.items() if not isinstance(each, OfArm))
        raise ValueError(f"arms.{name}.of must be among {allowed} but is '{arm.of}'")
    by = getattr(parent, "by", "") if isinstance(parent, Aligned) else ""
    wanted = {"placebo": ("score",), "format-only": ("template", "copies", "paraphrase"), "off-target": ("",)}
    allowed_by = wanted.get(getattr(arm, "intervention", ""))
    if allowed_by and (not by or (allowed_by != ("",) and by not in allowed_by)):
        rule = "aligned" if allowed_by == ("",) else f"aligned by {' or '.join(allowed_by)}"
        raise ValueError(f"arms.{name}.of must be {rule} but '{arm.of}' is not")
    if getattr(arm, "intervention", "") == "format-only" and isinstance(getattr(parent, "rewriter", None), FromFile):
        raise ValueError(f"arms.{name}.of must not be rewritten from a file, which has no other answers, but is")
    if arm.dose != parent.dose:
        raise ValueError(f"arms.{name}.dose must be that of '{arm.of}', {parent.dose}, but is {arm.dose}")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        InputError: it is not there, is no TOML, or breaks a rule; the first one broken is named with its place.
    """
    return checked_recipe(read_toml(path), path)


def checked_recipe(content: dict[str, Any], where: object = "recipe") -> Recipe:
    """A recipe from its content; the sentence of a refusal begins with `where`."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        given = "" if first["type"] in ("value_error", "missing") else f" but is {first['input']!r}"
        raise InputError(where, f"{place + ': ' if place else ''}{message}{given}") from error
