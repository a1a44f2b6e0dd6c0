"""What a study declares beforehand: tests in families, and margins with their reasons."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["At", "ClaimName", "Family", "Margin", "Test"]

At = Literal["last step", "equal relative change", "equal loss"]
ClaimName = Literal["C1", "C2", "C3", "C4", "C5", "C6", "C7"]

MOST_POINTS = 0.02
"""Largest margin of a share, two points, where no value of the control is given."""
MOST_OF_CONTROL = 0.05
"""Largest margin as a share of the control's value."""


class Declared(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Margin(Declared):
    """The smallest difference that matters, fixed beforehand; a bare number is one without a reason.

    It is justified outside the study's own runs: at most a third of the aligned arm's effect in a pilot on other seeds,
    and at most two points (of a share) or 5% of the control's value.
    """

    value: float = Field(gt=0, description="in the unit of the measure")
    unit: str | None = Field(None, description="the measure's unit, so that a number cannot be read for another")
    because: str = Field("", description="why smaller differences do not matter")
    pilot_effect: float | None = Field(None, description="difference of the aligned arm in a pilot on other seeds")
    control: float | None = Field(None, description="the control's value in the pilot")

    @model_validator(mode="before")
    @classmethod
    def _of_a_number(cls, given: Any) -> Any:
        return {"value": given} if isinstance(given, int | float) and not isinstance(given, bool) else given

    @property
    def justified(self) -> bool:
        """Whether it says its unit and its reason."""
        return bool(self.unit) and bool(self.because.strip())

    def over(self, control: float | None) -> str | None:
        """What the margin exceeds, beside a value of the control; None where it holds to the rule or cannot be held."""
        limits = [f"{MOST_OF_CONTROL:.0%} of the control's {control:.3g}"] if control is not None else []
        most = MOST_OF_CONTROL * abs(control) if control is not None else 0.0
        if self.unit == "share":
            limits, most = ["two points", *limits], max(most, MOST_POINTS)
        if not limits or self.value <= most * (1 + 1e-9):
            return None
        return f"must be at most {' or '.join(limits)} but is {self.value:g}"


class Test(Declared):
    """One confirmatory test: an arm against the control on one measure."""

    arm: str = Field(description="that is compared with the control")
    measure: str = Field(description="a task's name, or one of the study's own measures")
    kind: Literal["difference", "equivalence"] = Field("difference", description="what the test is to show")
    at: At = Field("last step", description="where arm and control are compared")
    claim: ClaimName | None = Field(None, description="the claim of the preprint that it speaks to")
    effect: float | None = Field(None, gt=0, description="difference that it must find; plans replicates, no more")

    @property
    def place(self) -> tuple[str, str, str]:
        """Arm, measure and where they are compared: two tests of one place are two sides of one claim."""
        return self.arm, self.measure, self.at


class Family(Declared):
    """Confirmatory tests that are corrected together (Holm)."""

    name: str = Field(description="told in sentences")
    alpha: float = Field(0.05, gt=0, lt=1, description="chance of one false verdict or more in the whole family")
    tests: tuple[Test, ...] = Field(min_length=1, description="corrected together")

    @property
    def places(self) -> list[tuple[str, str, str]]:
        """The claims that the family makes, each once."""
        return list(dict.fromkeys(test.place for test in self.tests))
