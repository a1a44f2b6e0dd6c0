"""Document by document: which passage stands in which item and where, as a plain search finds it."""

from __future__ import annotations

import numpy as np
import pytest

from benchshadow.data.documents import Document
from benchshadow.data.overlap import ItemIndex, Sharing, scan, scanning, sharing, sharing_table, telling, words


def documents(texts, name="d"):
    return [Document(f"{name}{k}", text, "x") for k, text in enumerate(texts)]


def plain(items, text):
    """Runs of a text's words whose every 8-gram stands in an item: first word, number of words, and who holds most."""
    held = {}
    for item in items:
        said = words(item.text)
        for k in range(len(said) - 7):
            held.setdefault(tuple(said[k : k + 8]), set()).add(item.id)
    said = words(text)
    starts = [k for k in range(len(said) - 7) if tuple(said[k : k + 8]) in held]
    found, begin = [], 0
    while begin < len(starts):
        end = begin
        while end + 1 < len(starts) and starts[end + 1] == starts[end] + 1:
            end += 1
        grams = {tuple(said[k : k + 8]) for k in starts[begin : end + 1]}
        by_item = {item.id: sum(item.id in held[gram] for gram in grams) for item in items}
        most = max(by_item.values())
        best = next(item.id for item in items if by_item[item.id] == most)
        holders = sum(count > 0 for count in by_item.values())
        found.append((starts[begin], starts[end] - starts[begin] + 8, best, most / len(grams), holders))
        begin = end + 1
    return found


@pytest.mark.parametrize("seed", range(6))
def test_passages_are_those_of_a_plain_search(seed):
    rng = np.random.default_rng(seed)
    said = lambda size: " ".join(rng.choice(["a", "b", "Ünder", "c"], size))  # noqa: E731
    items = documents([said(int(rng.integers(4, 40))) for _ in range(15)], "i")
    corpus = documents([f"{said(int(rng.integers(0, 30)))}. x{k} — {said(20)}" for k in range(20)])
    found = list(Sharing.of(ItemIndex.of({"b": items}))(corpus))
    for document in corpus:
        mine = [each for each in found if each.document == document.id]
        expected = plain(items, document.text)
        assert [(each.words, each.item, each.share, each.holders) for each in mine] == [each[1:] for each in expected]
        for each, (first, *_) in zip(mine, expected, strict=True):
            assert document.text[each.place :].startswith(each.passage)
            assert words(document.text[: each.place]) == words(document.text)[:first]


def test_the_place_in_a_long_document_counts_from_its_beginning(monkeypatch):
    monkeypatch.setattr(scanning, "_PART", 500)
    rng = np.random.default_rng(1)
    item = " ".join(f"w{k}" for k in range(20))
    filler = " ".join(rng.choice(["one", "two", "three"], 2_000))
    text = f"{filler} {item} {filler}"
    (found,) = Sharing.of(ItemIndex.of({"b": documents([item])}))([Document("d", text, "")])
    assert (found.place, found.words, found.share, found.holders) == (len(filler) + 1, 20, 1.0, 1)
    assert found.passage == item


def test_of_many_passages_the_longest_are_kept_and_the_others_counted(monkeypatch):
    monkeypatch.setattr(sharing, "PASSAGES", 2)
    items = [" ".join(f"{name}{k}" for k in range(size)) for name, size in (("a", 9), ("b", 30), ("c", 12), ("d", 8))]
    text = " ... and then, ".join(items)
    found = list(Sharing.of(ItemIndex.of({"b": documents(items, "i")}))([Document("d", text, "")]))
    assert [(each.item, each.words, each.left_out) for each in found] == [("i1", 30, 2), ("i2", 12, 2)]


def test_documents_that_share_most_come_first_and_every_one_is_in_the_table():
    item = " ".join(f"w{k}" for k in range(20))
    near = " ".join(f"w{k}" for k in range(9))
    index = ItemIndex.of({"b": documents([item], "i")})
    corpus = [Document("clean", "nothing", "x"), Document("near", near, "x"), Document("leak", item, "y")]
    found = scan(index, corpus)
    assert telling(found, 1) == {"leak"}
    assert telling(found) == {"near", "leak"}
    looked_up = [each for each in corpus if each.id in telling(found, 1)]
    table = sharing_table(found, list(Sharing.of(index)(looked_up)))
    assert table.select("document", "domain", "thirteens", "item", "place", "words").rows() == [
        ("near", "x", 0, None, None, None),
        ("leak", "y", 8, "i0", 0, 20),
    ]
