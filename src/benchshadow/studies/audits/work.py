"""One audit under way: every corpus read once for its overlap, and again for the other numbers of its panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from benchshadow.data.benchmarks import Benchmark, Halves, across, halves, splitting
from benchshadow.data.corpora import Corpus
from benchshadow.data.diversity import fit_embedding
from benchshadow.data.documents import Document
from benchshadow.data.duplicates import exact_pairs, near_duplicates
from benchshadow.data.likeness import GramCounts, count_grams, evenly_sampled, nearest, soft_overlap
from benchshadow.data.overlap import ItemIndex, Partial, Sharing, overlap_table, sharing_table, telling, verdicts
from benchshadow.data.packing import InOrder
from benchshadow.data.surface import Wordings, digests
from benchshadow.records import frame

from .numbers import Row, diversity, likeness, overlap, repetition, sizes
from .reading import Passed, passed
from .remarks import format_remarks, reading_remarks
from .wording import row_differences, wording_differences, wording_of, wording_rows

__all__ = ["AuditWork", "Progress"]

_ITEMS = ("corpus", "benchmark", "item", "rule", "eligible", "hit", "share", "longest", "document", "passage")
_SAMPLE = 10_000
"""Documents of a corpus whose wording and likeness are measured."""
_FITTED = 5_000
"""Texts of each side that the embedding of soft overlap is fitted on."""

Progress = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True)
class AuditWork:
    """One audit under way."""

    corpora: Mapping[str, Corpus]
    prompts: Mapping[str, Corpus | None]
    benchmarks: Mapping[str, Benchmark]
    null: Corpus | None
    seed: int
    in_order: InOrder
    tell: Progress

    def done(self) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
        """Records, items and documents, by the names of their files, and the summary."""
        items = {name: benchmark.items for name, benchmark in self.benchmarks.items()}
        index = ItemIndex.of(items)
        found, tables = {}, []
        for name, corpus in self.corpora.items():
            self.tell(f"{name}: looking for items")
            found[name] = passed(corpus.chunks(), index, self.in_order)
            table = overlap_table(verdicts(index, found[name].overlap))
            tables.append(table.with_columns(corpus=pl.lit(name)).select(_ITEMS))
        if self.null:
            tables += self._soft()
        items_table = pl.concat(tables)
        rows = [*self._rows(found), *self._overlap_rows(items_table)]
        rows = [{"run": "audit", **each} for each in rows]
        documents = pl.concat([self._documents(index, name, found[name].overlap) for name in self.corpora])
        tables = {"records.parquet": frame(rows), "items.parquet": items_table, "documents.parquet": documents}
        summary = self._summary(found)
        return tables, summary | {"remarks": [*summary["remarks"], *format_remarks(rows)]}

    def _documents(self, index: ItemIndex, name: str, found: Partial) -> pl.DataFrame:
        """Every document that shares something with an item, with its passages; the corpus is read again for these."""
        wanted = telling(found)
        self.tell(f"{name}: passages of {len(wanted)} documents")
        some = (each for each in self.corpora[name] if each.id in wanted) if wanted else ()
        table = sharing_table(found, list(Sharing.of(index)(some)))
        return table.select(pl.lit(name).alias("corpus"), pl.all())

    def _rows(self, found: Mapping[str, Passed]) -> Iterator[Row]:
        reference = GramCounts.merged([each.grams for each in found.values()])
        if self.null:
            self.tell("reading the reference")
            reference = count_grams(self.null)
        targets = {name: count_grams(each.seen.items) for name, each in self._split.items()}
        pools, copies, like = {}, {}, []
        for name, corpus in self.corpora.items():
            prompts = self.prompts[name]
            self.tell(f"{name}: duplicates")
            twice = near_duplicates(corpus, rng=self._rng("recall"), mapped=self.in_order)
            copies[name] = {"exact_duplicate_share": twice.exact_first, "near_duplicate_share": twice.first}
            asked = None if prompts is None else self._digests(prompts)
            self.tell(f"{name}: wording and likeness")
            rng = self._rng("likeness")
            sample = evenly_sampled(corpus, _SAMPLE, rng=rng)
            pools[name] = Wordings.of(sample, rng=self._rng("surface"))
            again = self._rng("repetition")
            yield from (
                {"arm": name, **each} for each in (*sizes(found[name], again), *repetition(twice, asked, again))
            )
            here = [{"arm": name, **each} for each in likeness(sample, self._split, reference, targets, rng)]
            like += [each for each in here if each["diagnostic"] == "alignment"]
            yield from here
        wordings = wording_of(pools, copies, rng=self._rng("wording"))
        yield from ({"arm": name, **each} for name, wording in wordings.items() for each in wording_rows(wording))
        yield from wording_differences(wordings)
        self.tell("diversity")
        documents = {name: each.overlap.documents for name, each in found.items()}
        spread = list(diversity(self.corpora, documents, self._rng("diversity")))
        yield from (*spread, *row_differences([*like, *spread]))

    def _overlap_rows(self, items: pl.DataFrame) -> Iterator[Row]:
        named = [(name, item.id, item.domain) for name, each in self.benchmarks.items() for item in each.items]
        subjects = pl.DataFrame(named, schema=["benchmark", "item", "subject"], orient="row")
        known = items.join(subjects, on=["benchmark", "item"], how="left", maintain_order="left")
        for name in self.corpora:
            mine = known.filter(pl.col("corpus") == name)
            yield from ({"arm": name, **each} for each in overlap(mine, self._rng("overlap")))

    def _soft(self) -> Iterator[pl.DataFrame]:
        """Verdicts by the nearest document in an embedding, held against the null corpus."""
        assert self.null is not None
        self.tell("nearest documents")
        items = [item for each in self.benchmarks.values() for item in each.items]
        rng = self._rng("soft")
        fitted = [item.text for item in evenly_sampled(items, _FITTED, rng=rng)]
        for corpus in (*self.corpora.values(), self.null):
            fitted += [document.text for document in evenly_sampled(corpus, _FITTED, rng=rng)]
        encoder = fit_embedding(fitted, most=len(fitted), rng=rng)
        wanted = encoder([item.text for item in items])
        beside = nearest(wanted, self.null, encoder)
        belongs = [name for name, each in self.benchmarks.items() for _ in each.items]
        for name, corpus in self.corpora.items():
            judged = soft_overlap(items, nearest(wanted, corpus, encoder), beside)
            yield _soft_table(name, belongs, judged.verdicts)

    def _summary(self, found: Mapping[str, Passed]) -> dict[str, Any]:
        corpora, refused = [], []
        for name, corpus in self.corpora.items():
            read = corpus.read
            refused += [{"where": each.file, "line": each.line, "reason": each.reason} for each in read.listed]
            sizes_of = {"words": found[name].overlap.words, "characters": found[name].characters}
            counts = {"documents": read.documents, "empty": read.empty, "refused": read.refused}
            first = str(read.listed[0]) if read.listed else None
            corpora.append({"name": name, **counts, "first_refused": first, "renamed": read.renamed, **sizes_of})
        benchmarks = []
        for name, each in self.benchmarks.items():
            refused += [{"where": bad.file, "line": bad.line, "reason": bad.reason} for bad in each.refused]
            split = self._split[name]
            sizes_of = {"seen": len(split.seen.items), "held_out": len(split.held_out.items)}
            about = {"name": name, "items": len(each.items), "fields": each.fields, "sha256": each.sha256}
            benchmarks.append({**about, **sizes_of, "refused": len(each.refused)})
        repeated = self._between()
        return {
            "verb": "audit",
            "corpora": corpora,
            "benchmarks": benchmarks,
            "repeated_items": repeated,
            "remarks": list(reading_remarks(corpora, benchmarks, repeated, reference=self.null is not None)),
            "seed": self.seed,
            "reference": self.null.name if self.null else None,
            "refused": refused,
        }

    def _between(self) -> list[dict[str, str]]:
        """Items that repeat one of an earlier benchmark, exactly or nearly, and what they repeat."""
        items = [item for each in self.benchmarks.values() for item in each.items]
        found = across(list(self.benchmarks.values()), exact_pairs(items).pairs.numbers)
        return [each._asdict() for each in found.removed]

    @cached_property
    def _split(self) -> dict[str, Halves]:
        """The halves of every benchmark, near-duplicates on one side."""
        return {
            name: halves(each, rng=splitting(self.seed), pairs=exact_pairs(each.items).pairs.numbers)
            for name, each in self.benchmarks.items()
        }

    def _digests(self, corpus: Corpus) -> np.ndarray:
        return np.concatenate(list(self.in_order(_digests_of, corpus.chunks())))

    def _rng(self, purpose: str) -> np.random.Generator:
        """A generator of its own for each purpose, so that one more draw in one does not move the others."""
        return np.random.default_rng([self.seed, *purpose.encode()])


def _digests_of(chunk: list[Document]) -> np.ndarray:
    return digests(document.text for document in chunk)


def _soft_table(corpus: str, belongs: Sequence[str], found: Sequence[Any]) -> pl.DataFrame:
    rows = [
        (corpus, benchmark, each.item, "soft", each.eligible, each.hit, each.share, None, each.document, None)
        for benchmark, each in zip(belongs, found, strict=True)
    ]
    kinds = {"eligible": pl.Boolean, "hit": pl.Boolean, "share": pl.Float64, "longest": pl.Int64}
    return pl.DataFrame(rows, schema={name: kinds.get(name, pl.String) for name in _ITEMS}, orient="row")
