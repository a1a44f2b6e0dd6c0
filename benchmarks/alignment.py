"""Alignment scores of a corpus, beside DSIR's own package.

    OMP_NUM_THREADS=1 python benchmarks/alignment.py [--documents 20000] [--repeats 5] [--small]

The corpus is real text (books, command help, facts, school maths) in passages of up to 1,000 characters, the target is
one half of GSM8K's test items. Both sides read the same two files of JSON lines, fit on all of the corpus and of the
target, and score every document, on one core; processes start and import beforehand. Ours runs with its own hash and
with the original's; with the latter and with the original's smoothing, totals must rank the documents as it does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import HERE, WORK, apart, options, run
from other_tools import environment
from pages import in_brackets, page, save, table, verdict
from scipy.stats import spearmanr

from benchshadow.data.documents import Document, data_file, read_documents, read_rows
from benchshadow.data.likeness import Aligner, count_grams

GOAL, SAME_RANKING = 10.0, 0.999
TEXTS = {
    "standard_ebooks/chapters.jsonl.gz": "{text}",
    "tldr/pages_en.jsonl.gz": "{text}",
    "factbook/factbook.jsonl.gz": "{text}",
    "gsm8k/train.jsonl.gz": "{question}\n{answer}",
}
FOLDER = WORK / "alignment"


def write(documents: int) -> tuple[Path, Path, int]:
    """The corpus, an equal number of passages from each source, and the target; the number of characters."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    corpus, target = FOLDER / "corpus.jsonl", FOLDER / "target.jsonl"
    texts = []
    for name, template in TEXTS.items():
        passages = [each.document.text for each in read_documents(data_file(name), template, "", "", 1_000)]
        wanted = documents // len(TEXTS)
        texts += passages[:: max(1, len(passages) // wanted)][:wanted]
    items = [
        each.document.text
        for each in read_documents(data_file("gsm8k/test.jsonl.gz"), "{question}\n{answer}", "", "", 0)
    ]
    for path, some in ((corpus, texts), (target, items[::2])):
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in some), encoding="utf-8")
    return corpus, target, sum(map(len, texts))


def documents_of(path: Path) -> Iterator[Document]:
    """One document a line."""
    for number, row in enumerate(read_rows(path)):
        yield Document(str(number), row["text"], "")


def ours(corpus: Path, target: Path, hashing: str) -> dict[str, Any]:
    """Seconds of fitting and of scoring, and the totals."""
    list(documents_of(target))
    begin = time.perf_counter()
    counts = [count_grams(documents_of(path), hashing=hashing) for path in (target, corpus)]
    aligner = Aligner.of(*counts, "dsir")
    fitted = time.perf_counter()
    totals = aligner.scores(documents_of(corpus)).totals
    return {"fitting": fitted - begin, "scoring": time.perf_counter() - fitted, "totals": totals.tolist()}


def theirs(corpus: Path, target: Path) -> dict[str, Any]:
    """The same of the peer."""
    out = FOLDER / "theirs.json"
    script = HERE / "peers" / "data_selection_run.py"
    run([str(environment("data-selection")), str(script), str(corpus), str(target), str(out)])
    return json.loads(out.read_text(encoding="utf-8"))


def measure(documents: int, repeats: int) -> dict[str, Any]:
    """All programs by turns, and how they rank the documents."""
    corpus, target, characters = write(documents)
    programs = {
        "benchshadow": lambda: apart(ours, corpus, target, "own"),
        "benchshadow, sha256": lambda: apart(ours, corpus, target, "sha256"),
        "data-selection 1.0.3": lambda: theirs(corpus, target),
    }
    seconds: dict[str, dict[str, list[float]]] = {name: {"fitting": [], "scoring": []} for name in programs}
    totals = {}
    for _ in range(repeats):
        for name, program in programs.items():
            said = program()
            totals[name] = np.array(said["totals"])
            for part, found in seconds[name].items():
                found.append(said[part])
            print(f"  {name}: {said['fitting']:.3f} s of fitting, {said['scoring']:.3f} s of scoring", flush=True)
    peer = totals["data-selection 1.0.3"]
    ranking = {name: float(spearmanr(each, peer).statistic) for name, each in totals.items()}
    differences = np.abs(totals["benchshadow, sha256"] - peer)
    said = {"ranking": ranking, "difference": float(np.median(differences)), "spread": float(np.std(peer))}
    return {"documents": len(peer), "characters": characters, "seconds": seconds, **said}


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    seconds, count = found["seconds"], found["documents"]
    whole = {name: [sum(pair) for pair in zip(*parts.values(), strict=True)] for name, parts in seconds.items()}
    peer = median(whole["data-selection 1.0.3"])
    rows = []
    for name, parts in seconds.items():
        each = median(whole[name])
        times = [in_brackets(parts["fitting"]), in_brackets(parts["scoring"]), f"{1e6 * each / count:.1f}"]
        rows.append([name, *times, f"{peer / each:.1f}", f"{found['ranking'][name]:.7f}"])
    head = ["program", "seconds of fitting", "of scoring", "microseconds a document", "times faster", "Spearman"]
    by_hash = {name: peer / median(whole[name]) for name in whole if name.startswith("benchshadow")}
    verdicts = [f"- {name}, times faster: {verdict(times, GOAL, least=True)}." for name, times in by_hash.items()]
    ranking = found["ranking"]["benchshadow, sha256"]
    met = "met" if ranking > SAME_RANKING else "missed"
    verdicts += [
        f"- with its hash and smoothing, Spearman {ranking:.7f}, goal above {SAME_RANKING}: {met}.",
        f"- median difference of a total {found['difference']:.1e} nats, where totals spread by {found['spread']:.0f}:",
        "  the peer's version of NLTK takes fractions and superscripts for marks, Python's `\\w` takes them for words.",
    ]
    corpus = f"{count} documents, {found['characters'] / 1e6:.1f} M characters; fitting and scoring on one core."
    return page("Alignment scores", found, corpus, table(head, rows), verdicts)


def main() -> None:
    """Measure and write the result."""
    given = options(__doc__, documents={"type": int, "default": 20_000})
    result = measure(1_000 if given.small else given.documents, given.repeats)
    save("alignment", result, written, small=given.small)


if __name__ == "__main__":
    main()
