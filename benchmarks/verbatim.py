"""Verbatim overlap of a corpus of 1 GB with 100,000 items, n = 5, 8 and 13 together, and a part of it beside overlapy.

    OMP_NUM_THREADS=1 python benchmarks/verbatim.py [--repeats 5] [--small]

The corpus is real text (books, glosses, help pages), gone through again and again, every time with two words in a
hundred replaced by others, and with an item put into every fortieth document; the items are those of real benchmarks.
A run is a whole process of one thread: it reads the corpus, builds the index, scans, and gives every rule's verdict on
every item. overlapy 0.0.1 holds its n-grams in a tree of Python dictionaries, which for all the items would take tens
of gigabytes, and takes texts as lists of words: it gets a part of the corpus and of the items, already split into our
words, and finds n-grams alone. Both give the items with an n-gram for each n, and the lists are compared.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import WORK, Run, by_turns, options, run
from pages import page, program_table, save, table, verdict

from benchshadow.data.documents import Document, data_file, fill, read_rows
from benchshadow.data.overlap import words

FASTER, RATE, MEMORY = 20.0, 10.0, 1.0
"""Goals: times faster than the peer, MB per second of one core, GB."""
LENGTHS = (5, 8, 13)
FOLDER = WORK / "verbatim"
TEXTS = {"standard_ebooks/chapters": "{text}", "wordnet/synsets": "{definition} {example}", "tldr/pages_en": "{text}"}
ITEMS = {
    "mmlu/test": "{question} {choices}",
    "gsm8k/test": "{question} {answer}",
    "gsm8k/train": "{question} {answer}",
    "eval_suite/lambada_openai": "{context} {continuation}",
    "eval_suite/arc_easy": "{query} {choices}",
    "eval_suite/arc_challenge": "{query} {choices}",
    "eval_suite/boolq": "{query} {choices}",
    "eval_suite/piqa": "{query} {choices}",
    "opentriviaqa/opentriviaqa": "{question} {choices}",
    "factbook/factbook": "{section} {field} {text}",
}
EDITED, EVERY, PASSAGE = 0.02, 40, 2_000

OURS = """
import json, sys
from benchshadow.data.documents import Document
from benchshadow.data.overlap import RULES, ItemIndex, merge, scan, verdicts
corpus, items, out, every = sys.argv[1:]
index = ItemIndex.of({"items": [Document(*row) for row in json.load(open(items, encoding="utf-8"))]})
def chunks():
    waiting, size = [], 0
    for line in open(corpus, encoding="utf-8"):
        waiting.append(Document(*json.loads(line)))
        size += len(line)
        if size > 4_000_000:
            yield waiting
            waiting, size = [], 0
    yield waiting
fives = set()
def scanned(chunk):
    if int(every):
        from benchshadow.data.overlap.hashing import Words
        fives.update(index.fives.found(Words.of([document.text for document in chunk]), index.words).tolist())
    return scan(index, chunk)
found = merge(scanned(chunk) for chunk in chunks())
rows = verdicts(index, found)
hits = {rule.name: [row.item for row in rows if row.rule == rule.name and row.hit] for rule in RULES}
if int(every):
    weights = index.weights
    held = [weights.grams[a:b].tolist() for a, b in zip(weights.bounds[:-1], weights.bounds[1:])]
    hits["any-5gram"] = [name for name, grams in zip(index.names, held) if not fives.isdisjoint(grams)]
json.dump({"hits": hits, "words": found.words, "documents": found.documents}, open(out, "w"))
"""
THEIRS = """
import json, sys
from overlapy import Overlapy, OverlapyTestSet
corpus, items, out = sys.argv[1:]
names, examples = zip(*json.load(open(items, encoding="utf-8")))
texts = [json.loads(line) for line in open(corpus, encoding="utf-8")]
sets = [OverlapyTestSet(str(n), n, n, examples=list(examples)) for n in (5, 8, 13)]
matches = Overlapy(sets, texts, n_workers=1).run()
hits = {}
for n, each in zip((5, 8, 13), sets):
    own = {gram: where for gram, where in matches.items() if len(gram) == n}
    hits[f"any-{n}gram"] = [names[k] for k in sorted({k for k, _, _ in each.get_matches(own)})] if own else []
