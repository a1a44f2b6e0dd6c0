"""From claims to sentences: what each arm did, whether outcome and footprint agree, and how strongly it can be said."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchshadow.stats import FEWEST_BASES, FEWEST_REPLICATES, over_bases, page_trend
from benchshadow.studies.declaring.family_rules import loose_margins
from benchshadow.studies.declaring.measures import Measure, measures
from benchshadow.studies.declaring.study import CONTROL, Study

from .claim_rows import model_and_benchmark
from .claims import AT_END, AT_EQUAL_CHANGE, Claim

__all__ = ["doses", "find", "level", "moved", "small", "statements"]

_NOT_TOLD = " None of these arms can be told from a second draw of the control."
_UNTOLD = "told from a second draw of the control"
_UNCHANGED = "cannot be told from no change"
_BY_CHANCE = {1: "1 time in 2", 2: "1 time in 14", 3: "1 time in 100"}
"""How often an arm without effect lies outside the A/A range: 1/2, then .07 and .01 by simulation."""
FEWEST_TOLD = 3
"""Replicates below which being outside the A/A range happens too often by chance to be told without a warning."""
_RANKS = ("stable_rank", "participation_ratio")


def level(study: Study, beforehand: Collection[str] | None = None) -> tuple[str, str]:
    """How strongly the study can speak, "descriptive" or "confirmatory", and why.

    Args:
        study: counts replicates, bases and families.
        beforehand: families that were declared before the first outcome; None for all.
    """
    counted = f"{_counted(len(study.replicates), 'replicate')} on {_counted(study.bases, 'base')}"
    if not study.families:
        return "descriptive", f"{counted}; no confirmatory test was declared beforehand"
    if beforehand is not None and not beforehand:
        return "descriptive", f"{counted}; every family was declared or changed after the first outcome"
    if len(study.replicates) < FEWEST_REPLICATES or study.bases < FEWEST_BASES:
        return "descriptive", counted
    return "confirmatory", counted


def statements(
    study: Study,
    made: Sequence[Claim],
    rows: Sequence[Mapping[str, Any]],
    beforehand: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """What can be said, arm by arm, then dose by dose; a sentence never says more than the labels of its claims.

    Args:
        study: says how strongly it can speak.
        made: its claims.
        rows: its doses, from `doses`.
        beforehand: families that were declared before the first outcome; None for all.
    """
    strength, why = level(study, beforehand)
    found: list[dict[str, Any]] = []
    known = measures(study)
    general = [measure.name for measure in known if measure.tier == "general" and measure.split is None]
    outcomes = {measure.name for measure in known if measure.kind == "outcome"}
    tested = [claim.measure for claim in made if claim.tested is not None and claim.measure in outcomes]
    named = [*general, *(name for name in dict.fromkeys(tested) if name not in ("narrow", "broad", *general))]
    for arm in dict.fromkeys(claim.arm for claim in made):
        found += list(_of_arm(arm, made, named))
    for each in rows:
        if each["measure"] in ("narrow", "broad", *_RANKS):
            found.append(_said("dose", each["row"], each["text"], "info"))
    found += _tests(study, made, beforehand)
    found += _replicates(study, made)
    if strength == "descriptive":
        found.append(_said("level", "", f"Everything here is descriptive: {why}.", "warning"))
    else:
        text = f"The tests of the declared families are confirmatory, everything else is descriptive: {why}."
        found.append(_said("level", "", text, "info"))
    return found


def _tests(study: Study, made: Sequence[Claim], beforehand: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """The verdicts of declared tests, and what stands against their families and margins."""
    of = model_and_benchmark(study)
    for claim in made:
        if claim.verdict is not None and claim.confirmatory:
            place = f"{claim.arm}, {claim.measure} at {claim.at}"
            yield _said("test", place, f"{place}: {claim.verdict.sentence}, {of}.", "info")
    late = [family.name for family in study.families if beforehand is not None and family.name not in beforehand]
    if late:
        text = f"Declared or changed after the first outcome, and so exploratory: {_listed(late)}."
        yield _said("exploratory", "", text, "warning")
    controls = {c.measure: c.control_mean for c in made if c.control_mean is not None and c.at == AT_END}
    text = " ".join(loose_margins(study, controls))
    if text:
        yield _said("margins", "", text, "warning")


def _replicates(study: Study, made: Sequence[Claim]) -> Iterator[dict[str, Any]]:
    """What stands against the claims because they rest on few replicates, or on fewer than were declared."""
    counts = [claim.verdict.replicates for claim in made if claim.verdict is not None and claim.at == AT_END]
    if not counts:
        return
    least, declared = min(counts), len(study.replicates)
    lost = sum(count < declared for count in counts)
    if lost:
        text = f"{lost} of {_counted(len(counts), 'comparison')} at the last step rest on fewer than the {declared}"
        yield _said("incomplete", "", f"{text} replicates declared, the fewest {least}.", "warning")
    if least in _BY_CHANCE:
        text = f"With {_counted(least, 'replicate')} an arm without any effect lies outside the A/A range of a measure"
        text = f"{text} {_BY_CHANCE[least]}, and there are {len({claim.measure for claim in made})} measures."
        yield _said("chance", "", text, "warning" if least < FEWEST_TOLD else "info")


def _of_arm(arm: str, made: Sequence[Claim], others: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What one arm did; `others` are outcomes besides narrow and broad: general texts, and what was declared."""
    narrow, broad = find(made, arm, "narrow"), find(made, arm, "broad")
    texts = [claim for name in others if (claim := find(made, arm, name)) is not None]
    ranks = [find(made, arm, rank) for rank in _RANKS]
    equal = [find(made, arm, rank, AT_EQUAL_CHANGE) for rank in _RANKS]
    if narrow and broad:
        yield _said("outcome", arm, f"{arm}: {_outcomes([narrow, broad, *texts])}.", "info")
    if any(ranks):
        text = f"{arm}: the change in the weights has {_ranks(ranks)}"
        text += f"; at equal relative change ({_at(equal)}) {_ranks(equal)}." if any(equal) else "."
        yield _said("footprint", arm, text, "info")
    spectrum = [claim for claim in (equal if any(equal) else ranks) if claim]
    if spectrum and (narrow or broad or texts):
        where = f"at {AT_EQUAL_CHANGE} " if any(equal) else ""
        told = _together(narrow, broad, texts, spectrum, where)
        yield _said("together", arm, f"{arm}: {told}.", "info")


