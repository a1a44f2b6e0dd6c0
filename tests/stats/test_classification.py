"""Labels are told where a mean differs and at chance elsewhere; scores are those of rows that were not learnt from."""

import numpy as np
import pytest
from scipy import stats as laws

from benchshadow.stats import folds, held_out, scored, share_interval, sorting


def one_hot(labels, names):
    return np.array([[float(label == name) for name in names] for label in labels])


def test_with_its_prior_alone_it_is_a_law_of_one_degree_of_freedom_about_each_mean():
    # One row a label: no freedom is left but the prior's, one row of variance one, widened by 1 + 1/1.
    train, labels = np.array([[-1.0], [3.0]]), np.eye(2)
    found = sorting(train, labels, np.array([[0.0]]))
    ratio = (laws.t.pdf(0, 1, -1, np.sqrt(2)), laws.t.pdf(0, 1, 3, np.sqrt(2)))
    assert np.exp(found.log_probability[0]) == pytest.approx(np.array(ratio) / sum(ratio))
    assert found.distance[0] == pytest.approx(1.0**2 / 2)


def test_a_row_is_told_by_the_predictive_density_under_the_prior():
    # Scatter within the labels: 2 + 0 with freedom 4 - 2, the prior one row of variance one: (1 + 2) / (1 + 2) = 1 on
    # three degrees of freedom, widened by 1 + 1/2.
    train = np.array([[-1.0], [1.0], [5.0], [5.0]])
    found = sorting(train, one_hot("aabb", "ab"), np.array([[1.0]]))
    ratio = [laws.t.pdf(1, 3, mean, np.sqrt(1.5)) for mean in (0, 5)]
    assert np.exp(found.log_probability[0]) == pytest.approx(np.array(ratio) / sum(ratio))
    assert found.distance[0] == pytest.approx(1 / 1.5)


def test_a_batch_of_labellings_is_each_of_them_alone():
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((9, 4)), rng.standard_normal((5, 4))
    labellings = [one_hot(rng.permutation(list("aaabbbccc")), "abc") for _ in range(3)]
    together = sorting(train, np.array(labellings), test)
    for i, labels in enumerate(labellings):
        alone = sorting(train, labels, test)
        np.testing.assert_allclose(together.log_probability[i], alone.log_probability)
        np.testing.assert_allclose(together.distance[i], alone.distance)


def test_a_label_without_a_row_to_learn_from_is_not_given():
    labels = one_hot("aabb", "abc")
    found = sorting(np.array([[0.0], [0.1], [4.0], [4.1]]), labels, np.array([[0.0], [4.0]]))
    assert found.log_probability.argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(found.log_probability[:, 2], -6)


def test_more_features_than_rows_are_no_obstacle():
    rng = np.random.default_rng(1)
    labels = one_hot("ab", "ab")
    found = sorting(rng.standard_normal((2, 30)), labels, rng.standard_normal((1, 30)))
    assert np.isfinite(found.log_probability).all()


def test_its_probabilities_hold_where_the_noise_is_as_expected():
    """Of the rows that are given a probability of about p, a share of about p has the label."""
    rng = np.random.default_rng(2)
    given, right = [], []
    for _ in range(400):
        means = rng.normal(0, 1.0, (2, 3))
        train = np.vstack([means[k] + rng.standard_normal((16, 3)) for k in (0, 1)])
        test = means + rng.standard_normal((2, 3))
        told = np.exp(sorting(train, one_hot("a" * 16 + "b" * 16, "ab"), test).log_probability)
        given += told[:, 0].tolist()
        right += [1.0, 0.0]
    given, right = np.array(given), np.array(right)
    for low, high in ((0.05, 0.35), (0.35, 0.65), (0.65, 0.95)):
        here = (given > low) & (given < high)
        assert right[here].mean() == pytest.approx(given[here].mean(), abs=0.09)