json.dump({"hits": hits}, open(out, "w"))
"""


def items_drawn(wanted: int, rng: np.random.Generator) -> list[Document]:
    """Items of real benchmarks, and facts where they are too few, in a drawn order."""
    found: list[Document] = []
    for name, template in ITEMS.items():
        rows = enumerate(read_rows(data_file(f"{name}.jsonl.gz")))
        found += [Document(f"{name}#{k}", fill(template, row, name), "") for k, row in rows]
    return [found[k] for k in rng.permutation(min(wanted, len(found)))]


def passages() -> list[list[str]]:
    """Real texts, as lists of what stands between blanks, joined and cut to passages of one length."""
    found = []
    for name, template in TEXTS.items():
        whole = "\n".join(fill(template, row, name) for row in read_rows(data_file(f"{name}.jsonl.gz")))
        found += [whole[k : k + PASSAGE].split(" ") for k in range(0, len(whole), PASSAGE)]
    return found


def corpus_drawn(items: list[Document], rng: np.random.Generator) -> Iterator[Document]:
    """Documents without end: the real texts over and over, edited anew each time, some with an item in them."""
    texts = passages()
    pool = [word for text in texts[::50] for word in text]
    for around in count():
        for k in rng.permutation(len(texts)).tolist():
            text = list(texts[k])
            for at in np.flatnonzero(rng.random(len(text)) < EDITED).tolist():
                text[at] = pool[int(rng.integers(len(pool)))]
            if rng.random() < 1 / EVERY:
                text.insert(int(rng.integers(len(text))), items[int(rng.integers(len(items)))].text)
            yield Document(f"{around}.{k}", " ".join(text), "")


def write_corpus(path: Path, items: list[Document], size: int) -> int:
    """Write documents of at least `size` bytes of text, and return how many bytes they are."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for document in corpus_drawn(items, np.random.default_rng(1)):
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
            written += len(document.text.encode())
            if written >= size:
                return written
    raise AssertionError


def prepared(corpus: Path, items: list[Document], documents: int, wanted: int) -> dict[str, Path]:
    """The part for both: its files as ours and, split into words, as the peer takes them."""
    paths = {name: FOLDER / f"part-{name}.json" for name in ("texts", "items", "texts-words", "items-words")}
    with corpus.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, documents)]
    chosen = items[:wanted]
    dump = {
        "texts": "".join(json.dumps(row) + "\n" for row in rows),
        "texts-words": "".join(json.dumps(words(row[1])) + "\n" for row in rows),
        "items": json.dumps(chosen),
        "items-words": json.dumps([(item.id, words(item.text)) for item in chosen]),
    }
    for name, text in dump.items():
        paths[name].write_text(text, encoding="utf-8")
    return paths


def overlapy_python() -> str:
    """The Python of an environment with overlapy, made where it is missing."""
    python = WORK / "overlapy" / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "overlapy==0.0.1"], check=True)
    return str(python)


def ours(corpus: Path, items: Path, out: Path, *, every: bool) -> Run:
    """A scan as one process of one thread; `every` looks for the 5-grams once more, to list their items too."""
    return run([sys.executable, "-c", OURS, str(corpus), str(items), str(out), str(int(every))])


