"""The answer at the top of a study's page, put together from its claims and never stronger than their labels."""

from __future__ import annotations

from typing import Any

from .elements import Point
from .numbers import absent, counted, number, signed
from .study_folder import LAST, StudyFolder, label_of

__all__ = ["about", "answer", "capital"]

_MOST = 7
_FIRST = ("together", "outcome")
_ELSEWHERE = ("dose", "level", "classifier", "classifier-level", "one-arm", "added")


def answer(study: StudyFolder) -> tuple[str, list[str], list[Point]]:
    """What kind of answer this is, what holds for the study as a whole, and a point per arm."""
    claims = [c for c in study.claims.get("claims", []) if c.get("at", LAST) == LAST]
    if not claims:
        return "Nothing can be said yet: the runs of this study have not been compared.", _missing(study), []
    arms = [arm for arm in study.arms if any(claim["arm"] == arm for claim in claims)]
    whole = [each["text"] for each in study.claims.get("statements", []) if _of_study(study, each)]
    return _lead(study, claims, arms), [*_missing(study), *whole], [_point(study, arm, claims) for arm in arms]


def about(study: StudyFolder, arm: str, codes: tuple[str, ...]) -> list[str]:
    """The study's own sentences about an arm, those codes in that order, without the arm's name before them."""
    mine = [each for each in study.claims.get("statements", []) if each.get("about") == arm]
    found = [each["text"] for code in codes for each in mine if each.get("code") == code]
    return [text.removeprefix(f"{arm}: ") for text in found]


def _of_study(study: StudyFolder, statement: dict[str, Any]) -> bool:
    """Whether a statement is about the study as a whole and is said nowhere else."""
    return statement.get("about") not in study.arms and statement.get("code") not in _ELSEWHERE


def _missing(study: StudyFolder) -> list[str]:
    runs = study.summary.get("runs", {})
    failed, planned = runs.get("failed", 0), runs.get("planned", 0)
    return [
        f"{counted(failed, 'run')} of {number(planned)} failed and {'is' if failed == 1 else 'are'} missing here."
    ] * bool(failed)


def _lead(study: StudyFolder, claims: list[dict[str, Any]], arms: list[str]) -> str:
    """How far the claims reach, then how many arms left the A/A range in what they do and in how they changed."""
    level, why = study.claims.get("level", "descriptive"), study.claims.get("why", "")
    if level == "confirmatory":
        reach = "The tests of the declared families were fixed before the runs"
        reach += f" ({why})" * bool(why) + "; everything else is descriptive"
    else:
        reach = f"Descriptive ({why})" if why else "Descriptive"
        reach += ": this tells how these runs came out and infers nothing beyond them"
    counts = []
    for kind, word in (("outcome", "outcome"), ("footprint", "measure of the weights")):
        names = {measure["name"] for measure in study.measures(kind)}
        moved = {c["arm"] for c in claims if c["measure"] in names and c.get("place") == "outside"}
        if names:
            counts.append((len(moved), f"in at least one of {counted(len(names), word, _plural(word))}"))
    if not counts:
        return f"{reach}."
    (first, place), *others = counts
    text = f"Of {counted(len(arms), 'treated arm')}, {first} left the range of a second draw of the control {place}"
    return f"{reach}. {text}{''.join(f', {many} {where}' for many, where in others)}."


def _plural(word: str) -> str:
    return word.replace("outcome", "outcomes").replace("measure ", "measures ")


def _point(study: StudyFolder, arm: str, claims: list[dict[str, Any]]) -> Point:
    """What the study says about an arm; where it says nothing, what its claims' labels say."""
    said = [capital(text) for text in about(study, arm, _FIRST)] or [_labels(study, arm, claims)]
    return Point(arm, " ".join(said), study.series.get(arm))


def capital(text: str) -> str:
    """A sentence whose first word was not the first."""
    return text[:1].upper() + text[1:]


def _labels(study: StudyFolder, arm: str, claims: list[dict[str, Any]]) -> str:
    """The measures of one arm, grouped by the label of their claims: outcomes first."""
    order = [measure["name"] for kind in ("outcome", "footprint") for measure in study.measures(kind)]
    place = {name: index for index, name in enumerate(order)}
    mine = sorted(
        (claim for claim in claims if claim["arm"] == arm), key=lambda claim: place.get(claim["measure"], len(place))
    )
    groups: dict[str, list[str]] = {}
    for claim in mine:
        label = label_of(claim) or claim.get("reason") or "not said"
        value = "" if absent(claim.get("effect")) else f" {signed(claim['effect'])}{_unit(claim.get('unit'))}"
        groups.setdefault(label, []).append(study.measure(claim["measure"])["title"] + value)
    parts = []
    for label, names in groups.items():
        more = f" and {number(len(names) - _MOST)} more" if len(names) > _MOST else ""
        parts.append(f"{label}: {', '.join(names[:_MOST])}{more}")
    return capital("; ".join(parts)) + "."


def _unit(unit: str | None) -> str:
    return f" {unit}" if unit and unit not in ("share", "dimensions", "-") else ""