def test_folds_leave_out_each_group_once():
    made = folds([1, 1, 2, 3])
    assert [fold.name for fold in made] == [1, 2, 3]
    assert made[0].test.tolist() == [True, True, False, False]
    for fold in made:
        assert not (fold.train & fold.test).any()
        assert (fold.train | fold.test).all()


def test_an_arm_is_left_out_with_the_replicate_that_it_is_told_in():
    arms, replicates = ["a", "b", "a", "b"], [0, 0, 1, 1]
    made = folds(arms, also=replicates)
    assert len(made) == 4
    first = made[0]
    assert first.name == "a"
    assert first.test.tolist() == [True, False, False, False]
    # Neither the arm in another replicate nor another arm in the replicate is learnt from.
    assert first.train.tolist() == [False, False, False, True]


def test_rows_without_a_group_are_learnt_from_and_never_told():
    made = folds([None, "a", "b"])
    assert [fold.name for fold in made] == ["a", "b"]
    assert all(fold.train[0] and not fold.test[0] for fold in made)
    labels = one_hot("aab", "ab")
    found = held_out([(np.arange(3.0)[:, None], fold) for fold in made], labels)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:]).all()


def test_nothing_of_a_row_that_is_left_out_is_used():
    rng = np.random.default_rng(3)
    labels, groups = one_hot("abababab", "ab"), [0, 0, 1, 1, 2, 2, 3, 3]
    features = rng.standard_normal((8, 3))
    before = held_out([(features, fold) for fold in folds(groups)], labels)
    other = labels.copy()
    other[:2] = other[:2, ::-1]
    after = held_out([(features, fold) for fold in folds(groups)], other)
    np.testing.assert_array_equal(before[:2], after[:2])
    assert not np.array_equal(before[2:], after[2:])


def test_scores_average_the_labels_alike_within_each_cluster():
    told = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.1, 0.9]]))
    labels = one_hot("aaba", "ab")
    found = scored(told, labels, [0, 0, 0, 1])
    # First cluster: both of a are right, the one of b is wrong; second: its one a is wrong.
    assert found.balanced_accuracy == pytest.approx([0.5, 0.0])
    assert found.log_score == pytest.approx([(np.log(0.9 * 0.8) / 2 + np.log(0.4)) / 2, np.log(0.1)])
    assert found.strata.tolist() == [0, 0]
    assert found.weights.tolist() == [1, 1]


def test_where_a_cluster_holds_one_label_whoever_always_says_the_commonest_has_no_more_than_a_guess():
    told = np.log(np.tile([0.8, 0.2], (10, 1)))
    found = scored(told, one_hot("aaaaaabbbb", "ab"), [arm for arm in "vwxyz" for _ in range(2)])
    assert found.balanced_accuracy.tolist() == [1, 1, 1, 0, 0]
    assert found.strata.tolist() == [0, 0, 0, 1, 1]
    interval = share_interval(found.balanced_accuracy, found.strata)
    # Two and a half of five trials, since nothing varies within a label.
    law = laws.beta(2.5, 3.5).ppf(0.025), laws.beta(3.5, 2.5).ppf(0.975)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.5, *law))
    assert (found.weights * found.log_score).mean() == pytest.approx((np.log(0.8) + np.log(0.2)) / 2)


def test_an_interval_of_shares_stays_inside_and_does_not_vanish_where_all_agree():
    one = np.zeros(6, int)
    inside = share_interval(np.array([0.5, 1.0, 1.0, 1.0]), one[:4])
    assert inside.low is not None
    assert inside.high == 1.0
    assert 0 <= inside.low < inside.mean
    whole = share_interval(np.ones(5), one[:5])
    assert (whole.low, whole.high) == (pytest.approx(0.025**0.2), 1.0)
    none = share_interval(np.zeros(5), one[:5])
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025**0.2))
    half = share_interval(np.full(6, 0.5), one)
    # Three of six: 0.118 to 0.882.
    assert (half.low, half.high) == (pytest.approx(0.1181, abs=1e-4), pytest.approx(0.8819, abs=1e-4))
    assert share_interval(np.array([0.7]), one[:1]).low is None
