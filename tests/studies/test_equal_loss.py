"""Arms are compared where their broad loss is equal: along the paths, at the first passing, and nowhere beyond them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from planted import study_of as small
from planted_footprints import Law, records, study_of
from small_study import write_study

from benchshadow.errors import InputError
from benchshadow.studies.conclusions.claims import claims
from benchshadow.studies.conclusions.comparing import AT_EQUAL_CHANGE, AT_EQUAL_LOSS
from benchshadow.studies.conclusions.trajectories import POINTS, at_equal_loss, curves, equal_change_in
from benchshadow.studies.declaring.study import read_study

STEPS = (1, 2, 4)


@pytest.fixture
def study(tmp_path):
    return small(tmp_path, 2)


def planted(**paths):
    """(changes, losses) by arm, alike in both replicates."""
    changes, losses = {}, {}
    for arm, (moved, lost) in paths.items():
        for replicate in (0, 1):
            for step, change, loss in zip(STEPS, moved, lost, strict=True):
                changes[arm, replicate, step], losses[arm, replicate, step] = change, loss
    return changes, losses


DOUBLED = (0.1, 0.2, 0.4)
FALLING = {"control": (DOUBLED, (3.0, 2.0, 1.0)), "A/A": (DOUBLED, (3.0, 2.0, 1.0))}


def test_the_level_is_the_common_loss_nearest_to_where_the_control_ended(study):
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (3.5, 2.5, 1.5)))
    # All three had 1.5 to 3.0; the control ended at 1.0. It passes 1.5 half-way, in the logarithm, from .2 to .4.
    found = at_equal_loss(study, "aligned", changes, changes, losses)
    assert found.at_value == 1.5
    assert found.triples == (pytest.approx((0.2 * np.sqrt(2), 0.4, 0.2 * np.sqrt(2))),) * 2
    assert (found.replicates, found.turned, found.paths, found.reason) == ((0, 1), 0, 6, "")


def test_a_measure_is_read_where_its_own_run_passes_the_loss(study):
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (3.5, 2.5, 1.5)))
    ranks = {(arm, r, step): 10 + np.log2(change / 0.1) for (arm, r, step), change in changes.items()}
    found = at_equal_loss(study, "aligned", changes, ranks, losses)
    assert found.triples == (pytest.approx((11.5, 12.0, 11.5)),) * 2


def test_losses_that_never_meet_are_not_comparable_and_say_so(study):
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (3.5, 4.5, 5.5)))
    found = at_equal_loss(study, "aligned", changes, changes, losses)
    assert found.triples == ()
    assert found.reason == "not comparable: the arms never had an equal loss on 'broad text' in 2 of 2 replicates"


def test_one_replicate_without_a_common_loss_makes_the_arm_not_comparable(study):
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (3.5, 2.5, 1.5)))
    for step in STEPS:
        losses["aligned", 1, step] += 10
    found = at_equal_loss(study, "aligned", changes, changes, losses)
    assert found.reason.endswith("in 1 of 2 replicates")


def test_a_replicate_without_a_whole_run_is_left_out(study):
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (3.5, 2.5, 1.5)))
    changes = {place: value for place, value in changes.items() if place[:2] != ("A/A", 0)}
    assert at_equal_loss(study, "aligned", changes, changes, losses).replicates == (1,)
    lone = {place: value for place, value in changes.items() if place[2] == 4}
    assert "two checkpoints or more" in at_equal_loss(study, "aligned", lone, lone, losses).reason


def test_a_path_that_turns_is_read_at_its_first_passing_and_counted(study):
    """The loss first falls to 1.5 on the way from .1 to .2, then rises again: the smallest change that buys it."""
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (2.0, 1.0, 2.0)))
    found = at_equal_loss(study, "aligned", changes, changes, losses)
    assert found.at_value == 1.0
    assert found.triples[0][1] == pytest.approx(0.2)
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (2.0, 0.5, 1.8)))
    found = at_equal_loss(study, "aligned", changes, changes, losses)
    assert found.at_value == 1.0
    assert found.triples[0][1] == pytest.approx(0.1 * 2 ** (1 / 1.5))
    assert (found.turned, found.paths) == (2, 6)


def test_replicates_are_compared_at_losses_of_their_own(study):
    changes, losses = planted(**FALLING, aligned=(DOUBLED, (3.5, 2.5, 1.5)))
    moved = {place: value + 100 * place[1] for place, value in losses.items()}
    found = at_equal_loss(study, "aligned", changes, changes, moved)
    assert found.at_value == 51.5
    assert found.triples[0] == pytest.approx(found.triples[1])


def test_equal_change_is_the_largest_that_all_runs_went_through(study):
    changes, _ = planted(**FALLING, aligned=((0.1, 0.2, 0.3), (0.0,) * 3))
    assert equal_change_in(changes, ("control", "aligned"), 0) == 0.3
    assert equal_change_in(changes, ("control", "A/A"), 0) == 0.4
    assert equal_change_in(changes, ("control", "nobody"), 0) is None


ARMS = ("farther", "narrower")
LAWS = {"farther": Law(size=1.5), "narrower": Law(rank=0.8)}


def planted_claims(study):
    made = claims(study, records(study, LAWS, noise=0.005, rng=np.random.default_rng(1)))
    return {(claim.arm, claim.measure, claim.at): claim for claim in made}


def test_a_difference_that_is_one_of_size_vanishes_at_equal_change(tmp_path):
    study = study_of(tmp_path, 4, ARMS, "")
    found = planted_claims(study)
    for rank in ("stable_rank", "participation_ratio", "effective_rank"):
        for arm, moves in (("farther", False), ("narrower", True)):
            last, equal = (found[arm, rank, at].verdict for at in ("last step", AT_EQUAL_CHANGE))
            assert last is not None
            assert equal is not None
            assert last.place == "outside"
            assert (equal.place == "outside") == moves
    # Losses fall with the step whatever the arm: at equal loss the one that moves farther has a larger rank.
    loss = found["farther", "stable_rank", AT_EQUAL_LOSS]
    assert loss.verdict is not None
    assert loss.verdict.place == "outside"
    assert loss.unit == "dimensions"


def test_the_probe_is_not_compared_with_itself(tmp_path):
    found = planted_claims(study_of(tmp_path, 2, ARMS, ""))
    assert ("farther", "broad text", AT_EQUAL_CHANGE) in found
    assert ("farther", "broad text", AT_EQUAL_LOSS) not in found


def test_curves_hold_every_run_where_it_went_beside_the_null_there(tmp_path):
    study = study_of(tmp_path, 3, ARMS, "")
    table = pl.DataFrame(curves(study, records(study, LAWS, noise=0.01, rng=np.random.default_rng(2))))
    ranks = table.filter(pl.col("diagnostic") == "stable_rank")
    assert set(ranks["of"]) == {"trajectory"}
    assert ranks["parameter"].n_unique() == POINTS
    largest = ranks.group_by("arm").agg(pl.col("parameter").max()).sort("parameter")
    assert largest["arm"][-1] == "farther"
    for (change,), here in ranks.group_by("parameter"):
        told = {(row["arm"], row["replicate"]): row for row in here.iter_rows(named=True)}
        aa = [
            told["A/A", r]["value"] - told["control", r]["value"]
            for r in study.replicates
            if ("A/A", r) in told and ("control", r) in told
        ]
        nulls = set(here["null_aa"])
        assert len(nulls) == 1
        if len(aa) > 1:
            assert nulls.pop() == pytest.approx(np.std(aa, ddof=1))
        # The law: 10 (change / .1)^.3, and noise of one part in a hundred.
        for row in here.filter(pl.col("arm") != "narrower").iter_rows(named=True):
            assert row["value"] == pytest.approx(10 * (change / 0.1) ** 0.3, rel=0.06)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('[trajectory]\nlos = "broad text"\n', r"trajectory\.los: no such key.*did you mean 'loss'"),
        ('[trajectory]\nloss = "broad tex"\n', r"trajectory\.loss: must name one of broad text.*'broad text'\?"),
        ('[trajectory]\nloss = "other skills"\n', r"trajectory\.loss: must name one of broad text"),
        ("[trajectory]\ndirections = 33\n", r"trajectory\.directions.*less than or equal to 32 but is 33"),
    ],
)
def test_a_trajectory_that_breaks_a_rule_is_refused_by_name(tmp_path, more, sentence):
    file = write_study(tmp_path)
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_study(file)
