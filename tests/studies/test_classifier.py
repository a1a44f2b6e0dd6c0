"""The regime is told where the spectra hold it; where only size or loss does, that is what the study says."""

from __future__ import annotations

import numpy as np
import pytest
from planted_footprints import SIGNATURE, Law, records, study_of

from benchshadow.studies.conclusions.classifier import classified
from benchshadow.studies.conclusions.regime_rows import OF_BOTH, OF_LOSS, OF_SIZE, SPECTRA
from benchshadow.studies.conclusions.signature import footprints
from benchshadow.studies.conclusions.signature_sentences import classifier_sentences

REGIMES = ("aligned", "aligned-2", "coverage", "coverage-2")
ARMS = (*REGIMES, "other")
NOISE = 0.02


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_of(tmp_path_factory.mktemp("classifier"), 6, ARMS, SIGNATURE + "permutations = 99\n")


def sides(**law):
    """One law for the arms of one regime, its mirror image for those of the other."""
    mirrored = {key: (2 - value if key != "loss" else -value) for key, value in law.items()}
    return {arm: Law(**law) if arm.startswith("aligned") else Law(**mirrored) for arm in REGIMES}


def told(study, laws, seed=0, noise=NOISE):
    table = records(study, laws, noise=noise, rng=np.random.default_rng(seed))
    return classified(study, study.signature, footprints(study, table))


def result(found, features, left_out="replicate"):
    return next(each for each in found.results if (each.features, each.left_out) == (features, left_out))


def gain(found, over, left_out="replicate"):
    return next(each for each in found.gains if (each.over, each.left_out) == (over, left_out))


def text_of(study, found, code):
    return " ".join(each["text"] for each in classifier_sentences(study, found) if each["code"] == code)


def test_a_signature_in_the_spectra_beyond_the_size_is_found(study):
    found = told(study, sides(rank=0.9))
    for left_out in ("replicate", "arm"):
        assert result(found, SPECTRA, left_out).accuracy.mean == pytest.approx(1)
        for over in (OF_SIZE, OF_LOSS, OF_BOTH):
            assert gain(found, over, left_out).log_score.low > 0
            # Two arms and two fall into line by chance one time in three.
            assert gain(found, over, left_out).adds == (left_out == "replicate")
    assert result(found, SPECTRA, "arm").p.floor == pytest.approx(1 / 3)
    assert "nor can it with so few" in text_of(study, found, "added")
    assert result(found, SPECTRA).p.p == result(found, SPECTRA).p.floor == pytest.approx(0.01)
    assert result(found, OF_SIZE).p.p > 0.05
    assert "The spectra add to the relative change" in text_of(study, found, "added")
    assert "The spectra add to the training loss" in text_of(study, found, "added")


def test_a_signature_of_size_alone_adds_nothing_to_the_size(study):
    """Ranks at equal step follow the size, so the spectra tell the regimes too, but nothing that it does not tell."""
    found = told(study, sides(size=1.2))
    assert result(found, SPECTRA).accuracy.mean > 0.9
    assert result(found, OF_SIZE).accuracy.mean == pytest.approx(1)
    assert not gain(found, OF_SIZE).adds
    assert gain(found, OF_LOSS).adds
    said = text_of(study, found, "added")
    assert "The spectra add nothing to the relative change that can be told" in said
    assert "with the relative change alone every held-out run is told" in said


def test_a_signature_of_the_loss_alone_adds_nothing_to_the_loss(study):
    found = told(study, sides(loss=-0.5))
    assert result(found, OF_LOSS).accuracy.mean == pytest.approx(1)
    assert result(found, SPECTRA).accuracy.mean < 0.9
    assert not gain(found, OF_LOSS).adds
    assert "The spectra add nothing to the training loss that can be told" in text_of(study, found, "added")


def test_without_any_effect_it_is_at_chance_and_its_tests_hold_their_level(tmp_path):
    study = study_of(tmp_path, 6, REGIMES, SIGNATURE + "permutations = 39\n")
    draws, accuracy, rejected, added = 25, [], 0, 0
    for seed in range(draws):
        found = told(study, {}, seed=100 + seed)
        accuracy.append(result(found, SPECTRA).accuracy.mean)
        rejected += result(found, SPECTRA).p.p <= 0.1
        added += gain(found, OF_SIZE).adds or gain(found, OF_LOSS).adds
    assert np.mean(accuracy) == pytest.approx(0.5, abs=3 * np.std(accuracy) / np.sqrt(draws))
    assert rejected / draws < 0.1 + 3 * np.sqrt(0.09 / draws)
    assert added / draws < 0.05 + 3 * np.sqrt(0.05 / draws)


