"""The audit: how close corpora are to benchmarks, what of that is template, how much they cover, how much repeats."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.data.benchmarks import Benchmark, halves, read_benchmark
from benchshadow.data.corpora import Corpus, open_corpus
from benchshadow.data.diversity import fit_embedding
from benchshadow.data.duplicates import near_duplicates
from benchshadow.data.likeness import GramCounts, count_grams, evenly_sampled, nearest, soft_overlap
from benchshadow.data.overlap import ItemIndex, overlap_table, verdicts
from benchshadow.data.packing import InOrder
from benchshadow.errors import Incomplete, InputError
from benchshadow.records import frame, open_folder, read_json, replace_whole, write_json

from .audit_numbers import Row, diversity, likeness, overlap, repetition, sizes, surface
from .audit_reading import Passed, passed, shelved
from .in_order import in_order
from .source_code import code

__all__ = ["FILES", "Audit", "audit"]

FILES = ("records.parquet", "items.parquet", "manifest.json", "summary.json")
"""What a finished folder holds; the last one is put in place last."""
_CODE = ("data", "studies/audit.py", "studies/audit_numbers.py", "studies/audit_reading.py")
_ITEMS = ("corpus", "benchmark", "item", "rule", "eligible", "hit", "share", "longest", "document", "passage")
_FITTED = 5_000

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Audit:
    """What came out.

    Attributes:
        folder: where the files are; of a plan, where they would be.
        summary: content of `summary.json`, or the plan.
        refused: number of lines and files that were refused by name.
    """

    folder: Path
    summary: dict[str, Any]
    refused: int


def audit(
    corpora: Sequence[Path | str],
    benchmarks: Sequence[Path | str],
    *,
    out: Path,
    text: str | Sequence[str] = "{text}",
    domain: str = "",
    prompt: str = "",
    lines: bool = False,
    reference: Path | str | None = None,
    seed: int = 0,
    strict: bool = False,
    plan: bool = False,
    engine: str = "local",
    workers: int = 1,
    progress: Progress | None = None,
) -> Audit:
    """Audit corpora against benchmarks, and write what was found.

    The folder gets `records.parquet` (the panel, rows with `of = data`), `items.parquet` (a row per corpus, benchmark,
    item and rule, with the passage that it rests on), `manifest.json` and `summary.json`, all of them or none. Called
    again for the same files and settings it returns what is there. What it does not tell: whether a model that was
    trained on a corpus has learnt what was found in it.

    Args:
        corpora: files, folders or "hf:owner/name"; each is a corpus of its own.
        benchmarks: files of items.
        out: folder to write to: new, empty, or one of the same work.
        text: template of a document's text over the fields of a row; one for all corpora, or one for each.
        domain: template of its domain.
        prompt: template of its prompt, whose repetition is counted apart; empty for none.
        lines: whether each line of a text file is a document.
        reference: a corpus of text files or of rows with a field `text` that cannot hold the items: the null of soft
            overlap and the reference of alignment. Where there is none, soft overlap is left out, and the reference is
            all corpora together.
        seed: of samples, draws and the benchmarks' halves.
        strict: whether a refused line is an error, raised when everything else is written.
        plan: say what would be read and written, and do nothing.
        engine: "local" or "ray".
        workers: processes that read; the numbers are the same for any number of them.
        progress: told what is being done.

    Raises:
        InputError: a file cannot be read, nothing is named, or `out` holds other work.
        Incomplete: under `strict`, something was refused.
    """
    if not corpora or not benchmarks:
        raise InputError("audit", "needs a corpus and a benchmark", "name one of each, --benchmark FILE")
    texts = _for_each(text, len(corpora))
    pairs = zip(corpora, texts, strict=True)
    opened = _named([open_corpus(each, text=form, domain=domain, lines=lines) for each, form in pairs])
    null = None if reference is None else open_corpus(reference, text="{text}", lines=lines)
    read = _named([read_benchmark(each) for each in benchmarks])
    if plan:
        return Audit(Path(out), _plan(opened, read), 0)
    tell = progress or _silent
    tell("hashing the files")
    settings = {"text": texts, "domain": domain, "prompt": prompt, "lines": lines, "seed": seed}
    work = {
        "verb": "audit",
        "corpora": {name: corpus.fingerprint for name, corpus in opened.items()},
        "benchmarks": {name: benchmark.sha256 for name, benchmark in read.items()},
        "reference": null.fingerprint if null else None,
        **settings,
        "benchshadow": version("benchshadow"),
        "code": code(_CODE),
    }
    folder = open_folder(out, work)
    if not all((folder / name).is_file() for name in FILES):
        prompts = {
            name: open_corpus(each, text=prompt, lines=lines) if prompt else None
            for name, each in zip(opened, corpora, strict=True)
        }
        with in_order(engine, workers) as mapped:
            done = _Work(opened, prompts, read, null, seed, mapped, tell).done()
        command = _command(corpora, benchmarks, texts, reference, {"domain": domain, "prompt": prompt}, lines, seed)
        _write(folder, *done, _manifest(work, opened) | {"command": command})
    return _finished(folder, strict)


@dataclass(frozen=True)
class _Work:
    """One audit under way."""

    corpora: Mapping[str, Corpus]
    prompts: Mapping[str, Corpus | None]
    benchmarks: Mapping[str, Benchmark]
    null: Corpus | None
    seed: int
    in_order: InOrder
    tell: Progress

    def done(self) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
        """Records, items and the summary."""
        items = {name: benchmark.items for name, benchmark in self.benchmarks.items()}
        index = ItemIndex.of(items)
        found, tables = {}, []
        with tempfile.TemporaryDirectory() as scratch:
            shelf = shelved(index, Path(scratch))
            for name, corpus in self.corpora.items():
                self.tell(f"{name}: looking for items")
                found[name] = passed(corpus.chunks(), shelf, self.in_order)
                table = overlap_table(verdicts(index, found[name].overlap))
                tables.append(table.with_columns(corpus=pl.lit(name)).select(_ITEMS))
        if self.null:
            tables += self._soft()
        items_table = pl.concat(tables)
        rows = [*self._rows(found), *self._overlap_rows(items_table)]
        rows = [{"run": "audit", **each} for each in rows]
        return frame(rows), items_table, self._summary(found)

    def _rows(self, found: Mapping[str, Passed]) -> Iterator[Row]:
        split = {name: halves(each, rng=self._rng("halves")) for name, each in self.benchmarks.items()}
        reference = GramCounts.merged([each.grams for each in found.values()])
        if self.null:
            self.tell("reading the reference")
            reference = count_grams(self.null)
        targets = {name: count_grams(each.seen.items) for name, each in split.items()}
        for name, corpus in self.corpora.items():
            prompts = self.prompts[name]
            self.tell(f"{name}: duplicates")
            twice = near_duplicates(corpus, rng=self._rng("recall"), mapped=self.in_order)
            asked = None if prompts is None else near_duplicates(prompts, rng=self._rng("recall"), sample=0)
            self.tell(f"{name}: wording and likeness")
            rows = (
                *sizes(found[name]),
                *repetition(twice, asked),
                *surface(corpus, self._rng("surface")),
                *likeness(corpus, split, reference, targets, self._rng("likeness")),
            )
            yield from ({"arm": name, **each} for each in rows)
        self.tell("diversity")
        documents = {name: each.overlap.documents for name, each in found.items()}
        yield from diversity(self.corpora, documents, self._rng("diversity"))

    def _overlap_rows(self, items: pl.DataFrame) -> Iterator[Row]:
        for name in self.corpora:
            yield from ({"arm": name, **each} for each in overlap(items.filter(pl.col("corpus") == name)))

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
            split = halves(each, rng=self._rng("halves"))
            sizes_of = {"seen": len(split.seen.items), "held_out": len(split.held_out.items)}
            about = {"name": name, "items": len(each.items), "fields": each.fields, "sha256": each.sha256}
            benchmarks.append({**about, **sizes_of, "refused": len(each.refused)})
        return {
            "verb": "audit",
            "corpora": corpora,
            "benchmarks": benchmarks,
            "remarks": list(_remarks(corpora, benchmarks, self.null)),
            "seed": self.seed,
            "reference": self.null.name if self.null else None,
            "refused": refused,
        }

    def _rng(self, purpose: str) -> np.random.Generator:
        """A generator of its own for each purpose, so that one more draw in one does not move the others."""
        return np.random.default_rng([self.seed, *purpose.encode()])


def _for_each(text: str | Sequence[str], corpora: int) -> list[str]:
    given = [text] if isinstance(text, str) else list(text)
    if len(given) not in (1, corpora):
        raise InputError("text", f"must be one template, or one for each of {corpora} corpora, but are {len(given)}")
    return given * corpora if len(given) == 1 else given


def _silent(doing: str) -> None:
    pass


def _named(opened: Sequence[Any]) -> dict[str, Any]:
    """By name; two of one name are refused."""
    found: dict[str, Any] = {}
    for each in opened:
        if each.name in found:
            raise InputError(each.name, "is named twice", "name files that are called differently")
        found[each.name] = each
    return found


def _soft_table(corpus: str, belongs: Sequence[str], found: Sequence[Any]) -> pl.DataFrame:
    rows = [
        (corpus, benchmark, each.item, "soft", each.eligible, each.hit, each.share, None, each.document, None)
        for benchmark, each in zip(belongs, found, strict=True)
    ]
    kinds = {"eligible": pl.Boolean, "hit": pl.Boolean, "share": pl.Float64, "longest": pl.Int64}
    return pl.DataFrame(rows, schema={name: kinds.get(name, pl.String) for name in _ITEMS}, orient="row")


def _remarks(corpora: list[dict], benchmarks: list[dict], null: Corpus | None) -> Iterator[str]:
    for each in corpora:
        if each["refused"]:
            yield f"{each['name']}: {each['refused']} rows or files were refused, the first {each['first_refused']}."
        if each["empty"]:
            yield f"{each['name']}: {each['empty']} rows are empty and were passed over."
    for each in benchmarks:
        if each["refused"]:
            yield f"{each['name']}: {each['refused']} rows are no items and were refused."
    if null is None:
        yield "Soft overlap needs a reference corpus that cannot hold the items, and none was named."


def _plan(corpora: Mapping[str, Corpus], benchmarks: Mapping[str, Benchmark]) -> dict[str, Any]:
    return {
        "verb": "audit",
        "read": {name: [source.where for source in corpus.sources] for name, corpus in corpora.items()},
        "benchmarks": {name: len(benchmark.items) for name, benchmark in benchmarks.items()},
        "write": list(FILES),
    }


def _manifest(work: Mapping[str, Any], corpora: Mapping[str, Corpus]) -> dict[str, Any]:
    trees = {name: corpus.tree() for name, corpus in corpora.items()}
    versions = {"python": platform.python_version(), "numpy": np.__version__, "polars": pl.__version__}
    return {**work, "trees": trees, "versions": versions, "machine": platform.machine()}


def _command(
    corpora: Sequence[Path | str],
    benchmarks: Sequence[Path | str],
    texts: Sequence[str],
    reference: Path | str | None,
    templates: Mapping[str, str],
    lines: bool,
    seed: int,
) -> list[str]:
    """The words of the call, to make it again."""
    command = ["benchshadow", "audit", *map(str, corpora)]
    forms = texts[:1] if len(set(texts)) == 1 else texts
    for option, values in (("--benchmark", benchmarks), ("--text", forms)):
        for value in values:
            command += [option, str(value)]
    for name, template in templates.items():
        command += [f"--{name}", template] if template else []
    command += ["--reference", str(reference)] if reference else []
    return command + (["--lines"] if lines else []) + (["--seed", str(seed)] if seed else [])


def _write(
    folder: Path, records: pl.DataFrame, items: pl.DataFrame, summary: Mapping[str, Any], manifest: Mapping[str, Any]
) -> None:
    """Put all files in place when the last of them is written, the summary last of all."""
    with ExitStack() as stack:
        partial = {name: stack.enter_context(replace_whole(folder / name)) for name in reversed(FILES)}
        records.write_parquet(partial["records.parquet"])
        items.write_parquet(partial["items.parquet"])
        write_json(partial["manifest.json"], manifest)
        write_json(partial["summary.json"], summary)


def _finished(folder: Path, strict: bool) -> Audit:
    summary = read_json(folder / "summary.json")
    refused = sum(each["refused"] for each in (*summary["corpora"], *summary["benchmarks"]))
    if strict and refused:
        first = summary["refused"][0]
        text = f"every row must be read but {refused} were refused, the first {first['where']}:{first['line']}"
        raise Incomplete(f"{folder}: {text}: {first['reason']}")
    return Audit(folder, summary, refused)
