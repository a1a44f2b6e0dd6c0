"""Where replicates share bases, inference over the means of bases covers, and inference over replicates does not."""

import numpy as np
import pytest
import scipy.stats

from benchshadow.errors import InputError
from benchshadow.stats import over_bases, paired_t, verdict

STUDIES = 2000
OWNERS = [0, 1, 2, 3] * 3


def covers(draws, *, by_base) -> int:
    """How often the t interval of each study holds the true mean of zero."""
    found = [paired_t(over_bases(draw, OWNERS) if by_base else draw) for draw in draws]
    return sum(each.low is not None and each.high is not None and each.low <= 0 <= each.high for each in found)


def drawn(rng, *, seeds_shared):
    """Differences of four bases with three replicates each: a part of the base, a part of the seed, and noise."""
    base = rng.standard_normal((STUDIES, 4))[:, OWNERS]
    seed = rng.standard_normal((STUDIES, 3)).repeat(4, axis=1) if seeds_shared else rng.standard_normal((STUDIES, 12))
    return base + seed + 0.3 * rng.standard_normal((STUDIES, 12))


def test_a_base_of_several_replicates_is_one_unit():
    values = np.array([1.0, 10, 2, 20, 3, 30])
    np.testing.assert_allclose(over_bases(values, ["a", "b"] * 3), [2, 20])
    assert over_bases(values, range(6)) is values
    assert over_bases(values, ["a"] * 6) is values


def test_the_interval_over_bases_covers_and_that_over_replicates_does_not():
    draws = drawn(np.random.default_rng(0), seeds_shared=False)
    low, high = scipy.stats.binom.interval(0.999, STUDIES, 0.95)
    assert low <= covers(draws, by_base=True) <= high
    assert covers(draws, by_base=False) < low


def test_seeds_that_all_bases_share_would_leave_their_own_part_out():
    """The reason why replicates are dealt out among bases and not crossed with them."""
    draws = drawn(np.random.default_rng(1), seeds_shared=True)
    assert covers(draws, by_base=True) < scipy.stats.binom.ppf(0.0005, STUDIES, 0.95)


def test_a_verdict_counts_bases_where_they_are_fewer():
    differences = np.array([0.3, 0.32, 0.28, 0.31, 0.29, 0.3, 0.31, 0.3, 0.29])
    settings = {"aa": 0.01 * np.array([1.0, -1, 1, -1, 1, -1, 1, -1, 1]), "confirmatory": True, "bases": 3}
    found = verdict(differences, **settings, margin=0.02, owners=[0, 1, 2] * 3)
    assert (found.units, found.replicates, found.bases) == (3, 9, 3)
    assert found.p == found.p_floor == 0.25
    assert found.label == "cannot tell"
    assert "bases would be needed" in found.sentence
    # Three bases carry no test of difference, but equivalence has no floor.
    assert verdict(differences - 0.3, **settings, margin=0.1, owners=[0, 1, 2] * 3).label == "no shift"


def test_bases_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="must be one per difference but are 2 for 3"):
        over_bases(np.zeros(3), ["a", "b"])
