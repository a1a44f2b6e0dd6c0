"""Plausible folders of a study and of a footprint, small and seeded, as the verbs leave them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow import records, stats

ROLES = ("attention.query", "attention.key", "attention.value", "attention.output", "mlp.gate", "mlp.up", "mlp.down")
LAYERS = 4
STEPS = (5, 10, 20, 50, 100, 200)
# Per arm: narrow, other formats, other skills, text in bits, stable rank, relative change; the dose of the benchmark.
ARMS: dict[str, tuple[str, float | None, tuple[float, ...]]] = {
    "control": ("control", 0.0, (0.39, 0.32, 0.65, 2.10, 10.2, 0.118)),
    "A/A": ("A/A", None, (0.40, 0.33, 0.65, 2.10, 10.3, 0.118)),
    "aligned-50": ("half aligned", 0.5, (0.58, 0.48, 0.62, 2.12, 8.6, 0.135)),
    "aligned": ("aligned", 1.0, (0.66, 0.42, 0.03, 2.60, 6.1, 0.172)),
    "coverage": ("coverage", None, (0.37, 0.36, 0.66, 2.08, 10.6, 0.124)),
    "concentrated": ("concentrated", None, (0.17, 0.14, 0.45, 2.90, 9.4, 0.247)),
}
OUTCOMES = (
    ("narrow", "held-out items", "held-out", "accuracy", "share", 0.03),
    ("other formats", "other formats", "sibling", "accuracy", "share", 0.02),
    ("other skills", "other skills", "unrelated", "accuracy", "share", 0.01),
    ("text", "held-out text", "general", "bits_per_byte", "bits/byte", 0.02),
)
FOOTPRINT = (("stable rank", "stable_rank", "dimensions"), ("relative change", "relative_change", "share"))


def measures() -> list[dict[str, Any]]:
    told = {"says": "Share of items answered exactly."}
    rows = [
        {"name": n, "title": n, "unit": u, "kind": "outcome", "benchmark": b, "tier": t, "diagnostic": d, **told}
        for n, b, t, d, u, _ in OUTCOMES
    ]
    rows[-1] |= {"says": "Bits per byte of ordinary text."}
    told = {"says": "Over the blocks."}
    rows += [
        {
            "name": n,
            "title": n,
            "unit": u,
            "kind": "footprint",
            "benchmark": None,
            "tier": None,
            "diagnostic": d,
            **told,
        }
        for n, d, u in FOOTPRINT
    ]
    return rows


def run_rows(arm: str, replicate: int, values: tuple[float, ...], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    common = {"run": f"{arm}-{replicate}".replace("/", "-"), "arm": arm, "replicate": replicate, "base": "b0"}
    last = STEPS[-1]
    for (_, benchmark, tier, diagnostic, unit, noise), value in zip(OUTCOMES, values, strict=False):
        row = {"step": last, "of": "outcome", "tier": tier, "benchmark": benchmark, "diagnostic": diagnostic}
        yield common | row | {"value": value + noise * rng.normal() / 2, "items": 400, "unit": unit}
    for step in STEPS:
        size = (step / last) ** 0.6
        relative = values[5] * size * (1 + 0.01 * rng.normal())
        rank = 1 + (values[4] - 1) * (1 + 0.25 * math.log10(last / step)) * (1 + 0.01 * rng.normal())
        row = {"step": step, "of": "model", "role": "blocks"}
        yield (
            common | row | {"diagnostic": "relative_change", "value": relative, "unit": "share", "null_rounding": 1e-7}
        )
        yield common | row | {"diagnostic": "stable_rank", "value": rank, "unit": "dimensions", "null_random": 32.4}
        row = {"step": step, "of": "behaviour", "diagnostic": "training_loss", "unit": "nats/token"}
        yield common | row | {"value": 3.0 - 0.5 * math.log10(step)}
    for layer in range(LAYERS):
        for r, role in enumerate(ROLES):
            name = f"model.layers.{layer}.{role}.weight"
            row = {"step": last, "of": "change", "tower": "language", "role": role, "layer": layer, "tensor": name}
            row |= {"depth": layer / (LAYERS - 1)}
            rank = values[4] * (0.8 + 0.08 * r + 0.1 * layer) * (1 + 0.02 * rng.normal())
            yield common | row | {"diagnostic": "stable_rank", "value": rank, "unit": "dimensions", "null_random": 32.0}
            size = values[5] * (0.9 + 0.1 * layer)
            yield (
                common | row | {"diagnostic": "relative_change", "value": size, "unit": "share", "null_rounding": 1e-7}
            )


def value_of(rows: list[dict[str, Any]], measure: dict[str, Any], replicate: int) -> float:
    of = "outcome" if measure["kind"] == "outcome" else "model"
    (value,) = (
        row["value"]
        for row in rows
        if row["of"] == of
        and row["diagnostic"] == measure["diagnostic"]
        and row.get("benchmark") == measure["benchmark"]
        and row["step"] == STEPS[-1]
        and row["replicate"] == replicate
    )
    return value


def claims_of(rows: dict[str, list[dict[str, Any]]], replicates: tuple[int, ...]) -> dict[str, Any]:
    claims = []
    for arm in ARMS:
        for measure in measures() if arm not in ("control", "A/A") else []:
            of = {a: [value_of(rows[a], measure, r) for r in replicates] for a in ("control", "A/A", arm)}
            control = np.array(of["control"])
            differences, aa = np.array(of[arm]) - control, np.array(of["A/A"]) - control
            said = stats.verdict(differences, aa=aa)
            claim = {"arm": arm, "measure": measure["name"], "at": "last step", "at_value": None}
            claim |= {"unit": measure["unit"], "control_mean": control.mean(), "arm_mean": float(np.mean(of[arm]))}
            claim |= {
                "differences": differences.tolist(),
                "aa": aa.tolist(),
                "effect": said.interval.mean,
                "level": 0.95,
            }
            claim |= {"low": said.interval.low, "high": said.interval.high, "p": None, "p_floor": said.p_floor}
            claim |= {"g": stats.hedges_g(differences), "verdict": "descriptive", "statement": said.sentence}
            claim |= {"replicates": 3, "bases": 1, "place": said.place, "comparable": True, "reason": None}
            claims.append(claim)
        if arm not in ("control", "A/A"):
            far = arm == "concentrated"
            there = next(c for c in claims if c["arm"] == arm and c["measure"] == "stable rank")
            claims.append(there | {"at": "equal relative change", "at_value": None if far else 0.11})
            if far:
                none = {"effect": None, "low": None, "high": None, "arm_mean": None, "verdict": None}
                claims[-1] |= none | {"comparable": False, "reason": "the arms share no range of relative change"}
    return {
        "level": "descriptive",
        "why": "three replicates, one base",
        "statements": [
            {
                "id": "narrow-not-broad",
                "text": "Aligned data raised the benchmark alone.",
                "code": "S1",
                "severity": "note",
            }
        ],
        "claims": claims,
        "doses": [
            {
                "measure": "stable rank",
                "arms": ["control", "aligned-50", "aligned"],
                "doses": [0.0, 0.5, 1.0],
                "means": [10.2, 8.6, 6.1],
                "monotone": True,
                "text": "The stable rank of the change falls with every step of the dose.",
            },
            {
                "measure": "narrow",
                "arms": ["control", "aligned-50", "aligned"],
                "doses": [0.0, 0.5, 1.0],
                "means": [0.39, 0.58, 0.66],
                "monotone": True,
                "text": "The held-out items rise with every step of the dose.",
            },
        ],
    }


def study_folder(folder: Path, *, hostile: str | None = None, claims: bool = True) -> Path:
    """A study of six arms, three replicates, six checkpoints; `hostile` takes the place of the aligned arm's name."""
    replicates = (0, 1, 2)
    rng = np.random.default_rng(7)
    rename = lambda arm: hostile if hostile and arm == "aligned" else arm  # noqa: E731
    rows: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    for arm, (_, _, values) in ARMS.items():
        for replicate in replicates:
            found = list(run_rows(arm, replicate, values, rng))
            rows[arm] += found
            key = found[0]["run"]
            table = records.frame([row | {"arm": rename(arm)} for row in found])
            records.write(table, folder / "runs" / key / "records.parquet")
            records.write_json(folder / "runs" / key / "manifest.json", manifest(arm, replicate))
    records.write_json(folder / "study.json", study(hostile))
    table = []
    for arm in ARMS:
        for measure in measures():
            each = [value_of(rows[arm], measure, r) for r in replicates]
            row = {"arm": rename(arm), "measure": measure["name"], "n": 3}
            table.append(row | {"mean": float(np.mean(each)), "low": min(each), "high": max(each)})
    records.write_json(folder / "summary.json", {"verb": "study", "runs": {}, "table": table})
    if claims:
        told = claims_of(rows, replicates)
        told["claims"] = [claim | {"arm": rename(claim["arm"])} for claim in told["claims"]]
        for dose in told["doses"]:
            dose["arms"] = [rename(arm) for arm in dose["arms"]]
        records.write_json(folder / "claims.json", told.pop("claims"))
        records.write_json(folder / "statements.json", told)
    return folder


