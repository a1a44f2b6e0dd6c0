"""The study file: arms, replicates, settings, tasks, families and margins, all fixed before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchshadow.data.sources import Balanced, Skills, Source, Sources, Zipf
from benchshadow.errors import InputError
from benchshadow.records import digest, read_toml
from benchshadow.stats import FEWEST_BASES, MOST, p_floor, replicates_needed
from benchshadow.train.settings import Architecture, Settings

from .sentences import first_error
from .task_kinds import TaskSettings, Text

__all__ = ["CONTROL", "Arm", "Family", "Study", "read_study"]

CONTROL = "control"


class Strict(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tokenizer(Strict):
    """How text becomes tokens: the fixed vocabulary of the embedded world, or a byte-level BPE trained on a source."""

    kind: Literal["skills", "bpe"]
    source: str | None = Field(None, description="what the BPE is trained on")
    size: int = Field(4096, ge=300, description="of the BPE's vocabulary")
    characters: int = Field(20_000_000, ge=1, description="most characters that the BPE is trained on")


class Base(Strict):
    """The model that every arm starts from."""

    source: str
    settings: Settings
    per_replicate: bool = Field(False, description="a base of its own for every replicate; otherwise all share one")


class Benchmark(Strict):
    """The benchmark of the study: skills whose seen half is a pool, or a split of BLiMP that every replicate draws."""

    kind: Literal["skills", "blimp"]
    seen: str | None = Field(None, description="skills: the source that is the seen half")
    file: str = ""
    share: float = Field(1 / 3, gt=0, lt=1, description="blimp: share of the paradigms")
    distant: int = Field(3, ge=1, description="blimp: linguistic terms without a paradigm in the benchmark")
    per_paradigm: int = Field(20, ge=1, description="blimp: most pairs of a paradigm that a tier evaluates")


class Arm(Strict):
    """A treatment: the share `dose` of the control's sequences is replaced by sequences of `source`.

    With `epochs` in place of a dose, as many sequences are replaced as that many passes over a finite source fill.
    """

    source: str
    dose: float | None = Field(None, gt=0, le=1)
    epochs: float | None = Field(None, gt=0)
    says: str = ""

    @model_validator(mode="after")
    def _one_amount(self) -> Arm:
        if self.dose is not None and self.epochs is not None:
            raise ValueError(f"dose and epochs must not stand together but are {self.dose} and {self.epochs}")
        return self


class Test(Strict):
    """One confirmatory test: an arm against the control on one measure."""

    arm: str
    measure: str


class Family(Strict):
    """Confirmatory tests that are corrected together (Holm)."""

    name: str
    alpha: float = Field(0.05, gt=0, lt=1)
    tests: tuple[Test, ...] = Field(min_length=1)


class Study(Strict):
    """Everything that is decided beforehand; its hash stands in every manifest and in the report."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    question: str = ""
    seed: int = Field(0, ge=0)
    replicates: tuple[int, ...] = Field(min_length=1)
    keep: Literal["all", "last"] = Field(
        "all", description="checkpoints that stay once measured; with the last alone, new definitions train again"
    )
    tokenizer: Tokenizer
    architecture: Architecture
    base: Base
    settings: Settings
    sources: dict[str, Source]
    benchmark: Benchmark
    tasks: tuple[TaskSettings, ...] = Field(min_length=1)
    arms: dict[str, Arm]
    same: str = Field("A/A", description="the arm that draws the control's recipe a second time")
    doses: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="arms by rising dose, control first")
    margins: dict[str, float] = Field(default_factory=dict, description="measure: smallest difference that matters")
    families: tuple[Family, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of the whole file's content."""
        return digest(self.model_dump(mode="json"))

    @property
    def bases(self) -> int:
        """Number of base models."""
        return len(self.replicates) if self.base.per_replicate else 1

    @model_validator(mode="after")
    def _holds_together(self) -> Study:
        if CONTROL not in self.arms:
            raise ValueError(f"arms must hold '{CONTROL}' but hold {sorted(self.arms)}")
        if self.same not in self.arms or self.arms[self.same].source != self.arms[CONTROL].source:
            raise ValueError(f"arms must hold '{self.same}' with the control's source, a second draw of it")
        if len(self.replicates) > MOST:
            raise ValueError(f"replicates must be at most {MOST} for exact tests but are {len(self.replicates)}")
        if self.settings.length > self.base.settings.length:
            longest = self.base.settings.length
            raise ValueError(f"settings.length must be at most the base's {longest} but is {self.settings.length}")
        if len(set(self.replicates)) < len(self.replicates):
            raise ValueError(f"replicates must be distinct seeds but are {list(self.replicates)}")
        for name, arm in self.arms.items():
            _among(f"arms.{name}.source", arm.source, self.sources)
            if arm.epochs is not None and not _finite(self.sources[arm.source]):
                raise ValueError(f"arms.{name}.epochs needs a finite source but '{arm.source}' is without end")
            whole = arm.epochs is None and arm.dose in (None, 1.0)
            if name in (CONTROL, self.same) and not whole:
                raise ValueError(f"arms.{name} is drawn whole: leave out dose and epochs")
        self._check_sources()
        for title, arms in self.doses.items():
            for arm in arms:
                _among(f"doses.{title}", arm, self.arms)
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"tasks must have distinct names but are {names}")
        Sources(self.sources)
        return self

    def _check_sources(self) -> None:
        """What names a source names one that is there and can serve."""
        _among("base.source", self.base.source, self.sources)
        if self.tokenizer.kind == "bpe" and self.tokenizer.source is None:
            raise ValueError("tokenizer.source must name what the BPE is trained on but is missing")
        for key, named in (("tokenizer.source", self.tokenizer.source), ("benchmark.seen", self.benchmark.seen)):
            if named is not None:
                _among(key, named, self.sources)
        seen = self.sources.get(self.benchmark.seen or "")
        if self.benchmark.kind == "skills" and not (isinstance(seen, Skills) and seen.pool):
            raise ValueError(f"benchmark.seen must name a source of skills with a pool but is {self.benchmark.seen!r}")
        if self.benchmark.kind == "blimp" and not self.benchmark.file:
            raise ValueError("benchmark.file must name the file of BLiMP but is missing")
        for index, task in enumerate(self.tasks):
            if isinstance(task, Text):
                _among(f"tasks.{index}.source", task.source, self.sources)

    def check_families(self, measures: tuple[str, ...]) -> None:
        """Refuse, before anything runs, a family that its replicates cannot carry, and unknown arms and measures."""
        for name in self.margins:
            _known(f"margins.{name}", name, measures)
        for family in self.families:
            n, m = len(self.replicates), len(family.tests)
            for test in family.tests:
                _known(f"families.{family.name}", test.arm, tuple(self.arms))
                _known(f"families.{family.name}", test.measure, measures)
            if m * p_floor(n) > family.alpha:
                needed = replicates_needed(m, family.alpha)
                text = (
                    f"{m} tests reach {family.alpha:g} under Holm with {needed} replicates or more, but there are {n}"
                )
                raise InputError(f"families.{family.name}", text, "add replicates or leave out tests")
            if self.bases < FEWEST_BASES:
                text = f"confirmatory tests need {FEWEST_BASES} bases but the study has {self.bases}"
                raise InputError(f"families.{family.name}", text, "set base.per_replicate, or leave the family out")


def _finite(source: Source) -> bool:
    return not isinstance(source, Zipf | Balanced) and not (isinstance(source, Skills) and source.pool is None)


def _among(where: str, name: str, allowed: Iterable[str]) -> None:
    try:
        _known(where, name, tuple(allowed))
    except InputError as error:
        raise ValueError(str(error)) from None


def _known(where: str, name: str, allowed: tuple[str, ...]) -> None:
    if name not in allowed:
        near = get_close_matches(name, allowed, n=1)
        meant = f"did you mean '{near[0]}'?" if near else ""
        raise InputError(where, f"must name one of {', '.join(allowed)} but names '{name}'", meant)


def read_study(path: Path) -> Study:
    """The study in a TOML file; what breaks a rule is said with its key and its value."""
    content = read_toml(path)
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise first_error(path, error, Study) from None
    except InputError as error:
        raise InputError(path, str(error)) from None
