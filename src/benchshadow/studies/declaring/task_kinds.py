"""The tasks of a study as settings in its file, each with the tier it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchshadow.data.alike import Alike
from benchshadow.data.forms import Form
from benchshadow.data.scoring import Compete
from benchshadow.data.skills import FORMATS, SKILLS
from benchshadow.data.sources import Half
from benchshadow.data.tasks import Tier

__all__ = [
    "Answers", "BlimpPairs", "Choices", "LmEval", "ReasoningGym", "SkillItems", "TaskSettings", "Text", "tiers",
]  # fmt: skip

_TIER = "how far it is from the benchmark"
_FILE = "of one item per row, below the data folder or absolute"


class Named(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="as measures, margins and tests call it")
    says: str = Field("", description="what it asks, for the report")


class SkillItems(Named):
    """Items of the embedded world, answered exactly; of the benchmark's seen half where `seen` is set."""

    kind: Literal["skills"]
    tier: Tier = Field(description=_TIER)
    items: int = Field(200, ge=1, description="how many")
    seen: bool = Field(False, description="of the benchmark's seen half in place of new ones")
    skills: tuple[str, ...] = Field(tuple(SKILLS), description="that are drawn from")
    formats: tuple[str, ...] = Field(tuple(FORMATS), description="that items are written in")
    lengths: tuple[int, int] = Field((3, 6), description="shortest and longest input")
    compositions: float = Field(0.0, ge=0, le=1, description="share of items that join two skills")
    by: Literal["reading", "generation"] = Field(
        "reading", description="whether the right answer is read, or an answer is generated and kept"
    )
    shots: int = Field(0, ge=0, description="examples before each question, of the benchmark's seen half")


class BlimpPairs(Named):
    """One tier of the replicate's split of BLiMP, by its name there: "seen pairs", "held-out pairs" ..."""

    kind: Literal["blimp"]
    compete: Literal["sum", "token", "byte"] = Field("sum", description="log-probability in all, per token or per byte")


class Choices(Named):
    """Multiple-choice items of a file, by log-probability."""

    kind: Literal["choices"]
    file: str = Field(description=_FILE)
    tier: Tier = Field("unrelated", description=_TIER)
    items: int = Field(200, ge=1, description="most, drawn for a replicate")
    fields: tuple[str, str, str] = Field(("query", "choices", "gold"), description="question, options, the right one")
    form: Form = Field("cloze", description="what follows the question: an option's text, or its letter")
    shots: int = Field(0, ge=0, description="examples before each question, of the rows that are not asked")
    compete: Compete = Field("sum", description="options compete by this; the log-probabilities are kept as they are")
    bare: str = Field("Answer:", description="what stands for a question where options compete unconditionally")


class Answers(Named):
    """Questions of a file, answered by greedy generation."""

    kind: Literal["answers"]
    file: str = Field(description=_FILE)
    question: str = Field(
        "Question: {question}\nAnswer:", description="template over the row's fields, up to the answer"
    )
    answer: str = Field("answer", description="field of the right answer, or of a list of them")
    after: str = Field("", description="of an answer in the file only what follows this counts")
    tier: Tier = Field("unrelated", description=_TIER)
    items: int = Field(200, ge=1, description="most, drawn for a replicate")
    shots: int = Field(0, ge=0, description="examples before each question, of the rows that are not asked")
    alike: tuple[Alike, ...] = Field(("space",), description="what two equal answers may differ in")
    take: Literal["whole", "last number"] = Field("whole", description="what of a generated answer counts")
    most_tokens: int = Field(32, ge=1, description="that are generated")
    stop: tuple[str, ...] = Field(("\n",), description="texts that end an answer")


class Text(Named):
    """Bits per byte on documents of a source."""

    kind: Literal["text"]
    source: str = Field(description="one of the sources")
    tier: Tier = Field("general", description=_TIER)
    half: Half = Field("held-out", description="of a corpus; all is the halves for base and arms together")
    bytes: int = Field(200_000, ge=1, description="most that are scored")
    overlap: float = Field(
        0.0, ge=0, lt=1, description="share of a window of a long text that is read and not scored once more"
    )


class LmEval(Named):
    """Tasks of lm-evaluation-harness, its own or local ones, asked and scored by it, without a network."""

    kind: Literal["lm-eval"]
    tasks: tuple[str, ...] = Field(min_length=1, description="by their names there")
    include: str = Field("", description="folder of yaml files with tasks of one's own")
    tier: Tier = Field("unrelated", description=_TIER)
    items: int = Field(200, ge=1, description="most of each task, in its order")
    shots: int | None = Field(None, ge=0, description="examples before each question; as each task has it if left out")
    metric: str = Field("", description="which measure per item counts as right; the first of acc and exact_match")


class ReasoningGym(Named):
    """Puzzles of a data set of reasoning-gym, drawn from the replicate's seed, judged by its own verifier."""

    kind: Literal["reasoning-gym"]
    dataset: str = Field(description="its name there")
    settings: dict[str, Any] = Field(default_factory=dict, description="of the data set")
    tier: Tier = Field("unrelated", description=_TIER)
    items: int = Field(100, ge=1, description="how many")
    most_tokens: int = Field(32, ge=1, description="that are generated")
    stop: tuple[str, ...] = Field(("\n",), description="texts that end an answer")


TaskSettings = Annotated[
    SkillItems | BlimpPairs | Choices | Answers | Text | LmEval | ReasoningGym, Field(discriminator="kind")
]

_BLIMP = {"seen pairs": "seen", "held-out pairs": "held-out", "siblings": "sibling", "distant siblings": "sibling"}
_SCORED = {
    "blimp": "choice",
    "choices": "choice",
    "answers": "generated",
    "text": "text",
    "lm-eval": "harness",
    "reasoning-gym": "generated",
}


def tiers(tasks: Sequence[TaskSettings]) -> dict[str, tuple[str, str]]:
    """Task to its tier and the kind of its scoring ("exact", "choice" ...), without reading any item."""
    found = {}
    for task in tasks:
        tier = _BLIMP.get(task.name, "sibling") if isinstance(task, BlimpPairs) else task.tier
        if isinstance(task, SkillItems):
            kind = "exact" if task.by == "reading" else "generated"
        else:
            kind = _SCORED[task.kind]
        found[task.name] = (tier, kind)
    return found
