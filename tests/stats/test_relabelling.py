"""Labels exchanged inside blocks: every way once where there are few, and a test that rejects at its level."""

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.stats import folds, permuted, relabelled


def one_hot(labels, names):
    return np.array([[float(label == name) for name in names] for label in labels])


def labellings(blocks, labels, **more):
    return [tuple(labels[i] for i in order) for order in relabelled(blocks, labels, **more)]


def lone_arm_folds(arms, labels):
    """Every arm but the only one of its label is told in one replicate by the others in the other."""
    alone = {arm for arm, label in zip(arms, labels, strict=True) if labels.count(label) == 2}
    return folds([None if arm in alone else arm for arm in arms], also=[0] * (len(arms) // 2) + [1] * (len(arms) // 2))


def test_all_exchanges_inside_blocks_are_made_once():
    blocks = [(0, "x"), (0, "y"), (1, "x"), (1, "y")]
    found = labellings(blocks, list("abab"), most=10, rng=np.random.default_rng(0))
    assert sorted(found) == sorted([tuple("abab"), tuple("abba"), tuple("baab"), tuple("baba")])


def test_rows_of_one_unit_move_together():
    blocks = [("all", arm) for arm in "wxyzwxyz"]
    found = labellings(blocks, list("aabbaabb"), most=10, rng=np.random.default_rng(0))
    assert len(found) == len(set(found)) == 6
    assert all(each[:4] == each[4:] for each in found)


def test_where_there_are_too_many_they_are_drawn_and_seeded():
    blocks = [(r, arm) for r in range(8) for arm in "xyz"]
    labels = list("abc") * 8
    one, two, other = (relabelled(blocks, labels, most=50, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert one.shape == (50, 24)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    for order in one:
        assert all({order[3 * r + i] // 3 for i in range(3)} == {r} for r in range(8))


def test_most_must_be_at_least_one():
    with pytest.raises(InputError, match="most: must be at least 1 but is 0"):
        relabelled([(0, 0)], ["a"], most=0, rng=np.random.default_rng(0))


def test_the_floor_counts_labellings_that_only_rename():
    """With two replicates of two arms half of the four labellings name the same partition."""
    labels, blocks = one_hot("abab", "ab"), [(0, "x"), (0, "y"), (1, "x"), (1, "y")]
    orders = relabelled(blocks, list("abab"), most=10, rng=np.random.default_rng(0))
    features = np.array([[-9.0], [9.0], [-9.0], [9.0]])
    found = permuted([(features, fold) for fold in folds([0, 0, 1, 1])], labels, orders)
    assert (found.p, found.floor, found.n) == (0.5, 0.5, 4)


def test_drawn_relabellings_count_the_identity_too():
    blocks, labels = [(r, arm) for r in range(8) for arm in "xyz"], list("abc") * 8
    orders = relabelled(blocks, labels, most=19, rng=np.random.default_rng(0))
    means = {"a": (9, 0, 0), "b": (0, 9, 0), "c": (0, 0, 9)}
    features = np.array([means[label] for label in labels], float)
    parts = [(features, fold) for fold in folds([block for block, _ in blocks])]
    found = permuted(parts, one_hot(labels, "abc"), orders)
    assert found.p == found.floor == pytest.approx(1 / 20)


@pytest.mark.parametrize("scheme", ["replicates", "arms"])
def test_the_test_rejects_at_its_level_where_labels_mean_nothing(scheme):
    """Replicates are exchangeable without effects of arms; left-out arms are so even where every arm has one."""
    rng, rejected, draws = np.random.default_rng(4), 0, 100
    arms = 3 if scheme == "replicates" else 6
    kinds = list("abc") if scheme == "replicates" else list("aaabbb")
    blocks = [(r if scheme == "replicates" else "all", arm) for r in range(4) for arm in range(arms)]
    labels, replicates = kinds * 4, [r for r in range(4) for _ in range(arms)]
    names = sorted(set(kinds))
    for _ in range(draws):
        own = rng.normal(0, 3, (arms, 4)) if scheme == "arms" else np.zeros((arms, 4))
        features = np.vstack([own + rng.standard_normal((arms, 4)) for _ in range(4)])
        orders = relabelled(blocks, labels, most=39, rng=rng)
        parts = folds(replicates) if scheme == "replicates" else folds([a for _, a in blocks], also=replicates)
        p = permuted([(features, fold) for fold in parts], one_hot(labels, names), orders)
        assert p.p >= p.floor
        rejected += p.p <= 0.1
    # A share of .1 of 100 draws has a standard error of .03.
    assert rejected / draws < 0.1 + 3 * 0.03


def test_a_relabelling_that_leaves_a_row_nothing_to_learn_it_from_is_passed_over():
    """The one arm of c is never told: c can stand nowhere else, and the others exchange in 20 ways, two alike."""
    arms, labels = list("tuvwxyz") * 2, list("aaabbbc") * 2
    orders = relabelled([("all", arm) for arm in arms], labels, most=999, rng=np.random.default_rng(0))
    assert len(orders) == 140
    features = np.random.default_rng(0).standard_normal((14, 2))
    parts = [(features, fold) for fold in lone_arm_folds(arms, labels)]
    found = permuted(parts, one_hot(labels, "abc"), orders)
    assert (found.n, found.floor) == (20, 0.1)


@pytest.mark.parametrize(
    ("kinds", "benchmarks", "level", "exact"),
    [
        ("aaabbbc", None, 0.05, 0.0),
        ("aaabbbc", None, 0.1, 0.1),
        ("aaaabbbbc", None, 0.05, 2 / 70),
        ("aabbcc", "121212", 0.05, 0.0),
        ("aabbcc", "121212", 1 / 6, 1 / 6),
        ("aaaabbbb", "12121212", 0.06, 2 / 34),
    ],
)
def test_it_rejects_at_its_level_where_some_relabellings_could_not_be_learnt(kinds, benchmarks, level, exact):
    """Arms, or benchmarks with their arms, left out where every arm has a mark and labels mean nothing."""
    rng, rejected, draws = np.random.default_rng(5), 0, 300
    arms, labels, names = [*range(len(kinds))] * 2, list(kinds) * 2, sorted(set(kinds))
    replicates = [0] * len(kinds) + [1] * len(kinds)
    made = folds(list(benchmarks) * 2, also=replicates) if benchmarks else lone_arm_folds(arms, labels)
    orders = relabelled([("all", arm) for arm in arms], labels, most=2600, rng=rng)
    for _ in range(draws):
        own = rng.normal(0, 3, (len(kinds), 2))
        features = np.vstack([own + rng.standard_normal(own.shape) for _ in range(2)])
        found = permuted([(features, fold) for fold in made], one_hot(labels, names), orders)
        rejected += found.p <= level + 1e-9
    assert rejected / draws == pytest.approx(exact, abs=3 * np.sqrt(exact * (1 - exact) / draws))