def compared(part: Mapping[str, Path], repeats: int) -> dict[str, Any]:
    """Both programs on the part, by turns, and whether their lists of items are the same."""
    python, out = overlapy_python(), {name: FOLDER / f"{name}.json" for name in ("ours", "theirs")}
    runs = by_turns(
        {
            "benchshadow": lambda: ours(part["texts"], part["items"], out["ours"], every=False),
            "overlapy": lambda: run(
                [python, "-c", THEIRS, str(part["texts-words"]), str(part["items-words"]), str(out["theirs"])]
            ),
        },
        repeats,
    )
    ours(part["texts"], part["items"], out["ours"], every=True)
    hits = {name: json.loads(path.read_text(encoding="utf-8"))["hits"] for name, path in out.items()}
    lists = [f"any-{n}gram" for n in LENGTHS]
    return {
        "programs": {name: [vars(each) for each in found] for name, found in runs.items()},
        "items": {name: [len(hits["ours"][name]), len(hits["theirs"][name])] for name in lists},
        "identical": {name: hits["ours"][name] == hits["theirs"][name] for name in lists},
    }


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    whole, part = found["whole"], found["part"]
    megabytes = whole["bytes"] / 1e6
    rate = megabytes / median(each["seconds"] for each in whole["runs"])
    memory = max(each["memory"] for each in whole["runs"]) / 1e9
    small = max(each["memory"] for each in whole["tenth"]) / 1e9
    times = median(each["seconds"] for each in part["programs"]["overlapy"]) / median(
        each["seconds"] for each in part["programs"]["benchshadow"]
    )
    said = [
        f"- {megabytes:.0f} MB, {whole['items']:,} items, MB/s of one core, start, index and verdicts included: "
        f"{verdict(rate, RATE, least=True)}.",
        f"- Largest memory, GB: {verdict(memory, MEMORY, least=False)}; on a tenth of the corpus {small:.2f}.",
        f"- Part of {part['bytes'] / 1e6:.1f} MB and {part['wanted']:,} items, times faster than overlapy: "
        f"{verdict(times, FASTER, least=True)}.",
    ]
    rows = [[name, *part["items"][name], "yes" if part["identical"][name] else "NO"] for name in part["items"]]
    label = f"{part['bytes'] / 1e6:.1f} MB, {part['wanted']:,} items"
    programs = [
        (label, part["programs"], "overlapy"),
        (f"{megabytes:.0f} MB, {whole['items']:,} items", {"benchshadow": whole["runs"]}, "benchshadow"),
    ]
    hits = table(["rule", "items found in the whole"], list(whole["hits"].items()))
    lists = table(["n-grams", "items, ours", "items, overlapy", "the same list"], rows)
    return page("Verbatim overlap", found, said, program_table(programs), lists, hits)


def main() -> None:
    """Write corpus and items, measure both programs, and write the result."""
    given = options(__doc__)
    size, documents, wanted = (50_000_000, 1_000, 500) if given.small else (1_000_000_000, 10_000, 10_000)
    FOLDER.mkdir(parents=True, exist_ok=True)
    items = items_drawn(100_000, np.random.default_rng(0))
    corpus, listed, tenth, out = (FOLDER / name for name in ("corpus.jsonl", "items.json", "tenth.jsonl", "out.json"))
    listed.write_text(json.dumps(items), encoding="utf-8")
    write_corpus(tenth, items, size // 10)
    written_bytes = write_corpus(corpus, items, size)
    part = prepared(corpus, items, documents, wanted)
    runs = [vars(ours(corpus, listed, out, every=False)) for _ in range(min(3, given.repeats))]
    hits = {name: len(each) for name, each in json.loads(out.read_text(encoding="utf-8"))["hits"].items()}
    tenths = [vars(ours(tenth, listed, FOLDER / "tenth.json", every=False))]
    whole = {"bytes": written_bytes, "items": len(items), "runs": runs, "tenth": tenths, "hits": hits}
    with part["texts"].open(encoding="utf-8") as lines:
        part_bytes = sum(len(json.loads(line)[1].encode()) for line in lines)
    beside = compared(part, given.repeats) | {"bytes": part_bytes, "wanted": wanted}
    save("verbatim", {"whole": whole, "part": beside}, written, small=given.small)


if __name__ == "__main__":
    main()
