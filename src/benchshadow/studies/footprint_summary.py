"""The summary of a footprint: counts, the numbers of the whole model, and those of every role."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from benchshadow.checkpoints import Checkpoint, family_of

from .measurement import Measured

__all__ = ["summary_of"]

_STATES = ("analysed", "equal", "skipped", "unmatched", "refused")
_BY_ROLE = ("stable_rank", "participation_ratio", "energy_rank", "effective_rank", "numerical_rank")


def summary_of(base: Checkpoint, tuned: Checkpoint | None, measured: Measured) -> dict[str, Any]:
    """What `summary.json` holds; numbers of the model are those of its rows in the records."""
    coverage = measured.coverage
    counts = dict(coverage.group_by("state").len().iter_rows())
    own = coverage.filter(pl.col("stored").is_not_null())
    seen = own.filter(pl.col("state").is_in(["analysed", "equal"]))
    family = family_of((tuned or base).config)
    return {
        "verb": "footprint",
        "base": str(base.path),
        "tuned": None if tuned is None else str(tuned.path),
        "family": None if family is None else family.name,
        "guessed": bool(coverage["guessed"].any()),
        "tensors": {state: counts.get(state, 0) for state in _STATES},
        "parameters": {"total": int(own["parameters"].sum()), "analysed": int(seen["parameters"].sum())},
        "model": _model(measured.records),
        "by_role": _by_role(measured.records, "base" if tuned is None else "change"),
        "remarks": list(measured.remarks),
    }


def _model(records: pl.DataFrame) -> dict[str, float]:
    """Values of the model rows; a parameter stands in brackets, a side after a colon."""
    found = {}
    for row in records.filter((pl.col("of") == "model") & pl.col("value").is_not_null()).iter_rows(named=True):
        name = row["diagnostic"] + ("" if row["parameter"] is None else f"({row['parameter']:g})")
        found[name + ("" if row["side"] is None else f":{row['side']}")] = row["value"]
    return found


def _by_role(records: pl.DataFrame, of: str) -> list[dict[str, Any]]:
    """Means over the matrices of each role that changed; the relative change is pooled over all of its matrices."""
    wanted = records.filter(pl.col("diagnostic").is_in([*_BY_ROLE, "frobenius_norm", "signal_rank"]))
    rows = []
    for (role,), mine in wanted.filter(pl.col("role") != "blocks").group_by(["role"], maintain_order=True):
        here = mine.filter(pl.col("of") == of)
        row: dict[str, Any] = {"role": role, "matrices": here["tensor"].n_unique()}
        if of == "change":
            change, base = (_norm(mine, side) for side in ("change", "base"))
            row["relative_change"] = change / base if base else None
        for name in _BY_ROLE:
            row[name] = here.filter(pl.col("diagnostic") == name)["value"].mean()
        for side in here["side"].drop_nulls().unique(maintain_order=True):
            signal = here.filter((pl.col("diagnostic") == "signal_rank") & (pl.col("side") == side))
            row[f"signal_rank:{side}"] = signal["value"].mean()
        rows.append(row)
    return rows


def _norm(records: pl.DataFrame, of: str) -> float:
    norms = records.filter((pl.col("diagnostic") == "frobenius_norm") & (pl.col("of") == of))["value"]
    return float(np.linalg.norm(norms.to_numpy()))
