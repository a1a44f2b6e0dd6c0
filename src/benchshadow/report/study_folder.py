"""A study's folder as the page sees it: what was planned, the readings of every run, and what was claimed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.errors import InputError
from benchshadow.records import read, read_json

from .look import Series, series_of

__all__ = ["EQUAL", "LAST", "Reading", "StudyFolder", "label_of", "open_study"]

LAST, EQUAL = "last step", "equal relative change"
"""Where claims are made, as `claims.json` calls it."""
_OF = {"outcome": "outcome", "representation": "activations", "behaviour": "behaviour"}


@dataclass(frozen=True)
class Reading:
    """One value of one run at one step."""

    arm: str
    replicate: int
    step: int
    value: float


@dataclass(frozen=True)
class StudyFolder:
    """Everything of a study but its weights.

    Attributes:
        folder: where it lies.
        study: the plan: arms, measures, tasks, settings.
        records: the long table of all runs.
        claims: rows of `claims.json` under "claims", beside what `statements.json` holds; empty where nothing was
            claimed yet.
        summary: the table of means and ranges; empty where it is not written yet.
        manifests: one per run, by the name of its folder.
    """

    folder: Path
    study: dict[str, Any]
    records: pl.DataFrame
    claims: dict[str, Any]
    summary: dict[str, Any]
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def control(self) -> str | None:
        return self.study.get("control")

    @property
    def placebo(self) -> str | None:
        return self.study.get("placebo_arm")

    @cached_property
    def arms(self) -> list[str]:
        """The arms of the plan, in its order: keys of JSON are sorted, so the order is that of the table of means."""
        planned = self.study["arms"]
        told: list[str] = [row["arm"] for row in (*self.summary.get("table", []), *self.claims.get("claims", []))]
        first = [arm for arm in (self.control, self.placebo) if arm is not None and arm in planned]
        return list(dict.fromkeys(arm for arm in (*first, *told, *planned) if arm in planned))

    @cached_property
    def treated(self) -> list[str]:
        """The arms that are neither the control nor its second draw."""
        return [arm for arm in self.arms if arm not in (self.control, self.placebo)]

    @cached_property
    def series(self) -> dict[str, Series]:
        """Colour and shape of every arm."""
        return {each.name: each for each in series_of(self.arms, self.control, self.placebo)}

    def title(self, arm: str) -> str:
        return self.study.get("arms", {}).get(arm, {}).get("title") or arm

    def measures(self, kind: str) -> list[dict[str, Any]]:
        """The measures of one kind, outcome or footprint."""
        return [measure for measure in self.study.get("measures", []) if measure.get("kind") == kind]

    def measure(self, name: str) -> dict[str, Any]:
        """A measure by name; one that the plan does not know has its name for a title."""
        known = {measure["name"]: measure for measure in self.study.get("measures", [])}
        return known.get(name, {"name": name, "title": name, "unit": ""})

    def readings(self, measure: dict[str, Any], *, last: bool = True) -> list[Reading]:
        """The values of a measure, one per run; at every step where `last` is false.

        A measure is the weighted sum of its parts, (factor, benchmark, diagnostic) each; a run that lacks a part has no
        value. Where the plan names no parts and no single benchmark, there are none to be had from the records.
        """
        parts = self._parts(measure)
        found: dict[tuple[str, int, int], list[float]] = {}
        for factor, benchmark, diagnostic in parts:
            of = _OF.get(measure.get("kind") or "", "model")
            found_rows = self.rows(of, diagnostic, benchmark, last=last, split=measure.get("split"))
            for row in found_rows.iter_rows(named=True):
                key = (row["arm"], row["replicate"], row["step"])
                found.setdefault(key, []).append(factor * row["value"])
        whole = {key: sum(values) for key, values in found.items() if len(values) == len(parts)}
        return [Reading(*key, value) for key, value in sorted(whole.items())]

    def _parts(self, measure: dict[str, Any]) -> list[tuple[float, str | None, str]]:
        if measure.get("parts"):
            return [(factor, benchmark, diagnostic) for factor, benchmark, diagnostic in measure["parts"]]
        footprint = measure.get("kind") == "footprint" and measure.get("diagnostic")
        if footprint or (measure.get("benchmark") and measure.get("diagnostic") != "bits_per_byte"):
            return [(1.0, measure.get("benchmark"), measure["diagnostic"])]
        return []

    def rows(
        self, of: str, diagnostic: str, benchmark: str | None = None, *, last: bool = True, split: str | None = None
    ) -> pl.DataFrame:
        """The records of one diagnostic that hold a value, of the arms alone; of the last step of every run, or all.

        Outcomes are those of the checkpoints as they are, or with `split` those after the training that it names.
        """
        wanted = (pl.col("of") == of) & (pl.col("diagnostic") == diagnostic) & pl.col("parameter").is_null()
        if of == "outcome":
            wanted &= pl.col("split").eq_missing(pl.lit(split, dtype=pl.String))
        if benchmark is not None:
            wanted &= pl.col("benchmark") == benchmark
        found = self.records.filter(wanted & pl.col("value").is_finite() & pl.col("arm").is_in(self.arms))
        if last and found.height:
            found = found.filter(pl.col("step") == pl.col("step").max().over("arm", "replicate"))
        return found

    def claim(self, arm: str, measure: str, at: str = LAST) -> dict[str, Any] | None:
        """The claim on one measure in one arm."""
        for claim in self.claims.get("claims", []):
            if (claim["arm"], claim["measure"], claim.get("at", LAST)) == (arm, measure, at):
                return claim
        return None

    def aa_reach(self, measure: str) -> float | None:
        """Largest absolute A/A difference of a measure, as its claims hold it."""
        for claim in self.claims.get("claims", []):
            if claim["measure"] == measure and claim.get("at", LAST) == LAST and claim.get("aa"):
                return max(abs(each) for each in claim["aa"])
        return None


def label_of(claim: dict[str, Any]) -> str | None:
    """What can be said of a claim in a few words; None where it could not be compared."""
    if claim.get("verdict") != "descriptive":
        return claim.get("verdict")
    return f"{claim.get('place', 'inside')} the A/A range"


def open_study(folder: Path) -> StudyFolder:
    """Read a study's folder; what is not written yet is empty, what is broken is refused by name."""
    study = _object(folder / "study.json")
    if not isinstance(study.get("arms"), dict):
        raise InputError(folder / "study.json", "must name its arms but has none")
    optional = {
        name: _object(folder / f"{name}.json") if (folder / f"{name}.json").is_file() else {}
        for name in ("statements", "summary")
    }
    # Only whole runs: a run under way, and one that newer definitions set aside, are no part of the study.
    runs = [run for run in sorted(folder.glob("runs/*")) if run.is_dir() and run.suffix != ".partial"]
    records = pl.concat([read(run) for run in runs]) if runs else read(folder / "runs")
    manifests = {run.name: _object(run / "manifest.json") for run in runs if (run / "manifest.json").is_file()}
    records = records.with_columns(pl.col(pl.Float64).fill_nan(None))
    return StudyFolder(folder, study, records, _claimed(folder, optional["statements"]), optional["summary"], manifests)


def _claimed(folder: Path, said: dict[str, Any]) -> dict[str, Any]:
    """The rows of the claims and what was said of them together."""
    path = folder / "claims.json"
    if not path.is_file():
        return {}
    rows = read_json(path)
    if not isinstance(rows, list):
        again = "run the study again: nothing that is whole is trained anew"
        raise InputError(path, f"must be a list of claims but is a {type(rows).__name__}", again)
    return {**said, "claims": rows}


def _object(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(path, f"must be a JSON object but is a {type(found).__name__}")
    return found
