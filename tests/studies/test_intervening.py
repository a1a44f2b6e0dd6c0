"""Arms are built from files by one call, hold the same budget, and `verify` sees what was altered afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
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


def test_what_was_altered_in_the_tokens_alone_is_found_and_what_cannot_be_read_is_said(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    corpus, recipe = made
    intervene([corpus], recipe, out=tmp_path / "arms", vocabulary=400)
    folders = [tmp_path / "arms" / "arms" / name for name in ("control", "aligned")]
    assert verify(folders).sentence == "the manifests differ in the declared treatment and in nothing else"
    alone = tmp_path / "alone" / "aligned"
    alone.mkdir(parents=True)
    (alone / "manifest.json").write_bytes((folders[1] / "manifest.json").read_bytes())
    found = verify([folders[0], alone / "manifest.json"])
    assert found.undeclared == ()
    assert found.unread == ("aligned",)
    assert found.sentence.endswith("; the tokens of aligned were not there to be read")
    tokens = folders[1] / "tokens.bin"
    held = bytearray(tokens.read_bytes())
    held[-2] ^= 1
    tokens.write_bytes(bytes(held))
    assert "order_sha256" in {each.field for each in verify(folders).undeclared}
    (folders[1] / "documents.parquet").unlink()
    with pytest.raises(InputError, match=r"documents.parquet: must lie beside the tokens but does not"):
        verify(folders)


def test_the_items_that_were_held_out_are_told(made: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, recipe = made
    rows = [{"question": f"What is {k} and {k + 3}?", "answer": "x"} for k in range(20)]
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    more = f'\n[sources.other]\nfile = "{tmp_path}/other.jsonl"\n'
    more += '[arms.off]\nintervention = "off-target"\nof = "aligned"\nsource = "other"\ndose = 0.25\n'
    recipe.write_text(recipe.read_text() + more)
    with pytest.raises(InputError, match="must have seen items but has none among 20, 20 of which others repeat"):
        intervene([corpus], recipe, out=tmp_path / "arms", vocabulary=400)
    some = [*rows, *({"question": f"What was {k} or {k + 5}?", "answer": "x"} for k in range(800))]
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    done = intervene([corpus], recipe, out=tmp_path / "arms", vocabulary=400)
    assert done["remarks"] == ["Items of other that repeat another source's and were left out: 20."]
    table = pl.read_parquet(done["items"])
    assert table.filter((pl.col("source") == "benchmark") & (pl.col("side") == "held out")).height == 200
    ids = set(pl.read_parquet(tmp_path / "arms" / "arms" / "aligned" / "documents.parquet")["id"])
    seen = table.filter((pl.col("source") == "benchmark") & (pl.col("side") == "seen"))
    assert table.filter((pl.col("source") == "other") & (pl.col("side") != "removed")).height == 800
    assert len(ids & {f"{name} [{k}]" for name in seen["id"] for k in range(2)}) > 20
    benchmark_held = table.filter((pl.col("source") == "benchmark") & (pl.col("side") == "held out"))["id"]
    assert not ids & {f"{name} [{k}]" for name in benchmark_held for k in range(2)}


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
