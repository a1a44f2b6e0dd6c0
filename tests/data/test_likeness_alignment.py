"""Alignment is DSIR's formula over its length, the same for any chunks, and by its hash the original's own number."""

import hashlib
import itertools
import re

import numpy as np
import pytest

from benchshadow.data.documents import Document, read_documents
from benchshadow.data.likeness import Aligner, AlignmentScores, GramCounts, count_grams
from benchshadow.data.likeness.grams import BLOCK
from benchshadow.errors import InputError


def docs(*texts):
    return [Document(f"d{number}", text, "") for number, text in enumerate(texts)]


def words(rng, vocabulary, count):
    return " ".join(rng.choice(vocabulary, count))


def plain_buckets(text, buckets=10_000):
    """As the code of Xie et al. does it, one sha256 at a time."""
    tokens = re.findall(r"\w+|[^\w\s]+", text.lower())
    names = tokens + [f"{a} {b}" for a, b in itertools.pairwise(tokens)]
    return [int(hashlib.sha256(name.encode()).hexdigest(), 16) % buckets for name in names]


def corpus(rng, count=60):
    vocabularies = [["sum", "apples", "12", "+", "how", "many"], ["castle", "rode", "king", "the", ","]]
    both = [*vocabularies[0], *vocabularies[1]]
    return docs(*(words(rng, vocabularies[n % 2] if n % 3 else both, 5 + n) for n in range(count)))


@pytest.mark.parametrize("smoothing", ["laplace", "dsir"])
def test_scores_are_the_formula_by_the_originals_hash(smoothing):
    rng = np.random.default_rng(0)
    documents, target = corpus(rng), docs("how many apples + 12 ?", "sum , 12 + 12")
    counts = [
        np.bincount([b for d in some for b in plain_buckets(d.text)], minlength=10_000) for some in (target, documents)
    ]
    if smoothing == "dsir":
        logs = [np.log(each / each.sum() + 1e-8) for each in counts]
    else:
        logs = [np.log((each + 1) / (each.sum() + 10_000)) for each in counts]
    expected = [np.sum((logs[0] - logs[1])[plain_buckets(d.text)]) for d in documents]
    sides = [count_grams(some, hashing="sha256") for some in (target, documents)]
    scores = Aligner.of(*sides, smoothing).scores(documents)
    np.testing.assert_allclose(scores.totals, expected, rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(scores.grams, [len(plain_buckets(d.text)) for d in documents])
    np.testing.assert_allclose(scores.means, np.array(expected) / scores.grams, rtol=1e-12, atol=1e-12)


def test_a_target_like_the_reference_scores_nothing():
    documents = corpus(np.random.default_rng(1))
    counts = count_grams(documents)
    assert not Aligner.of(counts, counts).scores(documents).totals.any()


def test_what_is_planted_scores_above_the_rest():
    rng = np.random.default_rng(2)
    maths, tales = ["sum", "apples", "12", "how", "many"], ["castle", "rode", "king", "the"]
    planted = docs(*(words(rng, maths, 30) for _ in range(20)))
    rest = docs(*(words(rng, tales, 30 + n) for n in range(80)))
    target = docs(*(words(rng, maths, 15) for _ in range(30)))
    means = Aligner.of(count_grams(target), count_grams(planted + rest)).scores(planted + rest).means
    assert means[:20].min() > 0 > means[20:].max()


def test_one_chunk_and_many_give_the_same_bits():
    rng = np.random.default_rng(3)
    long = Document("long", words(rng, ["king", "12", "rode", "sum"], BLOCK // 2), "")
    documents = [*corpus(rng), long, Document("empty", " ", ""), *corpus(rng)]
    whole = count_grams(documents)
    target = count_grams(docs("sum 12 apples"))
    aligner = Aligner.of(target, whole)
    for cuts in ([1, 60], [59, 60, 61, 62, 100], list(range(1, len(documents)))):
        parts = [documents[a:b] for a, b in zip([0, *cuts], [*cuts, len(documents)], strict=True)]
        merged = GramCounts.merged([count_grams(part) for part in parts])
        np.testing.assert_array_equal(merged.counts, whole.counts)
        assert merged.documents == whole.documents == len(documents)
        scores = AlignmentScores.merged([aligner.scores(part) for part in parts])
        assert scores.totals.tobytes() == aligner.scores(documents).totals.tobytes()


def test_a_document_without_words_has_no_score():
    counts = count_grams(docs("a b"))
    scores = Aligner.of(counts, counts).scores(docs("a", "  ", "b a"))
    assert scores.grams.tolist() == [1, 0, 3]
    assert np.isnan(scores.means).tolist() == [False, True, False]


def test_the_mean_does_not_grow_with_length_and_the_total_does():
    aligner = Aligner.of(count_grams(docs("sum of apples")), count_grams(docs("king of castles")))
    scores = aligner.scores(docs("sum", "sum " * 50))
    assert scores.totals[1] > 40 * scores.totals[0] > 0
    assert abs(scores.means[1]) < 2 * scores.means[0]


def test_maths_of_gsm8k_is_found_among_books_and_glosses(data_folder):
    def some(name, text, count):
        passages = read_documents(data_folder / name, text, "", "", 600)
        return [passage.document for passage in passages[:: max(1, len(passages) // count)]]

    target = some("gsm8k/test.jsonl.gz", "{question} {answer}", 500)
    train = some("gsm8k/train.jsonl.gz", "{question} {answer}", 500)
    rest = some("standard_ebooks/chapters.jsonl.gz", "{text}", 500) + some("tldr/pages_en.jsonl.gz", "{text}", 500)
    means = Aligner.of(count_grams(target), count_grams(train + rest)).scores(train + rest).means
    above = np.mean(means[: len(train), None] > means[None, len(train) :])
    assert above > 0.99


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c: Aligner.of(c, count_grams(docs("a"), buckets=5)), "hold 5 by own and 10000 by own"),
        (lambda c: Aligner.of(c, count_grams(docs("a"), hashing="sha256")), "10000 by own and 10000 by sha256"),
        (
            lambda c: Aligner.of(c, count_grams(docs(" ", ""))),
            "the reference of an alignment: must hold words but 2 texts",
        ),
        (lambda c: Aligner.of(c, c, "add-one"), "must hold some of laplace, dsir but holds 'add-one'"),
        (lambda c: count_grams(docs("a"), hashing="md5"), "must hold some of own, sha256 but holds 'md5'"),
        (lambda c: GramCounts.merged([]), "must share one number of buckets and one hashing but hold nothing"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, said):
    with pytest.raises(InputError, match=re.escape(said)):
        call(count_grams(docs("a b")))
