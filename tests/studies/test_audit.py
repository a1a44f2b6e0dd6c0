"""An audit of real data gives the known figures, of planted data what was planted, and nothing where it must not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchshadow.errors import Incomplete, InputError
from benchshadow.studies.audits.audit import FILES, audit

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "juniper", "kelp", "larch")


def _sentence(seed: int, length: int = 20) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, length))


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, Path]:
    """Forty items, the first ten of which stand in the corpus as they are; one is too short for every rule."""
    items = [{"id": f"i{k}", "question": f"item{k} {_sentence(k)} end{k}", "answer": "x"} for k in range(40)]
    items.append({"id": "short", "question": "why not", "answer": "x"})
    texts = [f"said{k} {_sentence(k + 100)} done{k}" for k in range(60)] + [item["question"] for item in items[:10]]
    texts += [texts[0], texts[0]]
    benchmark, corpus = tmp_path / "items.jsonl", tmp_path / "corpus.jsonl"
    benchmark.write_text("".join(json.dumps(item) + "\n" for item in items))
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return corpus, benchmark


def _value(folder: Path, name: str, **where: object) -> float | None:
    found = pl.read_parquet(folder / "records.parquet").filter(pl.col("diagnostic") == name)
    for column, value in where.items():
        found = found.filter(pl.col(column) == value)
    assert found.height == 1, (name, where, found.height)
    return found["value"][0]


def test_planted_items_and_copies_are_found(planted: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, benchmark = planted
    done = audit([corpus], [benchmark], out=tmp_path / "out")
    items = pl.read_parquet(done.folder / "items.parquet")
    strict = items.filter((pl.col("rule") == "any-13gram") & pl.col("hit"))
    assert set(strict["item"]) >= {f"i{k}" for k in range(10)}
    assert all(strict["passage"].str.len_chars() > 0)
    short = items.filter(pl.col("item") == "short")
    assert not short["eligible"].any()
    assert not short["hit"].any()
    assert _value(done.folder, "exact_duplicate_share") == pytest.approx(2 / 72)
    assert _value(done.folder, "copies", parameter=3.0) == 1
    assert _value(done.folder, "overlap_hit_share", split="palm-8gram-70") == pytest.approx(10 / 40)
    assert _value(done.folder, "distinct_n", parameter=1.0) is None


def test_every_document_that_shares_a_passage_is_listed_with_its_item_and_its_place(
    planted: tuple[Path, Path], tmp_path: Path
) -> None:
    corpus, benchmark = planted
    done = audit([corpus], [benchmark], out=tmp_path / "out")
    table = pl.read_parquet(done.folder / "documents.parquet")
    whole = table.filter(pl.col("weighted") > 0)
    said = [json.loads(line)["text"] for line in corpus.read_text().splitlines()]
    assert [int(each.rpartition("#")[2]) for each in whole["document"]] == list(range(61, 71))
    assert whole["item"].to_list() == [f"i{k}" for k in range(10)]
    for row in whole.iter_rows(named=True):
        text = said[int(row["document"].rpartition("#")[2]) - 1]
        assert text[row["place"] :].startswith(row["passage"])
        assert (row["corpus"], row["words"], row["share"]) == ("corpus.jsonl", 22, 1.0)


def test_an_auroc_that_rests_on_the_template_is_told_with_what_was_measured(tmp_path: Path) -> None:
    """The same words on both sides, but only the corpus's texts have answers behind a mark of their own."""
    corpus, benchmark = tmp_path / "corpus.jsonl", tmp_path / "items.jsonl"
    corpus.write_text("".join(json.dumps({"q": _sentence(k), "a": "#### yes"}) + "\n" for k in range(150)))
    rows = [{"question": f"{_sentence(k + 1000)}", "answer": "x"} for k in range(150)]
    benchmark.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = audit([corpus], [benchmark], out=tmp_path / "out", text="{q} {a}")
    assert _value(done.folder, "auroc") > 0.99
    assert _value(done.folder, "auroc_without_format") < 0.7
    (said,) = [each for each in done.summary["remarks"] if "AUROC" in each]
    assert "an AUROC of 1.000, which rests on the format: without its fixed words it is 0." in said
    assert "fixed words 2, by share of the corpus's texts and of the items: '####' 100% and 0%" in said
    assert _value(done.folder, "auroc_of_one_word") == 1
    plain = audit([corpus], [benchmark], out=tmp_path / "plain", text="{q}")
    assert not [each for each in plain.summary["remarks"] if "AUROC" in each]


