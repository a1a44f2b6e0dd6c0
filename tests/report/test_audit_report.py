"""An audit's folder becomes one page: overlap beside templates, evidence, likeness, coverage, and what has no value."""

from __future__ import annotations

import altair as alt
import polars as pl
import pytest
from audit_rows import ALL_SHORT, BENCHMARKS, HOSTILE, REAL, TEMPLATE, TEMPLATED, audit_folder
from pages import read_page

from benchshadow import records, report
from benchshadow.data.panel import PANEL
from benchshadow.errors import InputError


def page_of(folder):
    return read_page(report.write(folder).read_text(encoding="utf-8"))


def between(page, start, end):
    """The visible text of the body from one heading to the next."""
    body = page.words[page.words.index("Overlap A cell is") :]
    first = body.index(start)
    return body[first : body.index(end, first)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return audit_folder(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def page(folder):
    return page_of(folder)


@pytest.fixture(scope="module")
def head(page):
    return page.words[: page.words.index("Overlap A cell is")]


@pytest.fixture
def alone(tmp_path):
    return audit_folder(tmp_path / "alone", ("web",))


def test_the_page_is_whole_and_fetches_nothing(page):
    assert page.problems == []
    assert [link for link in page.links if not link.startswith(("#", "data:"))] == []
    assert page.places == list(page.charts)
    assert len(page.ids) == len(set(page.ids))


def test_the_first_screen_tells_overlap_beside_what_is_template(head):
    hits = REAL + TEMPLATED
    said = f"Of 1\u202f400 items of mmlu/test {hits} share 13 words in a row with web; "
    assert said + f"weighed by how rare the words are, {REAL} do: most of the overlap is template." in head
    assert "mmlu/test 3 share 13 words in a row with books" in head
    assert "3 do: little of the overlap is template." in head
    assert f"{TEMPLATED} items of mmlu/test share one passage with web, “{TEMPLATE[:40]}" in head
    assert "weighed by rarity, none of them stays a hit." in head


def test_the_first_screen_tells_what_found_nothing_and_what_could_not_be_looked_up(head):
    assert "No item of gsm8k/test shares 13 words in a row with web or books." in head
    assert "Of yesno/test nothing can be said by 13 words in a row: all 120 items have fewer words" in head


def test_the_first_screen_tells_likeness_coverage_concentration_and_repetition(head):
    assert (
        "mmlu/test: alignment 0.410 for web, −0.120 for books (held-out half: 0.0800); told from it with an AUROC of"
        in head
    )
    assert "web: as diverse as 212 texts with nothing in common in draws of 1\u202f000 (Vendi, q = 1)" in head
    assert "as even as 48.2 full clusters, 98.4% of all clusters hold a document." in head
    assert "the top 1% of them make up 52%" in head
    assert "12% repeated prompts, the most repeated text stands 36 times. books: 4.10% exact" in head


def test_overlap_has_hits_of_the_eligible_for_every_rule_and_corpus(folder, page):
    table = between(page, "mmlu/test, 1\u202f400 items", "gsm8k/test, 1\u202f300 items")
    items = pl.read_parquet(folder / "items.parquet").filter(benchmark="mmlu/test", corpus="web")
    for rule, mine in items.group_by("rule"):
        eligible, hits = int(mine["eligible"].sum()), int(mine["hit"].sum())
        of = f"{eligible:,}".replace(",", "\u202f")
        assert f"{hits} of {of} {100 * hits / eligible:#.3g}% ± 0.4%" in table[table.index(str(rule[0])) :]


def test_items_too_short_for_a_rule_are_counted_in_words(folder, page):
    items = pl.read_parquet(folder / "items.parquet").filter(corpus="web", benchmark="gsm8k/test", eligible=False)
    short = items.group_by("rule").len()
    many = dict(short.iter_rows())
    said = f"{many['any-13gram']} with fewer than 13 words, {many['llama-10token']} with fewer than 11 words"
    assert f"gsm8k/test, 1\u202f300 items: {said}" in page.words
    assert "yesno/test, 120 items: all with fewer than 13 words" in page.words


def test_evidence_shows_the_real_hits_first_and_few_of_those_that_share_a_passage(page):
    table = between(page, "Evidence", "Likeness")
    shown = REAL + 3 + 3
    assert f"{REAL + TEMPLATED + 3} items were hit by at least one rule, {shown} of them shown" in table
    assert f"the other {TEMPLATED - 3} stand in items.parquet" in table
    assert table.count(TEMPLATE) == 3
    assert table.index("101th of all treaties") < table.index(TEMPLATE)
    assert "web.jsonl:93" in table


def test_passages_that_begin_alike_but_go_on_apart_are_no_template(alone):
    items = pl.read_parquet(alone / "items.parquet")
    before = "This question refers to the following information. The {} was signed in the city of its birth"
    own = pl.format(before, pl.col("item")).alias("passage")
    items.with_columns(pl.when(pl.col("passage") != "").then(own)).write_parquet(alone / "items.parquet")
    page = page_of(alone)
    assert "Passages that several items share" not in page.words
    assert f"{REAL + TEMPLATED} items were hit by at least one rule, all of them shown" in page.words


def test_evidence_of_everything_says_so(tmp_path, alone):
    items = pl.read_parquet(alone / "items.parquet")
    items.filter(pl.col("passage") != TEMPLATE).write_parquet(alone / "items.parquet")
    assert f"{REAL} items were hit by at least one rule, all of them shown" in page_of(alone).words


def test_no_hit_at_all_is_said(alone):
    items = pl.read_parquet(alone / "items.parquet").with_columns(hit=pl.lit(False))
    items.write_parquet(alone / "items.parquet")
    assert "No item of any benchmark was hit by any rule." in page_of(alone).words


def test_one_corpus_has_benchmarks_as_rows_and_rules_as_columns(alone):
    page = page_of(alone)
    assert "Items hit by what stands in web" in page.words
    assert "Benchmark any-13gram 13 words in a row any-8gram 8 words in a row" in page.words
    assert "web: as diverse" not in page.words
    assert "Template 90 items of mmlu/test" in page.words
    reason = ALL_SHORT.removeprefix("undefined: ")
    assert f"contam-8gram, weighted-5gram for yesno/test: {reason}." in page.words


def test_undefined_values_are_dashes_with_their_reason(page):
    reason = ALL_SHORT.removeprefix("undefined: ")
    listed = "any-13gram, any-8gram, palm-8gram-70, llama-10token, contam-8gram, weighted-5gram"
    assert f"No value of {listed}: {reason}." in page.words
    assert "No value of Repeated prompts (books): no prompts were given." in page.words
    missing = "Told from the benchmark (yesno/test, web), Told from the benchmark (yesno/test, books)"
    assert f"No value of {missing}: 120 items are too few for five folds." in page.words


def test_alignment_stands_beside_the_reference_with_its_interval(page):
    table = between(page, "Likeness", "Coverage")
    assert "Alignment with the benchmark nats per gram 0.410 ± 0.02; held-out half: 0.0800 −0.120" in table


def test_coverage_is_a_line_per_corpus_over_the_orders_and_never_one_number(page):
    rows = page.rows("vendi-1")
    assert [(row["arm"], row["x"], row["y"]) for row in rows if row["arm"] == "web"] == [
        ("web", "0.5", 410.0),
        ("web", "1", 212.5),
        ("web", "2", 61.2),
        ("web", "∞", 11.9),
    ]
    table = between(page, "Coverage", "Repetition and concentration")
    assert "Clusters covered, effective number clusters 48.2 20.5" in table
    assert "Unseen mass share 0.310 0.310" in table
    assert "Vendi score, q = ∞ texts 11.9 ± 0.24 7.14 ± 0.24" in table


def test_charts_are_valid_vega_lite(page):
    assert len(page.charts) == 1
    for spec in page.charts.values():
        alt.Chart.from_dict(spec)


def test_one_order_alone_is_a_table(alone):
    table = records.read(alone)
    kept = table.filter((pl.col("diagnostic") != "vendi") | (pl.col("parameter") == 1.0))
    records.write(kept, alone / "records.parquet")
    page = page_of(alone)
    assert page.charts == {}
    assert "Vendi score, q = 1 texts 212 ± 4.2" in page.words


def test_every_measure_of_the_panel_in_use_says_what_it_does_not_tell(folder, page):
    used = set(records.read(folder)["diagnostic"])
    limits = between(page, "What these numbers do not tell", "Where this comes from")
    told = [measure for measure in PANEL if measure.name in used]
    assert len(told) > 15
    assert [measure.name for measure in told if f"does not tell {measure.tells_not}." not in limits] == []


def test_every_number_of_the_records_is_somewhere_on_the_page(alone):
    records.write(
        pl.concat(
            [
                records.read(alone),
                records.frame(
                    [{"of": "data", "arm": "web", "diagnostic": "new_measure", "value": 0.777, "unit": "share"}]
                ),
            ]
        ),
        alone / "records.parquet",
    )
    page = page_of(alone)
    assert "Other numbers" in page.words
    assert "New measure share 0.777" in page.words


def test_what_was_read_and_refused_is_told(page):
    assert "Documents 5\u202f120 5\u202f120 Words 1\u202f204\u202f551" in page.words
    assert "2 refused lines, and why" in page.words
    assert "web.jsonl 4\u202f012 must be JSON but ends early" in page.words
    assert (
        "mmlu/test 1\u202f400 items, 700 in the seen half, 700 held out; compared: {question} {choices}." in page.words
    )


def test_the_command_that_makes_it_again(tmp_path, page, alone):
    again = "benchshadow audit web books --benchmark mmlu/test --benchmark gsm8k/test --benchmark yesno/test"
    assert f"{again} --reference wiki --seed 3 --out DIR" in page.words
    records.write_json(alone / "manifest.json", {"corpora": [{"name": "web", "path": "my data/web.jsonl"}]})
    assert "benchshadow audit 'my data/web.jsonl' --benchmark mmlu/test" in page_of(alone).words
    records.write_json(alone / "manifest.json", {"command": ["benchshadow", "audit", "a b.txt"]})
    assert "benchshadow audit 'a b.txt' Words" in page_of(alone).words


def test_without_benchmarks_the_rest_is_told(alone):
    (alone / "items.parquet").unlink()
    table = records.read(alone).filter(pl.col("benchmark").is_null())
    records.write(table, alone / "records.parquet")
    summary = records.read_json(alone / "summary.json") | {"benchmarks": [], "reference": None}
    records.write_json(alone / "summary.json", summary)
    page = page_of(alone)
    assert "No overlap with a benchmark was measured." in page.words
    assert "evidence" not in page.ids
    assert "coverage" in page.ids


def test_many_remarks_are_held_below(alone):
    summary = records.read_json(alone / "summary.json")
    records.write_json(alone / "summary.json", summary | {"remarks": [f"remark {i}" for i in range(20)]})
    page = page_of(alone)
    assert "12 more remarks below, under “What was read”." in page.words
    assert "remark 19" in page.words


def test_hostile_passages_and_names_stay_text(alone):
    items = pl.read_parquet(alone / "items.parquet")
    hostile = pl.when(pl.col("passage") != "").then(pl.lit(HOSTILE)).alias("passage")
    items.with_columns(hostile, item=pl.lit(HOSTILE)).write_parquet(alone / "items.parquet")
    page = page_of(alone)
    assert "img" not in page.tags
    assert page.handlers == []
    assert f"“{HOSTILE}”" in page.text


def test_hundreds_of_hits_are_cut_to_the_most_telling(tmp_path, alone):
    row = {"corpus": "web", "benchmark": "mmlu/test", "rule": "any-13gram", "eligible": True, "hit": True}
    rows = [
        row | {"item": f"i{i}", "share": 0.5, "longest": 13 + i, "document": "d", "passage": f"{i} words of one’s own"}
        for i in range(500)
    ]
    pl.DataFrame(rows).write_parquet(alone / "items.parquet")
    page = page_of(alone)
    assert "500 items were hit by at least one rule, 300 of them shown" in page.words
    assert "i499" in page.text
    assert "i200" in page.text
    assert "i199" not in page.text


def test_records_that_are_missing_or_items_that_are_broken_are_named(alone):
    pl.DataFrame({"corpus": ["web"]}).write_parquet(alone / "items.parquet")
    with pytest.raises(InputError, match=r"items\.parquet: must have the columns .* but lacks benchmark, item"):
        report.write(alone)
    (alone / "items.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"items\.parquet: must be a Parquet file"):
        report.write(alone)
    (alone / "records.parquet").unlink()
    with pytest.raises(InputError, match=r"records\.parquet: no such file"):
        report.write(alone)


def test_figures_for_a_paper_are_drawn(folder, tmp_path):
    assert [path.name for path in report.figures(folder, tmp_path)] == ["vendi.svg"]
    assert len(BENCHMARKS) == 3


def test_of_two_passages_of_an_item_the_longer_one_is_shown_and_one_that_was_cut_has_dots(alone):
    long = "many words in a row " * 10
    row = {"corpus": "web", "benchmark": "mmlu/test", "item": "i", "eligible": True, "hit": True, "share": 1.0}
    rows = [
        row | {"rule": "weighted-5gram", "longest": 40, "document": "short", "passage": "five words in a row"},
        row | {"rule": "any-13gram", "longest": 40, "document": "long", "passage": long},
    ]
    pl.DataFrame(rows).write_parquet(alone / "items.parquet")
    assert f"i mmlu/test 40 100% “{long.strip()} …” long 2 of 2 any-13gram, weighted-5gram" in page_of(alone).words


def test_two_corpora_are_told_apart_with_intervals_measure_by_measure(tmp_path):
    place = audit_folder(tmp_path / "two")
    row = {"of": "data", "arm": "web", "base": "books", "items": 1000, "unit": "share", "method": "60 draws"}
    rows = [
        row | {"diagnostic": "distinct_n_difference", "parameter": 2.0, "split": "equal words", "value": 0.25}
        | {"error_bound": 0.01},
        row | {"diagnostic": "gini_difference", "split": "words, equal texts", "value": -0.001, "error_bound": 0.02},
        row | {"diagnostic": "vendi_difference", "parameter": 1.0, "split": "equal texts", "value": None}
        | {"method": "undefined: too few texts"},
    ]  # fmt: skip
    records.write(pl.concat([records.read(place), records.frame(rows)]), place / "records.parquet")
    page = page_of(place)
    assert "Differences between corpora" in page.words
    assert "web minus books" in page.words
    assert "Distinct 2-grams share equal words 1\u202f000 +0.250 ± 0.01 yes" in page.words
    assert "Gini coefficient, over words share equal texts 1\u202f000 −0.00100 ± 0.02 no" in page.words
    assert "No value of Vendi score, q = 1: too few texts." in page.words
    assert "_difference" not in page.words


def test_one_corpus_has_no_differences(alone):
    assert "differences" not in page_of(alone).ids


def documents_file(place, rows):
    row = {"corpus": "web", "document": "d", "domain": "news", "weighted": 0, "place": 17, "words": 9, "share": 0.5}
    row |= {"passage": "", "benchmark": "mmlu/test", "item": "i", "holders": 1, "left_out": 0}
    pl.DataFrame([row | each for each in rows], infer_schema_length=None).write_parquet(place / "documents.parquet")


def test_documents_are_browsed_with_their_passages_and_what_is_left_out_is_said(alone):
    numbered = ["one", "two", "three", "four", "five", "six", "seven"]
    alike = [{"document": f"a{i}", "passage": "the same thirteen words in a row " * 3} for i in range(5)]
    own = [
        {"document": f"d{i}", "passage": f"{' '.join(numbered[i % 7 :])} {i}", "words": 13 + i, "weighted": int(i == 0)}
        for i in range(300)
    ]
    nothing = [{"document": "short", "passage": None, "words": None, "holders": None, "left_out": None}]
    documents_file(
        alone, [*alike, *own, *nothing, {"document": "big", "passage": "other", "left_out": 4, "holders": 3}]
    )
    page = page_of(alone)
    assert "307 documents share eight words in a row" in page.words
    assert "200 passages of 306 that were looked up stand here" in page.words
    assert "no eight words in a row, stand without a passage: 1." in page.words
    assert "of documents with very many: 4." in page.words
    section = page.words[page.words.rindex("Passages, document by document") :]
    assert section.index("d0 ") < section.index("d299 ")
    assert "d299 news 312 from character 17" in section


def test_without_shared_passages_there_is_no_such_section(alone):
    assert "documents" not in page_of(alone).ids
    documents_file(alone, [{"passage": HOSTILE, "document": HOSTILE, "item": HOSTILE}])
    page = page_of(alone)
    assert "img" not in page.tags
    assert f"“{HOSTILE}”" in page.text
