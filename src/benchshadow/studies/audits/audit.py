"""The audit: how close corpora are to benchmarks, what of that is template, how much they cover, how much repeats."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.data.benchmarks import Benchmark, read_benchmark
from benchshadow.data.corpora import Corpus, open_corpus
from benchshadow.errors import Incomplete, InputError
from benchshadow.records import open_folder, read_json, replace_together, write_json, write_parquet
from benchshadow.records.source_code import code

from .in_order import in_order
from .remarks import refusal
from .work import AuditWork, Progress

__all__ = ["FILES", "Audit", "audit"]

FILES = ("records.parquet", "items.parquet", "documents.parquet", "manifest.json", "summary.json")
"""What a finished folder holds; the last one is put in place last."""
_FILES = ("audit", "numbers", "reading", "remarks", "wording", "work")
_CODE = ("data", "stats", *(f"studies/audits/{name}.py" for name in _FILES))


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

    @property
    def refusal(self) -> str:
        """What was refused, in one sentence, with the first line of it; empty where nothing was."""
        return refusal(self.folder, self.refused, self.summary.get("refused", []))


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
    item and rule, with the passage that it rests on), `documents.parquet` (every document that shares something with
    an item, with its passages), `manifest.json` and `summary.json`, all of them or none. Called again for the same
    files and settings it returns what is there. What it does not tell: whether a model that was trained on a corpus has
    learnt what was found in it.

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
            done = AuditWork(opened, prompts, read, null, seed, mapped, tell).done()
        command = _command(corpora, benchmarks, texts, reference, {"domain": domain, "prompt": prompt}, lines, seed)
        _write(folder, *done, _manifest(work, opened) | {"command": command})
    return _finished(folder, strict)


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
    folder: Path, tables: Mapping[str, pl.DataFrame], summary: Mapping[str, Any], manifest: Mapping[str, Any]
) -> None:
    """Put all files in place when the last of them is written, the summary last of all."""
    with replace_together(folder, FILES) as partial:
        for name, table in tables.items():
            write_parquet(table, partial[name])
        write_json(partial["manifest.json"], manifest)
        write_json(partial["summary.json"], summary)


def _finished(folder: Path, strict: bool) -> Audit:
    summary = read_json(folder / "summary.json")
    refused = sum(each["refused"] for each in (*summary["corpora"], *summary["benchmarks"]))
    done = Audit(folder, summary, refused)
    if strict and refused:
        raise Incomplete(done.refusal)
    return done