@pytest.fixture
def two(tmp_path: Path) -> tuple[list[Path], Path]:
    """A corpus of many words, one of the same kind, and one of few words that repeats a third of its documents."""
    rng, paths = np.random.default_rng(3), []
    for name, vocabulary, again in (("wide", 900, 0), ("like", 900, 0), ("narrow", 60, 60)):
        texts = [" ".join(f"w{each}" for each in rng.integers(0, vocabulary, 30)) for _ in range(180 - again)]
        texts += texts[:again]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"text": text, "domain": name}) + "\n" for text in texts))
        paths.append(path)
    items = tmp_path / "items.jsonl"
    rows = [{"question": f"item {k} {_sentence(k + 50)}", "answer": "x"} for k in range(20)]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths, items


def test_every_measure_has_an_interval_and_two_corpora_a_difference_at_equal_amounts(
    two: tuple[list[Path], Path], tmp_path: Path
) -> None:
    corpora, benchmark = two
    done = audit(corpora, [benchmark], out=tmp_path / "out")
    records = pl.read_parquet(done.folder / "records.parquet")
    panel = records.filter(~pl.col("diagnostic").str.ends_with("_difference") & pl.col("value").is_not_null())
    counted = panel.filter(pl.col("unit").is_in(["count", "words"]) & (pl.col("diagnostic") != "copies"))
    assert set(counted["diagnostic"]) == {"documents", "words", "characters", "overlap_hits"}
    without = panel.join(counted, on=["arm", "diagnostic"], how="anti").filter(pl.col("error_bound").is_null())
    # No item is hit, of which the method says how many might be; and the best of many words has no interval.
    assert set(without["diagnostic"]) <= {"overlap_hit_share", "auroc_of_one_word"}
    without = without.filter(pl.col("diagnostic") == "overlap_hit_share")
    assert without["method"].str.contains("rule of three").all()

    def difference(name: str, one: str, other: str, split: str) -> tuple[float, float]:
        of_two = pl.col("diagnostic") == f"{name}_difference"
        where = (pl.col("arm") == f"{one}.jsonl") & (pl.col("base") == f"{other}.jsonl") & (pl.col("split") == split)
        found = records.filter(of_two & where & pl.col("parameter").is_null())
        return found.select("value", "error_bound").row(0)

    value, half = difference("exact_duplicate_share", "wide", "narrow", "equal texts")
    assert value < -half < 0
    value, half = difference("gini", "wide", "like", "words, equal words")
    assert abs(value) < 2 * half
    over_words = panel.filter((pl.col("diagnostic") == "hhi") & (pl.col("split") == "words"))
    wide, narrow = (over_words.filter(pl.col("arm") == f"{each}.jsonl")["value"][0] for each in ("wide", "narrow"))
    value, half = difference("hhi", "wide", "narrow", "words, equal words")
    assert value == pytest.approx(wide - narrow)
    assert value < -half
    assert records.filter(pl.col("diagnostic") == "vendi_difference")["base"].null_count() == 0


