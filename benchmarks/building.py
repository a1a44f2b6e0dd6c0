"""Building five arms, beside what the tokenizer's library needs for the same texts alone.

    python benchmarks/building.py [--tokens 100000000] [--repeats 5] [--small]

The corpus is real text (books, glosses, trivia, facts), gone through again with its words turned round until it holds
1.3 times the budget. The arms: the control, a second draw, a repeated subset, balanced domains and rewritten documents,
with manifests. The peer is `encode_batch_fast` of the same version of tokenizers, on the same texts (those that are
rewritten too) read from the same files in the same batches; its tokens are thrown away. Both are processes of their own
that may use all cores, by turns.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
from harness import HERE, WORK, by_turns, options, run
from pages import page, program_table, save, table, verdict

from benchshadow.data.documents import Document, data_file, read_rows
from benchshadow.data.interventions import by_rules, proved
from benchshadow.data.interventions.recipe import checked_recipe
from benchshadow.data.tokenization import END

GOAL = 0.8
LENGTH = 1000
ARMS: dict[str, dict[str, Any]] = {
    "second": {"intervention": "a/a", "dose": 0.2},
    "subset": {"intervention": "concentrated", "repeats": 10, "dose": 0.2},
    "domains": {"intervention": "coverage", "dose": 0.2},
    "rewritten": {"intervention": "normalised", "dose": 0.2},
}
TEXTS = {
    "standard_ebooks/chapters.jsonl.gz": "{text}",
    "wordnet/synsets.jsonl.gz": "{definition} {example}",
    "opentriviaqa/opentriviaqa.jsonl.gz": "{question} {choices} {answer}",
    "factbook/factbook.jsonl.gz": "{text}",
}
FOLDER = WORK / "building"
PASSAGE = 1500


class Lines:
    """Documents of a file with an id, a domain and a text in every line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Document]:
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                yield Document(*json.loads(line))


def passages() -> list[tuple[str, str]]:
    """Real texts in passages, each with its domain."""
    found = []
    for name, template in TEXTS.items():
        domain = name.partition("/")[0]
        for row in read_rows(data_file(name)):
            text = template.format_map(row).strip()
            found += [(text[i : i + PASSAGE], domain) for i in range(0, len(text), PASSAGE)]
    return [each for each in found if each[0].strip()]


def write_corpus(path: Path, tokens: int) -> None:
    """Passes over the passages, the words of each turned round one more place every time, at 4 characters a token."""
    texts, wanted, turn = passages(), 1.3 * 4 * tokens, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        while wanted > 0:
            for number, (text, domain) in enumerate(texts):
                words = text.split(" ")
                at = turn % len(words)
                turned = " ".join(words[at:] + words[:at])
                file.write(json.dumps([f"{turn}.{number}", turned, domain], ensure_ascii=False) + "\n")
                wanted -= len(turned)
                if wanted <= 0:
                    break
            turn += 1


def gpt2() -> Any:
    """GPT-2's byte-level BPE with our end token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    ids = json.loads(data_file("gpt2_bpe/encoder.json").read_text(encoding="utf-8"))
    ids[END] = ids.pop("<|endoftext|>")
    lines = data_file("gpt2_bpe/vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    tokenizer = Tokenizer(models.BPE(ids, [tuple(line.split(" ")) for line in lines if line]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def ours(corpus: Path, out: Path, tokens: int, workers: int) -> None:
    """Five arms with their manifests."""
    from benchshadow.data.interventions import build
    from benchshadow.studies.audits.in_order import in_order

    recipe = checked_recipe({"budget": {"tokens": tokens, "length": LENGTH}, "arms": ARMS})
    with in_order(workers=workers) as mapped:
        by = None if workers == 1 else mapped
        build(Lines(corpus), recipe, out, tokenizer=gpt2(), mapped=by, seed=0)


def bare(files: list[Path]) -> None:
    """The library alone, in batches of the same size."""
    from benchshadow.data.packing.encoding import BATCH, batches

    tokenizer = gpt2()
    for path in files:
        for group in batches(Lines(path), BATCH):
            tokenizer.encode_batch_fast([document.text for document in group], add_special_tokens=False)


def command(*given: object) -> list[str]:
    """One of the two in a process of its own."""
    return [sys.executable, str(HERE / "building.py"), "--part", *map(str, given)]


def measure(tokens: int, repeats: int) -> dict[str, Any]:
    """Both by turns; what was built is proven from its tokens."""
    corpus, again, out = FOLDER / "corpus.jsonl", FOLDER / "rewritten.jsonl", FOLDER / "out"
    write_corpus(corpus, tokens)
    cores = os.cpu_count() or 1

    def built(workers: int) -> Any:
        shutil.rmtree(out, ignore_errors=True)
        return run(command("ours", corpus, out, tokens, workers), threads=cores)

    built(1)
    write_rewritten(corpus, out, again)
    programs = {
        "benchshadow, threads": lambda: built(1),
        f"benchshadow, {cores} processes": lambda: built(cores),
        "tokenizers": lambda: run(command("bare", corpus, again), threads=cores),
    }
    runs = by_turns(programs, repeats)
    failing = [str(each) for name in ("control", *ARMS) for each in proved(out, name)]
    return {
        "tokens": tokens,
        "arms": 1 + len(ARMS),
        "characters": sum(len(document.text) for path in (corpus, again) for document in Lines(path)),
        "not_as_told": failing,
        "programs": {name: [vars(each) for each in found] for name, found in runs.items()},
    }


def write_rewritten(corpus: Path, out: Path, to: Path) -> None:
    """The documents that an arm holds rewritten, rewritten here too."""
    mark = " (rewritten)"
    ids = set(pl.read_parquet(out / "arms" / "rewritten" / "documents.parquet")["id"].to_list())
    with to.open("w", encoding="utf-8") as file:
        for document in Lines(corpus):
            if f"{document.id}{mark}" in ids:
                file.write(json.dumps([document.id + mark, by_rules(document.text), ""], ensure_ascii=False) + "\n")


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    programs = found["programs"]
    seconds = {name: median(each["seconds"] for each in runs) for name, runs in programs.items()}
    name, best = min((item for item in seconds.items() if item[0] != "tokenizers"), key=lambda item: item[1])
    label = f"{found['arms']} arms of {found['tokens'] / 1e6:g}M tokens"
    proof = "; ".join(found["not_as_told"]) or "every arm is what its manifest says, token by token"
    return page(
        "Building arms",
        found,
        f"{found['characters'] / 1e6:.0f} million characters are coded once each. The arms' own tokens: {proof}.",
        program_table([(label, programs, "tokenizers")]),
        table(["program", "million characters a second"],
              [[each, f"{found['characters'] / 1e6 / seconds[each]:.2f}"] for each in seconds]),
        f"- share of the library's own throughput, {name}: {verdict(seconds['tokenizers'] / best, GOAL, least=True)}.",
    )  # fmt: skip


def main() -> None:
    """Measure and write the result."""
    given = options(
        __doc__,
        tokens={"type": int, "default": 100_000_000},
        part={"nargs": "+", "default": [], "help": "used by the processes that are measured"},
    )
    match given.part:
        case ["ours", corpus, out, tokens, workers]:
            ours(Path(corpus), Path(out), int(tokens), int(workers))
        case ["bare", *files]:
            bare([Path(each) for each in files])
        case _:
            tokens = 2_000_000 if given.small else given.tokens
            save("building", measure(tokens, given.repeats), written, small=given.small)


if __name__ == "__main__":
    main()
