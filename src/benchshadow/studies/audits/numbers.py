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
from benchshadow.data.likeness import Aligner, GramCounts, WithoutFormat, separation, without_format
from benchshadow.data.panel import PANEL
from benchshadow.data.surface import Counts, Measure, concentration, of_documents, of_groups
from benchshadow.data.surface import repetition as repeated
from benchshadow.data.surface.resampled import Resampled
from benchshadow.errors import InputError
from benchshadow.stats import clustered_bootstrap

from .reading import Passed

__all__ = ["NEAR_ONE", "Row", "diversity", "likeness", "overlap", "repetition", "row", "sizes"]

TEXTS, DRAWS, CLUSTERS = 1_000, 10, 64
FEWEST_TEXTS = 10
"""Texts below which a corpus has no diversity to speak of."""
_UNITS = {measure.name: measure.unit for measure in PANEL}
_SPREAD = {"cluster_number": "effective_clusters", "clusters_hit": "clusters_hit", "unseen_pairs": "unseen_mass"}
_Z = 1.959963984540054  # of a 95% interval
_FEWEST_SUBJECTS = 30
"""Below so many clusters a bootstrap over them covers too seldom."""
_DRAWS = 2_000
NEAR_ONE = 0.95
"""AUROC from which on it is asked whether the format alone is enough for it."""
_NAMED = 4

Row = dict[str, Any]


def row(name: str, value: float | None, **more: Any) -> Row:
    """A row of the long table; an undefined value has its reason as the method."""
    return {"of": "data", "diagnostic": name, "value": value, "unit": _UNITS[name], **more}


def sizes(found: Passed, rng: np.random.Generator) -> Iterator[Row]:
    """How much was read, and how evenly it spreads over the domains, documents drawn again for its intervals."""
    yield row("documents", found.overlap.documents, method="count")
    yield row("words", found.overlap.words, method="count")
    yield row("characters", found.characters, method="count")
    if len(found.domains) > 1:
        counts = list(found.domains.values())
        again = of_documents(np.array(counts), "domains", rng=rng)
        yield from _concentration(counts, "domains", again, f"{again.draws} bootstrap samples of documents")


def repetition(found: Duplicates, prompts: np.ndarray | None, rng: np.random.Generator) -> Iterator[Row]:
    """Exact and near duplicates, prompts apart, and texts by the number of their copies.

    Intervals are over groups of documents that repeat each other, each drawn with all its documents.

    Args:
        found: the search over whole documents.
        prompts: digests of the prompts; None where there are none.
        rng: draws the groups.
    """
    documents = len(found.ids)
    said = "MinHash 14 x 8, verified"
    if found.recall is not None and (measured := getattr(found.recall, "measured", None)) is not None:
        said += f"; recall on a sample {measured:.3f}"
    exact, near = (_repeated(share, groups, rng) for share, groups in (
        ("exact_duplicate_share", found.exact_first), ("near_duplicate_share", found.first),
    ))  # fmt: skip
    by = f"{exact.draws} bootstrap samples of groups"
    about = {"items": documents, "error_bound": exact.half(Measure("exact_duplicate_share"))}
    yield row("exact_duplicate_share", found.exact_share, method=f"hash of the normalised words; {by}", **about)
    about["error_bound"] = near.half(Measure("near_duplicate_share"))
    yield row("near_duplicate_share", found.near_share, method=f"{said}; {by}", parameter=found.threshold, **about)
    if prompts is not None:
        again = _repeated("repeated_prompt_share", prompts, rng)
        about = {"items": len(prompts), "error_bound": again.half(Measure("repeated_prompt_share"))}
        share = repeated(prompts).exact_share
        yield row("repeated_prompt_share", share, method=f"prompts alone; {by}", **about)
    copies = _sizes(found.exact_first)
    for times, texts in sorted(Counter(copies.tolist()).items()):
        about = {"parameter": times, "items": documents, "error_bound": exact.half(Measure("copies", float(times)))}
        yield row("copies", texts, method=f"distinct texts; {by}", **about)
    yield from _concentration(copies.tolist(), "documents", exact, by)


def _sizes(groups: np.ndarray) -> np.ndarray:
    return np.unique(groups, return_counts=True)[1]


