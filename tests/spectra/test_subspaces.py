"""Angles and overlaps agree with SciPy and with drawn directions, and do not move with signs or rotations."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from spectra_samples import planted, rotation

from benchshadow.errors import InputError
from benchshadow.spectra.subspaces import (
    change_overlap,
    principal_angles,
    principal_overlap,
    random_angles,
    subspace_overlap,
)


def basis(size, count, rng):
    return np.linalg.qr(rng.standard_normal((size, count)))[0]


def top(matrix, count):
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return values[:count], left[:, :count], right[:count].T


@pytest.mark.parametrize(("size", "first", "second"), [(40, 5, 5), (40, 3, 8), (40, 8, 3), (6, 4, 5), (3, 1, 1)])
def test_angles_are_scipys_smallest_first(size, first, second):
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((size, first)), rng.standard_normal((size, second))
    np.testing.assert_allclose(principal_angles(one, other), subspace_angles(one, other)[::-1], atol=1e-12)


@pytest.mark.parametrize("angle", [1e-12, 1e-8, 1e-3, 0.7, np.pi / 2 - 1e-9, np.pi / 2])
def test_a_planted_angle_comes_back_however_small(angle):
    rng = np.random.default_rng(1)
    frame = rotation(50, rng)
    one = frame[:, :4]
    other = one.copy()
    other[:, 3] = np.cos(angle) * frame[:, 3] + np.sin(angle) * frame[:, 10]
    found = principal_angles(one @ rotation(4, rng), other @ rotation(4, rng))
    assert found[3] == pytest.approx(angle, rel=1e-3, abs=1e-15)
    assert np.all(found[:3] < 1e-14)


def test_nothing_moves_with_another_basis_of_the_same_subspaces():
    rng = np.random.default_rng(2)
    one, other = rng.standard_normal((30, 4)), rng.standard_normal((30, 6))
    turned = one @ rng.standard_normal((4, 4)), other @ rng.standard_normal((6, 6))
    np.testing.assert_allclose(principal_angles(*turned), principal_angles(one, other), atol=1e-10)
    assert subspace_overlap(*turned).value == pytest.approx(subspace_overlap(one, other).value, abs=1e-12)


def test_overlap_is_the_mean_squared_cosine_and_one_inside_a_larger_subspace():
    rng = np.random.default_rng(3)
    one, other = basis(30, 4, rng), basis(30, 6, rng)
    found = subspace_overlap(one, other)
    assert found.value == pytest.approx(np.mean(np.cos(subspace_angles(one, other)) ** 2))
    assert subspace_overlap(other[:, :3], other).value == pytest.approx(1)
    assert subspace_overlap(other[:, :3], other[:, 3:]).value == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize(("size", "first", "second"), [(20, 3, 3), (20, 3, 8), (5, 2, 4), (12, 12, 3), (2, 1, 1)])
def test_the_law_of_random_subspaces_is_that_of_drawn_ones(size, first, second):
    rng = np.random.default_rng(4)
    one = basis(size, first, rng)
    drawn = [basis(size, second, rng) for _ in range(4000)]
    overlaps = [subspace_overlap(one, other) for other in drawn]
    values = np.array([each.value for each in overlaps])
    assert values.mean() == pytest.approx(overlaps[0].expected, abs=4 * values.std() / 60 + 1e-12)
    assert values.std() == pytest.approx(overlaps[0].deviation, rel=0.06, abs=1e-9)
    angles = np.array([principal_angles(one, other) for other in drawn[:1000]])
    slack = 4 * angles.std(axis=0) * np.sqrt(1 / 400 + 1 / 1000) + 1e-7
    assert np.all(np.abs(random_angles(size, first, second) - angles.mean(axis=0)) < slack)


def test_random_angles_of_a_large_space_cost_no_large_matrix_and_hold_near_their_law():
    angles = random_angles(10**6, 8, 8)
    assert np.all(np.diff(angles) > 0)
    assert np.mean(np.cos(angles) ** 2) == pytest.approx(8 / 10**6, rel=0.2)
    assert random_angles(10**6, 8, 8) is angles


def test_the_projected_share_of_a_planted_change_is_known_and_of_a_random_one_as_expected():
    rng = np.random.default_rng(5)
    shape = (40, 25)
    left, right = basis(40, 5, rng), basis(25, 5, rng)
    inside = left @ rng.standard_normal((5, 5)) @ right.T
    outside = planted([3.0], shape, rng)
    outside -= left @ left.T @ outside
    inside *= 0.6 / np.linalg.norm(inside)
    outside *= 0.8 / np.linalg.norm(outside)
    change = inside + outside
    found = principal_overlap(left.T @ change @ right, float(np.linalg.norm(change)), shape)
    assert found.value == pytest.approx(0.36)
    drawn = rng.standard_normal((3000, *shape))
    shares = np.linalg.norm(left.T @ drawn @ right, axis=(1, 2)) ** 2 / np.linalg.norm(drawn, axis=(1, 2)) ** 2
    assert shares.mean() == pytest.approx(found.expected, rel=0.02)
    assert shares.std() == pytest.approx(found.deviation, rel=0.05)
    assert found.expected == pytest.approx(25 / 1000)
    assert principal_overlap(np.zeros((5, 5)), 0.0, shape) is None


def test_overlaps_of_two_changes_are_their_dense_definitions():
    rng = np.random.default_rng(6)
    one, other = planted([5, 3, 1], (30, 20), rng), planted([4, 2], (30, 20), rng)
    other = other + 0.3 * one
    found = change_overlap(top(one, 3), top(other, 5))

    def cosine(a, b):
        return np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b))

    assert found.cosine.value == pytest.approx(cosine(one, other))
    assert found.left_energy.value == pytest.approx(cosine(one @ one.T, other @ other.T))
    assert found.right_energy.value == pytest.approx(cosine(one.T @ one, other.T @ other))
    assert found.left.value == pytest.approx(np.mean(np.cos(subspace_angles(top(one, 3)[1], top(other, 5)[1])) ** 2))


def test_a_change_agrees_with_itself_and_is_opposed_to_its_reverse():
    rng = np.random.default_rng(7)
    change = planted([5, 3, 1], (30, 20), rng)
    same = change_overlap(top(change, 3), top(change, 3))
    reverse = change_overlap(top(change, 3), top(-change, 3))
    for name in ("left", "right", "left_energy", "right_energy", "cosine"):
        assert getattr(same, name).value == pytest.approx(1)
        assert getattr(reverse, name).value == pytest.approx(-1 if name == "cosine" else 1)


def test_no_number_moves_with_signs_or_inside_a_group_of_equal_singular_values():
    rng = np.random.default_rng(8)
    first, second = top(planted([3, 3, 3, 1], (30, 20), rng), 4), top(planted([2, 1], (30, 20), rng), 2)
    before = change_overlap(first, second)
    turn = np.eye(4)
    turn[:3, :3] = rotation(3, rng)
    turn[3, 3] = -1
    after = change_overlap((np.array([3.0, 3, 3, 1]), first[1] @ turn, first[2] @ turn), second)
    for name in ("left", "right", "left_energy", "right_energy", "cosine"):
        assert getattr(after, name).value == pytest.approx(getattr(before, name).value, abs=1e-9)


def test_the_baseline_of_two_changes_is_that_of_drawn_rotations():
    rng = np.random.default_rng(9)
    m, n = 18, 12
    s, t = np.array([5.0, 3, 1]), np.array([4.0, 2])
    fixed = s, basis(m, 3, rng), basis(n, 3, rng)
    found = [change_overlap(fixed, (t, basis(m, 2, rng), basis(n, 2, rng))) for _ in range(3000)]
    for name in ("left", "right", "left_energy", "right_energy", "cosine"):
        values = np.array([getattr(each, name).value for each in found])
        law = getattr(found[0], name)
        assert values.mean() == pytest.approx(law.expected, abs=4 * values.std() / np.sqrt(3000)), name
        assert values.std() == pytest.approx(law.deviation, rel=0.06), name


def test_what_has_no_direction_or_too_many_is_refused():
    rng = np.random.default_rng(10)
    empty = np.zeros(2), basis(9, 2, rng), basis(7, 2, rng)
    with pytest.raises(InputError, match="needs a singular value above zero on both sides"):
        change_overlap(empty, empty)
    with pytest.raises(InputError, match="must have between 1 and 3 columns in 3 dimensions but has 4"):
        principal_angles(np.ones((3, 4)), np.ones((3, 1)))
