"""Centres are those that a plain loop over the definitions finds."""

import itertools

import numpy as np
import pytest
from data_samples import seeded

from benchshadow.data.interventions.centres import facility_location, farthest_first, nearest, unit_rows
from benchshadow.errors import InputError


@pytest.mark.parametrize("seed", range(5))
def test_farthest_first_is_the_greedy_loop_and_within_twice_the_best(seed):
    X = seeded(seed).normal(size=(14, 3)).astype(np.float32)
    distances = np.linalg.norm(X[:, None] - X[None], axis=2)
    chosen = [2]
    while len(chosen) < 4:
        chosen.append(int(np.argmax(distances[:, chosen].min(axis=1))))
    got = farthest_first(X, 4, 2)
    assert got.tolist() == chosen
    best = min(distances[:, list(each)].min(axis=1).max() for each in itertools.combinations(range(14), 4))
    assert distances[:, got].min(axis=1).max() <= 2 * best + 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_facility_location_is_the_greedy_loop_and_near_the_best(seed):
    X = unit_rows(seeded(seed).normal(size=(14, 3)))
    similar = np.maximum(X @ X.T, 0).astype(np.float64)

    def value(rows):
        return similar[:, list(rows)].max(axis=1).sum()

    chosen: list[int] = []
    while len(chosen) < 4:
        chosen.append(max((i for i in range(14) if i not in chosen), key=lambda i: value([*chosen, i])))
    got = facility_location(X, 4)
    assert got.tolist() == chosen
    assert value(got) >= (1 - 1 / np.e) * max(value(each) for each in itertools.combinations(range(14), 4))


def test_every_point_is_chosen_once_where_all_are_wanted_even_equal_ones():
    X = unit_rows(np.repeat(seeded().normal(size=(4, 3)), 3, axis=0))
    for got in (farthest_first(X, 12, 5), facility_location(X, 12)):
        assert sorted(got.tolist()) == list(range(12))


def test_the_nearest_centre_in_blocks_is_the_nearest():
    X, centres = unit_rows(seeded().normal(size=(9000, 5))), unit_rows(seeded(1).normal(size=(7, 5)))
    label, cosine = nearest(X, centres)
    assert np.array_equal(label, (X @ centres.T).argmax(axis=1))
    np.testing.assert_allclose(cosine, (X.astype(np.float64) @ centres.T).max(axis=1), atol=1e-6)


@pytest.mark.parametrize("choose", [lambda X, n: farthest_first(X, n, 0), facility_location])
@pytest.mark.parametrize("number", [0, 4])
def test_a_number_of_centres_that_cannot_be_is_refused(choose, number):
    with pytest.raises(InputError, match=f"centres: must be 1 to 3, the points there are, but are {number}"):
        choose(unit_rows(np.eye(3)), number)
