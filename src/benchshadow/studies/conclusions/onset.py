"""Onset: up to which level of a treatment equivalence to the control holds, and from which one there is a shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchshadow.studies.declaring.onset_settings import Onset
from benchshadow.studies.declaring.sentences import known

__all__ = ["Reach", "check_onsets", "onset_rows", "onset_statements", "reach"]

_TESTED = (("no shift", "shift below the margin"), ("shift",))
_DESCRIBED = (("descriptive: inside the A/A range",), ("descriptive: outside the A/A range",))
"""Labels that say that an arm is like the control, and that it is not."""


@dataclass(frozen=True)
class Reach:
    """What the verdicts along a row of levels say together.

    Attributes:
        holds_to: the largest level such that equivalence is shown at it and at all below; None where it is not shown
            even at the first.
        shifts_from: the smallest level at which there is a shift; None where there is none.
        shifted: all levels at which there is one.
        untold: levels at which neither is shown.
        again: levels at which equivalence is shown above one with a shift: then the levels have no single onset.
        descriptive: whether all labels are of ranges, and nothing was tested.
    """

    holds_to: float | None
    shifts_from: float | None
    shifted: tuple[float, ...]
    untold: tuple[float, ...]
    again: tuple[float, ...]
    descriptive: bool


def reach(levels: Sequence[float], labels: Sequence[str | None]) -> Reach:
    """Read the verdicts of a row of arms, from the lowest level to the highest.

    A shift that is below the margin counts as equivalence, for that is what was shown. Where all verdicts are
    descriptive they say only whether an arm lies inside the range of a second draw: they show no equivalence, and the
    result says so. Beside verdicts that were tested a descriptive one tells nothing.

    What it does not tell: at which level between two of the row the onset lies, and anything of levels beyond the last.

    Args:
        levels: rising.
        labels: of `stats.verdicts`, one for each level; None where arm and control cannot be compared.
    """
    there = [label for label in labels if label is not None]
    descriptive = bool(there) and all(label.startswith("descriptive") for label in there)
    alike, other = _DESCRIBED if descriptive else _TESTED
    holds, shifts = [label in alike for label in labels], [label in other for label in labels]
    until = holds.index(False) if False in holds else len(holds)
    first = shifts.index(True) if True in shifts else None
    return Reach(
        holds_to=levels[until - 1] if until else None,
        shifts_from=None if first is None else levels[first],
        shifted=tuple(at for at, moved in zip(levels, shifts, strict=True) if moved),
        untold=tuple(at for at, held, moved in zip(levels, holds, shifts, strict=True) if not held and not moved),
        again=()
        if first is None
        else tuple(at for at, held in zip(levels[first:], holds[first:], strict=True) if held),
        descriptive=descriptive,
    )


def check_onsets(declared: Mapping[str, Onset], measures: Sequence[str]) -> None:
    """See that onsets are asked of measures that there are.

    Raises:
        InputError: of one that there is not, with the name that was meant.
    """
    for title, row in declared.items():
        for measure in row.measures:
            known(f"onsets.{title}.measures", measure, tuple(measures))


def onset_rows(
    declared: Mapping[str, Onset],
    labels: Mapping[tuple[str, str, str], str],
    margins: Mapping[str, float],
) -> list[dict[str, Any]]:
    """A row for every declared onset and measure, for `statements.json`.

    Args:
        declared: by title.
        labels: verdict by arm, measure and where they are compared.
        margins: by measure.
    """
    rows = []
    for title, row in declared.items():
        for measure in row.measures:
            said = [labels.get((arm, measure, row.at)) for arm in row.arms]
            found = reach(row.levels, said)
            place = {"row": title, "measure": measure, "at": row.at, "arms": list(row.arms), "labels": said}
            told = {"levels": list(row.levels), "margin": margins.get(measure), **_plain(found)}
            text = _sentence(title, measure, row, found, margins.get(measure))
            rows.append({**place, **told, "text": text})
    return rows


def onset_statements(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The sentences of the rows, as statements of a study."""
    return [
        {
            "code": "onset",
            "id": f"onset-{row['row']}-{row['measure']}",
            "about": row["row"],
            "text": row["text"],
            "severity": "warning" if row["descriptive"] else "info",
        }
        for row in rows
    ]


def _plain(found: Reach) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(found).items()}


def _sentence(title: str, measure: str, row: Onset, found: Reach, margin: float | None) -> str:
    """The reach in words, which say no more than the verdicts do."""
    name, level = measure.replace("_", " "), row.level
    within = f" within {margin:g}" if margin is not None else ""
    alike = "inside the A/A range" if found.descriptive else f"equivalent to the control{within}"
    other = "outside it" if found.descriptive else "shifted"
    if found.descriptive and row.levels[0] in found.shifted:
        # Outside at the lowest level: that it is not inside there need not be said.
        said, other = list[str](), "outside the A/A range"
    elif found.holds_to is None:
        said = [f"is not {'' if found.descriptive else 'shown to be '}{alike} even at {level} {row.levels[0]:g}"]
    else:
        every = f"at every {level} " if found.holds_to == row.levels[-1] else f"for {level} "
        said = [f"is {alike} {every}up to {found.holds_to:g}"]
    if found.shifted:
        said.append(f"is {other} at {level} {_listed(found.shifted)}")
    if found.untold:
        said.append(f"cannot be told at {level} {_listed(found.untold)}")
    text = f"{title}: {name} {', '.join(said)}"
    if found.again:
        text += f"; being {alike} again at {_listed(found.again)}, it has no single onset"
    return text + (". No equivalence was tested: this is descriptive." if found.descriptive else ".")


def _listed(levels: Sequence[float]) -> str:
    shown = [f"{level:g}" for level in levels]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
