"""Trainings are compared where their weights moved equally far: on the line between checkpoints, never beyond them."""

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.stats import Trajectory, common_range, common_values, passings

PATH = Trajectory(np.array([0.4, 0.1, 0.2]), np.array([3.0, 1.0, 2.0]))


def test_at_a_checkpoint_the_value_is_the_checkpoints():
    assert [PATH.at(change) for change in (0.1, 0.2, 0.4)] == pytest.approx([1.0, 2.0, 3.0])


def test_between_checkpoints_it_is_linear_in_the_logarithm():
    assert PATH.at(0.1 * np.sqrt(2)) == pytest.approx(1.5)
    assert PATH.at(0.3) == pytest.approx(2 + np.log2(1.5))


def test_a_law_that_is_linear_in_the_logarithm_is_met_exactly():
    rng = np.random.default_rng(3)
    change = np.sort(rng.uniform(0.01, 2.0, 7))
    path = Trajectory(change, 5 - 2 * np.log(change))
    for wanted in rng.uniform(change[0], change[-1], 20):
        assert path.at(float(wanted)) == pytest.approx(5 - 2 * np.log(wanted))


def test_outside_what_was_seen_there_is_no_value():
    assert PATH.at(0.0999) is None
    assert PATH.at(0.4001) is None
    # The end of a range is inside it, whatever the last bit of its logarithm.
    for change in np.random.default_rng(0).uniform(1e-6, 10, 200):
        assert Trajectory(np.array([change / 3, change]), np.array([0.0, 1.0])).at(float(change)) == pytest.approx(1.0)


def test_one_checkpoint_is_known_at_its_own_change_alone():
    point = Trajectory(np.array([0.2]), np.array([7.0]))
    assert point.at(0.2) == 7.0
    assert point.at(0.21) is None


def test_the_common_range_is_the_overlap_of_all():
    other = Trajectory(np.array([0.15, 0.8]), np.array([0.0, 1.0]))
    assert common_range([PATH, other]) == (0.15, 0.4)
    assert common_range([PATH]) == (0.1, 0.4)
    assert common_range([PATH, Trajectory(np.array([0.5]), np.array([0.0]))]) is None
    assert common_range([PATH, Trajectory(np.array([0.4, 0.9]), np.array([0.0, 1.0]))]) == (0.4, 0.4)
    assert common_range([]) is None


@pytest.mark.parametrize(
    ("change", "value", "sentence"),
    [
        ([], [], "must pair changes with values but has 0 and 0"),
        ([0.0, 0.2], [1.0, 2.0], "finite changes above zero and finite values"),
        ([-0.1], [1.0], "finite changes above zero and finite values"),
        ([0.1], [np.nan], "finite changes above zero and finite values"),
        ([np.nan], [1.0], "finite changes above zero and finite values"),
        ([np.inf], [1.0], "finite changes above zero and finite values"),
    ],
)
def test_what_is_no_trajectory_is_refused(change, value, sentence):
    with pytest.raises(InputError, match=sentence):
        Trajectory(np.array(change, float), np.array(value, float))


def test_a_value_is_passed_where_the_line_between_checkpoints_meets_it():
    assert passings(PATH, 2.0) == pytest.approx((0.2,))
    assert passings(PATH, 1.5) == pytest.approx((0.1 * np.sqrt(2),))
    for value in np.random.default_rng(1).uniform(1, 3, 20):
        (change,) = passings(PATH, float(value))
        assert PATH.at(change) == pytest.approx(value)
    assert passings(PATH, 0.99) == ()
    assert passings(PATH, 3.01) == ()


def test_the_ends_of_a_path_are_passed_whatever_their_last_bit():
    for end in np.random.default_rng(2).uniform(0.1, 9, 100):
        path = Trajectory(np.array([0.1, 0.3]), np.array([1.0 + end, end]))
        assert passings(path, float(end)) == pytest.approx((0.3,))
        assert passings(path, float(1.0 + end)) == pytest.approx((0.1,))


def test_a_path_that_turns_passes_a_value_more_than_once_and_rests_on_it_once():
    turning = Trajectory(np.array([1.0, 2.0, 4.0, 8.0]), np.array([3.0, 1.0, 2.0, 0.0]))
    assert passings(turning, 1.5) == pytest.approx((2**0.75, 2**1.5, 4 * 2**0.25))
    resting = Trajectory(np.array([1.0, 2.0, 4.0, 8.0]), np.array([3.0, 2.0, 2.0, 1.0]))
    assert passings(resting, 2.0) == pytest.approx((2.0,))


def test_common_values_are_those_that_every_path_took_on():
    other = Trajectory(np.array([0.1, 0.2]), np.array([2.5, 7.0]))
    assert common_values([PATH, other]) == (2.5, 3.0)
    assert common_values([PATH, Trajectory(np.array([0.1]), np.array([3.5]))]) is None
    assert common_values([]) is None
