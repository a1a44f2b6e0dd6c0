"""Small sources, documents and tokenizers that the tests of the room share."""

import json

import loky
import numpy as np
from pydantic import TypeAdapter

from benchshadow.data.documents import Document
from benchshadow.data.source_kinds import Source
from benchshadow.data.sources import Sources


def two_processes(function, given):
    """An ordered map over two processes."""
    with loky.ProcessPoolExecutor(2) as pool:
        yield from pool.map(function, given)


def tree(**tables):
    """Sources as a study file gives them, by name."""
    return {name: TypeAdapter(Source).validate_python(table) for name, table in tables.items()}


def sources(benchmark=None, **tables):
    return Sources(tree(**tables), benchmark)


def corpus_file(path, rows=400, domains=4, groups=10, repeats=0):
    """A jsonl of distinct texts, then `repeats` rows that repeat earlier texts in other groups."""
    lines = [
        {"text": f"row {i} says {i * i}", "domain": f"d{i % domains}", "book": f"b{i % groups}"} for i in range(rows)
    ]
    lines += [{**lines[i], "book": f"b{(i + 1) % groups}"} for i in range(repeats)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return {"kind": "corpus", "file": str(path), "domain": "{domain}", "group": "{book}"}


def documents(count, rng):
    """Documents of random words and lengths, some ids repeated."""
    words = ["copy abc = abc\n", "sort | ba | ab\n", "add 1,2 = 3\n"]
    names = [int(rng.integers(count)) for _ in range(count)]
    return [Document(f"doc {n}", words[n % 3] * (1 + n % 5), f"domain {n % 4}") for n in names]


def seeded(seed=0):
    return np.random.default_rng(seed)