def _together(
    narrow: Claim | None, broad: Claim | None, texts: Sequence[Claim], spectrum: Sequence[Claim], where: str
) -> str:
    """Whether outcome and footprint tell one story; what cannot be told is not said to stand still."""
    outcome = [claim for claim in (narrow, broad, *texts) if claim]
    turns = {moved(claim) for claim in spectrum}
    if turns == {0} and not any(map(moved, outcome)):
        if any(map(small, [*outcome, *spectrum])):
            return f"the outcome {_still(outcome)}, and {where}the spectrum {_still(spectrum)}"
        return "neither outcome nor footprint can be told from a second draw of the control"
    if turns == {0}:
        return f"the outcome moved but {where}the spectrum {_still(spectrum)}"
    if not any(map(moved, outcome)):
        return f"{where}the spectrum moved but the outcome {_still(outcome)}"
    footprint = {-1: "narrower", 1: "broader"}.get(sum(turns - {0}), "changed without one direction")
    groups: dict[str, list[str]] = {"gained": [], "lost": []}
    for claim in outcome:
        groups.setdefault(_gained(claim), []).append(claim.measure)
    parts = [f"{_listed(names)} {what}" for what, names in groups.items() if names]
    between = "; " if max(map(len, groups.values())) > 2 else ", "
    told = f"{between.join(parts)}{between}and {where}the footprint is {footprint}"
    beyond = [] if broad is None else [broad, *texts]
    if moved(narrow) > 0 and beyond and max(map(moved, beyond)) <= 0 and footprint == "narrower":
        known = all(map(_limited, beyond))
        return f"{told}: {'' if known else 'as far as can be told, '}what the preprint says of benchmark-aligned data"
    if moved(broad) > 0 and footprint == "broader":
        return f"{told}: what the preprint says of data that expands coverage"
    return f"{told}: neither of the two patterns that the preprint describes"


def _gained(claim: Claim) -> str:
    return {1: "gained", 0: _still([claim]), -1: "lost"}[moved(claim)]


def _limited(claim: Claim) -> bool:
    """Whether it was shown that a measure did not gain; not to be able to tell shows nothing."""
    assert claim.verdict is not None, "find gives only what can be compared"
    return moved(claim) < 0 or claim.verdict.label == "no shift" or small(claim)


def _still(claims: Sequence[Claim]) -> str:
    """Words for what did not move, as far as its labels go."""
    below, untold = "moved by less than its margin", f"cannot be {_UNTOLD}"
    if all(map(small, claims)):
        return below
    return f"in part {below}, in part {untold}" if any(map(small, claims)) else untold


def find(made: Sequence[Claim], arm: str, measure: str, at: str = AT_END) -> Claim | None:
    """The claim of an arm on a measure, where it can be compared."""
    return next((c for c in made if (c.arm, c.measure, c.at) == (arm, measure, at) and c.verdict is not None), None)


def moved(claim: Claim | None) -> int:
    """Sign of a difference that can be told from none; 0 where it cannot, or where it is below its margin."""
    if claim is None or claim.verdict is None:
        return 0
    told = claim.verdict.label in ("shift", "descriptive: outside the A/A range")
    return int(np.sign(claim.verdict.interval.mean)) if told else 0


def small(claim: Claim) -> bool:
    """Whether a difference can be told from none but is below its margin."""
    return claim.verdict is not None and claim.verdict.label == "shift below the margin"


