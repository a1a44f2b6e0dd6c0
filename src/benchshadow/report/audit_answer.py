"""The answer of an audit in words: how close, what is template, what is covered, how concentrated and repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from .audit_folder import AuditFolder
from .audit_overlap import shared_passages
from .audit_rules import STRICT, WEIGHTED
from .audit_values import percent, reason
from .elements import Point
from .numbers import absent, counted, number

__all__ = ["answer", "answer_points"]

_MOST, _QUOTED = 3, 90


def answer(audit: AuditFolder) -> str:
    """How many items of the benchmarks stand in the corpora, the closest pairs first."""
    pairs = [(corpus, benchmark) for benchmark in audit.benchmarks for corpus in audit.corpora]
    hits = {pair: audit.value("overlap_hits", pair[0], benchmark=pair[1], split=STRICT) for pair in pairs}
    ordered = sorted(pairs, key=lambda pair: -(hits[pair] or 0))
    found = [pair for pair in ordered if hits[pair]]
    said = [_shared(audit, corpus, benchmark, hits[corpus, benchmark] or 0) for corpus, benchmark in found[:_MOST]]
    if len(found) > _MOST:
        more = counted(len(found) - _MOST, "more pair of corpus and benchmark", "more pairs of corpus and benchmark")
        said.append(f"{more} with shared items below.")
    said += _without(audit, hits)
    said += [text for benchmark in audit.benchmarks if (text := _too_short(audit, benchmark))]
    if not said:
        said = ["No overlap with a benchmark was measured."]
    return " ".join(said)


def _without(audit: AuditFolder, hits: dict[tuple[str, str], float | None]) -> list[str]:
    """A sentence for every group of benchmarks of which nothing stands in the same corpora."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for benchmark in audit.benchmarks:
        free = tuple(corpus for corpus in audit.corpora if hits[corpus, benchmark] == 0)
        if free:
            groups.setdefault(free, []).append(benchmark)
    return [
        f"No item of {' or '.join(benchmarks)} shares 13 words in a row with {' or '.join(corpora)}."
        for corpora, benchmarks in groups.items()
    ]


def _shared(audit: AuditFolder, corpus: str, benchmark: str, hits: float) -> str:
    size = audit.size(benchmark)
    text = f"Of {counted(size, 'item')} of {benchmark} " if size is not None else f"Of {benchmark} "
    text += f"{number(hits)} {'shares' if hits == 1 else 'share'} 13 words in a row with {corpus}"
    rare = audit.value("overlap_hits", corpus, benchmark=benchmark, split=WEIGHTED)
    if rare is None:
        return f"{text}."
    does = "none does" if rare == 0 else f"{number(rare)} {'does' if rare == 1 else 'do'}"
    return f"{text}; weighed by how rare the words are, {does}{_so(audit, corpus, benchmark)}."


def _so(audit: AuditFolder, corpus: str, benchmark: str) -> str:
    """What follows of the two rules together, item by item, and of the passages that items share."""
    here = audit.items.filter(pl.col("hit") & (pl.col("corpus") == corpus) & (pl.col("benchmark") == benchmark))
    strict, rare = (set(here.filter(pl.col("rule") == rule)["item"]) for rule in (STRICT, WEIGHTED))
    if not strict:
        return ""
    groups = [each for each in shared_passages(audit) if (each.corpus, each.benchmark) == (corpus, benchmark)]
    if 2 * sum(each.items - each.rare for each in groups) > len(strict):
        return ": most of the overlap is template"
    if 2 * len(strict & rare) >= len(strict):
        return ": little of the overlap is template"
    return ": most of the overlap is template or a small part of an item"


def _too_short(audit: AuditFolder, benchmark: str) -> str:
    """A sentence where no corpus has a value under the strict rule, with the reason."""
    rows = audit.rows("overlap_hit_share", benchmark=benchmark, split=STRICT)
    if not rows or not all(absent(row["value"]) for row in rows):
        return ""
    return f"Of {benchmark} nothing can be said by 13 words in a row: {reason(rows[0])}."


