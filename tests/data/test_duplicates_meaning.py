"""Semantic duplicates: pairs above a cosine inside a cluster, one of a group stays, and an exhaustive search agrees."""

from __future__ import annotations

import numpy as np
import pytest

from benchshadow.data.documents import Document
from benchshadow.data.duplicates import semantic_duplicates
from benchshadow.data.interventions import DeduplicatedByMeaning
from benchshadow.data.interventions.pool import Pool, Room
from benchshadow.data.packing import TokenStore
from benchshadow.data.tokenization import train_bpe
from benchshadow.errors import InputError


def seeded(seed=0):
    return np.random.default_rng(seed)


def planted(groups=12, copies=3, dimensions=16):
    """Groups of rows that lie near each other, of several lengths, and as many rows that lie alone."""
    rng = seeded(4)
    centres = rng.normal(size=(2 * groups, dimensions))
    rows = np.repeat(centres[:groups], copies, axis=0) + 0.02 * rng.normal(size=(groups * copies, dimensions))
    rows = np.concatenate([rows, centres[groups:]])
    return rows * rng.uniform(0.5, 2, size=(len(rows), 1)), np.append(
        np.repeat(np.arange(groups), copies), np.arange(groups, 2 * groups)
    )


@pytest.mark.parametrize("keep", ["farthest", "first"])
@pytest.mark.parametrize("clusters", [1, 4])
def test_of_every_planted_group_one_row_stays(keep, clusters):
    rows, group = planted()
    found = semantic_duplicates(rows, threshold=0.95, clusters=clusters, keep=keep, rng=seeded())
    assert (group[found.removed] == group[found.kept]).all()
    assert len(found.removed) == 12 * 2
    left = np.setdiff1d(np.arange(len(rows)), found.removed)
    assert sorted(group[left].tolist()) == list(range(24))
    if keep == "first":
        assert left.tolist() == [*range(0, 36, 3), *range(36, 48)]


def test_in_one_cluster_it_is_the_exhaustive_search_in_order():
    rows = seeded(1).normal(size=(1500, 3))  # more than one block, and dense enough for chains
    found = semantic_duplicates(rows, threshold=0.99, clusters=1, keep="first", rng=seeded())
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    cosines = np.tril((unit @ unit.T).astype(float), -1)
    wanted = np.flatnonzero(cosines.max(axis=1) > 0.99)
    assert found.removed.tolist() == wanted.tolist()
    assert found.cosines == pytest.approx(cosines[wanted].max(axis=1), abs=1e-6)
    assert (found.kept < found.removed).all()


def test_the_farthest_from_the_centre_stays():
    rows = np.array([[1.0, 0.0], [1.0, 0.05], [1.0, 0.3], [1.0, 0.1]])
    found = semantic_duplicates(rows, threshold=0.9, clusters=1, keep="farthest", rng=seeded())
    assert set(range(4)) - set(found.removed.tolist()) == {2}


def test_rows_of_zeros_are_duplicates_of_nothing():
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    found = semantic_duplicates(rows, threshold=0.9, clusters=1, keep="first", rng=seeded())
    assert (found.removed.tolist(), found.kept.tolist(), found.unknown) == ([3], [1], 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"threshold": 1.0}, r"threshold: must be in \(0, 1\) but is 1.0"),
        ({"clusters": 5}, "clusters: must be 1 to 4, the texts with known words, but are 5"),
        ({"keep": "nearest"}, "keep: must hold some of farthest, first"),
    ],
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        semantic_duplicates(np.eye(4), **{"clusters": 1, **settings}, rng=seeded())


def test_an_arm_holds_one_of_a_group_none_that_the_rest_holds_and_lists_every_pair(tmp_path):
    rows, group = planted()
    documents = [Document(f"doc {i}", f"text {i} about {i * i}", "") for i in range(len(rows))]
    tokenizer = train_bpe([each.text for each in documents], 300)
    store = TokenStore.write(documents, tokenizer, tmp_path / "store")
    untreated = np.arange(0, 6)  # the first two groups, whole
    free = np.arange(3, len(rows))  # but the second may be chosen again
    pool = Pool(documents, store, untreated, free, Room(50, 50), tokenizer, lambda: tmp_path / "w")
    treatment = DeduplicatedByMeaning(rows, clusters=4)(pool, rng=seeded())
    chosen = treatment.segments[0].order
    assert sorted(group[chosen].tolist()) == list(range(1, 24))
    assert treatment.listed.height == 24
    listed = {(row["removed"], row["kept"]) for row in treatment.listed.iter_rows(named=True)}
    names = {each.id: group[i] for i, each in enumerate(documents)}
    assert all(names[removed] == names[kept] for removed, kept in listed)
    assert (treatment.listed["cosine"] > 0.95).all()
