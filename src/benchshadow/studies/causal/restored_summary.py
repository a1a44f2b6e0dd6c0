"""What restored runs say together: every measure along the scale, by directions, and sentences about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from benchshadow.studies.declaring.measures import measures

if TYPE_CHECKING:
    from benchshadow.studies.declaring.study import Study

__all__ = ["summary_of"]

_ENERGY = "restored_energy_share"
_SAID = ("narrow", "broad")


def summary_of(
    study: Study,
    arm: str,
    directions: Sequence[str],
    scales: Sequence[float],
    records: pl.DataFrame,
    failed: Mapping[str, str],
) -> dict[str, Any]:
    """The content of `summary.json`; `curves` holds mean, low and high over replicates of every measure and scale."""
    curves = list(_curves(directions, scales, records))
    shares = records.filter(pl.col("diagnostic") == _ENERGY)
    energy = {along: _mean(shares.filter(pl.col("split") == along)) for along in directions}
    outcomes = [each for each in measures(study) if each.kind == "outcome"]
    return {
        "verb": "study restore",
        "study": study.name,
        "title": study.title,
        "sha256": study.sha256,
        "arm": arm,
        "directions": list(directions),
        "scales": list(scales),
        "replicates": sorted(records["replicate"].unique().to_list()),
        "energy_share": energy,
        "measures": [{key: getattr(each, key) for key in ("name", "title", "unit", "says")} for each in outcomes],
        "curves": curves,
        "statements": [text for along in directions for text in _statements(arm, along, curves, energy[along])],
        "failures": dict(failed),
    }


def _curves(directions: Sequence[str], scales: Sequence[float], records: pl.DataFrame) -> Iterator[dict[str, Any]]:
    ours = records.filter(pl.col("role") == "study", pl.col("value").is_not_null())
    left = records.filter(pl.col("of") == "model", pl.col("parameter").is_not_null(), pl.col("value").is_not_null())
    for table in (ours, left):
        for measure in table["diagnostic"].unique(maintain_order=True).to_list():
            for along in directions:
                for scale in scales:
                    here = table.filter(
                        pl.col("diagnostic") == measure, pl.col("split") == along, pl.col("parameter") == scale
                    )["value"].to_list()
                    if here:
                        told = {"mean": sum(here) / len(here), "low": min(here), "high": max(here), "n": len(here)}
                        yield {"measure": measure, "directions": along, "scale": scale, **told}


def _mean(rows: pl.DataFrame) -> float | None:
    found = rows["value"].drop_nulls().to_list()
    return sum(found) / len(found) if found else None


def _statements(arm: str, along: str, curves: Sequence[Mapping[str, Any]], energy: float | None) -> Iterator[str]:
    """What taking the base back along directions did, as a description: it is one arm's runs, without a test."""
    if not energy:
        yield f"{along}: no such direction was found in the change of '{arm}', so that nothing was scaled."
        return
    moved = []
    for measure in _SAID:
        means = {row["scale"]: row["mean"] for row in curves if (row["measure"], row["directions"]) == (measure, along)}
        if means:
            lowest = min(means)
            moved.append(f"{measure} went from {means[1.0]:.3f} to {means[lowest]:.3f} (scale 1 to {lowest:g})")
    if moved:
        yield f"{along}, {energy:.1%} of the energy of the change: {', '.join(moved)}; described, not tested."
