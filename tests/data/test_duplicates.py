"""Near-duplicates beside sets of word tuples: no pair is wrong, and as many are found as 14 bands of 8 promise."""

from __future__ import annotations

import errno
import itertools
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from benchshadow.data.documents import Document
from benchshadow.data.duplicates import Pairs, exact_pairs, expected_recall, near_duplicates, sketch
from benchshadow.data.duplicates import shelf as shelves
from benchshadow.data.duplicates.candidates import sharing
from benchshadow.data.duplicates.minhash import BANDS, band_keys
from benchshadow.data.duplicates.recall import measured_recall
from benchshadow.data.duplicates.shelf import Shelf
from benchshadow.data.duplicates.shingles import shingle
from benchshadow.data.overlap.words import words
from benchshadow.errors import InputError

VOCABULARY = ["der", "Straße", "cat", "sat", "été", "x" * 9, "longer-word", "ﬁne", "a", "B", *map(str, range(300))]


def documents(texts) -> list[Document]:
    return [Document(f"d{number}", text, "") for number, text in enumerate(texts)]


def edited(count: int, length: int, seed: int) -> list[Document]:
    """Originals and copies of them in which some words were replaced, from none to a few in a hundred."""
    rng = np.random.default_rng(seed)
    texts: list[list[str]] = []
    for number in range(count):
        if number < count // 2:
            text = [VOCABULARY[each] for each in rng.integers(0, len(VOCABULARY), length)]
        else:
            text = list(texts[rng.integers(0, count // 2)])
            for place in np.flatnonzero(rng.random(length) < rng.uniform(0, 0.04)):
                text[place] = f"new{rng.integers(10**6)}"
        texts.append(text)
    return documents(" ".join(text) for text in texts)


def tuples(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[place : place + 5]) for place in range(len(found) - 4)}


def oracle(given: list[Document], threshold: float) -> dict[tuple[int, int], float]:
    """All similar pairs of different texts, each text by its first document, from sets of tuples of words."""
    firsts: dict[tuple[str, ...], int] = {}
    for number, document in enumerate(given):
        firsts.setdefault(tuple(words(document.text)), number)
    sets = {number: tuples(given[number].text) for number in firsts.values()}
    holders = defaultdict(set)
    for number, held in sets.items():
        for each in held:
            holders[each].add(number)
    met = {pair for found in holders.values() for pair in itertools.combinations(sorted(found), 2)}
    similar = {(a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in met}
    return {pair: value for pair, value in similar.items() if value >= threshold}


def found(pairs: Pairs) -> dict[tuple[int, int], float]:
    return dict(zip(map(tuple, pairs.numbers.tolist()), pairs.jaccard.tolist(), strict=True))


@pytest.mark.parametrize("threshold", [0.5, 0.8, 1.0])
@pytest.mark.parametrize("length", [7, 60])
def test_the_exhaustive_search_finds_every_pair_with_its_similarity_and_no_other(threshold, length):
    given = edited(120, length, seed=length)
    expected = oracle(given, threshold)
    assert found(exact_pairs(given, threshold=threshold).pairs) == expected
    assert length < 60 or threshold == 1 or len(expected) > 10


def test_near_duplicates_are_true_pairs_and_as_many_as_promised():
    given = edited(1_600, 120, seed=3)
    expected = oracle(given, 0.8)
    assert len(expected) > 200
    result = near_duplicates(given, rng=np.random.default_rng(0))
    pairs = found(result.pairs)
    assert pairs.items() <= expected.items()
    promised = np.mean([expected_recall(each) for each in expected.values()])
    deviation = np.sqrt(promised * (1 - promised) / len(expected))
    assert abs(len(pairs) / len(expected) - promised) < 4 * deviation


def test_a_pair_agrees_in_some_band_as_often_as_expected():
    rng = np.random.default_rng(1)
    pairs, shared = 3_000, {0.8: 80, 0.5: 50}
    for jaccard, common in shared.items():
        own = (round(common / jaccard) - common) // 2
        sets = [rng.integers(0, 2**64, common + 2 * own, dtype=np.uint64) for _ in range(pairs)]
        both = [side for each in sets for side in (each[: common + own], np.delete(each, slice(common, common + own)))]
        keys = band_keys(np.concatenate(both), np.cumsum([0, *map(len, both)]))
        met = (keys[:, ::2] == keys[:, 1::2]).any(axis=0).mean()
        expected = expected_recall(jaccard)
        assert abs(met - expected) < 4 * np.sqrt(expected * (1 - expected) / pairs)
    assert keys.shape == (BANDS, 2 * pairs)


def test_the_recall_of_14_bands_of_8_is_that_of_the_formula():
    assert expected_recall(0.8) == pytest.approx(0.92355, abs=1e-5)
    assert (expected_recall(0.0), expected_recall(1.0)) == (0.0, 1.0)


def test_identical_texts_stand_apart_from_similar_ones_and_both_make_clusters():
    base = [f"w{number}" for number in range(60)]
    other = [f"v{number}" for number in range(60)]
    changed = [*base[:-1], "different"]
    texts = [other, base, changed, base, [word.upper() + "," for word in changed], ["alone", *other[::-1]]]
    result = near_duplicates(documents(map(" ".join, texts)), rng=np.random.default_rng(0))
    assert result.exact_first.tolist() == [0, 1, 2, 1, 2, 5]
    assert result.first.tolist() == [0, 1, 1, 1, 1, 5]
    assert found(result.pairs) == {(1, 2): 55 / 57}
    assert [each.tolist() for each in result.clusters] == [[1, 2, 3, 4]]
    assert (result.exact_share, result.near_share) == (2 / 6, 3 / 6)
    assert result.ids == ("d0", "d1", "d2", "d3", "d4", "d5")


def test_a_cluster_is_what_pairs_link_even_where_its_ends_are_less_similar():
    text = [f"w{number}" for number in range(100)]
    ends = [text, [*text[:90], *map(str, range(10))], [*map(str, range(30, 40)), *text[10:90], *map(str, range(10))]]
    result = exact_pairs(documents(map(" ".join, ends)))
    assert set(found(result.pairs)) == {(0, 1), (1, 2)}
    assert result.first.tolist() == [0, 0, 0]


def test_documents_of_fewer_than_five_words_are_counted_and_found_identical_only():
    given = documents(["one two three four", "One, two; three: four!", "one two three for", "", "...", "a b c d e"])
    for result in (near_duplicates(given, rng=np.random.default_rng(0)), exact_pairs(given)):
        assert result.short == 5
        assert result.exact_first.tolist() == [0, 0, 2, 3, 3, 5]
        assert len(result.pairs) == 0


def test_a_shingle_never_reaches_into_the_next_document():
    apart = shingle(documents(["a b c d e", "f g h i", "j k l m n o"]))
    assert np.diff(apart.bounds).tolist() == [1, 0, 2]
    alone = [shingle(documents([text])).hashes for text in ("a b c d e", "j k l m n o")]
    assert np.array_equal(apart.hashes, np.concatenate(alone))
    assert len(set(shingle(documents(["a b c d e", "e d c b a", "b a c d e"])).hashes.tolist())) == 3


def test_nothing_in_nothing_out():
    for result in (near_duplicates([], rng=np.random.default_rng(0)), exact_pairs(documents(["", " "]))):
        assert len(result.pairs) == 0
    assert near_duplicates([], rng=np.random.default_rng(0)).exact_share is None


def test_two_processes_give_the_bits_of_one():
    given = edited(2_600, 240, seed=5)
    assert sum(len(each.text) for each in given) > 2 << 20  # several chunks
    alone = near_duplicates(iter(given), rng=np.random.default_rng(2))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        shared = near_duplicates(iter(given), rng=np.random.default_rng(2), mapped=pool.map)
    assert len(alone.pairs) > 200
    for name in ("left", "right", "jaccard"):
        assert getattr(alone.pairs, name).tobytes() == getattr(shared.pairs, name).tobytes()
    assert alone.first.tobytes() == shared.first.tobytes()
    assert alone.recall == shared.recall


def test_the_draw_of_the_sample_changes_no_pair_and_no_sample_gives_no_recall():
    given = edited(300, 80, seed=6)
    one, two = (near_duplicates(given, rng=np.random.default_rng(seed), sample=50 * seed) for seed in (0, 1))
    assert found(one.pairs) == found(two.pairs)
    assert one.recall is None
    assert two.recall is not None
    assert two.recall.sampled == 50


def test_measured_recall_counts_what_a_search_left_out():
    given = documents(dict.fromkeys(each.text for each in edited(400, 80, seed=7)))
    whole = exact_pairs(given).pairs
    half = Pairs(whole.left[::2], whole.right[::2], whole.jaccard[::2])
    with Shelf() as shelf:
        for begin in (0, 150):
            part = shingle(given[begin : 150 if not begin else None])
            shelf.put(part, np.ones(len(part.ids), bool))
        told = measured_recall(half, shelf, 0.8, sample=10**6, rng=np.random.default_rng(0))
        none = measured_recall(half, shelf, 0.8, sample=0, rng=np.random.default_rng(0))
    assert len(whole) > 40
    assert (told.sampled, told.pairs, told.found) == (len(given), len(whole), len(half))
    assert told.measured == len(half) / len(whole)
    assert told.expected == pytest.approx(np.mean([expected_recall(each) for each in whole.jaccard]))
    assert (none.pairs, none.measured, none.expected) == (0, None, None)


def test_many_documents_of_one_key_meet_within_reach_and_the_rest_is_counted():
    keys = np.array([7, 7, 9, 7, 7, 7], dtype=np.uint64) << np.uint64(50)
    every = sharing([(keys, None)], None)
    assert every.pairs.tolist() == [list(pair) for pair in itertools.combinations([0, 1, 3, 4, 5], 2)]
    some = sharing([(keys, None), (keys, None)], 2)
    assert some.pairs.tolist() == [[0, 1], [0, 3], [1, 3], [1, 4], [3, 4], [3, 5], [4, 5]]
    assert (every.passed_over, some.passed_over) == (0, 2 * 3)
    owned = sharing([(np.array([1, 1, 2, 2], np.uint64) << np.uint64(50), np.array([3, 5, 3, 5]))], None)
    assert owned.pairs.tolist() == [[3, 5]]


def test_a_template_of_many_documents_stays_one_cluster_within_reach():
    body = " ".join(f"w{number}" for number in range(100))
    given = documents(f"{body} item{number}" for number in range(40))
    result = near_duplicates(given, rng=np.random.default_rng(0), reach=2, sample=0)
    assert result.passed_over > 0
    assert len(result.clusters) == 1
    assert result.near_share == 39 / 40
    assert len(near_duplicates(given, rng=np.random.default_rng(0), sample=0).pairs) == 40 * 39 / 2


def test_shingles_beyond_what_memory_should_hold_give_the_same(monkeypatch):
    given = edited(300, 80, seed=8)
    held = near_duplicates(given, rng=np.random.default_rng(0))
    monkeypatch.setattr(shelves, "_HELD", 1_000)
    monkeypatch.setattr(shelves, "_BLOCK", 100)
    spilled = near_duplicates(given, rng=np.random.default_rng(0))
    assert found(held.pairs) == found(spilled.pairs)
    assert held.recall == spilled.recall


def test_a_full_disk_is_one_sentence(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Shelf() as shelf:
        monkeypatch.setattr(shelf._file, "write", full, raising=False)
        with pytest.raises(InputError, match=r"cannot hold the shingles of the corpus .*No space left"):
            shelf.put(shingle(documents(["a b c d e"])), np.ones(1, bool))


@pytest.mark.parametrize("threshold", [0.0, 1.2, float("nan")])
def test_a_similarity_that_no_sets_have_is_refused(threshold):
    with pytest.raises(InputError, match=r"threshold: must be in \(0, 1\] but is"):
        near_duplicates([], rng=np.random.default_rng(0), threshold=threshold)
    with pytest.raises(InputError, match="threshold: must be in"):
        exact_pairs([], threshold=threshold)


def test_hashes_are_the_same_on_every_machine():
    part = sketch(documents(["The quick brown fox jumps over the lazy dog."]))
    assert int(part.shingles.hashes[0]) == 1603612211792255140
    assert int(part.shingles.digests[0]) == 9973830081275320652
    assert int(part.keys[0, 0]) == 13877306742215832615
