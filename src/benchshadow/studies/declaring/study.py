"""The study file: arms, replicates, settings, tasks, families and margins, all fixed before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchshadow.data.interventions.recipe import ArmSettings, treated_count
from benchshadow.data.sources import Balanced, Skills, Source, Sources, Zipf
from benchshadow.errors import InputError
from benchshadow.records import digest, read_toml
from benchshadow.stats import MOST
from benchshadow.train import Adapter, Architecture, Override, Settings

from .equaliser_settings import Equaliser, check_equaliser
from .families import Family, Margin, Test
from .footprint_settings import Signature, Trajectory, check_footprints
from .intervention_settings import Declared, check_interventions
from .joined_settings import Joined, check_joined
from .leak_settings import Leaks
from .onset_settings import Onset
from .probes import Probes, check_probes
from .sentences import first_error, known
from .task_kinds import TaskSettings, Text
from .training_rules import check_training

__all__ = ["CONTROL", "Arm", "Family", "Study", "read_study"]

CONTROL = "control"
_SAID = {"title", "question", "doses", "margins", "families", "claims", "signature", "leaks", "onsets"}


class Strict(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tokenizer(Strict):
    """How text becomes tokens: the embedded world's vocabulary, a BPE trained on a source, or the base's own."""

    kind: Literal["skills", "bpe", "checkpoint"] = Field(description="the world's, one that is trained, the base's own")
    source: str | None = Field(None, description="what the BPE is trained on")
    size: int = Field(4096, ge=300, description="of the BPE's vocabulary")
    characters: int = Field(20_000_000, ge=1, description="most characters that the BPE is trained on")


class Base(Strict):
    """The model that every arm starts from: trained on a source, or a checkpoint as it is."""

    source: str | None = Field(None, description="what it is trained on, where no checkpoint is named")
    settings: Settings | None = Field(None, description="of that training")
    checkpoint: str | tuple[str, ...] | None = Field(
        None, description="folder, or id@revision of a model in the hub's local cache; as many as there are bases"
    )
    per_replicate: bool = Field(False, description="a base of its own for every replicate; otherwise all share one")
    number: int = Field(1, ge=1, description="bases; the replicates are dealt out among them in turn")

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """The checkpoints that are named, in order; none where bases are trained."""
        named = self.checkpoint
        return () if named is None else (named,) if isinstance(named, str) else named

    @property
    def steps(self) -> int:
        """Steps that a base is trained for; none where it is a checkpoint."""
        return 0 if self.settings is None else self.settings.steps

    @model_validator(mode="after")
    def _one_origin(self) -> Base:
        for key, value in (("source", self.source), ("settings", self.settings)):
            if self.checkpoints and value is not None:
                raise ValueError(f"{key} and checkpoint must not stand together: a checkpoint is taken as it is")
            if not self.checkpoints and value is None:
                raise ValueError(f"{key} must be given but is missing, and so is a checkpoint in its place")
        if self.checkpoints and (self.per_replicate or self.number != len(self.checkpoints)):
            given = "per_replicate" if self.per_replicate else f"number = {self.number}"
            raise ValueError(f"number must be that of the checkpoints, {len(self.checkpoints)}, but is {given}")
        return self


class Benchmark(Strict):
    """The benchmark of the study: skills whose seen half is a pool, or a split of BLiMP that every replicate draws."""

    kind: Literal["skills", "blimp"] = Field(description="a pool of the embedded world's items, or minimal pairs")
    seen: str | None = Field(None, description="skills: the source that is the seen half")
    file: str = Field("", description="blimp: below the data folder or absolute")
    share: float = Field(1 / 3, gt=0, lt=1, description="blimp: share of the paradigms")
    distant: int = Field(3, ge=1, description="blimp: linguistic terms without a paradigm in the benchmark")
    per_paradigm: int = Field(20, ge=1, description="blimp: most pairs of a paradigm that a tier evaluates")
    licence: str = Field("", description="blimp: of the file, for the manifests")
    origin: str = Field("", description="blimp: where the file comes from, likewise")


class Arm(Strict):
    """A treatment: the share `dose` of the control's sequences is replaced by sequences of `source`.

    With `epochs` in place of a dose, as many sequences are replaced as that many passes over a finite source fill. With
    an `intervention`, `source` is what it chooses from, beside the control's own documents. With the control's source
    and `settings` alone, the arm is the control's documents under other settings.
    """

    source: str = Field(description="what its sequences are drawn from")
    dose: float | None = Field(None, gt=0, le=1, description="share of the sequences; all of them where it is left out")
    epochs: float | None = Field(None, gt=0, description="in place of a dose: passes over a finite source")
    settings: Override | None = Field(None, description="a confound: what it changes of the study's settings")
    intervention: Declared | None = Field(None, description="how documents are chosen or made")
    candidates: float = Field(
        4.0, gt=0, description="documents that an intervention on a source without end chooses from, in controls"
    )
    says: str = Field("", description="what it is, for the report")

    @model_validator(mode="after")
    def _one_amount(self) -> Arm:
        if self.dose is not None and self.epochs is not None:
            raise ValueError(f"dose and epochs must not stand together but are {self.dose} and {self.epochs}")
        if self.intervention is not None and self.epochs is not None:
            raise ValueError(f"epochs must be left out beside an intervention but are {self.epochs}; give a dose")
        return self


class Study(Strict):
    """Everything that is decided beforehand; its hash stands in every manifest and in the report."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="lower-case letters, digits and -")
    title: str = Field(description="of the report")
    question: str = Field("", description="that the study asks, for the report")
    seed: int = Field(0, ge=0, description="of all draws")
    replicates: tuple[int, ...] = Field(min_length=1, description="distinct seeds, each a data order and a split")
    keep: Literal["all", "last"] = Field(
        "all", description="checkpoints that stay once measured; with the last alone, new definitions train again"
    )
    tokenizer: Tokenizer = Field(description="of all models")
    architecture: Architecture | None = Field(None, description="of the bases that are trained")
    adapter: Adapter | None = Field(None, description="low-rank factors that arms train in place of all weights")
    base: Base = Field(description="what all arms start from")
    settings: Settings = Field(description="of every arm's training")
    sources: dict[str, Source] = Field(description="by name: where documents come from")
    benchmark: Benchmark = Field(description="what arms may be aligned with")
    tasks: tuple[TaskSettings, ...] = Field(min_length=1, description="that every checkpoint is scored on")
    arms: dict[str, Arm] = Field(description="by name: 'control', its second draw, and the treatments")
    same: str = Field("A/A", description="the arm that draws the control's recipe a second time")
    doses: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="arms by rising dose, control first")
    margins: dict[str, Margin] = Field(default_factory=dict, description="measure: smallest difference that matters")
    families: tuple[Family, ...] = Field((), description="confirmatory tests")
    onsets: dict[str, Onset] = Field(default_factory=dict, description="rows of arms that differ in one number")
    leaks: Leaks = Field(Leaks(), description="what of the benchmark may stand in the control")
    runs: tuple[Joined, ...] = Field((), description="runs that were trained elsewhere")
    claims: tuple[Test, ...] = Field((), description="comparisons that speak to the preprint's claims, untested")
    trajectory: Trajectory = Field(Trajectory(), description="how runs are compared along training")
    signature: Signature | None = Field(None, description="regimes to be told from footprints alone")
    probes: Probes | None = Field(None, description="texts whose states and gradients are measured")
    equaliser: Equaliser | None = Field(None, description="a short training for all arms before they are scored again")

    @property
    def sha256(self) -> str:
        """Hash of the whole file's content."""
        return digest(self.model_dump(mode="json"))

    @property
    def design(self) -> str:
        """Hash of all that runs and scores depend on; what is said and tested of them may be changed afterwards."""
        return digest(self.model_dump(mode="json", exclude=_SAID))

    @property
    def bases(self) -> int:
        """Number of base models."""
        return len(self.replicates) if self.base.per_replicate else self.base.number

    @property
    def units(self) -> int:
        """What inference counts: bases where several replicates share each of them, otherwise replicates."""
        return self.bases if 1 < self.bases < len(self.replicates) else len(self.replicates)

    @property
    def treated(self) -> tuple[str, ...]:
        """The arms that are neither the control nor its second draw."""
        return tuple(arm for arm in self.arms if arm not in (CONTROL, self.same))

    @property
    def interventions(self) -> dict[str, ArmSettings]:
        """Settings of the arms that an intervention makes, with their doses, as a recipe would hold them."""
        return {
            name: arm.intervention.model_copy(update={"dose": arm.dose or 1.0})
            for name, arm in self.arms.items()
            if arm.intervention is not None
        }

    def base_of(self, replicate: int) -> int:
        """The replicate whose seed made the base that this one starts from: dealt out in turn."""
        return self.replicates[self.replicates.index(replicate) % self.bases]

    def tested_margin(self, measure: str) -> Margin | None:
        """The margin that equivalence is tested within; one that gives no reason only plans."""
        margin = self.margins.get(measure)
        return margin if margin is not None and margin.justified else None

    def settings_of(self, arm: str) -> Settings:
        """What an arm is trained under: the study's settings with the changes that it declares."""
        changes = self.arms[arm].settings
        return self.settings if changes is None else changes.applied(self.settings)

    def keeps_documents(self, arm: str) -> bool:
        """Whether an arm is fed the control's documents: the control, and what differs from it in settings alone."""
        declared = self.arms[arm]
        drawn = declared.dose, declared.epochs, declared.intervention
        same = declared.source == self.arms[CONTROL].source and drawn == (None, None, None)
        return arm == CONTROL or (same and declared.settings is not None)

    @model_validator(mode="after")
    def _holds_together(self) -> Study:
        if CONTROL not in self.arms:
            raise ValueError(f"arms must hold '{CONTROL}' but hold {sorted(self.arms)}")
        if self.same not in self.arms or self.arms[self.same].source != self.arms[CONTROL].source:
            raise ValueError(f"arms must hold '{self.same}' with the control's source, a second draw of it")
        if len(self.replicates) > MOST:
            raise ValueError(f"replicates must be at most {MOST} for exact tests but are {len(self.replicates)}")
        if len(set(self.replicates)) < len(self.replicates):
            raise ValueError(f"replicates must be distinct seeds but are {list(self.replicates)}")
        self._check_bases()
        self._check_arms()
        check_training(self)
        check_joined(self.runs, arms=self.arms, replicates=self.replicates, steps=self.settings.checkpoint_steps())
        check_interventions(self.interventions, self.sources, self.benchmark.seen)
        self._check_sources()
        for title, arms in self.doses.items():
            for arm in arms:
                _among(f"doses.{title}", arm, self.arms)
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"tasks must have distinct names but are {names}")
        check_footprints(self.trajectory, self.signature, arms=self.arms, control=CONTROL, tasks=self.tasks)
        layers = None if self.architecture is None else self.architecture.layers
        check_probes(self.probes, tasks=names, sources=self.sources, layers=layers)
        check_equaliser(
            self.equaliser, sources=self.sources, seen=self.benchmark.seen, blimp=self.benchmark.kind == "blimp"
        )
        for title, row in self.onsets.items():
            for arm in row.arms:
                _among(f"onsets.{title}.arms", arm, self.treated)
        for task in self.leaks.allowed:
            _among("leaks.allowed", task, names)
        Sources(self.sources)
        return self

    def _check_arms(self) -> None:
        """Every arm has something to draw from, an amount that treats anything, and its parent's candidates."""
        for name, arm in self.arms.items():
            _among(f"arms.{name}.source", arm.source, self.sources)
            if arm.epochs is not None and not _finite(self.sources[arm.source]):
                raise ValueError(f"arms.{name}.epochs needs a finite source but '{arm.source}' is without end")
            whole = arm.epochs is None and arm.dose in (None, 1.0)
            if name in (CONTROL, self.same) and not whole:
                raise ValueError(f"arms.{name} is drawn whole: leave out dose and epochs")
            if name in (CONTROL, self.same) and arm.intervention is not None:
                raise ValueError(f"arms.{name} is drawn by its recipe: leave out the intervention")
            treated_count(self.settings.steps * self.settings.sequences, arm.dose or 1.0, name)
            of = getattr(arm.intervention, "of", "")
            if of in self.arms and (arm.source, arm.candidates) != (self.arms[of].source, self.arms[of].candidates):
                raise ValueError(f"arms.{name} must have the source and the candidates of '{of}', whose control it is")

    def _check_bases(self) -> None:
        number, replicates = self.base.number, len(self.replicates)
        if number > 1 and self.base.per_replicate:
            raise ValueError("base.number and base.per_replicate must not stand together")
        if replicates % number:
            raise ValueError(f"replicates must be a multiple of the {number} bases but are {replicates}")

    def _check_sources(self) -> None:
        """What names a source names one that is there and can serve."""
        if self.base.source is not None:
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


def _finite(source: Source) -> bool:
    return not isinstance(source, Zipf | Balanced) and not (isinstance(source, Skills) and source.pool is None)


def _among(where: str, name: str, allowed: Iterable[str]) -> None:
    try:
        known(where, name, tuple(allowed))
    except InputError as error:
        raise ValueError(str(error)) from None


def read_study(path: Path) -> Study:
    """The study in a TOML file; what breaks a rule is said with its key and its value."""
    content = read_toml(path)
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise first_error(path, error, Study) from None
    except InputError as error:
        raise InputError(path, str(error)) from None
