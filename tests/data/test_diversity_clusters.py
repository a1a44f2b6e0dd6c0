"""Clusters planted are clusters found, coverage has its closed forms, and Good-Turing's mass meets the truth."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchshadow.data.diversity import Clusters, coverage, fit_clusters, unseen_mass
from benchshadow.errors import InputError


def seeded(seed=0):
    return np.random.default_rng(seed)


def planted(counts, rng, d=12):
    """Points close to the axes, as many to each as asked."""
    X = np.repeat(np.eye(d)[: len(counts)], counts, axis=0)
    return X + 0.02 * rng.normal(size=X.shape)


def test_planted_clusters_are_found_and_counted():
    rng = seeded()
    clusters = fit_clusters(planted([30, 40, 50, 60], rng), "axes", 4, rng=rng)
    found = clusters.occupancy(planted([5, 0, 20, 3], rng))
    assert sorted(found) == [0, 3, 5, 20]
    assert clusters.embedding == "axes"
    covered = coverage(found)
    assert covered.hit == 0.75
    assert (covered.texts, covered.clusters) == (28, 4)


def test_labels_are_the_nearest_centres():
    rng = seeded(1)
    clusters, X = Clusters(rng.normal(size=(9, 5)), "x"), rng.normal(size=(40, 5))
    expected = np.argmin(np.linalg.norm(X[:, None] - clusters.centres[None], axis=2), axis=1)
    np.testing.assert_array_equal(clusters.labels(X), expected)


def test_counts_of_chunks_add_up():
    rng = seeded(2)
    X = planted([30, 30, 30], rng)
    clusters = fit_clusters(X, "axes", 3, rng=rng)
    parts = sum(clusters.occupancy(X[a : a + 11]) for a in range(0, 90, 11))
    np.testing.assert_array_equal(parts, clusters.occupancy(X))


def test_one_thread_and_two_give_the_same_bits():
    X = seeded(3).normal(size=(600, 20))
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(fit_clusters(X, "x", 16, rng=seeded(5)).centres.tobytes())
    assert found[0] == found[1]
    assert found[0] != fit_clusters(X, "x", 16, rng=seeded(6)).centres.tobytes()


def test_fewer_distinct_rows_than_clusters_give_one_cluster_each():
    X = np.repeat(np.eye(3), 10, axis=0)
    clusters = fit_clusters(X, "x", 8, rng=seeded())
    assert len(clusters.centres) == 3
    assert coverage(clusters.occupancy(X)).effective == pytest.approx(3)


@pytest.mark.parametrize(
    ("counts", "effective", "hit", "unseen"),
    [
        ([8, 8, 8, 8], 4, 1, 0),
        ([9, 0, 0], 1, 1 / 3, 0),
        ([1, 1, 0, 0], 2, 0.5, 1),
        ([6, 2, 1, 0], np.exp(-(6 / 9 * np.log(6 / 9) + 2 / 9 * np.log(2 / 9) + 1 / 9 * np.log(1 / 9))), 0.75, 1 / 9),
    ],
)
def test_coverage_has_its_closed_forms(counts, effective, hit, unseen):
    found = coverage(np.array(counts))
    assert (found.effective, found.hit, found.unseen) == pytest.approx((effective, hit, unseen), rel=1e-12)


def test_unseen_mass_is_the_mass_of_what_was_not_drawn():
    rng = seeded(7)
    p = 1 / np.arange(1, 3001)
    p /= p.sum()
    estimates, truths = [], []
    for _ in range(200):
        counts = rng.multinomial(1000, p)
        estimates.append(unseen_mass(counts))
        truths.append(p[counts == 0].sum())
    assert np.mean(estimates) == pytest.approx(np.mean(truths), abs=0.004)
    assert np.mean(truths) > 0.2


def test_the_embedding_that_built_the_arm_is_refused():
    X = seeded().normal(size=(20, 3))
    with pytest.raises(InputError, match="must use another embedding than built the arm but both are 'minilm'"):
        fit_clusters(X, "minilm", 4, built_with="minilm", rng=seeded())
    assert fit_clusters(X, "minilm", 4, built_with="tf-idf", rng=seeded()).embedding == "minilm"


def test_what_cannot_be_clustered_is_refused():
    with pytest.raises(InputError, match="k: must be from 1 to the 20 texts but is 64"):
        fit_clusters(np.ones((20, 3)), "x", rng=seeded())
    with pytest.raises(InputError, match="must have at least one text but has none"):
        coverage(np.zeros(4, int))
    with pytest.raises(InputError, match="nothing was counted"):
        unseen_mass(np.zeros(4, int))
