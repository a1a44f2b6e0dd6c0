"""Arms are built from files by one call, hold the same budget, and `verify` sees what was altered afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchshadow.errors import InputError
from benchshadow.studies.audits.intervening import intervene
from benchshadow.studies.running.verification import verify

RECIPE = """
[budget]
tokens = 4096
length = 64

[benchmark]
file = "{items}"

[arms.aligned]
intervention = "aligned"
by = "template"
dose = 0.25

[arms.again]
intervention = "a/a"
dose = 0.25
"""


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    texts = [
        f"Document {k} tells of the matter {k * 37 % 101} at some length, and of {k * 11 % 97} besides."
        for k in range(900)
    ]
    corpus, items, recipe = tmp_path / "corpus.jsonl", tmp_path / "items.jsonl", tmp_path / "recipe.toml"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    rows = [{"question": f"What is {k} and {k + 3}?", "answer": str(2 * k + 3)} for k in range(400)]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe.write_text(RECIPE.format(items=items))
    return corpus, recipe


def test_arms_differ_in_the_declared_thing_alone(made: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, recipe = made
    done = intervene([corpus], recipe, out=tmp_path / "arms", vocabulary=400)
    assert [arm["arm"] for arm in done["arms"]] == ["control", "aligned", "again"]
    assert {arm["budget"]["tokens"] for arm in done["arms"]} == {4096}
    folders = sorted((tmp_path / "arms" / "arms").iterdir())
    assert verify(folders).undeclared == ()
    manifest = folders[0] / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed":0', '"seed":1').replace('"seed": 0', '"seed": 1'))
    assert verify(folders).undeclared


def test_a_budget_of_the_call_replaces_the_recipe_s(made: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, recipe = made
    done = intervene([corpus], recipe, out=tmp_path / "arms", tokens=2048, vocabulary=400)
    assert {arm["budget"]["tokens"] for arm in done["arms"]} == {2048}
    with pytest.raises(InputError, match="multiple of length"):
        intervene([corpus], recipe, out=tmp_path / "others", tokens=2050, vocabulary=400)


def test_a_budget_beyond_the_corpus_is_refused_with_what_can_be_had(made: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, recipe = made
    with pytest.raises(InputError, match=r"\d"):
        intervene([corpus], recipe, out=tmp_path / "arms", tokens=64_000_000, vocabulary=400)


def test_a_plan_builds_nothing(made: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, recipe = made
    plan = intervene([corpus], recipe, out=tmp_path / "a", plan=True)
    assert [arm["arm"] for arm in plan["arms"]] == ["control", "aligned", "again"]
    assert not (tmp_path / "a").exists()


def test_coverage_and_deduplication_come_with_their_tools(made: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, recipe = made
    more = '\n[arms.spread]\nintervention = "coverage"\nby = "clusters"\nclusters = 8\ndose = 0.25\n'
    more += '\n[arms.once]\nintervention = "deduplicated"\nnear = true\ndose = 0.25\n'
    recipe.write_text(recipe.read_text() + more)
    done = intervene([corpus], recipe, out=tmp_path / "arms", tokens=2048, vocabulary=400)
    assert [arm["arm"] for arm in done["arms"]][-2:] == ["spread", "once"]


def test_a_file_that_lacks_the_field_is_named_and_not_dropped_in_silence(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    corpus, recipe = made
    other = tmp_path / "other.jsonl"
    other.write_text('{"question": "no text here"}\n')
    done = intervene([corpus, other], recipe, out=tmp_path / "arms", tokens=2048, vocabulary=400)
    (remark,) = done["remarks"]
    assert "other.jsonl" in remark
    assert "must have the field 'text'" in remark


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_many_workers_build_the_bits_of_one(made: tuple[Path, Path], tmp_path: Path, engine: str) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    corpus, recipe = made
    one = intervene([corpus], recipe, out=tmp_path / "one", tokens=2048, vocabulary=400)
    many = intervene([corpus], recipe, out=tmp_path / "many", tokens=2048, vocabulary=400, engine=engine, workers=2)
    assert one["arms"] == many["arms"]