def test_arms_that_each_have_a_mark_of_their_own_are_no_regimes(study):
    """They are told again in another replicate, but not by another arm: leaving out arms shows them to be arbitrary."""
    again, apart, added = [], [], 0
    for seed in range(8):
        marks = np.random.default_rng(seed).uniform(0.8, 1.2, len(REGIMES))
        found = told(study, {arm: Law(rank=mark) for arm, mark in zip(REGIMES, marks, strict=True)}, seed=seed)
        again.append(result(found, SPECTRA).accuracy.mean)
        apart.append(result(found, SPECTRA, "arm").accuracy.mean)
        added += any(gain(found, over, "arm").adds for over in (OF_SIZE, OF_LOSS, OF_BOTH))
    assert np.mean(again) > np.mean(apart) + 0.15
    assert np.mean(apart) < 0.6
    assert added == 0


def test_with_arms_enough_a_regime_is_told_from_arms_that_were_never_seen(tmp_path):
    arms = [f"{regime}-{number}" for regime in ("aligned", "coverage") for number in range(4)]
    named = ", ".join(f"{regime} = {[a for a in arms if a.startswith(regime)]}" for regime in ("aligned", "coverage"))
    study = study_of(tmp_path, 3, tuple(arms), f"[signature]\nregimes = {{ {named} }}\npermutations = 99\n")
    laws = {arm: Law(rank=0.9 if arm.startswith("aligned") else 1.1) for arm in arms}
    found = told(study, laws)
    assert result(found, SPECTRA, "arm").accuracy.mean == pytest.approx(1)
    assert result(found, SPECTRA, "arm").accuracy.n == len(arms)
    assert result(found, SPECTRA, "arm").p.p <= 0.05
    assert gain(found, OF_BOTH, "arm").adds


def test_a_regime_of_many_arms_does_not_outweigh_one_of_few(tmp_path):
    """One of four aligned arms looks like coverage: three quarters of one regime and all of the other are right."""
    arms = ("aligned-1", "aligned-2", "aligned-3", "aligned-4", "coverage-1", "coverage-2")
    named = f"aligned = {list(arms[:4])}, coverage = {list(arms[4:])}"
    study = study_of(tmp_path, 3, arms, f"[signature]\nregimes = {{ {named} }}\npermutations = 99\n")
    laws = {arm: Law(rank=0.9 if arm in arms[:3] else 1.1) for arm in arms}
    found = told(study, laws, noise=0.005)
    one = result(found, SPECTRA, "arm")
    assert one.accuracy.mean == pytest.approx((3 / 4 + 1) / 2)
    assert one.accuracy.n == 6
    for over in (OF_SIZE, OF_LOSS):
        both = result(found, f"{over} and spectra", "arm")
        gained = gain(found, over, "arm")
        alone = result(found, over, "arm")
        assert gained.accuracy.mean == pytest.approx(both.accuracy.mean - alone.accuracy.mean)
        assert gained.log_score.mean == pytest.approx(both.log_score.mean - alone.log_score.mean)


def test_an_arm_that_is_never_told_keeps_its_regime_in_the_test(tmp_path):
    """Three arms of one regime and three of another exchange in 20 ways; the one of a third stands where it is."""
    arms = [f"{regime}-{number}" for regime in ("aligned", "coverage") for number in range(3)]
    named = ", ".join(f"{regime} = {[a for a in arms if a.startswith(regime)]}" for regime in ("aligned", "coverage"))
    more = f"[signature]\nregimes = {{ {named}, lone = ['lone'] }}\npermutations = 99\n"
    found = told(study_of(tmp_path, 3, (*arms, "lone"), more), {})
    test = result(found, SPECTRA, "arm").p
    assert (test.n, test.floor) == (20, pytest.approx(0.1))


