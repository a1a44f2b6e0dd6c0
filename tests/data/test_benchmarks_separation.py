"""Halves of a benchmark keep near-duplicates together; across benchmarks only the earliest of them stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.data.benchmarks import Benchmark, Removed, across, halves, read_benchmark
from benchshadow.data.documents import Document
from benchshadow.data.overlap import words
from benchshadow.errors import InputError


def benchmark(name, count):
    return Benchmark(name, tuple(Document(f"{name}{i}", f"{name} text {i}", "s") for i in range(count)), "question: q")


def rng(seed=0):
    return np.random.default_rng(seed)


def pairs_of(count):
    return st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=12)


@settings(max_examples=100, deadline=None)
@given(count=st.integers(2, 30), seed=st.integers(0, 99), data=st.data())
def test_halves_are_the_whole_and_no_pair_is_parted(count, seed, data):
    pairs = data.draw(pairs_of(count))
    whole = benchmark("b", count)
    try:
        seen, held_out = halves(whole, rng=rng(seed), pairs=pairs)
    except InputError:
        joined = {0}
        while more := {j for pair in pairs for i, j in (pair, pair[::-1]) if i in joined} - joined:
            joined |= more
        assert len(joined) == count  # refused only where everything hangs together
        return
    assert sorted([*seen.items, *held_out.items]) == sorted(whole.items)
    side = {item: half.name for half in (seen, held_out) for item in half.items}
    assert all(side[whole.items[i]] == side[whole.items[j]] for i, j in pairs)
    assert seen.items
    assert held_out.items
    assert halves(whole, rng=rng(seed), pairs=pairs) == (seen, held_out)
    assert (seen.name, held_out.name, seen.fields) == ("b, seen", "b, held out", whole.fields)


@pytest.mark.parametrize("count", [100, 101])
def test_halves_are_equal_drawn_and_in_the_order_of_the_file(count):
    whole = benchmark("b", count)
    seen, held_out = halves(whole, rng=rng(), pairs=[(i, i + 1) for i in range(0, 20, 4)])
    assert abs(len(seen.items) - len(held_out.items)) <= 1
    assert list(seen.items) == [item for item in whole.items if item in set(seen.items)]
    assert seen.sha256 != halves(whole, rng=rng(1)).seen.sha256


def test_every_item_is_as_likely_to_be_seen():
    whole = benchmark("b", 9)
    times = np.zeros(9)
    for seed in range(1000):
        for item in halves(whole, rng=rng(seed), pairs=[(0, 1), (1, 2)]).seen.items:
            times[int(item.id[1:])] += 1
    assert np.abs(times / 1000 - 0.5).max() < 0.064  # four standard errors


def test_halves_without_two_groups_or_with_a_pair_of_no_item_are_refused():
    with pytest.raises(InputError, match="b: must hold two items that are no near-duplicates but all 3 are joined"):
        halves(benchmark("b", 3), rng=rng(), pairs=[(0, 1), (1, 2)])
    with pytest.raises(InputError, match=r"b: must have both items of a pair among 3 but has the pair \(0, 3\)"):
        halves(benchmark("b", 3), rng=rng(), pairs=[(0, 3)])


def test_across_removes_what_an_earlier_benchmark_keeps_and_lists_it():
    # Positions: a is 0 to 2, b is 3 to 5, c is 6 to 7.
    pairs = [(0, 1), (5, 0), (2, 5), (6, 5), (7, 1), (3, 4)]
    found = across([benchmark("a", 3), benchmark("b", 3), benchmark("c", 2)], pairs)
    assert [[item.id for item in each.items] for each in found.benchmarks] == [
        ["a0", "a1", "a2"],  # a pair inside a benchmark removes nothing
        ["b0", "b1"],
        ["c0"],  # it repeats b2 alone, which is gone
    ]
    assert found.removed == (Removed("b", "b2", "a", "a0"), Removed("c", "c1", "a", "a1"))


@settings(max_examples=100, deadline=None)
@given(pairs=pairs_of(12))
def test_across_leaves_no_pair_between_benchmarks_and_removes_no_more_than_that_needs(pairs):
    tiers = [benchmark("a", 3), benchmark("b", 4), benchmark("c", 5)]
    items = [item for tier in tiers for item in tier.items]
    found = across(tiers, pairs)
    left = {item.id for tier in found.benchmarks for item in tier.items}
    between = {frozenset((items[i].id, items[j].id)) for i, j in pairs if items[i].id[0] != items[j].id[0]}
    assert not any(pair <= left for pair in between)
    assert {removed.item for removed in found.removed} == {item.id for item in items} - left
    for removed in found.removed:
        assert frozenset((removed.item, removed.kept_item)) in between
        assert removed.kept_item in left
        assert removed.kept_in < removed.benchmark


def test_items_of_the_same_words_are_repetitions_whether_or_not_a_pair_says_so():
    texts = [["The cat, sat!", "other"], ["alpha beta", "the CAT sat"], ["alpha  beta.", "???", "!!!"]]
    tiers = [
        Benchmark(name, tuple(Document(f"{name}{i}", text, "") for i, text in enumerate(each)), "text: {text}")
        for name, each in zip("abc", texts, strict=True)
    ]
    found = across(tiers)
    assert found.removed == (Removed("b", "b1", "a", "a0"), Removed("c", "c0", "b", "b0"))
    # b0 goes for a1, and so must c0, which has the words of b0 and for which no pair of its own is given.
    assert [each.item for each in across(tiers, [(1, 2)]).removed] == ["b0", "b1", "c0"]
    assert across(tiers, [(1, 2)]).removed[2] == Removed("c", "c0", "a", "a1")
    texts = ["same words", "Same words!", "third", "fourth", "fifth", "sixth"]
    whole = Benchmark("w", tuple(Document(f"w{i}", text, "") for i, text in enumerate(texts)), "text: {text}")
    for seed in range(20):
        seen = {item.id for item in halves(whole, rng=rng(seed), pairs=[(0, 2)]).seen.items}
        assert {"w0", "w1", "w2"} <= seen or not {"w0", "w1", "w2"} & seen


def test_real_benchmarks_lose_to_earlier_ones_what_has_the_same_words(data_folder):
    tiers = [read_benchmark(data_folder / f"mmlu/{name}.jsonl.gz") for name in ("dev", "validation", "test")]
    found = across(tiers)
    assert len(found.benchmarks[0].items) == 285
    assert len(found.removed) == sum(len(tier.items) for tier in tiers) - sum(len(t.items) for t in found.benchmarks)
    assert across(found.benchmarks).removed == ()
    texts = {tier.name: {item.id: item.text for item in tier.items} for tier in tiers}
    for each in found.removed:
        assert words(texts[each.benchmark][each.item]) == words(texts[each.kept_in][each.kept_item])


def test_across_refuses_two_of_one_name():
    with pytest.raises(InputError, match=r"benchmarks: must have names of their own but are \['a', 'a'\]"):
        across([benchmark("a", 2), benchmark("a", 2)], [])
