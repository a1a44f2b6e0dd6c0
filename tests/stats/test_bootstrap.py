"""An interval over clustered items covers at its level where one over single items does not."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import clustered_bootstrap

STUDIES, CLUSTERS, SIZE = 200, 60, 5
OWNERS = np.repeat(np.arange(CLUSTERS), SIZE).tolist()


@pytest.fixture(scope="module")
def covered():
    """How often each of two intervals holds the true mean of zero; the items of a passage are alike."""
    rng = np.random.default_rng(0)
    by_cluster = by_item = 0
    for _ in range(STUDIES):
        values = np.repeat(rng.standard_normal(CLUSTERS), SIZE) + 0.5 * rng.standard_normal(CLUSTERS * SIZE)
        for owners in (OWNERS, range(len(values))):
            found = clustered_bootstrap(values, list(owners), rng=rng, draws=200)
            assert found.low is not None
            assert found.high is not None
            holds = found.low <= 0 <= found.high
            by_cluster, by_item = by_cluster + (owners is OWNERS and holds), by_item + (owners is not OWNERS and holds)
    return by_cluster, by_item


def test_by_clusters_it_covers_at_its_level(covered):
    """A percentile interval over sixty clusters covers .94 instead of .95: quantiles of z for those of t."""
    t = scipy.stats.t.cdf(1.96 * np.sqrt((CLUSTERS - 1) / CLUSTERS), CLUSTERS - 1)
    low, high = scipy.stats.binom.interval(0.999, STUDIES, 2 * t - 1)
    assert low <= covered[0] <= high


def test_by_single_items_it_covers_too_seldom(covered):
    # The variance of the mean is 1.25 / 300 where items are taken as independent, and 1.05 / 60 in truth.
    share = np.sqrt((1.25 / 300) / (1.05 / 60))
    nominal = 2 * scipy.stats.norm.cdf(1.96 * share) - 1
    low, high = scipy.stats.binom.interval(0.999, STUDIES, nominal)
    assert nominal < 0.7
    assert low <= covered[1] <= high


def test_clusters_of_unequal_size_are_weighed_by_their_items():
    values, owners = np.array([1.0, 1, 1, 0]), ["a", "a", "a", "b"]
    found = clustered_bootstrap(values, owners, rng=np.random.default_rng(0))
    # Two draws of two clusters: both a, both b, or one of each, which is the mean over four items.
    assert (found.mean, found.low, found.high) == (0.75, 0.0, 1.0)


def test_a_seed_gives_the_same_interval_again():
    values = np.random.default_rng(1).random(40)
    owners = [index // 4 for index in range(40)]
    first, again = (clustered_bootstrap(values, owners, rng=np.random.default_rng(7)) for _ in range(2))
    assert first == again


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="clusters: must be two or more but is one"):
        clustered_bootstrap(np.array([0.1, 0.2]), ["a", "a"], rng=rng)
    with pytest.raises(InputError, match="clusters: must be one per value but are 1 for 2"):
        clustered_bootstrap(np.array([0.1, 0.2]), ["a"], rng=rng)
    with pytest.raises(InputError, match=r"level: must be in \(0, 1\) but is 1"):
        clustered_bootstrap(np.array([0.1, 0.2]), ["a", "b"], rng=rng, level=1.0)
