"""Near-duplicates of a corpus, verified and with their recall measured, beside datasketch's candidates alone.

    python benchmarks/near_duplicates.py [--documents 300000] [--repeats 5] [--small]

The corpus is real text: pieces of books of 1,000 characters, then pieces again with words replaced: three in ten of
their words in seven of ten (other documents), up to six in a hundred in two of ten, none in one of ten. Ours runs on
one process and on two, the start of these included, and measures its recall on a sample. The peer gets its quickest
settings (xxHash, the affine 32-bit scheme, one pass that asks the index and adds to it), shingles by a plain regular
expression, one process, and the first 10,000 of the documents; and once more as its documentation shows it (SHA-1, one
shingle after the other) on 2,000. It verifies nothing. Accuracy: on the 10,000, all pairs by exhaustive search.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from harness import HERE, WORK, apart, options, run
from other_tools import environment
from pages import in_brackets, page, save, table, verdict

from benchshadow.data.documents import Document, data_file, read_rows
from benchshadow.data.duplicates import exact_pairs, near_duplicates

LENGTH, PART, LITTLE = 1_000, 10_000, 2_000
DOCUMENTED = "datasketch, as documented"
PER_SECOND, TIMES = 30_000.0, 10.0
CORPUS, SAID = WORK / "near_duplicates.jsonl", WORK / "datasketch.json"


def write_corpus(path: Path, documents: int) -> None:
    """A text a line: pieces of books, then pieces with words replaced, in random order."""
    rng = np.random.default_rng(0)
    whole = [row["text"] for row in read_rows(data_file("standard_ebooks/chapters.jsonl.gz"))]
    pieces = [text[at : at + LENGTH] for text in whole for at in range(0, len(text) - LENGTH + 1, LENGTH)]
    texts = pieces[: documents // 2]
    originals = len(texts)
    while len(texts) < documents:
        words = texts[rng.integers(originals)].split(" ")
        rate = rng.choice([0.3, rng.uniform(0, 0.06), 0.0], p=[0.7, 0.2, 0.1])
        for place in np.flatnonzero(rng.random(len(words)) < rate):
            words[place] = words[rng.integers(len(words))][::-1]
        texts.append(" ".join(words))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(texts[at]) + "\n" for at in rng.permutation(len(texts))), encoding="utf-8")


def read(documents: int) -> list[Document]:
    """The first documents of the corpus."""
    with CORPUS.open(encoding="utf-8") as lines:
        texts = [json.loads(line) for line, _ in zip(lines, range(documents), strict=False)]
    return [Document(str(number), text, "") for number, text in enumerate(texts)]


def ours(documents: int, workers: int) -> dict[str, Any]:
    """Seconds and findings, reading left out."""
    from benchshadow.studies.audits.in_order import in_order

    corpus = read(documents)
    begin = time.perf_counter()
    with in_order(workers=workers) as mapped:
        found = near_duplicates(corpus, rng=np.random.default_rng(1), mapped=mapped)
    seconds = time.perf_counter() - begin
    assert found.recall is not None
    characters = sum(len(each.text) for each in corpus) / len(corpus)
    told = {"exact_share": found.exact_share, "near_share": found.near_share, "passed_over": found.passed_over}
    recall = {"sampled": found.recall.sampled, "sample_pairs": found.recall.pairs, "sample_found": found.recall.found}
    return {
        "seconds": seconds,
        "characters": characters,
        "pairs": len(found.pairs),
        **told,
        **recall,
        "expected_recall": found.recall.expected,
    }


def theirs(documents: int, out: Path, *options: str) -> float:
    """Seconds of the peer; its pairs are left in a file."""
    script = HERE / "peers" / "datasketch_run.py"
    run([str(environment("datasketch")), str(script), str(CORPUS), str(documents), str(out), *options])
    return float(json.loads(out.read_text(encoding="utf-8"))["seconds"])


def accuracy(documents: int) -> dict[str, int]:
    """Both beside all similar pairs of the peer's documents, repeats of a text left out."""
    corpus = read(documents)
    exact = exact_pairs(corpus)
    near = near_duplicates(corpus, rng=np.random.default_rng(1), sample=0)
    distinct = {number for number, first in enumerate(exact.exact_first.tolist()) if number == first}
    said = json.loads(SAID.read_text(encoding="utf-8"))["pairs"]
    named = {(min(pair), max(pair)) for pair in said if distinct.issuperset(pair)}
    true, found = (set(map(tuple, each.pairs.numbers.tolist())) for each in (exact, near))
    return {
        "true": len(true),
        "ours": len(found),
        "ours_wrong": len(found - true),
        "theirs": len(named & true),
        "theirs_wrong": len(named - true),
    }


