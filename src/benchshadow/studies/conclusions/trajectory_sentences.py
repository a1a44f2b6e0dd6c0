"""Whether an arm's ranks differ from the control's beyond what the size of its change, or its loss, explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from benchshadow.studies.declaring.measures import measures, values
from benchshadow.studies.declaring.study import Study

from .claims import Claim
from .comparing import AT_END, AT_EQUAL_CHANGE, AT_EQUAL_LOSS
from .statements import find, moved, small
from .trajectories import at_equal_loss, broad_losses

__all__ = ["trajectory_sentences"]

_RANKS = ("stable_rank", "participation_ratio", "effective_rank")


def trajectory_sentences(study: Study, made: Sequence[Claim], records: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Per arm, where along training its ranks stand apart from the control's; no stronger than their claims are.

    Args:
        study: names the arms.
        made: its claims.
        records: of all runs: how many paths pass the loss that they are compared at more than once.
    """
    probe, losses = broad_losses(study, records)
    size = next(measure for measure in measures(study) if measure.name == "relative_change")
    changes = values(records, size)
    for arm in study.treated:
        parts = [part for rank in _RANKS if (part := _of_rank(made, arm, rank))]
        if parts:
            yield _said("size", arm, f"{arm}: {'; '.join(parts)}.")
        if probe is not None and (text := _at_equal_loss(made, arm)):
            here = at_equal_loss(study, arm, changes, changes, losses)
            more = f" {here.turned} of {here.paths} paths pass that loss again and are read where they first do."
            yield _said("equal-loss", arm, f"{arm}: at equal loss on {probe}, {text}.{more if here.turned else ''}")


def _of_rank(made: Sequence[Claim], arm: str, rank: str) -> str:
    """What equal relative change makes of a difference at the last step; empty where there is nothing to compare."""
    last, equal = find(made, arm, rank), find(made, arm, rank, AT_EQUAL_CHANGE)
    if last is None or equal is None:
        return ""
    name, (before, after) = rank.replace("_", " "), (moved(last), moved(equal))
    if before and not after:
        if _gone(last, equal):
            return (
                f"the difference in {name} at the {AT_END} goes with the size of the change: at equal size it is less"
            )
        return f"{name} differs at the {AT_END}; whether it does at equal relative change cannot be told"
    if after and not before:
        return f"{name} differs at equal relative change, which the {AT_END} hides"
    if before and after and before != after:
        return f"{name} is {_side(before)} at the {AT_END} and {_side(after)} at equal relative change"
    if before:
        return f"{name} is {_side(after)} at equal relative change too: not by size alone"
    below = [at for claim, at in ((last, AT_END), (equal, AT_EQUAL_CHANGE)) if small(claim)]
    if below:
        return f"{name} differs by less than its margin at {' and at '.join(below)}"
    return f"{name} cannot be told from the control's, at the {AT_END} or at equal relative change"


def _gone(last: Claim, equal: Claim) -> bool:
    """Whether it was shown that a difference shrinks at equal size; not to be able to tell it there shows nothing."""
    assert last.verdict is not None, "find gives only what can be compared"
    assert equal.verdict is not None, "as above"
    effect, interval = last.verdict.interval.mean, equal.verdict.interval
    if equal.verdict.label == "no shift" or small(equal):
        return True
    if interval.low is None or interval.high is None:
        return False
    return effect > interval.high if effect > 0 else effect < interval.low


def _at_equal_loss(made: Sequence[Claim], arm: str) -> str:
    """The ranks where the broad loss is equal, or why they cannot be compared there."""
    claims = [claim for claim in made if claim.arm == arm and claim.at == AT_EQUAL_LOSS and claim.measure in _RANKS]
    there = [claim for claim in claims if claim.verdict is not None and claim.arm_mean is not None]
    if not there:
        return claims[0].reason or "" if claims else ""
    said = []
    for claim in there:
        told = "" if moved(claim) else ", not told from a second draw of the control"
        told = ", by less than its margin" if small(claim) else told
        said.append(f"{claim.measure.replace('_', ' ')} {claim.arm_mean:.3g} against {claim.control_mean:.3g}{told}")
    return f"{there[0].at_value:.3g} bits per byte, {'; '.join(said)}"


def _side(sign: int) -> str:
    return "above the control's" if sign > 0 else "below the control's"


def _said(code: str, arm: str, text: str) -> dict[str, Any]:
    return {"code": code, "id": f"{code}-{arm}", "about": arm, "text": text, "severity": "info"}