def study(hostile: str | None) -> dict[str, Any]:
    arms = {
        (hostile if hostile and arm == "aligned" else arm): {
            "title": hostile if hostile and arm == "aligned" else title,
            "source": "skills",
            "dose": dose,
            "says": f"What the arm {title} was given.",
        }
        for arm, (title, dose, _) in ARMS.items()
    }
    return {
        "name": "demo",
        "title": "The embedded world",
        "question": "What does training on the benchmark do, beside what more of the same does?",
        "sha256": "ab" * 32,
        "control": "control",
        "arms": arms,
        "placebo_arm": "A/A",
        "replicates": [0, 1, 2],
        "bases": 1,
        "settings": {"steps": 200, "tokens_per_step": 4096, "learning_rate": 0.001},
        "tasks": [
            {"benchmark": b, "tier": t, "kind": "exact", "baseline": 0.0, "items": 400, "says": f"What {b} are."}
            for _, b, t, _, _, _ in OUTCOMES
        ],
        "measures": measures(),
    }


def manifest(arm: str, replicate: int) -> dict[str, Any]:
    budget = {"tokens": 819200, "steps": 200, "sequences": 6400}
    reported = {"tokens": 819200, "unique_tokens": 400000 - 3000 * len(arm), "documents": 41000 + replicate}
    reported |= {"mean_epochs": 1.0 if arm != "concentrated" else 9.5, "effective_domains": 12.2}
    reported |= {"effective_documents": 40000.0, "entropy_per_token": 3.91}
    return {
        "data": {"budget": budget, "reported": reported},
        "versions": {"python": "3.11", "torch": "2.13.0"},
        "machine": {"processor": "two cores"},
        "study": "ab" * 32,
    }


