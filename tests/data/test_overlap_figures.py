"""The overlap of real benchmarks with real corpora, against figures that other programs counted.

The fields that were compared: GSM8K's question with question and answer; of multiple choice the question (ARC's with
its "Question:") and all options on both sides; LAMBADA's context and continuation.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from benchshadow.data.documents import Document, fill
from benchshadow.data.overlap import ItemIndex, merge, scan, verdicts

QUESTION, ANSWERED, CHOICES = "{question}", "{question} {answer}", "{question} {choices}"
QUERY, CONTEXT, TEXT = "{query} {choices}", "{context} {continuation}", "{text}"
FIGURES = [
    (("gsm8k/test", QUESTION), [("gsm8k/train", ANSWERED)], 3, 82),
    (("gsm8k/test", QUESTION), [("standard_ebooks/chapters", TEXT)], 0, 0),
    (("mmlu/test", CHOICES), [("opentriviaqa/opentriviaqa", CHOICES)], 1, 215),
    (("eval_suite/arc_challenge", QUERY), [("eval_suite/arc_easy", QUERY)], 1, 58),
    (("eval_suite/lambada_openai", CONTEXT), [("standard_ebooks/chapters", TEXT)], 0, 9),
]


def read(folder, name, template):
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Document(f"{name}#{k}", fill(template, row, name), row.get("subject", "")) for k, row in enumerate(rows)]


def overlaps(folder, items, corpora):
    documents = [document for corpus in corpora for document in read(folder, *corpus)]
    index = ItemIndex.of({"b": read(folder, *items)})
    return verdicts(index, merge(scan(index, documents[k : k + 2_000]) for k in range(0, len(documents), 2_000)))


@pytest.mark.parametrize(("items", "corpora", "strict", "sensitive"), FIGURES)
def test_known_figures(data_folder, items, corpora, strict, sensitive):
    hits = Counter(row.rule for row in overlaps(data_folder, items, corpora) if row.hit)
    assert (hits["any-13gram"], hits["any-8gram"]) == (strict, sensitive)


def test_mmlu_tells_its_template_from_its_leaks(data_folder):
    """Of the 1,307 items with a 13-gram in validation and dev 895 are a fixed prompt; weights find none of those."""
    rows = overlaps(data_folder, ("mmlu/test", CHOICES), [("mmlu/validation", CHOICES), ("mmlu/dev", CHOICES)])
    subject = {document.id: document.domain for document in read(data_folder, "mmlu/test", CHOICES)}
    hits = {rule: {row.item for row in rows if row.rule == rule and row.hit} for rule in {row.rule for row in rows}}
    template = {item for item in hits["any-13gram"] if subject[item] == "moral_scenarios"}
    assert (len(hits["any-13gram"]), len(hits["any-8gram"]), len(template)) == (1_307, 2_507, 895)
    assert len(hits["weighted-5gram"] & template) == 0
    copies = {row.item for row in rows if row.rule == "palm-8gram-70" and row.share >= 0.95}
    assert len(copies) == 35
    assert copies <= hits["weighted-5gram"]
