"""Intruders are found by the definition, certified early, and counted beside what a random change makes."""

import numpy as np
import pytest
from spectra_samples import rotation

from benchshadow.spectra import intruders
from benchshadow.spectra.intruders import intruder_dimensions, random_intruders


class Base:
    """A base whose singular vectors are handed out on demand, and how many were asked for."""

    def __init__(self, matrix):
        self.left, self.values, right = np.linalg.svd(matrix, full_matrices=False)
        self.right, self.asked = right.T, 0

    def vectors(self, side):
        def give(count):
            self.asked = max(self.asked, count)
            return getattr(self, side)[:, :count]

        return give


def top(matrix, side, count=10):
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return (left if side == "left" else right.T)[:, :count]


def by_definition(vectors, base_vectors):
    return tuple(np.abs(base_vectors.T @ vectors).max(axis=0) < 0.5)


def heavy(shape, rng):
    """A base with a spectrum that falls as those of trained weights do."""
    left, values, right = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    return (left * (values * (1 + 9 / np.arange(1, len(values) + 1)))) @ right


SIDES = pytest.mark.parametrize("side", ["left", "right"])


@SIDES
@pytest.mark.parametrize("relative", [0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("shape", [(150, 90), (90, 150), (80, 80), (12, 30)], ids=str)
def test_verdicts_are_those_of_the_definition(shape, relative, side):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal(shape)
    base, vectors = Base(matrix), top(matrix + relative * rng.standard_normal(shape), side)
    found = intruder_dimensions(vectors, base.vectors(side), min(shape))
    assert found.intruding == by_definition(vectors, getattr(base, side))
    assert found.count == sum(found.intruding)
    assert max(found.needed) == base.asked


@SIDES
def test_a_planted_direction_outside_the_base_is_the_one_intruder(side):
    rng = np.random.default_rng(1)
    shape = (300, 200)
    matrix = heavy(shape, rng)
    left, right = (rng.standard_normal(size) for size in shape)
    strong = 1.2 * np.linalg.norm(matrix, 2) * np.outer(left, right) / (np.linalg.norm(left) * np.linalg.norm(right))
    found = intruder_dimensions(top(matrix + strong, side), Base(matrix).vectors(side), 200)
    assert found.intruding[0]
    assert found.count == 1


@SIDES
@pytest.mark.parametrize("factor", [-1.0, 0.5, 7.0])
def test_a_base_that_was_only_scaled_has_none_and_the_first_vectors_tell(factor, side):
    matrix = heavy((200, 150), np.random.default_rng(2))
    base = Base(matrix)
    found = intruder_dimensions(top(factor * matrix, side), base.vectors(side), 150)
    assert found.count == 0
    assert found.needed == (32,) * 10
    assert not found.exhausted


def test_a_residual_below_the_limit_certifies_an_intruder_without_the_rest_of_the_base():
    frame = rotation(400, np.random.default_rng(3))
    mixed = frame[:, :16].sum(axis=1, keepdims=True) / 4
    asked = []

    def give(count):
        asked.append(count)
        return frame[:, :count]

    found = intruder_dimensions(mixed, give, 400)
    assert found.intruding == (True,)
    assert asked == [32]
    deep = frame[:, 30:100].sum(axis=1, keepdims=True) / np.sqrt(70)
    asked.clear()
    assert intruder_dimensions(deep, give, 400).intruding == (True,)
    assert asked == [32, 64, 128]


def test_a_vector_deep_in_the_base_is_found_by_widening():
    frame = rotation(300, np.random.default_rng(4))
    for place, needed in ((5, 32), (40, 64), (299, 300)):
        found = intruder_dimensions(frame[:, place : place + 1], lambda count: frame[:, :count], 300)
        assert found.intruding == (False,)
        assert found.needed == (needed,)


def test_what_lies_outside_the_span_of_the_base_is_no_cosine_with_it():
    frame = rotation(120, np.random.default_rng(5))
    outside = frame[:, 110:111]
    partly = 0.4 * frame[:, 3:4] + np.sqrt(1 - 0.16) * outside
    mostly = 0.6 * frame[:, 3:4] + 0.8 * outside
    vectors = np.hstack([outside, partly, mostly])
    found = intruder_dimensions(vectors, lambda count: frame[:, : min(count, 70)], 70)
    assert found.intruding == (True, True, False)
    assert found.exhausted
    low_rank = intruder_dimensions(vectors, lambda count: frame[:, : min(count, 70)], 120)
    assert low_rank.intruding == (True, True, False)


@pytest.mark.parametrize("kind", ["flat", "heavy"])
@pytest.mark.parametrize("shape", [(120, 80), (80, 120), (100, 100)], ids=str)
def test_a_diagonal_base_gives_the_counts_of_the_base_itself(shape, kind):
    rng = np.random.default_rng(6)
    matrix = rng.standard_normal(shape) if kind == "flat" else heavy(shape, rng)
    base = Base(matrix)
    for relative in (0.2, 0.4, 1.0):
        norm = float(relative * np.linalg.norm(matrix))
        counts = []
        for _ in range(40):
            change = rng.standard_normal(shape)
            changed = matrix + change * norm / np.linalg.norm(change)
            counts.append([sum(by_definition(top(changed, side), getattr(base, side))) for side in ("left", "right")])
        found = random_intruders(base.values, shape, norm, rng=rng, draws=40)
        slack = 4 * np.std(counts, axis=0) / np.sqrt(20) + 0.15
        assert np.all(np.abs(np.array([found.left, found.right]) - np.mean(counts, axis=0)) < slack)


@pytest.mark.parametrize("shape", [(600, 400), (400, 600)], ids=str)
def test_a_random_change_of_three_tenths_makes_a_few_intruders_in_a_flat_base(shape):
    rng = np.random.default_rng(7)
    values = np.linalg.svd(rng.standard_normal(shape), compute_uv=False)
    found = random_intruders(values, shape, float(0.3 * np.linalg.norm(values)), rng=rng)
    assert 0.5 <= found.left <= 4
    assert 0.5 <= found.right <= 4


def test_lanczos_vectors_give_the_counts_of_a_full_decomposition(monkeypatch):
    rng = np.random.default_rng(8)
    shape = (300, 260)
    values = np.linalg.svd(rng.standard_normal(shape), compute_uv=False)
    norm = float(0.35 * np.linalg.norm(values))
    full = random_intruders(values, shape, norm, rng=np.random.default_rng(9))
    monkeypatch.setattr(intruders, "_DENSE", 0)
    lanczos = random_intruders(values, shape, norm, rng=np.random.default_rng(9))
    # Draws after the first differ by the numbers that start the search.
    assert lanczos.draws == full.draws == 4
    first = [random_intruders(values, shape, norm, rng=np.random.default_rng(9), draws=1)]
    monkeypatch.setattr(intruders, "_DENSE", 512)
    first.append(random_intruders(values, shape, norm, rng=np.random.default_rng(9), draws=1))
    assert first[0] == first[1]
    assert first[0].left > 0


def test_where_the_gaps_are_wide_no_draw_is_needed_and_none_would_show_one():
    rng = np.random.default_rng(10)
    values = np.concatenate([np.arange(30, 18, -1.0), np.full(48, 1.0)])
    found = random_intruders(values, (60, 60), 0.6, rng=rng)
    assert (found.left, found.right, found.draws) == (0, 0, 0)
    drawn = [intruders._drawn(values, (60, 60), 0.6 / 60, 10, 0.5, rng) for _ in range(50)]
    assert np.sum(drawn) == 0
    assert random_intruders(values, (60, 60), 60.0, rng=rng).draws == 4


def test_a_base_of_zeros_or_of_low_rank_makes_every_strong_direction_an_intruder():
    rng = np.random.default_rng(11)
    found = random_intruders(np.zeros(40), (50, 40), 1.0, rng=rng)
    assert (found.left, found.right) == (10, 10)
    low = random_intruders(np.r_[100.0, 90.0, np.zeros(38)], (50, 40), 1.0, rng=rng)
    assert (low.left, low.right) == (8, 8)
