"""From a corpus to the rows of its panel: size, repetition, surface, concentration, diversity, likeness, overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from benchshadow.data.benchmarks import Halves
from benchshadow.data.corpora import Documents
from benchshadow.data.diversity import Budget, PanelSettings, diversity_panel
from benchshadow.data.documents import Document
from benchshadow.data.duplicates import Duplicates
from benchshadow.data.likeness import Aligner, GramCounts, separation
from benchshadow.data.overlap import words
from benchshadow.data.panel import PANEL
from benchshadow.data.surface import Counts, compression_ratio, concentration, distinct_n, self_repetition
from benchshadow.data.surface import repetition as repeated
from benchshadow.errors import InputError

from .audit_reading import Passed

__all__ = ["diversity", "likeness", "overlap", "repetition", "sizes", "surface"]

TEXTS, DRAWS, CLUSTERS = 1_000, 10, 64
FEWEST_TEXTS = 10
"""Texts below which a corpus has no diversity to speak of."""
_UNITS = {measure.name: measure.unit for measure in PANEL}
_SPREAD = {"cluster_number": "effective_clusters", "clusters_hit": "clusters_hit", "unseen_pairs": "unseen_mass"}
_Z = 1.959963984540054  # of a 95% interval

Row = dict[str, Any]


def row(name: str, value: float | None, **more: Any) -> Row:
    """A row of the long table; an undefined value has its reason as the method."""
    return {"of": "data", "diagnostic": name, "value": value, "unit": _UNITS[name], **more}


def sizes(found: Passed) -> Iterator[Row]:
    """How much was read, and how evenly it spreads over the domains."""
    yield row("documents", found.overlap.documents, method="count")
    yield row("words", found.overlap.words, method="count")
    yield row("characters", found.characters, method="count")
    if len(found.domains) > 1:
        yield from _concentration(found.domains, "domains")


def repetition(found: Duplicates, prompts: np.ndarray | None) -> Iterator[Row]:
    """Exact and near duplicates, prompts apart, and texts by the number of their copies.

    Args:
        found: the search over whole documents.
        prompts: digests of the prompts; None where there are none.
    """
    documents = len(found.ids)
    said = "MinHash 14 x 8, verified"
    if found.recall is not None and (measured := getattr(found.recall, "measured", None)) is not None:
        said += f"; recall on a sample {measured:.3f}"
    yield row("exact_duplicate_share", found.exact_share, items=documents, method="hash of the normalised words")
    yield row("near_duplicate_share", found.near_share, items=documents, method=said, parameter=found.threshold)
    if prompts is not None:
        share = repeated(prompts).exact_share
        yield row("repeated_prompt_share", share, items=len(prompts), method="prompts alone")
    _, copies = np.unique(found.exact_first, return_counts=True)
    for times, texts in sorted(Counter(copies.tolist()).items()):
        yield row("copies", texts, parameter=times, items=documents, method="distinct texts")
    yield from _concentration(copies.tolist(), "documents")


def surface(sample: Sequence[Document], rng: np.random.Generator) -> Iterator[Row]:
    """Wording and redundancy, at a fixed amount of text from an even sample of a corpus."""
    shuffled = [sample[i] for i in rng.permutation(len(sample))]
    for n in (1, 2, 3, 4):
        yield _measured("distinct_n", distinct_n(shuffled, n), parameter=n)
    yield _measured("self_repetition", self_repetition(shuffled))
    yield _measured("compression_ratio", compression_ratio(shuffled))
    counts = Counter(word for document in shuffled for word in words(document.text))
    yield from _concentration(counts, "words")


def diversity(
    corpora: Mapping[str, Documents], documents: Mapping[str, int], rng: np.random.Generator
) -> Iterator[Row]:
    """Vendi scores and cluster coverage of all corpora at one number of texts, the embedding fitted on their union."""
    amount = min(TEXTS, min(documents.values()))
    names = ("vendi", *_SPREAD.values())
    try:
        if amount < FEWEST_TEXTS:
            raise InputError("diversity", f"needs {FEWEST_TEXTS} texts of each corpus but the smallest has {amount}")
        budget, settings = Budget(amount=amount, draws=DRAWS), PanelSettings(clusters=min(CLUSTERS, amount))
        panel = diversity_panel(corpora, budget, settings, rng=rng)
    except InputError as error:
        for corpus in corpora:
            yield from (row(name, None, arm=corpus, method=f"undefined: {error}") for name in names)
        return
    for corpus, values in panel.values.items():
        for name, drawn in values.items():
            method = f"{panel.budget.amount} texts, {drawn.draws} draws of {drawn.pool}, {panel.embedding}"
            about = {"arm": corpus, "items": panel.budget.amount, "error_bound": (drawn.high - drawn.low) / 2}
            if name.startswith("vendi("):
                q = float(name.removeprefix("vendi(").removesuffix(")"))
                yield row("vendi", drawn.value, parameter=q, method=f"{method}, at most {panel.dimensions}", **about)
            elif name in _SPREAD:
                yield row(_SPREAD[name], drawn.value, parameter=panel.clusters, method=method, **about)


def likeness(
    sample: Sequence[Document], halves: Mapping[str, Halves], reference: GramCounts, grams: Mapping[str, GramCounts],
    rng: np.random.Generator,
) -> Iterator[Row]:  # fmt: skip
    """How like each benchmark's seen half a corpus is, beside the half that was held out.

    Args:
        sample: of the corpus, even: what is scored.
        halves: by benchmark.
        reference: hashed words of the reference.
        grams: hashed words of every seen half.
        rng: draws folds.
    """
    for name, (seen, held_out) in halves.items():
        aligner = Aligner.of(grams[name], reference)
        scores, own = _finite(aligner, sample), _finite(aligner, held_out.items)
        if len(scores):
            yield row(
                "alignment", float(scores.mean()), benchmark=name, items=len(scores),
                error_bound=_half_width(scores), null_random=float(own.mean()) if len(own) else None,
                method="mean over documents; beside it the held-out half of the benchmark",
            )  # fmt: skip
        try:
            told = separation(sample, seen.items, rng=rng)
        except InputError as error:
            yield row("auroc", None, benchmark=name, method=f"undefined: {error}")
            continue
        method = f"logistic regression, {told.folds} folds, {told.corpus} documents and {told.benchmark} items"
        width = (told.high - told.low) / 2
        yield row("auroc", told.area, benchmark=name, items=told.corpus, error_bound=width, method=method)


def overlap(items: pl.DataFrame) -> Iterator[Row]:
    """Items hit by benchmark and rule, of those that are long enough for it."""
    counted = items.group_by("benchmark", "rule", maintain_order=True).agg(
        pl.col("eligible").sum(), (pl.col("hit") & pl.col("eligible")).sum().alias("hits"), pl.len().alias("all")
    )
    for benchmark, rule, eligible, hits, every in counted.iter_rows():
        about = {"benchmark": benchmark, "split": rule, "items": eligible, "method": f"{every - eligible} too short"}
        yield row("overlap_hits", hits, **about)
        share = hits / eligible if eligible else None
        about["method"] = about["method"] if eligible else "undefined: every item is too short for the rule"
        yield row("overlap_hit_share", share, **about)


def _measured(name: str, found: Any, **more: Any) -> Row:
    method = f"undefined: {found.reason}" if found.value is None else f"{found.amount:,} {found.unit}"
    return row(name, found.value, items=found.amount, method=method, **more)


def _concentration(counts: Counts, over: str) -> Iterator[Row]:
    found = concentration(counts)
    for name, measured, parameter in (
        ("gini", found.gini, None),
        ("hhi", found.hhi, None),
        ("top_share", found.top_1, 0.01),
        ("top_share", found.top_10, 0.1),
        ("zipf_slope", found.zipf_slope, None),
    ):
        yield _measured(name, measured, split=over, parameter=parameter)


def _finite(aligner: Aligner, documents: Iterable[Document]) -> np.ndarray:
    means = aligner.scores(documents).means
    return means[np.isfinite(means)]


def _half_width(values: np.ndarray) -> float | None:
    return float(_Z * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
