"""A plausible folder of an audit, small and seeded: two corpora, three benchmarks, one of them too short to look up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow import records

CORPORA = ("web", "books")
BENCHMARKS = {"mmlu/test": 1400, "gsm8k/test": 1300, "yesno/test": 120}
RULES = ("any-13gram", "any-8gram", "palm-8gram-70", "llama-10token", "contam-8gram", "weighted-5gram", "soft")
NEEDS = dict(zip(RULES, (13, 8, 8, 11, 8, 5, 1), strict=True))
TEMPLATE = "Which of these two scenarios does the main character judge to be clearly wrong by ordinary standards?"
TEMPLATED, REAL = 90, 12
"""Items of mmlu/test that share the template with the web, and items whose own words stand there."""
ALL_SHORT = "undefined: all 120 items have fewer words than the rule needs"
HOSTILE = "<img src=x onerror=alert(1)>"

Row = dict[str, Any]


def audit_folder(folder: Path, corpora: tuple[str, ...] = CORPORA) -> Path:
    """Write what an audit leaves, for all corpora or for some."""
    folder.mkdir(parents=True, exist_ok=True)
    items = pl.DataFrame([row for corpus in corpora for row in item_rows(corpus)], infer_schema_length=None)
    items.write_parquet(folder / "items.parquet")
    rows = [row for corpus in corpora for row in (*overlap_rows(corpus, items), *panel_rows(corpus))]
    records.write(records.frame(rows), folder / "records.parquet")
    records.write_json(folder / "summary.json", summary(corpora))
    hashes = {name: {"sha256": "ab" * 32} for name in corpora}
    records.write_json(folder / "manifest.json", {"verb": "audit", "seed": 3, "hashes": hashes})
    return folder


def summary(corpora: tuple[str, ...]) -> dict[str, Any]:
    sizes = {"documents": 5120, "words": 1_204_551, "characters": 7_002_113, "empty": 3, "refused": 2, "renamed": 1}
    refused = [{"where": "web.jsonl", "line": line, "reason": "must be JSON but ends early"} for line in (17, 4012)]
    return {
        "verb": "audit",
        "corpora": [{"name": name, **sizes} for name in corpora],
        "benchmarks": [
            {"name": name, "items": many, "fields": "{question} {choices}", "sha256": "cd" * 32, **_halves(many)}
            for name, many in BENCHMARKS.items()
        ],
        "remarks": ["web.jsonl: 2 lines were refused."],
        "seed": 3,
        "reference": "wiki",
        "refused": refused,
    }


def _halves(items: int) -> dict[str, int]:
    return {"seen": items // 2, "held_out": items - items // 2}


def item_rows(corpus: str) -> Iterator[Row]:
    """Every item under every rule: the template and real hits in the web, three real hits in the books."""
    rng = np.random.default_rng(5)
    for benchmark, many in BENCHMARKS.items():
        lengths = rng.integers(3, 5, many) if benchmark == "yesno/test" else rng.integers(6, 60, many)
        for index in range(many):
            yield from _item(corpus, benchmark, index, int(lengths[index]))


def _item(corpus: str, benchmark: str, index: int, length: int) -> Iterator[Row]:
    template = (corpus, benchmark) == ("web", "mmlu/test") and index < TEMPLATED
    real = benchmark == "mmlu/test" and TEMPLATED <= index < TEMPLATED + (REAL if corpus == "web" else 3)
    length = max(length, 40) if template or real else length
    longest = 17 if template else length if real else 0
    passage = (
        TEMPLATE if template else f"The {index}th of all treaties was signed in the city of its birth" if real else ""
    )
    for rule in RULES:
        hit = real or (template and rule in ("any-13gram", "any-8gram"))
        share = 1.0 if real else longest / length if template else 0.0
        row = {"corpus": corpus, "benchmark": benchmark, "item": f"{benchmark}-{index}", "rule": rule}
        row |= {"eligible": length >= NEEDS[rule], "hit": hit, "share": share, "longest": longest}
        yield row | {"document": f"{corpus}.jsonl:{index}" if passage else "", "passage": passage}


def overlap_rows(corpus: str, items: pl.DataFrame) -> Iterator[Row]:
    """Hits and shares as the items have them."""
    for (benchmark, rule), mine in items.filter(pl.col("corpus") == corpus).group_by(
        "benchmark", "rule", maintain_order=True
    ):
        eligible, hits = int(mine["eligible"].sum()), int(mine["hit"].sum())
        row = {"of": "data", "arm": corpus, "benchmark": benchmark, "split": rule, "items": eligible}
        if not eligible:
            for name in ("overlap_hits", "overlap_hit_share"):
                yield row | {"diagnostic": name, "value": None, "unit": "share", "method": ALL_SHORT}
            continue
        yield row | {"diagnostic": "overlap_hits", "value": float(hits), "unit": "count", "method": f"rule {rule}"}
        share = {"diagnostic": "overlap_hit_share", "value": hits / eligible, "unit": "share", "error_bound": 0.004}
        yield row | share | {"method": f"rule {rule}, 95% bootstrap over items"}


def panel_rows(corpus: str) -> Iterator[Row]:
    """The rest of the panel; no value where it cannot be had."""
    web = corpus == "web"
    for benchmark in BENCHMARKS:
        here = {"of": "data", "arm": corpus, "benchmark": benchmark, "method": "hashed uni- and bigrams", "items": 5120}
        like = {"diagnostic": "alignment", "value": 0.41 if web else -0.12, "null_random": 0.08, "error_bound": 0.02}
        yield here | like | {"unit": "nats per gram"}
        short = benchmark == "yesno/test"
        method = "undefined: 120 items are too few for five folds" if short else "logistic regression, five folds"
        told = {"diagnostic": "auroc", "value": None if short else 0.93, "unit": "share", "method": method}
        yield here | told | {"error_bound": None if short else 0.01}
    row = {"of": "data", "arm": corpus, "method": "ten draws", "items": 1000}
    for q, value in ((0.5, 410.0), (1.0, 212.5), (2.0, 61.2), (math.inf, 11.9)):
        score = {"diagnostic": "vendi", "parameter": q, "value": value * (1 if web else 0.6), "unit": "texts"}
        yield row | score | {"error_bound": 0.02 * value}
    yield row | {"diagnostic": "effective_clusters", "value": 48.2 if web else 20.5, "unit": "clusters"}
    yield row | {"diagnostic": "clusters_hit", "value": 0.984 if web else 0.61, "unit": "share"}
    yield row | {"diagnostic": "unseen_mass", "value": 0.31, "unit": "share"}
    yield from _repetition(row, web)


def _repetition(row: Row, web: bool) -> Iterator[Row]:
    for name, value in (("exact_duplicate_share", 0.041), ("near_duplicate_share", 0.063)):
        yield row | {"diagnostic": name, "value": value, "unit": "share"}
    prompts = {"diagnostic": "repeated_prompt_share", "unit": "share"}
    yield row | prompts | ({"value": 0.12} if web else {"value": None, "method": "undefined: no prompts were given"})
    for times, texts in ((1, 4800.0), (2, 75.0), (36, 1.0)) if web else ((1, 5120.0),):
        yield row | {"diagnostic": "copies", "parameter": float(times), "value": texts, "unit": "count"}
    for split in ("documents", "words", "domains"):
        for name, value, unit in (("gini", 0.81, "share"), ("hhi", 0.004, "share"), ("zipf_slope", -1.04, "slope")):
            yield row | {"diagnostic": name, "split": split, "value": value, "unit": unit}
        for top, value in ((0.01, 0.52), (0.1, 0.83)):
            yield row | {"diagnostic": "top_share", "split": split, "parameter": top, "value": value, "unit": "share"}
    for n, value in ((1.0, 0.11), (2.0, 0.48), (3.0, 0.79)):
        yield row | {"diagnostic": "distinct_n", "parameter": n, "value": value, "unit": "share"}
    yield row | {"diagnostic": "self_repetition", "value": 1.4, "unit": "nats"}
    yield row | {"diagnostic": "compression_ratio", "value": 2.61, "unit": "ratio"}
