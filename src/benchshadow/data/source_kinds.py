"""The kinds of sources, as frozen settings that name other sources by their names in the study file."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from .skills import FORMATS, LONGEST, SKILLS

__all__ = ["KINDS", "MARK", "Balanced", "Benchmark", "Corpus", "Half", "Mix", "Skills", "Slice", "Source", "Zipf"]

Half = Literal["base", "arms", "held-out", "all"]
"""A part of a corpus: for the base, for the arms, for neither of them; "all" is the first two."""


MARK = "\x1f"
"""What stands between prompt and answer until they are joined by a space; no text has it."""


class Settings(BaseModel):
    """Frozen settings of a source; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def parents(self) -> tuple[str, ...]:
        """Names of the sources this one depends on."""
        return ()


class Skills(Settings):
    """Items of the embedded world, without end, or a fixed pool of them; never those that are held out."""

    kind: Literal["skills"]
    skills: tuple[str, ...] = Field(default=tuple(SKILLS), min_length=1, description="that are drawn from")
    formats: tuple[str, ...] = Field(default=tuple(FORMATS), min_length=1, description="that items are written in")
    lengths: tuple[int, int] = Field((3, 6), description="shortest and longest input")
    compositions: float = Field(default=0.0, ge=0, le=1, description="share of items that join two skills")
    pool: int | None = Field(
        default=None, ge=1, description="a fixed pool of so many distinct items, the same in every arm"
    )

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        for key, known in (("skills", SKILLS), ("formats", FORMATS)):
            for name in getattr(self, key):
                if name not in known:
                    raise ValueError(_near(f"{key} must be among {', '.join(known)}", name, list(known)))
        if not 1 <= self.lengths[0] <= self.lengths[1] <= LONGEST:
            raise ValueError(f"lengths must rise within 1 to {LONGEST} but are {list(self.lengths)}")
        return self


class Corpus(Settings):
    """Documents of a file, split by row or by group into halves that never meet; drawn, it gives both halves.

    Rows of the same text are on the same side, so that a text which the file holds twice is not seen by both.
    """

    kind: Literal["corpus"]
    file: str = Field(description="of one document per row, below the data folder or absolute")
    text: str = Field("{text}", description="template of a document's text over a row's fields")
    prompt: str = Field(default="", description="template of what is asked; with `answer`, in place of `text`")
    answer: str = Field(default="", description="template of the answer, for arms that repeat, align or shuffle items")
    domain: str = Field("", description="template of its domain")
    group: str = Field(default="", description="template of what a split keeps together; the row itself by default")
    passage: int = Field(default=1500, ge=0, description="longest passage in characters; 0 keeps documents whole")
    held_out: tuple[str, ...] = Field(default=(), description="groups that neither base nor arms ever see")
    halves: Literal["rows", "groups"] = Field("rows", description="what is dealt to the halves for base and arms")
    licence: str = Field("", description="of the file, for the manifests")
    origin: str = Field("", description="where the file comes from, likewise")

    @model_validator(mode="after")
    def _both_parts(self) -> Self:
        if bool(self.prompt) != bool(self.answer):
            raise ValueError(f"prompt and answer must stand together but are {self.prompt!r} and {self.answer!r}")
        if self.prompt and self.text != "{text}":
            raise ValueError(f"text must be left out where prompt and answer are given but is {self.text!r}")
        return self

    @property
    def parted(self) -> tuple[str, int]:
        """Template of a row's text, with a mark between prompt and answer, and its longest passage."""
        return (f"{self.prompt}{MARK}{self.answer}", 0) if self.prompt else (self.text, self.passage)


class Mix(Settings):
    """Documents of several corpora, in proportion to their size."""

    kind: Literal["mix"]
    of: tuple[str, ...] = Field(min_length=1, description="sources of kind corpus")
    half: Half = Field("arms", description="of each of them; all is the halves for base and arms together")

    def parents(self) -> tuple[str, ...]:
        return self.of


class Balanced(Settings):
    """Documents of several corpora with every domain equally often."""

    kind: Literal["balanced"]
    of: tuple[str, ...] = Field(min_length=1, description="sources of kind corpus")
    half: Half = Field("arms", description="of each of them; all is the halves for base and arms together")

    def parents(self) -> tuple[str, ...]:
        return self.of


class Zipf(Settings):
    """Few distinct documents of another source, the one of rank r in proportion to r^-exponent."""

    kind: Literal["zipf"]
    of: str = Field(description="the source that they are drawn from")
    documents: int = Field(ge=1, description="distinct ones")
    exponent: float = Field(default=1.0, ge=0, description="0 is even")

    def parents(self) -> tuple[str, ...]:
        return (self.of,)


class Slice(Settings):
    """A slice of another source that is as long, in characters, as a finite one, repeated as often."""

    kind: Literal["slice"]
    of: str = Field(description="the source that is cut")
    like: str = Field(description="the finite source whose length it gets")

    def parents(self) -> tuple[str, ...]:
        return (self.of, self.like)


class Benchmark(Settings):
    """The seen half of the study's benchmark, as training text, each document once per epoch."""

    kind: Literal["benchmark"]


KINDS = ("skills", "corpus", "mix", "balanced", "zipf", "slice", "benchmark")
"""What `kind` can be in a study file."""


def _near(rule: str, given: object, known: list[str]) -> str:
    close = get_close_matches(str(given), known, n=1)
    return f"{rule} but is '{given}'" + (f"; did you mean '{close[0]}'?" if close else "")


def _known_kind(given: Any) -> Any:
    if isinstance(given, dict) and given.get("kind") not in KINDS:
        rule = f"kind must be one of {', '.join(KINDS)}"
        raise ValueError(_near(rule, given["kind"], list(KINDS)) if "kind" in given else f"{rule} but is missing")
    return given


Source = Annotated[
    Skills | Corpus | Mix | Balanced | Zipf | Slice | Benchmark,
    Field(discriminator="kind"),
    BeforeValidator(_known_kind),
]
"""Any source, told apart by its `kind`."""
