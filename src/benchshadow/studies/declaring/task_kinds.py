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


class Named(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    says: str = Field("", description="what it asks, for the report")


class SkillItems(Named):
    """Items of the embedded world, answered exactly; of the benchmark's seen half where `seen` is set."""

    kind: Literal["skills"]
    tier: Tier
    items: int = Field(200, ge=1)
    seen: bool = False
    skills: tuple[str, ...] = tuple(SKILLS)
    formats: tuple[str, ...] = tuple(FORMATS)
    lengths: tuple[int, int] = (3, 6)
    compositions: float = Field(0.0, ge=0, le=1)
    by: Literal["reading", "generation"] = Field(
        "reading", description="whether the right answer is read, or an answer is generated and kept"
    )
    shots: int = Field(0, ge=0, description="examples before each question, of the benchmark's seen half")


class BlimpPairs(Named):
    """One tier of the replicate's split of BLiMP, by its name there: "seen pairs", "held-out pairs" ..."""

    kind: Literal["blimp"]
    compete: Literal["sum", "token", "byte"] = "sum"


class Choices(Named):
    """Multiple-choice items of a file, by log-probability."""

    kind: Literal["choices"]
    file: str
    tier: Tier = "unrelated"
    items: int = Field(200, ge=1)
    fields: tuple[str, str, str] = Field(("query", "choices", "gold"), description="question, options, the right one")
    form: Form = Field("cloze", description="what follows the question: an option's text, or its letter")
    shots: int = Field(0, ge=0, description="examples before each question, of the rows that are not asked")
    compete: Compete = Field("sum", description="options compete by this; the log-probabilities are kept as they are")
    bare: str = Field("Answer:", description="what stands for a question where options compete unconditionally")


class Answers(Named):
    """Questions of a file, answered by greedy generation."""

    kind: Literal["answers"]
    file: str
    question: str = Field(
        "Question: {question}\nAnswer:", description="template over the row's fields, up to the answer"
    )
    answer: str = Field("answer", description="field of the right answer, or of a list of them")
    after: str = Field("", description="of an answer in the file only what follows this counts")
    tier: Tier = "unrelated"
    items: int = Field(200, ge=1)
    shots: int = Field(0, ge=0, description="examples before each question, of the rows that are not asked")
    alike: tuple[Alike, ...] = Field(("space",), description="what two equal answers may differ in")
    take: Literal["whole", "last number"] = "whole"
    most_tokens: int = Field(32, ge=1)
    stop: tuple[str, ...] = ("\n",)


class Text(Named):
    """Bits per byte on documents of a source."""

    kind: Literal["text"]
    source: str
    tier: Tier = "general"
    half: Half = "held-out"
    bytes: int = Field(200_000, ge=1)
    overlap: float = Field(
        0.0, ge=0, lt=1, description="share of a window of a long text that is read and not scored once more"
    )


class LmEval(Named):
    """Tasks of lm-evaluation-harness, its own or local ones, asked and scored by it, without a network."""

    kind: Literal["lm-eval"]
    tasks: tuple[str, ...] = Field(min_length=1)
    include: str = Field("", description="folder of yaml files with tasks of one's own")
    tier: Tier = "unrelated"
    items: int = Field(200, ge=1, description="most of each task, in its order")
    shots: int | None = Field(None, ge=0, description="examples before each question; as each task has it if left out")
    metric: str = Field("", description="which measure per item counts as right; the first of acc and exact_match")


class ReasoningGym(Named):
    """Puzzles of a data set of reasoning-gym, drawn from the replicate's seed, judged by its own verifier."""

    kind: Literal["reasoning-gym"]
    dataset: str
    settings: dict[str, Any] = Field(default_factory=dict, description="of the data set")
    tier: Tier = "unrelated"
    items: int = Field(100, ge=1)
    most_tokens: int = Field(32, ge=1)
    stop: tuple[str, ...] = ("\n",)


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