def test_an_arm_of_no_regime_is_sorted_but_said_to_be_like_none(study):
    far = told(study, sides(rank=0.9) | {"other": Law(rank=2.0)}, noise=0.01)
    near = told(study, sides(rank=0.9) | {"other": Law(rank=0.9)}, noise=0.01)
    shown = {name: {e.arm: e for e in each.shown if e.features == SPECTRA} for name, each in (("f", far), ("n", near))}
    assert set(shown["f"]) == {"A/A", "other"}
    assert shown["f"]["other"].like_none
    assert shown["f"]["other"].falls == {"aligned": 0, "coverage": 6}
    assert shown["f"]["other"].distance > shown["f"]["other"].members
    assert not shown["n"]["other"].like_none
    assert shown["n"]["other"].falls == {"aligned": 6, "coverage": 0}
    assert "falls to aligned in 6 of 6 replicates" in text_of(study, near, "shown")
    assert "it is like none" in text_of(study, far, "shown")
    assert near.not_shown == {}


def test_an_arm_of_no_regime_that_lacks_a_number_is_named_with_what_it_lacks(study):
    table = records(study, sides(rank=0.9), noise=NOISE, rng=np.random.default_rng(0))
    lost = table.filter(~((table["arm"] == "other") & (table["diagnostic"] == "effective_rank")))
    found = classified(study, study.signature, footprints(study, lost))
    assert "other" not in {each.arm for each in found.shown if each.features == SPECTRA}
    assert "other" in {each.arm for each in found.shown if each.features == OF_SIZE}
    assert set(found.not_shown) == {"other"}
    assert text_of(study, found, "not-shown") == (
        "other is of no declared regime, and where it falls cannot be told from its spectra: no replicate has all that "
        "is looked at; effective_rank at last step is among what is missing."
    )


def test_what_cannot_be_left_out_is_said(study, tmp_path):
    found = told(study, {})
    assert found.refused["base"] == "every replicate has a base of its own: leaving out replicates leaves out bases"
    assert "made after two benchmarks" in found.refused["benchmark"]
    lone = study_of(tmp_path, 3, ("a", "b"), "[signature]\nregimes = { a = ['a'], b = ['b'] }\n")
    found = told(lone, {"a": Law(rank=0.8)})
    assert found.refused["arm"] == "every regime has one arm alone: none is left to learn it from"
    assert "one arm here" in text_of(lone, found, "one-arm")
    assert "descriptive" in text_of(lone, found, "classifier-level")


def test_benchmarks_are_left_out_with_their_arms(tmp_path):
    named = SIGNATURE + "benchmarks = { aligned = 'one', aligned-2 = 'two' }\n"
    study = study_of(tmp_path, 4, ARMS, named)
    found = told(study, sides(rank=0.9))
    one = result(found, SPECTRA, "benchmark")
    assert one.groups == 2
    assert one.accuracy.mean == pytest.approx(1)
    # Only arms made after a benchmark that another arm of their regime is not made after are told.
    assert set(one.confusion) == {"aligned"}
    # With any other regime for either of them, other arms would be told.
    assert (one.p.n, one.p.floor) == (1, 1)
    assert "Only arms of aligned could be left out: whoever always says so" in text_of(study, found, "classifier")


def test_bases_are_left_out_where_several_replicates_share_each(tmp_path):
    study = study_of(tmp_path, 6, ARMS, SIGNATURE + "permutations = 99\n", bases=3)
    found = told(study, sides(rank=0.9))
    assert "base" not in found.refused
    one = result(found, SPECTRA, "base")
    assert (one.groups, one.accuracy.n) == (3, 3)
    assert one.accuracy.mean == pytest.approx(1)


def test_too_few_replicates_are_refused_in_words(tmp_path):
    study = study_of(tmp_path, 2, ARMS)
    found = told(study, sides(rank=0.9))
    assert (found.results, found.gains, found.shown) == ((), (), ())
    assert "3 replicates are needed" in text_of(study, found, "classifier")


def test_a_replicate_that_lost_an_arm_is_left_out_and_a_feature_that_is_missing_is_named(study):
    table = records(study, sides(rank=0.9), noise=NOISE, rng=np.random.default_rng(0))
    lost = table.filter(~((table["arm"] == "aligned") & (table["replicate"] == 2)))
    found = classified(study, study.signature, footprints(study, lost))
    assert result(found, SPECTRA).accuracy.n == 5
    without = table.filter(table["diagnostic"] != "effective_rank")
    found = classified(study, study.signature, footprints(study, without))
    assert "effective_rank at last step: 24 of 24 runs lack it" in found.left_out
    assert not any("effective_rank" in name for name in found.features[SPECTRA])


def test_the_same_records_give_the_same_numbers(study):
    assert told(study, sides(rank=0.95)) == told(study, sides(rank=0.95))