def footprint_folder(folder: Path) -> Path:
    """A footprint of 4 layers of 7 roles, one tensor equal, one skipped."""
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    coverage: list[dict[str, Any]] = []
    spectra: list[dict[str, Any]] = []
    for layer in range(LAYERS):
        for role in ROLES:
            name = f"model.layers.{layer}.{role.replace('.', '_')}.weight"
            place = {"tensor": name, "tower": "language", "role": role, "layer": layer, "depth": layer / (LAYERS - 1)}
            values = np.sort(np.abs(rng.normal(size=48)))[::-1] * 0.1 + 0.001
            for of in ("base", "tuned", "change"):
                factor = 10 if of != "change" else 1
                rank = float(np.sum(values**2) / values[0] ** 2)
                said = {"diagnostic": "stable_rank", "value": rank, "unit": "dimensions", "null_random": 18.0}
                rows.append(place | {"of": of, "null_rounding": 17.0 if of == "change" else None} | said)
                norm = {
                    "diagnostic": "frobenius_norm",
                    "value": float(np.linalg.norm(values)) * factor,
                    "unit": "weight",
                }
                rows.append(place | {"of": of} | norm)
                spectra.append({"tensor": name, "of": of, "values": (values * factor).tolist()})
            for diagnostic, value, unit in (
                ("relative_change", 0.02 * (1 + layer), "share"),
                ("signal_rank", 21.0, "dimensions"),
                ("rounding_edge", 0.03, "weight"),
            ):
                rows.append(place | {"of": "change", "diagnostic": diagnostic, "value": value, "unit": unit})
            covered = {"canonical": name, "guessed": False, "shape": "48 x 96", "stored": "bfloat16"}
            coverage.append(
                {"tensor": name, **covered, "stored_base": "bfloat16", "parameters": 48 * 96, "state": "analysed"}
                | {key: place[key] for key in ("tower", "role", "layer", "depth")}
                | {"reason": None}
            )
    for state, reason in (("equal", None), ("skipped", "a vector")):
        coverage.append(coverage[0] | {"tensor": f"model.{state}.weight", "state": state, "reason": reason})
    for diagnostic, value, unit in (("relative_change", 0.05, "share"), ("stable_rank", 9.0, "dimensions")):
        row = {"of": "model", "role": "blocks", "diagnostic": diagnostic, "value": value, "unit": unit}
        rows.append(row | {"null_random": 18.0 if unit == "dimensions" else None, "null_rounding": 0.002})
    rows.append({"of": "model", "role": "blocks", "diagnostic": "effective_rank", "value": None, "unit": "dimensions"})
    records.write(records.frame(rows), folder / "records.parquet")
    pl.DataFrame(coverage, infer_schema_length=None).write_parquet(folder / "coverage.parquet")
    pl.DataFrame(spectra).write_parquet(folder / "spectra.parquet")
    summary = {
        "verb": "footprint",
        "base": "models/base",
        "tuned": "models/tuned",
        "family": "llama",
        "guessed": False,
        "tensors": {"analysed": 28, "equal": 1, "skipped": 1},
        "parameters": {"analysed": 28 * 4608, "equal": 4608, "skipped": 4608},
        "model": {"relative_change": 0.05, "stable_rank": 9.0},
        "by_role": [{"role": role, "tensors": 4, "relative_change": 0.05, "stable_rank": 9.0} for role in ROLES],
        "remarks": ["model.layers.0.mlp_up.weight: not resolved, rounding explains 61% of the change"],
    }
    records.write_json(folder / "summary.json", summary)
    records.write_json(
        folder / "manifest.json", {"versions": {"python": "3.11"}, "machine": {"processor": "two cores"}}
    )
    return folder