def measure(documents: int, repeats: int) -> dict[str, Any]:
    """All by turns, then the accuracy."""
    write_corpus(CORPUS, documents)
    part = min(documents, PART)
    little = min(part, LITTLE)
    runs: dict[str, list[Any]] = {"one process": [], "two processes": [], "datasketch": [], DOCUMENTED: []}
    for _ in range(repeats):
        runs["one process"].append(apart(ours, documents, 1))
        runs["two processes"].append(apart(ours, documents, 2))
        runs["datasketch"].append({"seconds": theirs(part, SAID)})
        runs[DOCUMENTED].append({"seconds": theirs(little, WORK / "documented.json", "--documented")})
        print({name: round(each[-1]["seconds"], 2) for name, each in runs.items()}, flush=True)
    counts = dict.fromkeys(("one process", "two processes"), documents) | {"datasketch": part, DOCUMENTED: little}
    return {"documents": documents, "counts": counts, "runs": runs, "accuracy": accuracy(part)}


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    counts = found["counts"]
    speeds = {name: sorted(counts[name] / each["seconds"] for each in runs) for name, runs in found["runs"].items()}
    middle = {name: float(np.median(each)) for name, each in speeds.items()}
    rows = [
        [name, counts[name], in_brackets(each, 0), f"{middle[name] / middle['datasketch']:.1f}"]
        for name, each in speeds.items()
    ]
    told, right = found["runs"]["one process"][0], found["accuracy"]
    head = ["program", "documents", "documents a second: median (all)", "times datasketch"]
    lines = [
        f"- Two processes, documents a second: {verdict(middle['two processes'], PER_SECOND, least=True)}.",
        *(f"- One process beside {name}, times faster: {_times(middle, name)}." for name in ("datasketch", DOCUMENTED)),
    ]
    said = (
        f"{told['characters']:.0f} characters a document; {told['pairs']} similar pairs, {told['exact_share']:.3f} of "
        f"the documents repeat a text, {told['near_share']:.3f} repeat one exactly or nearly, {told['passed_over']} "
        f"candidates passed over. Recall: {told['sample_found']} of the {told['sample_pairs']} pairs of "
        f"{told['sampled']} sampled documents ({told['expected_recall']:.3f} expected)."
    )
    beside = (
        f"Of the {right['true']} pairs at Jaccard .8 or more in the peer's {counts['datasketch']} documents ours "
        f"has {right['ours']}, {right['ours_wrong']} wrong; datasketch {right['theirs']}, and {right['theirs_wrong']} "
        "others."
    )
    return page("Near-duplicates", found, table(head, rows), said, beside, lines)


def _times(middle: Mapping[str, float], peer: str) -> str:
    return verdict(middle["one process"] / middle[peer], TIMES, least=True)


def main() -> None:
    """Measure and write the result."""
    given = options(__doc__, documents={"type": int, "default": 300_000})
    found = measure(4_000 if given.small else given.documents, given.repeats)
    save("near_duplicates", found, written, small=given.small)


if __name__ == "__main__":
    main()
