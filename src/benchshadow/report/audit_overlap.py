"""Overlap by benchmark and rule: hits of the eligible, what was too short, and passages that many items share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from .audit_folder import AuditFolder
from .audit_rules import STRICT, WEIGHTED, rule_words, rules_in_order
from .audit_values import dashes, margin, percent, quoted, reason
from .elements import Block, Cell, Column, Prose, Table, Terms, present
from .numbers import NONE, absent, counted, number

__all__ = ["SharedPassage", "overlap_blocks", "passage_key", "shared_passages"]

_RULES = ("overlap_hits", "overlap_hit_share")
_PASSAGES, _SHARED_BY, _BEGINNING = 8, 3, 13
_NOT_MEASURED = "not measured"


class SharedPassage(NamedTuple):
    """One passage that several items of a benchmark share with a corpus.

    Attributes:
        corpus, benchmark: whose.
        items: number of items hit whose passage begins with the same thirteen words.
        rare: how many of these stay hits when words are weighed by how rare they are.
        passage: that of the first of them.
    """

    corpus: str
    benchmark: str
    items: int
    rare: int
    passage: str


def passage_key() -> pl.Expr:
    """The first thirteen words of a passage in lower case, by which passages count as the same."""
    words = pl.col("passage").str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+")
    return words.list.head(_BEGINNING).list.join(" ")


def shared_passages(audit: AuditFolder) -> list[SharedPassage]:
    """Passages that at least three items hit by 13 words in a row have in common, most shared first."""
    hits = audit.items.filter(pl.col("hit"))
    rare = hits.filter(pl.col("rule") == WEIGHTED).select("corpus", "benchmark", "item", rare=pl.lit(1))
    strict = hits.filter((pl.col("rule") == STRICT) & pl.col("passage").is_not_null())
    joined = strict.join(rare, on=["corpus", "benchmark", "item"], how="left", maintain_order="left")
    groups = joined.group_by("corpus", "benchmark", passage_key().alias("key"), maintain_order=True)
    found = groups.agg(pl.len().alias("items"), pl.col("rare").sum(), pl.col("passage").first())
    found = found.filter(pl.col("items") >= _SHARED_BY).sort("items", descending=True, maintain_order=True)
    return [SharedPassage(*row) for row in found.drop("key").iter_rows()]


def overlap_blocks(audit: AuditFolder) -> list[Block]:
    """The tables of overlap; nothing where no benchmark was given."""
    rows = audit.rows(*_RULES)
    if not rows:
        return []
    rules = rules_in_order({row["split"] for row in rows if row["split"]})
    if len(audit.corpora) > 1:
        tables = [table for name in audit.benchmarks if (table := _by_corpus(audit, name, rules))]
    else:
        tables = [_by_benchmark(audit, corpus, rules) for corpus in audit.corpora]
    said = "A cell is the number of items hit, of those that are long enough for the rule, and below it their share."
    if any(row["diagnostic"] == "overlap_hit_share" and row["error_bound"] is not None for row in rows):
        said += " After ± stands half the width of its 95% interval, for items, or whole subjects, drawn anew."
    note = Prose([said], style="note")
    told = Terms([(rule, rule_words(rule).says) for rule in rules], "What the rules are")
    return present(note, *tables, told, *_too_short(audit, rules), *_passages(audit))


def _by_corpus(audit: AuditFolder, benchmark: str, rules: list[str]) -> Table | None:
    """Of one benchmark: rules as rows, corpora as columns."""
    rows = []
    for rule in rules:
        cells = [_cell(audit, corpus, benchmark, rule) for corpus in audit.corpora]
        rows.append([Cell(rule, rule_words(rule).brief, head=True, numeric=False), *cells])
    if all(cell.hint == _NOT_MEASURED for row in rows for cell in row[1:]):
        return None
    columns = [Column("Rule", numeric=False), *(Column(corpus, "items hit") for corpus in audit.corpora)]
    caption = ", ".join(each for each in (benchmark, _items(audit, benchmark)) if each)
    return Table(columns, rows, caption, _dashes(audit, rules, benchmark=benchmark))


def _by_benchmark(audit: AuditFolder, corpus: str, rules: list[str]) -> Table:
    """Of one corpus: benchmarks as rows, rules as columns."""
    rows = [
        [
            Cell(benchmark, _items(audit, benchmark), head=True, numeric=False),
            *(_cell(audit, corpus, benchmark, rule) for rule in rules),
        ]
        for benchmark in audit.benchmarks
    ]
    columns = [Column(rule, rule_words(rule).brief, rule_words(rule).says) for rule in rules]
    caption = f"Items hit by what stands in {corpus}"
    return Table([Column("Benchmark", numeric=False), *columns], rows, caption, _dashes(audit, rules, arm=corpus))


def _dashes(audit: AuditFolder, rules: list[str], **where: str) -> str:
    """Why cells of a table hold a dash, benchmark by benchmark; a corpus is named where the others have a value."""
    missing = [row for row in audit.rows("overlap_hit_share", **where) if absent(row["value"])]
    missing.sort(key=lambda row: rules.index(row["split"]))
    said = []
    for benchmark in audit.benchmarks:
        here = [row for row in missing if row["benchmark"] == benchmark]
        lacking = Counter(row["split"] for row in here)
        found = [
            (rule if lacking[rule] == len(audit.corpora) else f"{rule} in {row['arm']}", reason(row))
            for row in here
            for rule in [row["split"]]
        ]
        said.append(dashes(found, "" if "benchmark" in where else f" for {benchmark}"))
    return " ".join(filter(None, said))


def _items(audit: AuditFolder, benchmark: str) -> str:
    many = audit.size(benchmark)
    return "" if many is None else counted(many, "item")


def _cell(audit: AuditFolder, corpus: str, benchmark: str, rule: str) -> Cell:
    hits, share = (audit.row(name, corpus, benchmark=benchmark, split=rule) for name in _RULES)
    told = share if share is not None and (hits is None or absent(hits["value"]) or absent(share["value"])) else hits
    if told is None:
        return Cell(NONE, hint=_NOT_MEASURED)
    if absent(told["value"]):
        return Cell(NONE, means=reason(told), hint=reason(told))
    if hits is None or absent(hits["value"]):
        return Cell(percent(told["value"]), _margin(told), hint=told["method"] or "")
    of = hits["items"]
    part = share["value"] if share is not None else (hits["value"] / of if of else None)
    text = f"{number(hits['value'])} of {number(of)}" if of is not None else number(hits["value"])
    return Cell(text, f"{percent(part)}{_margin(share)}", hint=hits["method"] or "")


def _margin(share: dict[str, Any] | None) -> str:
    """The interval of a share, and that of the benchmark's other half, where they were taken."""
    if share is None:
        return ""
    text = f" ± {margin(100 * share['error_bound'])}%" if share["error_bound"] is not None else ""
    return f"{text}; held-out half {percent(share['null_random'])}" if share["null_random"] is not None else text


