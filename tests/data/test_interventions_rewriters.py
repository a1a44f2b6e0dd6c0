"""Rewriters come from the recipe: rules by default, a file made beforehand by document; what cannot be is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchshadow.data.documents import Document
from benchshadow.data.interventions import FileRewriter
from benchshadow.data.interventions.making import Workshop
from benchshadow.data.interventions.recipe import checked_recipe
from benchshadow.data.interventions.seeding import generator
from benchshadow.data.interventions.sides import Sides
from benchshadow.data.interventions.tools import Tools
from benchshadow.errors import InputError

BUDGET = {"tokens": 64, "length": 8}
DOCUMENTS = [Document("a", "one thing", ""), Document("b", "another thing", "")]


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def recipe(**arm):
    return checked_recipe({"budget": BUDGET, "benchmark": {"file": "/items.jsonl"}, "arms": {"told": arm}})


def paraphrase(**more):
    return recipe(intervention="aligned", by="paraphrase", **more)


def workshop(arms, tools=None, **sides):
    return Workshop(arms, sides, tools or Tools(), generator)


def test_a_file_gives_the_text_of_a_document_and_of_a_version(tmp_path):
    rows = [{"id": "b", "text": "B"}, {"id": "a", "text": "A"}, {"id": "a", "text": "A again", "version": 1}]
    rewriter = FileRewriter(written(tmp_path / "new.jsonl", *rows))
    assert rewriter(DOCUMENTS, 0) == ["A", "B"]
    assert rewriter(DOCUMENTS[:1], 1) == ["A again"]
    with pytest.raises(InputError, match=r"new.jsonl: must hold a text for every .* none for 'b' in version 1"):
        rewriter(DOCUMENTS, 1)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "a", "text": "A"}], "must hold a text for every document that is rewritten but has none for 'b'"),
        ([{"id": "a", "text": "A"}] * 2, "row 2: must rewrite a document once but 'a' was met before"),
        ([{"id": 1, "text": "A"}], "row 1: must have a text as 'id' and as 'text' but has"),
        ([{"id": "a", "said": "A"}], "row 1: must have a text as 'id' and as 'text' but has"),
    ],
)
def test_a_file_that_lacks_a_text_or_has_two_is_named_with_the_document(rows, said, tmp_path):
    with pytest.raises(InputError, match=said):
        FileRewriter(written(tmp_path / "new.jsonl", *rows))(DOCUMENTS, 0)


def test_the_file_s_content_stands_among_the_tools_of_the_manifest(tmp_path):
    names = []
    for number, text in enumerate(("A", "Another")):
        path = written(tmp_path / f"new{number}.jsonl", {"id": "a", "text": text})
        arms = recipe(intervention="normalised", rewriter={"kind": "file", "path": path}).arms
        names.append(workshop(arms).named_tools()["rewriter of told"])
    assert names[0] != names[1]
    assert names[0].startswith("file ")
    assert "rewriter of told" not in workshop(recipe(intervention="normalised").arms).named_tools()


def test_a_normalised_arm_goes_by_rules_unless_it_says_otherwise(tmp_path):
    plain = workshop(recipe(intervention="normalised").arms, Tools(normaliser=str.upper)).intervention("told")
    assert plain.rewriter(DOCUMENTS, 0) == ["ONE THING", "ANOTHER THING"]
    path = written(tmp_path / "new.jsonl", *({"id": each.id, "text": each.id * 3} for each in DOCUMENTS))
    arms = recipe(intervention="normalised", rewriter={"kind": "file", "path": path}).arms
    assert workshop(arms).intervention("told").rewriter(DOCUMENTS, 0) == ["aaa", "bbb"]


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"rewriter": {"kind": "rules"}}, "rewriter.kind must be 'file' or 'model' for a paraphrase but is 'rules'"),
        ({"rewriter": {"kind": "modle", "path": "x"}}, "'modle'"),
        ({"rewriter": {"kind": "file", "path": "x", "prompt": "y"}}, "prompt"),
        ({"rewriter": {"kind": "model", "path": "x", "prompt": "Rewrite:"}}, r"prompt must name \{text\}"),
        ({"rewriter": {"kind": "model", "path": "x"}, "versions": 2}, r"must name \{version\} for 2 versions"),
        ({"by": "copies", "rewriter": {"kind": "file", "path": "x"}}, "a rewriter is for by = 'paraphrase' but by is"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_one_sentence(arm, said):
    with pytest.raises(InputError, match=said):
        recipe(**{"intervention": "aligned", "by": "paraphrase", **arm})


def test_answers_that_are_shuffled_cannot_come_from_a_file_of_the_right_ones():
    arms = {
        "told": {"intervention": "aligned", "by": "paraphrase", "rewriter": {"kind": "file", "path": "x"}},
        "form": {"intervention": "format-only", "of": "told"},
    }
    with pytest.raises(InputError, match=r"arms.form.of must not be rewritten from a file"):
        checked_recipe({"budget": BUDGET, "benchmark": {"file": "/items.jsonl"}, "arms": arms})


def test_without_a_rewriter_a_paraphrase_needs_a_function():
    made = workshop(paraphrase().arms, benchmark=Sides([], []))
    with pytest.raises(InputError, match=r"arms.told: needs a tool 'paraphraser' but none was given"):
        made.intervention("told")
    with pytest.raises(InputError, match=r"arms.told: needs a tool 'models' but none was given"):
        workshop(paraphrase(rewriter={"kind": "model", "path": "x"}).arms).named_tools()


def test_documents_deduplicated_by_meaning_need_an_embedding():
    arms = recipe(intervention="deduplicated", by="meaning").arms
    with pytest.raises(InputError, match=r"arms.told: needs a tool 'embedder' but none was given"):
        workshop(arms).intervention("told")
    tools = Tools(embedder=lambda documents: np.eye(sum(1 for _ in documents)))
    made = workshop(arms, tools).intervention("told")
    assert (made.threshold, made.keep) == (0.95, "farthest")
    with pytest.raises(InputError, match="near must be left out where by is 'meaning'"):
        recipe(intervention="deduplicated", by="meaning", near=True)
