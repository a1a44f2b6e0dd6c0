"""What a study writes of its footprints side by side, as the page finds it: a signature and a table of overlaps."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow import records

SCALE, CHANCE = 0.6, 0.2


def overlaps(folder: Path, arms: tuple[str, ...], *, same_base: bool = True) -> None:
    """Every pair of arms overlaps by its place in the list, replicates by .3."""
    rows: list[dict[str, Any]] = []
    for measure in ("left_energy", "right_energy", "cosine"):
        law = {"measure": measure, "expected": CHANCE, "deviation": 0.01, "matrices": 28}
        for i, (one, other) in enumerate(combinations(arms, 2)):
            place = {"kind": "arms", "arm": one, "other": other, "replicate": 0, "other_replicate": 0}
            rows.append(place | law | {"same_base": True, "value": SCALE - 0.01 * i})
        for arm in arms:
            place = {"kind": "replicates", "arm": arm, "other": arm, "replicate": 0, "other_replicate": 1}
            rows.append(place | law | {"same_base": same_base, "value": 0.3})
    records.write(pl.DataFrame(rows), folder / "overlaps.parquet")


def _interval(mean: float, low: float | None, high: float | None) -> dict[str, Any]:
    return {"mean": mean, "low": low, "high": high, "n": 3, "level": 0.95}


def signature(folder: Path, arm: str = "aligned", *, adds: bool = True, classifier: bool = True) -> None:
    """One arm whose stable rank lies 12 spreads below the control, told by a classifier, and another shown to it."""
    rows = [
        {
            "arm": arm,
            "diagnostic": name,
            "at": at,
            "mean": -2.4,
            "aa_spread": 0.2,
            "units": units,
            "low": units - 1,
            "high": units + 1,
            "replicates": 3,
            "reason": None,
        }
        for name in ("stable_rank", "relative_change")
        for at, units in (("step 5", -3.0), ("last step", -12.0), ("equal relative change", -9.5))
    ]
    rows[-1] |= {"units": None, "low": None, "high": None, "reason": "they do not differ"}
    p = {"p": 0.25, "floor": 0.125, "n": 8}
    told = {
        "regimes": {"narrowing": [arm], "broadening": ["coverage"]},
        "features": {"spectra": ["stable_rank at last step"]},
        "left_out": ["effective_rank at last step: 2 of 6 runs lack it"],
        "results": [
            {
                "left_out": "replicate",
                "groups": 3,
                "features": name,
                "accuracy": _interval(0.83, 0.4, 1.0),
                "log_score": _interval(-0.31, -0.9, 0.0),
                "chance": 0.5,
                "p": p if name == "spectra" else None,
                "confusion": {},
            }
            for name in ("spectra", "relative change")
        ],
        "gains": [
            {
                "left_out": "replicate",
                "over": "relative change",
                "log_score": _interval(0.22, 0.1, 0.34),
                "accuracy": _interval(0.1, 0.0, 0.2),
                "p": p,
                "adds": adds,
            }
        ],
        "shown": [
            {
                "arm": "concentrated",
                "features": "spectra",
                "probability": {"narrowing": 0.75, "broadening": 0.25},
                "falls": {"narrowing": 2, "broadening": 1},
                "distance": 31.0,
                "members": 1.4,
                "like_none": True,
            }
        ],
        "not_shown": {"few": "spectra"},
        "refused": {"base": "the study has 1 base, and 3 or more are needed"},
    }
    said = [
        {
            "code": "added",
            "about": "",
            "text": "The spectra add to the relative change.",
            "id": "1",
            "severity": "info",
        },
        {"code": "size", "about": arm, "text": "Said elsewhere.", "id": "2", "severity": "info"},
        {
            "code": "not-shown",
            "about": "few",
            "text": "few is of no declared regime, and where it falls cannot be told from its spectra.",
            "id": "3",
            "severity": "warning",
        },
    ]
    content = {"signature": rows, "classifier": told if classifier else None, "statements": said}
    records.write_json(folder / "signature.json", content)