def _too_short(audit: AuditFolder, rules: list[str]) -> list[Block]:
    """What is not in any share, benchmark by benchmark, in words."""
    texts = list(_short(audit, rules))
    told = Prose(["Items that are too short for a rule are counted here, and are in no share:"])
    return [told, Prose(texts, points=True)] if texts else []


def _short(audit: AuditFolder, rules: list[str]) -> Iterator[str]:
    by = ["corpus", "benchmark", "rule"]
    counts = audit.items.group_by(by).agg((~pl.col("eligible")).sum().alias("short"), pl.len().alias("all"))
    # Which items are eligible is the same for every corpus, but for what an embedding knows: the most are told.
    most = counts.group_by("benchmark", "rule").agg(pl.col("short").max(), pl.col("all").max())
    found = {(row[0], row[1]): row[2:] for row in most.iter_rows()}
    for benchmark in audit.benchmarks:
        said: dict[str, int] = {}
        for rule in rules:
            short, _ = found.get((benchmark, rule), (0, 0))
            if short:
                said[rule_words(rule).short] = max(short, said.get(rule_words(rule).short, 0))
        if said:
            many = max(every for (name, _), (_, every) in found.items() if name == benchmark)
            falling = sorted(said.items(), key=lambda pair: -pair[1])
            listed = ", ".join(f"{'all' if short == many else number(short)} with {why}" for why, short in falling)
            yield f"{benchmark}, {counted(many, 'item')}: {listed}."


def _passages(audit: AuditFolder) -> list[Block]:
    found = shared_passages(audit)
    if not found:
        return []
    terms = [
        (
            f"{counted(each.items, 'item')} of {each.benchmark} in {each.corpus}",
            f"{quoted(each.passage)} Weighed by rarity, {number(each.rare)} of them stay hits.",
        )
        for each in found[:_PASSAGES]
    ]
    told = (
        "Passages that several items share, by their first thirteen words: a template of the benchmark, or a text that "
    )
    told += "several of its questions are about, but not the content of one item."
    told += f" {counted(len(found) - len(terms), 'more such passage')} left out." if len(found) > len(terms) else ""
    return [Prose([told]), Terms(terms)]
