"""Soft overlap finds a planted paraphrase, names its document, and is judged by what a null corpus reaches."""

import numpy as np
import pytest

from benchshadow.data.diversity import fit_embedding
from benchshadow.data.documents import Document, read_documents
from benchshadow.data.likeness import Nearest, nearest, nearness, soft_overlap
from benchshadow.data.likeness.nearness import _TOGETHER
from benchshadow.errors import InputError

LETTERS = "abcdefgh"


def letters(texts):
    """A toy encoder: how often each of eight letters stands in a text."""
    return np.array([[text.count(letter) for letter in LETTERS] for text in texts], float).reshape(-1, len(LETTERS))


def docs(*texts):
    return [Document(f"d{number}", text, "") for number, text in enumerate(texts)]


def random_docs(rng, count):
    return docs(*("".join(rng.choice(list(LETTERS + "xyz"), 12)) for _ in range(count)))


def test_the_largest_cosine_and_its_document_are_found():
    found = nearest(letters(["aab", "cd", "zz"]), docs("ab", "aab", "c", "zzz"), letters)
    assert found.cosines[:2] == pytest.approx([1, np.sqrt(0.5)], rel=1e-12)
    assert np.isnan(found.cosines[2])
    assert found.documents == ("d1", "d2", None)
    assert found.compared == 4


def test_it_is_brute_force_over_batches_and_blocks(monkeypatch):
    monkeypatch.setattr(nearness, "_ITEMS", 7)
    rng = np.random.default_rng(0)
    documents, items = random_docs(rng, _TOGETHER + 200), letters([d.text for d in random_docs(rng, 30)])
    rows = letters([d.text for d in documents])
    cosines = items @ rows.T / np.outer(np.linalg.norm(items, axis=1), np.linalg.norm(rows, axis=1))
    found = nearest(items, iter(documents), letters)
    np.testing.assert_allclose(found.cosines, cosines.max(axis=1), rtol=1e-12)
    first = np.argmax(cosines >= cosines.max(axis=1, keepdims=True) - 1e-12, axis=1)
    assert found.documents == tuple(f"d{number}" for number in first)


def test_one_chunk_and_many_give_the_same_bits():
    rng = np.random.default_rng(1)
    documents, items = random_docs(rng, 300), letters([d.text for d in random_docs(rng, 20)] + ["zz"])
    documents += documents[:50]
    whole = nearest(items, documents, letters)
    for size in (1, 7, 64, 349):
        parts = [nearest(items, documents[a : a + size], letters) for a in range(0, len(documents), size)]
        merged = Nearest.merged(parts)
        assert merged.cosines.tobytes() == whole.cosines.tobytes()
        assert (merged.documents, merged.compared) == (whole.documents, whole.compared)


def test_hits_are_above_the_null_and_chance_is_stated():
    items = docs("aab", "cd", "ef", "zz")
    rows = letters([item.text for item in items])
    corpus = nearest(rows, docs("baa", "cg", "h", "q"), letters)
    null = nearest(rows, docs("ah", "ch"), letters)
    found = soft_overlap(items, corpus, null)
    assert found.threshold == pytest.approx(2 / np.sqrt(10), rel=1e-12)
    assert [verdict.hit for verdict in found.verdicts] == [True, False, False, False]
    assert [verdict.eligible for verdict in found.verdicts] == [True, True, True, False]
    assert [verdict.document for verdict in found.verdicts] == ["d0", "d1", "d0", None]
    assert found.verdicts[3].share is None
    assert found.verdicts[2].share == 0
    assert found.by_chance == pytest.approx(1 - 0.999**2)
    assert (found.documents, found.null_documents) == (4, 2)


def test_items_drawn_as_the_null_hit_at_the_stated_rate():
    rng = np.random.default_rng(2)
    items = docs(*(str(n) for n in range(4000)))
    rows = rng.normal(size=(4000, 8))

    def gaussian(texts):
        return rng.normal(size=(len(texts), 8))

    sides = [nearest(rows, docs(*[""] * count), gaussian) for count in (900, 300)]
    found = soft_overlap(items, *sides, quantile=0.95)
    hits = sum(verdict.hit for verdict in found.verdicts)
    assert found.by_chance == pytest.approx(1 - 0.95**3)
    assert abs(hits - 4000 * found.by_chance) < 6 * np.sqrt(4000 * 0.14)


def test_a_reworded_item_of_gsm8k_is_found_in_real_text(data_folder):
    def some(name, text, step):
        return [each.document for each in read_documents(data_folder / name, text, "", "", 600)[::step]]

    items = some("gsm8k/test.jsonl.gz", "{question}", 3)
    corpus = some("standard_ebooks/chapters.jsonl.gz", "{text}", 40)
    null = some("wordnet/synsets.jsonl.gz", "{definition}", 50)
    words = items[7].text.split()
    planted = Document("planted", " ".join([*words[len(words) // 2 :], "so", *words[: len(words) // 2]]), "")
    texts = [each.text for each in (*items, *corpus, *null)]
    encoder = fit_embedding(texts, dimensions=128, rng=np.random.default_rng(0))
    rows = encoder([item.text for item in items])
    found = soft_overlap(items, nearest(rows, [*corpus, planted], encoder), nearest(rows, null, encoder))
    assert found.verdicts[7].hit
    assert found.verdicts[7].document == "planted"
    assert sum(verdict.hit for verdict in found.verdicts) < 0.05 * len(items)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i, c, n: soft_overlap(i[:1], c, n), "must compare the same items on all sides but is given 1, 2 and 2"),
        (lambda i, c, n: soft_overlap(i, c, n, quantile=1.0), r"quantile: must be in \(0, 1\) but is 1.0"),
        (
            lambda i, c, n: soft_overlap(i, c, nearest(letters(["a", "b"]), docs("zz"), letters)),
            "its 1 documents share no words",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(change, said):
    items = docs("a", "b")
    one = nearest(letters(["a", "b"]), docs("ab"), letters)
    with pytest.raises(InputError, match=said):
        change(items, one, one)
