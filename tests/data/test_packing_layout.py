"""Pieces stand end to end in exactly the budget, move with their sequences, and join again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.data.packing import lay, placed, shuffled


def expanded(pieces):
    """(document, copy, place in it) of every token, by a loop."""
    return [
        (int(pieces.document[i]), int(pieces.copy[i]), int(pieces.offset[i]) + j)
        for i in range(len(pieces))
        for j in range(int(pieces.tokens[i]))
    ]


def drawn(seed, count=30):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 25, size=count)
    return rng.integers(0, count, size=3 * count), lengths.astype(np.int64), rng


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), sequences=st.integers(1, 30), length=st.integers(1, 12))
def test_documents_are_laid_end_to_end_and_cut_at_the_budget(seed, sequences, length):
    order, lengths, _ = drawn(seed)
    wanted = sequences * length
    plain = [(int(d), c, j) for c, d in enumerate(order) for j in range(int(lengths[d]))]
    if len(plain) < wanted:
        with pytest.raises(ValueError, match=f"{wanted} tokens are wanted, {len(plain)} are there"):
            lay(order, lengths, sequences=sequences, length=length)
        return
    pieces = lay(order, lengths, sequences=sequences, length=length)
    assert expanded(pieces) == plain[:wanted]
    assert (np.bincount(pieces.sequence, pieces.tokens) == length).all()
    assert (pieces.starts // length == (pieces.starts + pieces.tokens - 1) // length).all()
    assert expanded(pieces.joined()) == plain[:wanted]
    assert len(pieces.joined()) == plain[wanted - 1][1] + 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), sequences=st.integers(1, 30), length=st.integers(1, 8))
def test_shuffling_moves_whole_sequences(seed, sequences, length):
    order, lengths, rng = drawn(seed)
    before = lay(order, lengths, sequences=sequences, length=length)
    after = shuffled(before, sequences, rng)
    rows = [expanded(each)[i * length : (i + 1) * length] for each in (before, after) for i in range(sequences)]
    assert sorted(rows[:sequences]) == sorted(rows[sequences:])
    assert expanded(after.joined()) == expanded(after)


def test_a_shuffle_of_many_sequences_changes_their_order_and_is_its_seeds():
    order, lengths, _ = drawn(0)
    before = lay(order, lengths, sequences=30, length=8)
    one, two, other = (expanded(shuffled(before, 30, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert one == two
    assert one not in (other, expanded(before))


def test_placed_sequences_replace_those_at_their_positions_and_no_others():
    order, lengths, _ = drawn(4)
    control = lay(order, lengths, sequences=20, length=7)
    treatment = lay(order[::-1], lengths, sequences=4, length=7)
    positions = np.array([0, 3, 4, 19])
    arm = expanded(placed(control, treatment, positions))
    was, new = expanded(control), expanded(treatment)
    above = max(copy for _, copy, _ in was) + 1
    for sequence in range(20):
        found = arm[sequence * 7 : sequence * 7 + 7]
        if sequence in positions:
            index = positions.tolist().index(sequence)
            assert found == [(d, c + above, j) for d, c, j in new[index * 7 : index * 7 + 7]]
        else:
            assert found == was[sequence * 7 : sequence * 7 + 7]


def test_no_sequences_are_no_pieces():
    order, lengths, _ = drawn(4)
    control = lay(order, lengths, sequences=5, length=7)
    nothing = lay(order, lengths, sequences=0, length=7)
    assert len(nothing) == len(nothing.joined()) == 0
    assert expanded(placed(control, nothing, np.empty(0, np.int64))) == expanded(control)