def _repeated(share: str, groups: np.ndarray, rng: np.random.Generator) -> Resampled:
    return of_groups(_sizes(groups), share, rng=rng)


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
        if told.area >= NEAR_ONE:
            yield from _format(name, without_format(sample, seen.items, rng=rng.spawn(1)[0]))


def _format(benchmark: str, found: WithoutFormat) -> Iterator[Row]:
    """How well the sides are told apart by one word of a format, and without such words, and which these are."""
    said = "no word is fixed on one side"
    if found.words:
        shares = (f"'{each.word}' {each.corpus:.0%} and {each.benchmark:.0%}" for each in found.words[:_NAMED])
        said = f"fixed words {len(found.words)}, by share of the corpus's texts and of the items: "
        said += ", ".join(shares) + (" ..." if len(found.words) > _NAMED else "")
    about = {"benchmark": benchmark, "method": said}
    yield row("auroc_of_one_word", found.by_one, **about)
    if found.rest is None:
        yield row("auroc_without_format", None, **about | {"method": f"undefined: nothing is left; {said}"})
    else:
        half = (found.rest.high - found.rest.low) / 2
        yield row("auroc_without_format", found.rest.area, items=found.rest.corpus, error_bound=half, **about)


def overlap(items: pl.DataFrame, rng: np.random.Generator) -> Iterator[Row]:
    """Items hit by benchmark and rule, of those that are long enough for it.

    Intervals are over items, and over whole subjects where there are thirty: what stands in one prompt is hit together.

    Args:
        items: a row per item and rule, with the item's subject.
        rng: draws items or subjects.
    """
    for (benchmark, rule), every in items.group_by("benchmark", "rule", maintain_order=True):
        mine = every.filter(pl.col("eligible"))
        eligible, hits = mine.height, int(mine["hit"].sum())
        half, said = _over_items(mine, rng)
        method = f"{every.height - eligible} too short{said}"
        about = {"benchmark": benchmark, "split": rule, "items": eligible}
        yield row("overlap_hits", hits, method=method, error_bound=half and half * eligible, **about)
        share = hits / eligible if eligible else None
        method = method if eligible else "undefined: every item is too short for the rule"
        yield row("overlap_hit_share", share, method=method, error_bound=half, **about)


def _over_items(mine: pl.DataFrame, rng: np.random.Generator) -> tuple[float | None, str]:
    """Half the width of the interval of a share of items, and what it is over; none where no item is hit, or all."""
    hits, eligible = int(mine["hit"].sum()), mine.height
    if hits in (0, eligible):
        return None, f"; of such items at most {3 / eligible:.2g} (rule of three)" if eligible and not hits else ""
    subjects = mine["subject"].n_unique()
    if subjects >= _FEWEST_SUBJECTS:
        found = clustered_bootstrap(mine["hit"].cast(pl.Float64).to_numpy(), mine["subject"].to_list(), rng=rng)
        if found.low is not None and found.high is not None:
            return (found.high - found.low) / 2, f"; bootstrap over {subjects} subjects"
    low, high = np.quantile(rng.binomial(eligible, hits / eligible, _DRAWS), [0.025, 0.975])
    return float(high - low) / 2 / eligible, "; bootstrap over items"


def _concentration(counts: Counts, over: str, again: Resampled, by: str) -> Iterator[Row]:
    found = concentration(counts)
    for name, measured, parameter in (
        ("gini", found.gini, None),
        ("hhi", found.hhi, None),
        ("top_share", found.top_1, 0.01),
        ("top_share", found.top_10, 0.1),
        ("zipf_slope", found.zipf_slope, None),
    ):
        undefined = measured.value is None
        yield row(
            name, measured.value, parameter=parameter, split=over, items=measured.amount,
            method=f"undefined: {measured.reason}" if undefined else f"{measured.amount:,} {measured.unit}; {by}",
            error_bound=None if undefined else again.half(Measure(name, parameter, over)),
        )  # fmt: skip


def _finite(aligner: Aligner, documents: Iterable[Document]) -> np.ndarray:
    means = aligner.scores(documents).means
    return means[np.isfinite(means)]


def _half_width(values: np.ndarray) -> float | None:
    return float(_Z * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
