"""Overlap is what the definitions say, however the corpus is cut, and no hash is ever believed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overlap_oracle import plain_overlap

from benchshadow.data.documents import Document
from benchshadow.data.overlap import (
    RULES,
    ItemIndex,
    ItemOverlap,
    document_table,
    grams,
    merge,
    overlap_table,
    partial,
    scan,
    scanning,
    verdicts,
    weights,
    words,
)
from benchshadow.errors import InputError

LENGTHS = {rule.name: rule.n for rule in RULES}


def documents(texts, name="d"):
    return [Document(f"{name}{k}", text, "") for k, text in enumerate(texts)]


def drawn_corpus(rng, vocabulary=4, texts=12, longest=40):
    """Texts over few words, so that n-grams of all lengths are shared, some of them over and over."""
    names = ["a", "b", "Ünder", "incomprehensibilities", "e", "f"][:vocabulary]
    sizes = rng.integers(0, longest, texts)
    return [" ".join(rng.choice(names, size)) for size in sizes]


def checked(benchmarks, corpus, found):
    index = ItemIndex.of(benchmarks)
    rows = verdicts(index, found(index))
    plain = plain_overlap(benchmarks, corpus)
    assert len(rows) == len(plain) * len(RULES)
    thresholds = {rule.name: rule.threshold for rule in RULES}
    for row in rows:
        expected = plain[row.benchmark, row.item]
        by_weight = row.rule == "weighted-5gram"
        share = 0.0 if by_weight and expected[row.rule] < weights.FLOOR - 1e-9 else expected[row.rule]
        assert row.share == pytest.approx(share, abs=1e-12)
        assert row.longest == expected["longest"]
        assert row.eligible == (expected["words"] >= LENGTHS[row.rule])
        assert row.hit == (row.share >= thresholds[row.rule] if thresholds[row.rule] else row.share > 0)
        assert bool(row.document) == bool(row.share if by_weight else row.longest)
    return rows


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_every_rule_is_its_definition(seed, vocabulary):
    rng = np.random.default_rng(seed)
    corpus = documents(drawn_corpus(rng, vocabulary))
    items = drawn_corpus(rng, vocabulary, 9, 30)
    items += [corpus[0].text, " ".join(corpus[1].text.split()[2:20])]
    benchmarks = {"one": documents(items[:6], "i"), "none": [], "two": documents(items[6:], "i")}
    checked(benchmarks, corpus, lambda index: scan(index, corpus))


def leaking(rng, count=30):
    """Sentences of made-up words, a corpus that repeats some of them, and items some of which leak."""
    sentences = [" ".join(f"w{k}" for k in rng.integers(0, 400, rng.integers(5, 30))) for _ in range(60)]
    items = documents([f"Prompt the same for all of them here. {s}" for s in sentences[:count]], "item")
    texts = [". ".join(sentences[k] for k in rng.integers(0, 60, 3)) for _ in range(40)]
    return {"b": items}, documents([text.upper() + " “—” é" * (k % 2) for k, text in enumerate(texts)])


def same(one, other):
    for name, value in vars(one).items():
        assert np.array_equal(value, vars(other)[name]) if isinstance(value, np.ndarray) else value == vars(other)[name]


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("waiting", [2, 64])
def test_chunks_and_workers_change_nothing(size, waiting, monkeypatch):
    monkeypatch.setattr(partial, "_WAITING", waiting)
    benchmarks, corpus = leaking(np.random.default_rng(1))
    index = ItemIndex.of(benchmarks)
    whole = merge([scan(index, corpus)])
    sent = pickle.loads(pickle.dumps(index))
    chunks = (corpus[k : k + size] for k in range(0, len(corpus), size))
    same(whole, merge(pickle.loads(pickle.dumps(scan(sent, chunk))) for chunk in chunks))
    assert min(len(whole.eights), len(whole.items), len(whole.hits)) > 0


@pytest.mark.parametrize("block", [1, 500])
def test_blocks_change_nothing(block, monkeypatch):
    benchmarks, corpus = leaking(np.random.default_rng(2))
    index = ItemIndex.of(benchmarks)
    whole = scan(index, corpus)
    monkeypatch.setattr(scanning, "_BLOCK", block)
    same(whole, scan(index, corpus))


def test_slices_of_the_weighted_search_change_nothing(monkeypatch):
    benchmarks, corpus = leaking(np.random.default_rng(3))
    index = ItemIndex.of(benchmarks)
    whole = scan(index, corpus)
    monkeypatch.setattr(weights, "_AT_ONCE", 3)
    same(whole, scan(index, corpus))


@pytest.mark.parametrize("part", [60, 300])
def test_a_long_document_in_parts_loses_no_n_gram(part, monkeypatch):
    benchmarks, corpus = leaking(np.random.default_rng(4))
    long = [Document("long", " \n ".join(each.text for each in corpus) + " !" * 400 + corpus[0].text, "")]
    index = ItemIndex.of(benchmarks)
    whole = scan(index, long)
    monkeypatch.setattr(scanning, "_PART", part)
    monkeypatch.setattr(scanning, "_BLOCK", part)
    parts = scan(index, long)
    assert parts.words > whole.words
    for name in ("eights", "elevens", "thirteens"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
        assert len(getattr(whole, name))
    assert [hit[:5] for hit in whole.hits] == [hit[:5] for hit in parts.hits]


def test_a_document_without_blanks_stays_whole(monkeypatch):
    monkeypatch.setattr(scanning, "_PART", 50)
    long = [Document("long", "x" * 500 + "-one-two-three-four-five-six-seven-eight-" * 3, "")]
    index = ItemIndex.of({"b": documents(["One two three four five six seven eight"])})
    assert [row.hit for row in verdicts(index, scan(index, long)) if row.rule == "any-8gram"] == [True]


def test_n_grams_do_not_cross_documents():
    index = ItemIndex.of({"b": documents(["one two three four five six seven eight"])})
    halves = documents(["one two three four", "five six seven eight"])
    assert not any(row.share for row in verdicts(index, scan(index, halves)))


def test_items_do_not_run_into_each_other():
    index = ItemIndex.of({"b": documents(["one two three four", "five six seven eight"])})
    rows = verdicts(index, scan(index, documents(["one two three four five six seven eight"])))
    assert not any(row.share or row.eligible for row in rows)


def test_a_hash_is_never_believed(monkeypatch):
    """All 5-grams of the text get the hash of an item's; none of them is found, since the words differ."""
    index = ItemIndex.of({"b": documents(["one two three four five six seven eight nine ten"])})
    text = documents(["eight seven six five four three two one zero one two three"])
    length = len(words(text[0].text)) - 4
    monkeypatch.setattr(grams, "hashed_fives", lambda text, seed: np.full(length, index.fives.hashes[0]))
    assert not any(row.share for row in verdicts(index, scan(index, text)))


