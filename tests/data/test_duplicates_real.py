"""Near-duplicates of real benchmarks, beside sets of tuples of words."""

from __future__ import annotations

import numpy as np
import pytest
from test_duplicates import found, oracle

from benchshadow.data.documents import Document, read_rows
from benchshadow.data.duplicates import exact_pairs, near_duplicates


@pytest.fixture(scope="module")
def science(data_folder) -> list[Document]:
    """The questions of both ARC sets with their options."""
    paths = [data_folder / "eval_suite" / f"arc_{level}.jsonl.gz" for level in ("challenge", "easy")]
    rows = [row for path in paths for row in read_rows(path)]
    return [Document(str(number), f"{row['query']} {row['choices']}", "") for number, row in enumerate(rows)]


def test_exhaustive_search_and_minhash_on_the_arc_questions(science):
    expected = oracle(science, 0.5)
    assert len(expected) > 3
    assert found(exact_pairs(science, threshold=0.5).pairs) == expected
    near = near_duplicates(science, rng=np.random.default_rng(0), sample=len(science))
    certain = {pair: value for pair, value in expected.items() if value >= 0.8}
    assert found(near.pairs).items() <= certain.items()
    assert near.recall is not None
    assert (near.recall.pairs, near.recall.found) == (len(certain), len(near.pairs))


def test_the_fixed_prompt_of_moral_scenarios_makes_its_items_similar_but_not_identical(data_folder):
    rows = [row for row in read_rows(data_folder / "mmlu" / "test.jsonl.gz") if row["subject"] == "moral_scenarios"]
    items = [Document(row["id"], row["question"], "") for row in rows]
    every = exact_pairs(items, threshold=0.2).pairs
    assert len(rows) == 895
    assert exact_pairs(items).exact_share == 0
    assert len(every) > 0.99 * 895 * 894 / 2
