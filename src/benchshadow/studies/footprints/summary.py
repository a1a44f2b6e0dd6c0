"""The summary of a footprint: counts, what was left out, the numbers of the whole model, and those of every role."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from benchshadow.checkpoints import AdaptedCheckpoint, Checkpoint, family_of

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
        "kind": _kind(base, tuned),
        "base": str(base.path),
        "tuned": None if tuned is None else str(tuned.path),
        "family": None if family is None else family.name,
        "guessed": bool(coverage["guessed"].any()),
        "tensors": {state: counts.get(state, 0) for state in _STATES},
        "parameters": {"total": int(own["parameters"].sum()), "analysed": int(seen["parameters"].sum())},
        "left_out": _left_out(coverage),
        "model": _model(measured.records, "value"),
        "model_random": _model(measured.records, "null_random"),
        "by_role": _by_role(measured.records, "change" if "change" in measured.records["of"] else "base"),
        "remarks": list(measured.remarks),
    }


def _kind(base: Checkpoint, tuned: Checkpoint | None) -> str:
    """What was measured: "checkpoint", "change", "adapter" (alone) or "adapter on its base"."""
    if tuned is None:
        return "adapter" if isinstance(base, AdaptedCheckpoint) else "checkpoint"
    return "adapter on its base" if isinstance(tuned, AdaptedCheckpoint) else "change"


def _left_out(coverage: pl.DataFrame) -> list[dict[str, Any]]:
    """Tensors without a measurement by state and reason, the most parameters first."""
    rows = coverage.filter(~pl.col("state").is_in(["analysed", "equal"])).group_by("state", "reason")
    counted = rows.agg(
        pl.len().alias("tensors"), pl.col("parameters").sum(), pl.col("canonical").first().alias("first")
    )
    return counted.sort("parameters", "state", "reason", descending=[True, False, False]).to_dicts()


def _model(records: pl.DataFrame, column: str) -> dict[str, float]:
    """Values of the model rows, or what chance gives; a parameter stands in brackets, a side after a colon."""
    found = {}
    for row in records.filter((pl.col("of") == "model") & pl.col(column).is_not_null()).iter_rows(named=True):
        name = row["diagnostic"] + ("" if row["parameter"] is None else f"({row['parameter']:g})")
        found[name + ("" if row["side"] is None else f":{row['side']}")] = row[column]
    return found


def _by_role(records: pl.DataFrame, of: str) -> list[dict[str, Any]]:
    """Means over the matrices of each role that changed, every tower and stack apart; norms are pooled over all."""
    wanted = pl.col("diagnostic").is_in([*_BY_ROLE, "frobenius_norm", "signal_rank"])
    of_matrices = pl.col("of").is_in(["base", "tuned", "change"])
    named = records.filter(wanted & of_matrices).with_columns(_stack().alias("stack"))
    rows = []
    for (tower, stack, role), mine in named.group_by(["tower", "stack", "role"], maintain_order=True):
        here = mine.filter(pl.col("of") == of)
        row: dict[str, Any] = {"tower": tower, "stack": stack, "role": role, "matrices": here["tensor"].n_unique()}
        if of == "change" and "base" in mine["of"]:
            change, base = (_norm(mine, side) for side in ("change", "base"))
            row["relative_change"] = change / base if base else None
        row["frobenius_norm"] = _norm(mine, of)
        for name in _BY_ROLE:
            row[name] = here.filter(pl.col("diagnostic") == name)["value"].mean()
        for side in here["side"].drop_nulls().unique(maintain_order=True):
            signal = here.filter((pl.col("diagnostic") == "signal_rank") & (pl.col("side") == side))
            row[f"signal_rank:{side}"] = signal["value"].mean()
        rows.append(row)
    return rows


def _stack() -> pl.Expr:
    """What a layer is counted in: the name before its number; null outside the blocks."""
    return pl.when(pl.col("layer").is_not_null()).then(
        pl.col("tensor").str.split(pl.format(".{}.", pl.col("layer"))).list.first()
    )


def _norm(records: pl.DataFrame, of: str) -> float:
    norms = records.filter((pl.col("diagnostic") == "frobenius_norm") & (pl.col("of") == of))["value"]
    return float(np.linalg.norm(norms.to_numpy()))