def test_items_whose_hashes_meet_are_hashed_anew(monkeypatch):
    real = grams.hashed_fives
    monkeypatch.setattr(grams, "hashed_fives", lambda text, seed: real(text, seed) * np.uint64(seed >= 2))
    corpus = documents(drawn_corpus(np.random.default_rng(5)))
    benchmarks = {"b": documents(drawn_corpus(np.random.default_rng(6)), "i")}
    assert ItemIndex.of(benchmarks).fives.seed == 2
    checked(benchmarks, corpus, lambda index: scan(index, corpus))


def test_a_template_is_no_leak_and_a_leak_is_one():
    prompt = "Decide for each of the two stories below whether the main character does something clearly wrong."
    stories = [" ".join(f"s{k}t{j}" for j in range(12)) for k in range(50)]
    items = documents([f"{prompt} {story}" for story in stories], "i")
    corpus = documents([f"{prompt} other {k} words altogether" for k in range(5)] + [f"Quiz: {items[7].text}"])
    index = ItemIndex.of({"b": items})
    rows = verdicts(index, scan(index, corpus))
    hits = {rule.name: {row.item for row in rows if row.rule == rule.name and row.hit} for rule in RULES}
    assert hits["any-13gram"] == {item.id for item in items}
    assert hits["weighted-5gram"] == {"i7"}
    (leak,) = [row for row in rows if row.rule == "weighted-5gram" and row.hit]
    assert (leak.share, leak.longest, leak.document) == (1.0, 28, "d5")
    assert leak.passage == items[7].text[:200]


def test_the_evidence_is_where_most_of_the_span_was_found():
    item = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu"
    texts = ["no more", "Alpha, beta, gamma: delta - epsilon ZETA eta (theta)", f"All of it: {item.title()}. The end."]
    index = ItemIndex.of({"b": documents([item])})
    rows = {row.rule: row for row in verdicts(index, scan(index, documents(texts)))}
    assert rows["any-8gram"].document == "d2"
    assert rows["any-8gram"].passage == item.title()
    assert rows["weighted-5gram"].document == "d2"
    assert not rows["any-13gram"].eligible


def test_documents_are_listed_with_what_they_share():
    item = " ".join(f"w{k}" for k in range(20))
    near = " ".join(f"w{k}" for k in range(9))
    index = ItemIndex.of({"b": documents([item, item + " more", "other words than these in the corpus at hand"])})
    corpus = [Document("clean", "nothing here", "x"), Document("near", near, "x"), Document("leak", item * 2, "y")]
    table = document_table(scan(index, corpus))
    assert table.rows() == [("near", "x", 2, 0, 0, 0), ("leak", "y", 13, 8, 2, 2)]


def test_the_table_has_a_row_per_item_and_rule():
    index = ItemIndex.of({"b": documents(["too short", "one two three four five six"], "i")})
    table = overlap_table(verdicts(index, scan(index, documents(["one two three four five six"]))))
    assert table.columns == list(ItemOverlap.__dataclass_fields__)
    assert len(table) == 2 * len(RULES)
    assert table.filter(table["hit"]).select("item", "rule", "share").rows() == [("i1", "weighted-5gram", 1.0)]
    assert table.filter(~table["eligible"]).height == 11
    empty = overlap_table([])
    assert (empty.columns, empty.dtypes) == (table.columns, table.dtypes)


def test_an_empty_corpus_and_an_empty_chunk_find_nothing():
    index = ItemIndex.of({"b": documents(["one two three four five six seven eight nine"])})
    same(merge([]), scan(index, []))
    same(merge([scan(index, [])]), merge([]))
    assert not any(row.hit for row in verdicts(index, merge([])))


def test_items_all_too_short_are_told_as_such():
    index = ItemIndex.of({"b": documents(["a b", "", "c"])})
    rows = verdicts(index, scan(index, documents(["a b c d e f g h"])))
    assert len(rows) == 3 * len(RULES)
    assert not any(row.eligible or row.hit for row in rows)


def test_no_item_at_all_is_refused():
    with pytest.raises(InputError, match="benchmarks: must have items but the 1 given have none"):
        ItemIndex.of({"b": []})