def answer_points(audit: AuditFolder) -> list[Point]:
    """One line each of template, likeness, coverage, concentration and repetition; each for every corpus."""
    lines = [("Template", list(_template(audit))), ("Likeness", list(_likeness(audit)))]
    for about, says in (
        ("Coverage", _coverage),
        ("Concentration", _concentration),
        ("Repetition", _repetition),
    ):
        texts = [(corpus, text) for corpus in audit.corpora if (text := says(audit, corpus))]
        lines.append(
            (
                about,
                [f"{text[:1].upper()}{text[1:]}." if len(audit.corpora) == 1 else f"{c}: {text}." for c, text in texts],
            )
        )
    return [Point(about, " ".join(texts)) for about, texts in lines if texts]


def _template(audit: AuditFolder) -> Iterator[str]:
    for each in shared_passages(audit)[:1]:
        passage = each.passage if len(each.passage) <= _QUOTED else f"{each.passage[:_QUOTED].rsplit(' ', 1)[0]} …"
        stay = {0: "none of them stays a hit", 1: "1 of them stays a hit"}
        stays = stay.get(each.rare, f"{number(each.rare)} of them stay hits")
        said = f"{number(each.items)} items of {each.benchmark} share one passage with {each.corpus}, “{passage}”; "
        yield f"{said}weighed by rarity, {stays}."


def _likeness(audit: AuditFolder) -> Iterator[str]:
    """Benchmark by benchmark, since only corpora beside the same one can be compared."""
    beside = "held-out half"
    for benchmark in audit.benchmarks[:_MOST]:
        said = []
        rows = [row for row in audit.rows("alignment", benchmark=benchmark) if not absent(row["value"])]
        if rows:
            null = next((row["null_random"] for row in rows if row["null_random"] is not None), None)
            said.append(f"alignment {_each(audit, rows)}")
            said[0] += f" ({beside}: {number(null)})" if null is not None else ""
        rows = [row for row in audit.rows("auroc", benchmark=benchmark) if not absent(row["value"])]
        if rows:
            said.append(f"told from it with an AUROC of {_each(audit, rows)}")
        if said:
            yield f"{benchmark}: {'; '.join(said)}."


def _each(audit: AuditFolder, rows: list[dict[str, Any]]) -> str:
    """The values of the corpora, named where there are several."""
    if len(audit.corpora) == 1:
        return number(rows[0]["value"])
    return ", ".join(f"{number(row['value'])} for {row['arm']}" for row in rows)


def _coverage(audit: AuditFolder, corpus: str) -> str:
    said = []
    score = audit.row("vendi", corpus, parameter=1.0)
    if score is not None and not absent(score["value"]):
        of = f" in draws of {number(score['items'])}" if score["items"] is not None else ""
        said.append(f"as diverse as {number(score['value'])} texts with nothing in common{of} (Vendi, q = 1)")
    clusters, share = (audit.value(name, corpus) for name in ("effective_clusters", "clusters_hit"))
    if clusters is not None:
        said.append(f"as even as {number(clusters)} full clusters")
    if share is not None:
        said.append(f"{percent(share)} of all clusters hold a document")
    return ", ".join(said)


def _concentration(audit: AuditFolder, corpus: str) -> str:
    said = []
    for split in ("words", "documents", "domains"):
        gini = audit.value("gini", corpus, split=split)
        top = audit.value("top_share", corpus, split=split, parameter=0.01)
        if gini is not None and split != "documents":
            said.append(f"Gini coefficient of {split} {number(gini)}")
        if top is not None and split == "words":
            said.append(f"the top 1% of them make up {percent(top)}")
    return ", ".join(said)


def _repetition(audit: AuditFolder, corpus: str) -> str:
    said = []
    for name, noun in (
        ("exact_duplicate_share", "exact duplicates"),
        ("near_duplicate_share", "near-duplicates"),
        ("repeated_prompt_share", "repeated prompts"),
    ):
        share = audit.value(name, corpus)
        if share is not None:
            said.append(f"{percent(share)} {noun}")
    times = [row["parameter"] for row in audit.rows("copies", arm=corpus) if row["value"]]
    if times and max(times) > 1:
        said.append(f"the most repeated text stands {number(max(times))} times")
    return ", ".join(said)