def doses(study: Study, made: Sequence[Claim], treated: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Means along every declared row of doses, and whether they rise or fall all the way.

    A row whose arms do not rest on the same replicates is left out.

    Args:
        study: declares the rows.
        made: its claims.
        treated: share of the sequences that each arm's treatment replaced.
    """
    for title, arms in study.doses.items():
        for measure in measures(study):
            compared = _row(made, arms, measure.name)
            means = [_mean(made, arm, measure.name, compared) for arm in arms]
            known = [mean for mean in means if mean is not None]
            # Means over other replicates would show the replicates and not the doses.
            runs = {(claim.control_mean, len(claim.differences)) for claim in compared}
            if len(known) < len(means) or len(runs) > 1:
                continue
            steps = np.sign(np.diff(known))
            monotone = bool((steps > 0).all() or (steps < 0).all())
            yield {
                "row": title,
                "measure": measure.name,
                "arms": list(arms),
                "doses": [treated.get(arm) for arm in arms],
                "means": known,
                "monotone": monotone,
                "trend_p": _trend(study, compared) if arms[0] == CONTROL else None,
                "text": _dose_sentence(title, measure, known, monotone)
                + ("" if any(map(_told, compared)) else _NOT_TOLD),
            }


def _trend(study: Study, compared: Sequence[Claim]) -> float | None:
    """Two-sided p of Page's test along the doses, over bases where replicates share them; exploratory.

    None where a replicate is lost, or where there is nothing to rank.
    """
    owners = [study.base_of(replicate) for replicate in study.replicates]
    if len(compared) < 2 or any(len(claim.differences) != len(owners) for claim in compared):
        return None
    units = [over_bases(np.array(claim.differences), owners) for claim in compared]
    table = np.array([np.zeros(len(units[0])), *units]).T
    if len(table) < 2:
        return None
    return min(1.0, 2 * min(page_trend(table).p, page_trend(-table).p))


def _row(made: Sequence[Claim], arms: Sequence[str], measure: str) -> list[Claim]:
    return [claim for arm in arms if (claim := find(made, arm, measure)) is not None]


def _told(claim: Claim) -> bool:
    return bool(moved(claim)) or small(claim)


def _mean(made: Sequence[Claim], arm: str, measure: str, compared: Sequence[Claim]) -> float | None:
    """Mean of an arm; the control's over the replicates of the row's own comparisons."""
    if arm == CONTROL:
        return compared[0].control_mean if compared else None
    claim = find(made, arm, measure)
    return None if claim is None else claim.arm_mean


def _dose_sentence(title: str, measure: Measure, means: Sequence[float], monotone: bool) -> str:
    shown = ", ".join(f"{mean:.3g}" for mean in means)
    if len(set(means)) == 1:
        return f"{title}: {measure.title} is the same at every dose ({shown})."
    if not monotone:
        return f"{title}: {measure.title} is not monotone in the dose ({shown})."
    return f"{title}: {measure.title} {'rises' if means[-1] > means[0] else 'falls'} with every dose ({shown})."


def _outcomes(claims: Sequence[Claim]) -> str:
    """What moved, each by itself, and then together what cannot be told from no change."""
    still = [claim for claim in claims if not moved(claim) and not small(claim)]
    parts = [f"{claim.measure} {_went(claim)} {_by(claim)}" for claim in claims if claim not in still]
    if len(still) == 1:
        parts.append(f"{still[0].measure} {_UNCHANGED} {_by(still[0])}")
    elif still:
        parts.append(f"{_listed([f'{claim.measure} {_by(claim)}' for claim in still])} {_UNCHANGED}")
    return "; ".join(parts) if len(still) > 1 else ", ".join(parts)


def _went(claim: Claim) -> str:
    assert claim.verdict is not None, "find gives only what can be compared"
    verb = "rose" if claim.verdict.interval.mean > 0 else "fell"
    return f"{verb} by less than its margin" if small(claim) else verb


def _by(claim: Claim) -> str:
    assert claim.verdict is not None, "find gives only what can be compared"
    assert claim.control_mean is not None, "as above"
    label = claim.verdict.label.removeprefix("descriptive: ")
    return f"({claim.verdict.interval.mean:+.3f} from {claim.control_mean:.3f}, {label})"


def _ranks(claims: Sequence[Claim | None]) -> str:
    known = [claim for claim in claims if claim is not None and claim.arm_mean is not None]
    neither = len(known) > 1 and not any(moved(claim) or small(claim) for claim in known)
    said = []
    for claim in known:
        inside = ", by less than its margin" if small(claim) else f", not {_UNTOLD}," if not moved(claim) else ""
        numbers = f"{claim.arm_mean:.3g} against {claim.control_mean:.3g}"
        said.append(f"{claim.measure.replace('_', ' ')} {numbers}{'' if neither else inside}")
    return " and ".join(said).rstrip(",") + (f", neither of which can be {_UNTOLD}" if neither else "")


def _at(claims: Sequence[Claim | None]) -> str:
    return next(f"{claim.at_value:.3g}" for claim in claims if claim is not None)


def _said(code: str, about: str, text: str, severity: str) -> dict[str, Any]:
    return {"code": code, "id": f"{code}-{about or 'study'}", "about": about, "text": text, "severity": severity}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
