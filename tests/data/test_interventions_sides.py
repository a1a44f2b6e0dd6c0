"""Items on their sides: near-duplicates never part, a later source loses what an earlier one has, an audit agrees."""

import json

import polars as pl
import pytest
from data_samples import seeded

from benchshadow.data.benchmarks import halves, read_benchmark, splitting
from benchshadow.data.duplicates import exact_pairs
from benchshadow.data.interventions.recipe import checked_recipe
from benchshadow.data.interventions.sides import both_sides, sides_hashes, sides_table
from benchshadow.errors import InputError

TEXT = "grey cats sat on old mats while dogs ran home and nobody knew why it rained so"
WORDS = TEXT.split()


def question(number):
    """Twenty words by lot, so that two questions share no five in a row."""
    return " ".join(seeded(number).choice(WORDS, size=20)) + f" {number}?"


def written(path, questions):
    rows = [{"question": text, "answer": str(number)} for number, text in enumerate(questions)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def recipe(benchmark, **sources):
    items = {"benchmark": {"file": benchmark}} if isinstance(benchmark, str) else {"benchmark": benchmark}
    arms = {"again": {"intervention": "a/a"}}
    named = {name: {"file": file} if isinstance(file, str) else file for name, file in sources.items()}
    return checked_recipe({"budget": {"tokens": 640, "length": 32}, **items, "sources": named, "arms": arms})


@pytest.fixture
def pairs(tmp_path):
    """Forty questions, each with one that differs from it in its last word."""
    questions = [question(number) for number in range(40)]
    return written(tmp_path / "items.jsonl", [*questions, *(f"{text.rsplit(' ', 1)[0]} indeed?" for text in questions)])


def test_near_duplicates_are_on_one_side_and_the_split_follows_the_seed(pairs):
    first, again, other = (both_sides(recipe(pairs), seed)["benchmark"] for seed in (1, 1, 2))
    assert len(first.seen) == len(first.held_out) == 40
    beginnings = [{item.prompt.rsplit(" ", 1)[0] for item in side} for side in (first.seen, first.held_out)]
    assert not beginnings[0] & beginnings[1]
    assert first == again != other


@pytest.mark.parametrize(("share", "seen"), [(0.25, 20), (0.75, 60), (1.0, 80)])
def test_so_many_items_are_seen_as_the_recipe_says(pairs, share, seen):
    found = both_sides(recipe({"file": pairs, "seen": share}), 1)["benchmark"]
    assert (len(found.seen), len(found.held_out)) == (seen, 80 - seen)


def test_an_audit_of_the_same_seed_splits_alike(pairs):
    benchmark = read_benchmark(pairs)
    audited = halves(benchmark, rng=splitting(3), pairs=exact_pairs(benchmark.items).pairs.numbers)
    found = both_sides(recipe(pairs), 3)["benchmark"]
    assert [item.text for item in audited.seen.items] == [item.prompt for item in found.seen]
    assert [item.text for item in audited.held_out.items] == [item.prompt for item in found.held_out]


def test_a_later_source_loses_what_the_benchmark_or_an_earlier_one_has(pairs, tmp_path):
    middle = written(tmp_path / "b.jsonl", [question(5), *(question(n) for n in range(100, 110))])
    last = written(tmp_path / "a.jsonl", [f"{question(7).rsplit(' ', 1)[0]} truly?", question(103), question(300)])
    wanted = recipe(pairs, middle={"file": middle, "seen": 1.0}, other={"file": last, "seen": 1.0})
    found = both_sides(wanted, 1)
    assert list(found) == ["benchmark", "middle", "other"]
    assert [len(found[name].removed) for name in found] == [0, 1, 2]
    assert [item.prompt for item in found["other"].seen] == [question(300)]
    told = {
        repeat.item.prompt: (repeat.kept_in.partition(",")[0], repeat.kept.prompt) for repeat in found["other"].removed
    }
    assert told[question(103)] == ("middle", question(103))
    assert told[f"{question(7).rsplit(' ', 1)[0]} truly?"][0] == "benchmark"
    table = sides_table(found)
    assert table.height == 80 + 11 + 3
    assert table.filter(pl.col("side") == "removed")["kept"].null_count() == 0
    assert sides_hashes(found)["other"]["removed"]["items"] == 2


def test_a_source_of_which_nothing_is_left_is_refused(pairs, tmp_path):
    same = written(tmp_path / "same.jsonl", [question(1), question(2)])
    with pytest.raises(
        InputError, match=r"same.jsonl: must have seen items but has none among 2, 2 of which others repeat"
    ):
        both_sides(recipe(pairs, other={"file": same, "seen": 1.0}), 1)
