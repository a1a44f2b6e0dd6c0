"""From claims to sentences: what each arm did, whether outcome and footprint agree, and how strongly it can be said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchshadow.stats import FEWEST_BASES, FEWEST_REPLICATES

from .claims import AT_END, AT_EQUAL_CHANGE, Claim
from .measures import Measure, measures
from .study import CONTROL, Study

__all__ = ["doses", "find", "level", "moved", "statements"]

_NOT_TOLD = " None of these arms can be told from a second draw of the control."
_RANKS = ("stable_rank", "participation_ratio")


def level(study: Study) -> tuple[str, str]:
    """How strongly the study can speak, "descriptive" or "confirmatory", and why."""
    counted = f"{_counted(len(study.replicates), 'replicate')} on {_counted(study.bases, 'base')}"
    if not study.families:
        return "descriptive", f"{counted}; no confirmatory test was declared beforehand"
    if len(study.replicates) < FEWEST_REPLICATES or study.bases < FEWEST_BASES:
        return "descriptive", counted
    return "confirmatory", counted


def statements(study: Study, made: Sequence[Claim], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What can be said, arm by arm, then dose by dose; a sentence never says more than the labels of its claims.

    Args:
        study: says how strongly it can speak.
        made: its claims.
        rows: its doses, from `doses`.
    """
    strength, why = level(study)
    found = []
    for arm in dict.fromkeys(claim.arm for claim in made):
        found += list(_of_arm(arm, made))
    for each in rows:
        if each["measure"] in ("narrow", "broad", *_RANKS):
            found.append(_said("dose", each["row"], each["text"], "info"))
    if strength == "descriptive":
        found.append(_said("level", "", f"Everything here is descriptive: {why}.", "warning"))
    else:
        text = f"The tests of the declared families are confirmatory, everything else is descriptive: {why}."
        found.append(_said("level", "", text, "info"))
    return found


def _of_arm(arm: str, made: Sequence[Claim]) -> Iterator[dict[str, Any]]:
    narrow, broad = find(made, arm, "narrow"), find(made, arm, "broad")
    ranks = [find(made, arm, rank) for rank in _RANKS]
    equal = [find(made, arm, rank, AT_EQUAL_CHANGE) for rank in _RANKS]
    if narrow and broad:
        text = f"{arm}: narrow {_went(narrow)}, broad {_went(broad)}."
        yield _said("outcome", arm, text, "info")
    if any(ranks):
        text = f"{arm}: the change in the weights has {_ranks(ranks)}"
        text += f"; at equal relative change ({_at(equal)}) {_ranks(equal)}." if any(equal) else "."
        yield _said("footprint", arm, text, "info")
    spectrum = {moved(claim) for claim in (equal if any(equal) else ranks) if claim}
    outcome = {moved(claim) for claim in (narrow, broad) if claim}
    if spectrum and outcome:
        yield _said("together", arm, f"{arm}: {_together(moved(narrow), moved(broad), spectrum)}.", "info")


def _together(narrow: int, broad: int, spectrum: set[int]) -> str:
    """Whether outcome and footprint tell one story."""
    if spectrum == {0} and not (narrow or broad):
        return "neither outcome nor footprint left the range of a second draw of the control"
    if spectrum == {0}:
        return "the outcome moved but the spectrum did not"
    if not (narrow or broad):
        return "the spectrum moved but the outcome did not"
    footprint = {-1: "narrower", 1: "broader"}.get(sum(spectrum - {0}), "changed without one direction")
    gained = {1: "gained", 0: "did not move", -1: "lost"}
    told = f"narrow {gained[narrow]}, broad {gained[broad]}, and the footprint is {footprint}"
    if narrow > 0 and broad <= 0 and footprint == "narrower":
        return f"{told}: what the preprint says of benchmark-aligned data"
    if broad > 0 and footprint == "broader":
        return f"{told}: what the preprint says of data that expands coverage"
    return f"{told}: neither of the two patterns that the preprint describes"


def find(made: Sequence[Claim], arm: str, measure: str, at: str = AT_END) -> Claim | None:
    """The claim of an arm on a measure, where it can be compared."""
    return next((c for c in made if (c.arm, c.measure, c.at) == (arm, measure, at) and c.verdict is not None), None)


def moved(claim: Claim | None) -> int:
    """Sign of a difference that can be told from none; 0 where it cannot, or where it is below its margin."""
    if claim is None or claim.verdict is None:
        return 0
    told = claim.verdict.label == "shift" or claim.verdict.label.endswith("outside the A/A range")
    return int(np.sign(claim.verdict.interval.mean)) if told else 0


def doses(study: Study, made: Sequence[Claim], treated: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Means along every declared row of doses, and whether they rise or fall all the way.

    Args:
        study: declares the rows.
        made: its claims.
        treated: share of the sequences that each arm's treatment replaced.
    """
    for title, arms in study.doses.items():
        for measure in measures(study):
            means = [_mean(made, arm, measure.name) for arm in arms]
            known = [mean for mean in means if mean is not None]
            if len(known) < len(means):
                continue
            steps = np.sign(np.diff(known))
            monotone = bool((steps > 0).all() or (steps < 0).all())
            yield {
                "row": title,
                "measure": measure.name,
                "arms": list(arms),
                "doses": [treated[arm] for arm in arms],
                "means": known,
                "monotone": monotone,
                "text": _dose_sentence(title, measure, known, monotone)
                + ("" if any(moved(find(made, arm, measure.name)) for arm in arms) else _NOT_TOLD),
            }


def _mean(made: Sequence[Claim], arm: str, measure: str) -> float | None:
    if arm == CONTROL:
        return next((c.control_mean for c in made if c.measure == measure and c.at == AT_END and c.verdict), None)
    claim = find(made, arm, measure)
    return None if claim is None else claim.arm_mean


def _dose_sentence(title: str, measure: Measure, means: Sequence[float], monotone: bool) -> str:
    shown = ", ".join(f"{mean:.3g}" for mean in means)
    if not monotone:
        return f"{title}: {measure.title} is not monotone in the dose ({shown})."
    return f"{title}: {measure.title} {'rises' if means[-1] > means[0] else 'falls'} with every dose ({shown})."


def _went(claim: Claim) -> str:
    assert claim.verdict is not None, "find gives only what can be compared"
    assert claim.control_mean is not None, "as above"
    verb = {1: "rose", -1: "fell", 0: "cannot be told from no change"}[moved(claim)]
    label = claim.verdict.label.removeprefix("descriptive: ")
    return f"{verb} ({claim.verdict.interval.mean:+.3f} from {claim.control_mean:.3f}, {label})"


def _ranks(claims: Sequence[Claim | None]) -> str:
    said = []
    for claim in claims:
        if claim is not None and claim.arm_mean is not None:
            name = claim.measure.replace("_", " ")
            inside = "" if moved(claim) else ", not told from a second draw of the control"
            said.append(f"{name} {claim.arm_mean:.3g} against {claim.control_mean:.3g}{inside}")
    return " and ".join(said)


def _at(claims: Sequence[Claim | None]) -> str:
    return next(f"{claim.at_value:.3g}" for claim in claims if claim is not None)


def _said(code: str, about: str, text: str, severity: str) -> dict[str, Any]:
    return {"code": code, "id": f"{code}-{about or 'study'}", "about": about, "text": text, "severity": severity}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
