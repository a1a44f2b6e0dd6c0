"""In which layers an arm's change differs from the control's, corrected over the layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from benchshadow.stats import (
    FEWEST_REPLICATES,
    benjamini_hochberg,
    over_bases,
    paired_t,
    placed,
    sign_flip,
)
from benchshadow.studies.declaring.study import CONTROL, Study

__all__ = ["LEVEL", "layer_rows", "layers_said"]

LEVEL = 0.05
"""Expected share of false findings among the layers that are named."""
_DIAGNOSTICS = ("relative_change", "stable_rank")

Layer = tuple[str, int]
Values = dict[tuple[str, int, Layer], float]


def layer_rows(study: Study, records: pl.DataFrame) -> list[dict[str, Any]]:
    """Every arm less the control in every layer at the last step, a row each.

    A layer's value is the mean over its matrices. Each row has the paired difference with its t interval, whether it
    lies outside what the second draw spans, and, with six units of inference or more, the p of the exact sign-flip
    test with `q`, the same after Benjamini and Hochberg over the layers of one arm and diagnostic. Layers of one model
    move together, so that a list of them is one finding and not many; no family declares it, and it confirms nothing.
    """
    rows = []
    for diagnostic in _DIAGNOSTICS:
        found, depths = _by_layer(study, records, diagnostic)
        for arm in study.treated:
            rows += _of_arm(study, arm, diagnostic, found, depths)
    return rows


def layers_said(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(arm, sentence) for every arm: in how many layers it differs, by the correction or else by the A/A range."""
    for arm in dict.fromkeys(row["arm"] for row in rows):
        parts = []
        for diagnostic in _DIAGNOSTICS:
            here = [row for row in rows if (row["arm"], row["diagnostic"]) == (arm, diagnostic)]
            tested = [row for row in here if row["q"] is not None]
            differ = sum(row["q"] <= LEVEL for row in tested) if tested else sum(row["outside"] for row in here)
            if here:
                parts.append(f"{diagnostic.replace('_', ' ')} in {differ} of {len(here)}")
        how = any(row["q"] is not None for row in rows)
        by = f"false ones held at {LEVEL:.0%}, exploratory" if how else "outside the A/A range"
        yield arm, f"{arm}: layers that differ from the control ({by}): {', '.join(parts)}."


def _by_layer(study: Study, records: pl.DataFrame, diagnostic: str) -> tuple[Values, dict[Layer, float | None]]:
    """(arm, replicate, layer) to the mean over the layer's matrices at the last step, and layer to its depth."""
    chosen = records.filter(
        pl.col("of") == "change",
        pl.col("diagnostic") == diagnostic,
        pl.col("parameter").is_null(),
        pl.col("layer").is_not_null(),
        pl.col("value").is_not_null(),
        pl.col("arm").is_in(list(study.arms)),
    )
    chosen = chosen.filter(pl.col("step") == study.settings.steps)
    means = chosen.group_by("arm", "replicate", "tower", "layer").agg(pl.col("value").mean(), pl.col("depth").mean())
    found, depths = {}, {}
    for arm, replicate, tower, layer, value, depth in means.sort("tower", "layer", "arm", "replicate").iter_rows():
        found[arm, replicate, (tower or "", layer)] = value
        depths[tower or "", layer] = depth
    return found, depths


def _of_arm(
    study: Study, arm: str, diagnostic: str, found: Values, depths: Mapping[Layer, float | None]
) -> list[dict[str, Any]]:
    rows = []
    for layer, depth in depths.items():
        three = [[found.get((name, r, layer)) for name in (CONTROL, arm, study.same)] for r in study.replicates]
        whole = [(r, values) for r, values in zip(study.replicates, three, strict=True) if None not in values]
        if not whole:
            continue
        control, treated, same = np.array([values for _, values in whole], dtype=np.float64).T
        units = over_bases(treated - control, [study.base_of(r) for r, _ in whole])
        interval, aa = paired_t(units), same - control
        rows.append(
            {
                "arm": arm,
                "diagnostic": diagnostic,
                "tower": layer[0] or None,
                "layer": layer[1],
                "depth": depth,
                "effect": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "aa_range": float(np.abs(aa).max()),
                "outside": placed(treated - control, aa) == "outside",
                "replicates": len(whole),
                "p": sign_flip(units).p if len(units) >= FEWEST_REPLICATES else None,
                "q": None,
            }
        )
    tested = [row for row in rows if row["p"] is not None]
    for row, q in zip(tested, benjamini_hochberg(np.array([row["p"] for row in tested])), strict=True):
        row["q"] = float(q)
    return rows
