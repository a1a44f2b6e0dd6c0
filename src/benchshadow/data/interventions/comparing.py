"""Proof of control: manifests of arms may differ in the treatment that the recipe declares, and in nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchshadow.errors import InputError
from benchshadow.records import differing, digest, sealed

from .account import SCHEMA, positions
from .recipe import CONTROL, Recipe, checked_recipe, treated_count
from .seeding import generator

__all__ = ["FIELDS", "Comparison", "Difference", "compare"]

FIELDS = {
    "schema", "kind", "arm", "recipe", "seed", "treatment", "sources", "items", "tokenizer_sha256", "tools",
    "code", "environment", "budget", "order_sha256", "control_order_sha256", "untreated_sha256",
    "control_untreated_sha256", "treated_sequences", "treated_positions_sha256", "reported", "written", "sha256",
}  # fmt: skip
"""The fields of an arm's manifest."""
# What follows from the treatment and therefore differs between arms; the dose has more to say, where it differs.
_OF_TREATMENT = ("arm", "treatment", "order_sha256", "reported", "written", "sha256")
_OF_DOSE = ("treated_sequences", "treated_positions_sha256", "untreated_sha256", "control_untreated_sha256")
_HASHES = (
    "tokenizer_sha256", "order_sha256", "control_order_sha256", "untreated_sha256", "control_untreated_sha256",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One field in which a manifest departs from the first, or from what it says itself."""

    manifest: str
    field: str
    was: Any
    now: Any

    @property
    def said(self) -> str:
        """The field with both values, long ones cut."""
        return f"{self.field} is {_short(self.now)}, was {_short(self.was)}"

    def __str__(self) -> str:
        return f"{self.manifest}: {self.said}"


@dataclass(frozen=True)
class Comparison:
    """What differs between arms.

    Attributes:
        names: of the arms.
        declared: differences that the treatment makes.
        undeclared: all others; control is proven only where there are none.
    """

    names: tuple[str, ...]
    declared: tuple[Difference, ...]
    undeclared: tuple[Difference, ...]


def compare(manifests: Sequence[dict[str, Any]]) -> Comparison:
    """Compare arms with the first of them.

    Each must be as it was sealed, agree with its own recipe, and have the control's sequences wherever it is not
    treated. Arms of one dose are treated at the same positions. Two manifests of one arm may differ in nothing. What
    the tokens and the documents alone can tell, `proved` reads from them.

    Args:
        manifests: of arms, the control's among them or not.

    Raises:
        InputError: there are fewer than two, or one of them is none.
    """
    if len(manifests) < 2:
        raise InputError("compare", f"needs two manifests or more but was given {len(manifests)}")
    for each in manifests:
        if not isinstance(each, dict) or each.keys() != FIELDS or each["schema"] != SCHEMA or each["kind"] != "arm":
            held = sorted(each)[:6] if isinstance(each, dict) else type(each).__name__
            raise InputError("manifest", f"must be that of an arm, schema {SCHEMA}, but holds {held}")
    declared: list[Difference] = []
    undeclared = [found for each in manifests for found in contradictions(each)]
    first, *others = manifests
    for other in others:
        for field, was, now in differing(first, other):
            found = Difference(f"{other['arm']} against {first['arm']}", field, was, now)
            (declared if _follows(first, other, field) else undeclared).append(found)
    return Comparison(tuple(str(each["arm"]) for each in manifests), tuple(declared), tuple(undeclared))


def _follows(first: dict[str, Any], other: dict[str, Any], field: str) -> bool:
    """Whether a field may differ because the arms do."""
    if first["arm"] == other["arm"]:
        return False
    allowed = _OF_TREATMENT if _dose(first) == _dose(other) else _OF_TREATMENT + _OF_DOSE
    return any(field == each or field.startswith(f"{each}.") for each in allowed)


def _dose(manifest: dict[str, Any]) -> Any:
    treatment = manifest["treatment"]
    return treatment.get("dose") if isinstance(treatment, dict) else None


def contradictions(manifest: dict[str, Any]) -> Iterator[Difference]:
    """Where a manifest contradicts its seal, its recipe, or itself."""
    name = str(manifest["arm"])
    if not sealed(manifest):
        yield Difference(name, "sha256", manifest["sha256"], "not the hash of its content: it was altered")
    try:
        recipe = checked_recipe(manifest["recipe"])
        wanted = expected(recipe, name, manifest["seed"])
    except (InputError, TypeError, KeyError) as error:
        yield Difference(name, "recipe", "a recipe with this arm", f"none that can be followed ({error})")
        return
    for place, value in wanted.items():
        for field, was, now in differing(value, manifest[place], place):
            yield Difference(name, field, was, now)
    for place in _HASHES:
        if not re.fullmatch("[0-9a-f]{64}", str(manifest[place])):
            yield Difference(name, place, "a sha256", manifest[place])
    if manifest["untreated_sha256"] != manifest["control_untreated_sha256"]:
        yield Difference(name, "untreated_sha256", manifest["control_untreated_sha256"], manifest["untreated_sha256"])
    if name == CONTROL and manifest["order_sha256"] != manifest["control_order_sha256"]:
        yield Difference(name, "order_sha256", manifest["control_order_sha256"], manifest["order_sha256"])


def expected(recipe: Recipe, name: str, seed: int) -> dict[str, Any]:
    """What a recipe and a seed alone determine of an arm's manifest."""
    sequences, arm = recipe.budget.sequences, None if name == CONTROL else recipe.arms[name]
    count = 0 if arm is None else treated_count(sequences, arm.dose, name)
    stand = positions(generator(seed, "positions"), sequences, count)
    return {
        "recipe": recipe.model_dump(mode="json"),
        "treatment": {"dose": 0.0} if arm is None else arm.model_dump(mode="json"),
        "budget": {
            "tokens": recipe.budget.tokens,
            "loss_bearing_tokens": recipe.budget.tokens - sequences,
            "sequences": sequences,
            "length": recipe.budget.length,
            "padding": 0,
        },
        "treated_sequences": count,
        "treated_positions_sha256": digest(stand.tolist()),
    }


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
