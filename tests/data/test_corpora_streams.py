"""Streams of streams: each gives the same documents again, is what it says, and tells where it comes from."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.data.corpora import Held, Mix, Repeat, Slice, Weight, sample, split
from benchshadow.data.documents import Document
from benchshadow.errors import InputError


def held(name, count, length=10, domains=3):
    return Held(name, tuple(Document(f"{name}{i}", "x" * length, f"d{i % domains}") for i in range(count)))


def rng(seed=0):
    return np.random.default_rng(seed)


A, B = held("a", 2000), held("b", 2000, length=40)

STREAMS = {
    "mix": Mix((A, B), (1, 3)),
    "share": sample(A, share=0.3, rng=rng()),
    "count": sample(A, count=77, rng=rng()),
    "first": split(A, share=0.3, rng=rng())[0],
    "second": split(A, share=0.3, rng=rng())[1],
    "slice": Slice(A, 5, 50),
    "repeat": Repeat(held("c", 10), 3),
    "weight": Weight(A, 1.5),
    "weights": Weight(A, {"d1": 0.5, "d2": 2}),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_every_stream_gives_the_same_again_and_names_its_parents(stream):
    found = list(stream)
    assert found
    assert list(stream) == found
    assert [each for chunk in stream.chunks(100) for each in chunk] == found
    lines = stream.tree().splitlines()
    assert len(lines) == 1 + len(stream.parents())
    assert lines[0].endswith(f"[{stream.fingerprint[:12]}]")
    for line, parent in zip(lines[1:], stream.parents(), strict=True):
        assert line == f"  {parent.label()} [{parent.fingerprint[:12]}]"


def test_fingerprints_differ_wherever_documents_may():
    others = [
        Mix((A, B)), Mix((B, A)), Mix((A, B), (1, 3), "documents"), Mix((A, B), (1, 3), until="all"),
        sample(A, share=0.3, rng=rng(1)), sample(B, share=0.3, rng=rng()), sample(A, count=78, rng=rng()),
        split(A, share=0.3, by="domain", rng=rng())[0], Slice(A, 5), Repeat(held("c", 10), 4), Weight(A, 1.6),
        Weight(A, 1.5, "again"), A, B,
    ]  # fmt: skip
    prints = [stream.fingerprint for stream in [*STREAMS.values(), *others]]
    assert len(set(prints)) == len(prints)
    assert sample(A, share=0.3, rng=rng()).fingerprint == STREAMS["share"].fingerprint
    assert Mix((A, B), (1, 3)).fingerprint == STREAMS["mix"].fingerprint


@settings(max_examples=40, deadline=None)
@given(
    weights=st.lists(st.floats(0.1, 10), min_size=1, max_size=4),
    lengths=st.lists(st.integers(1, 60), min_size=4, max_size=4),
    by=st.sampled_from(["characters", "documents"]),
)
def test_every_beginning_of_a_mix_has_its_shares(weights, lengths, by):
    streams = [held(f"s{k}_", 400, lengths[k]) for k in range(len(weights))]
    size = dict.fromkeys(range(len(weights)), 0.0)
    for document in itertools.islice(Mix(tuple(streams), tuple(weights), by), 300):
        size[int(document.id[1])] += len(document.text) if by == "characters" else 1
        total = [size[k] / weights[k] for k in size]
        step = [(lengths[k] if by == "characters" else 1) / weights[k] for k in size]
        assert max(total) - min(total) <= max(step) * (1 + 1e-9)


def test_a_mix_ends_with_the_first_stream_or_gives_everything():
    few = held("few", 3)
    first = list(Mix((few, A), (1, 1), "documents"))
    assert [each.id for each in first] == ["few0", "a0", "few1", "a1", "few2", "a2"]
    every = list(Mix((few, A), (1, 1), "documents", "all"))
    assert len(every) == 2003
    assert sorted(every) == sorted([*few, *A])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Mix(()), "mix: must have at least one stream but has none"),
        (lambda: Mix((A, B), (1,)), "mix: must have a weight a stream, 2, but has 1"),
        (lambda: Mix((A, B), (1, 0)), "mix: must have weights above 0 but has 0"),
        (lambda: Mix((A, B), (1, float("nan"))), "mix: must have weights above 0 but has nan"),
        (lambda: Mix((A,), by="tokens"), "mix, by: must hold some of characters, documents but holds 'tokens'"),
        (
            lambda: list(Mix((A, Slice(B, 9, 9)))),
            "must have a document in every stream but has none of documents 9 to 9",
        ),
        (lambda: sample(A, rng=rng()), "sample: must have a share or a count but has None and None"),
        (lambda: sample(A, share=1.5, rng=rng()), r"sample: must have a share in \(0, 1\] but has 1.5"),
        (lambda: sample(A, count=0, rng=rng()), "sample: must have a count of at least 1 but has 0"),
        (lambda: list(sample(A, count=2001, rng=rng())), "must be at most what a: 2000 documents holds but is 2001"),
        (lambda: split(A, share=1, rng=rng()), r"split: must have a share in \(0, 1\) but has 1"),
        (lambda: split(A, share=0.5, by="book", rng=rng()), "split, by: must hold some of id, domain, text"),
        (lambda: Slice(A, 3, 2), "slice: must have 0 <= start <= stop but has 3 and 2"),
        (lambda: Repeat(A, 0), "repeat: must be at least 1 time but is 0"),
        (lambda: Weight(A, {"d1": -1}), "weight: must be at least 0 but is -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_a_sample_by_share_depends_on_the_id_alone_and_grows_with_the_share():
    third = sample(A, share=0.3, rng=rng())
    half = sample(A, share=0.5, rng=rng())
    assert abs(len(list(third)) / 2000 - 0.3) < 0.04
    assert set(third) < set(half)
    backwards = Held("back", tuple(reversed(A.documents)))
    assert set(sample(backwards, share=0.3, rng=rng())) == set(third)
    assert set(sample(A, share=0.3, rng=rng(1))) != set(third)


def test_a_sample_by_count_has_it_exactly_in_the_order_of_the_stream():
    twice = Repeat(held("c", 50), 2)
    found = list(sample(twice, count=70, rng=rng()))
    assert len(found) == 70
    assert list(sample(twice, count=100, rng=rng())) == list(twice)
    places = [int(each.id[1:]) for each in sample(A, count=77, rng=rng())]
    assert places == sorted(set(places))


def test_every_document_is_as_likely_to_be_in_a_sample_by_count():
    small = held("s", 10)
    times = np.zeros(10)
    for seed in range(600):
        for each in sample(small, count=3, rng=rng(seed)):
            times[int(each.id[1:])] += 1
    assert np.abs(times / 600 - 0.3).max() < 0.08  # four standard errors of a share of 0.3 in 600 draws


@pytest.mark.parametrize("by", ["id", "domain", "text"])
def test_a_split_is_two_sides_without_overlap_that_keep_together_what_they_say(by):
    stream = Held("s", tuple(Document(f"i{i % 400}", f"t{i % 300}", f"d{i % 200}") for i in range(2000)))
    first, second = split(stream, share=0.4, by=by, rng=rng())
    sides = [{getattr(each, by) for each in side} for side in (first, second)]
    assert not sides[0] & sides[1]
    assert len(list(first)) + len(list(second)) == 2000
    assert abs(len(list(first)) / 2000 - 0.4) < 0.1


def test_a_slice_is_what_a_list_would_give():
    for start, stop in [(0, None), (3, 7), (1990, 5000), (4, 4), (3000, None)]:
        assert list(Slice(A, start, stop)) == list(A)[start:stop]


def test_weights_repeat_and_thin_by_id():
    counts = {}
    for each in Weight(A, {"d0": 0, "d1": 2.25, "d2": 0.5}):
        counts[each.id] = counts.get(each.id, 0) + 1
    by_domain = [[counts.get(each.id, 0) for each in A if each.domain == f"d{k}"] for k in range(3)]
    assert set(by_domain[0]) == {0}
    assert set(by_domain[1]) == {2, 3}
    assert set(by_domain[2]) == {0, 1}
    assert abs(np.mean(by_domain[1]) - 2.25) < 0.06
    assert abs(np.mean(by_domain[2]) - 0.5) < 0.07
    assert list(Weight(A, {"elsewhere": 3})) == list(A) == list(Weight(A, 1))
    assert set(Weight(A, 0.2)) < set(Weight(A, 0.4))
    assert list(Repeat(held("c", 10), 2)) == list(held("c", 10)) * 2