def test_the_same_call_again_computes_nothing(planted: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, benchmark = planted
    first = audit([corpus], [benchmark], out=tmp_path / "out")
    before = {name: (first.folder / name).read_bytes() for name in FILES}
    told: list[str] = []
    audit([corpus], [benchmark], out=tmp_path / "out", progress=told.append)
    assert told == ["hashing the files"]
    assert before == {name: (first.folder / name).read_bytes() for name in FILES}
    with pytest.raises(InputError, match="holds other work"):
        audit([corpus], [benchmark], out=tmp_path / "out", seed=1)


def test_a_reference_gives_soft_overlap(planted: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, benchmark = planted
    null = tmp_path / "null.txt"
    null.write_text("\n".join(f"quite{k} other{k} matter{k} altogether amber" for k in range(50)))
    done = audit([corpus], [benchmark], out=tmp_path / "out", reference=null, lines=True)
    soft = pl.read_parquet(done.folder / "items.parquet").filter((pl.col("rule") == "soft") & pl.col("hit"))
    assert set(soft["item"]) >= {f"i{k}" for k in range(10)}


def test_refused_lines_are_counted_and_stop_under_strict(planted: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, benchmark = planted
    with corpus.open("a") as file:
        file.write("{broken\n")
    done = audit([corpus], [benchmark], out=tmp_path / "out")
    assert done.refused == 1
    assert done.summary["refused"][0]["line"] == 73
    with pytest.raises(Incomplete, match="73"):
        audit([corpus], [benchmark], out=tmp_path / "out", strict=True)


def test_a_plan_reads_and_writes_nothing(planted: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, benchmark = planted
    done = audit([corpus], [benchmark], out=tmp_path / "out", plan=True)
    assert done.summary["benchmarks"] == {benchmark.parent.name + "/items": 41}
    assert not (tmp_path / "out").exists()


def test_items_that_repeat_an_earlier_benchmark_s_are_listed(planted: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, benchmark = planted
    again = tmp_path / "again.jsonl"
    lines = benchmark.read_text().splitlines(keepends=True)
    changed = json.loads(lines[5]) | {"id": "near"}
    changed["question"] += " indeed"
    new = [{"id": f"new{k}", "question": f"{_sentence(900 + k)} new", "answer": "x"} for k in range(2)]
    rows = [json.dumps(each) + "\n" for each in (changed, *new)]
    again.write_text("".join([lines[3].replace('"i3"', '"same"'), *rows]))
    done = audit([corpus], [benchmark, again], out=tmp_path / "out")
    repeated = [(each["item"], each["kept_item"]) for each in done.summary["repeated_items"]]
    assert repeated == [("same", "i3"), ("near", "i5")]


def test_two_corpora_of_one_name_are_refused(planted: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, benchmark = planted
    with pytest.raises(InputError, match="twice"):
        audit([corpus, corpus], [benchmark], out=tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("BENCHSHADOW_DATA"), reason="BENCHSHADOW_DATA names no data folder")
def test_mathematics_problems_and_their_training_set(tmp_path: Path) -> None:
    """GSM8K test in train: 3 of 1,319 items share 13 words in a row, 82 share 8; template is told from leak."""
    data = Path(os.environ["BENCHSHADOW_DATA"]) / "gsm8k"
    done = audit(
        [data / "train.jsonl.gz"], [data / "test.jsonl.gz"], out=tmp_path / "out", text="{question} {answer}", seed=0
    )
    assert _value(done.folder, "overlap_hits", split="any-13gram") == 3
    assert _value(done.folder, "overlap_hits", split="any-8gram") == 82
    assert done.summary["benchmarks"][0]["items"] == 1319


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(("engine", "workers"), [("local", 2), ("ray", 2)])
def test_many_workers_give_the_bits_of_one(
    planted: tuple[Path, Path], tmp_path: Path, engine: str, workers: int
) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    corpus, benchmark = planted
    audit([corpus], [benchmark], out=tmp_path / "one")
    audit([corpus], [benchmark], out=tmp_path / "many", engine=engine, workers=workers)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes(), name


def test_prompts_are_counted_apart_from_documents(tmp_path: Path) -> None:
    rows = [{"ask": f"what is {k % 4} {_sentence(k % 4)}", "say": f"{k} {_sentence(k)}"} for k in range(20)]
    corpus, benchmark = tmp_path / "corpus.jsonl", tmp_path / "items.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = [{"question": f"item {k} {_sentence(k + 50)}", "answer": "x"} for k in range(4)]
    benchmark.write_text("".join(json.dumps(item) + "\n" for item in items))
    done = audit([corpus], [benchmark], out=tmp_path / "out", text="{ask} {say}", prompt="{ask}")
    assert _value(done.folder, "repeated_prompt_share") == pytest.approx(16 / 20)
    assert _value(done.folder, "exact_duplicate_share") == 0
