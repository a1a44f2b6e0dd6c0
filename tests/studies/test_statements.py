"""Sentences say what the labels of their claims say and no more; outcome and footprint are told apart."""

import numpy as np
import polars as pl
import pytest
from planted import plain, records, study_of
from test_claims import FAMILY, shifted

from benchshadow.records import frame
from benchshadow.stats import placed
from benchshadow.studies.conclusions.claims import claims
from benchshadow.studies.conclusions.statements import doses, level, statements
from benchshadow.studies.declaring.measures import measures

RANKS = ("stable_rank", "participation_ratio")
OUTCOMES = ("seen items", "held-out items", "other skills")
ALIGNED = "what the preprint says of benchmark-aligned data."
COVERAGE = "what the preprint says of data that expands coverage."
NONE_TOLD = " None of these arms can be told from a second draw of the control."
TREATED = {"control": 0.0, "A/A": 1.0, "half": 0.5, "aligned": 1.0}


def told(study, value, code, about="aligned") -> str:
    made = claims(study, records(study, value))
    said = statements(study, made, list(doses(study, made, TREATED)))
    (text,) = [each["text"] for each in said if (each["code"], each["about"]) == (code, about)]
    return text


def with_changes(**changes):
    """Aligned differs from the control by these amounts; ranks by these factors."""

    def value(arm, replicate, step, name):
        at = plain(arm, replicate, step, name)
        if arm != "aligned":
            return at
        if name in RANKS:
            return at * changes.get("ranks", 1.0)
        return at + changes.get(name.split("-")[0].split(" ")[0], 0.0)

    return value


@pytest.fixture
def three(tmp_path):
    return study_of(tmp_path, 3)


STORIES = {
    "neither": ({}, "neither outcome nor footprint can be told from a second draw of the control"),
    "outcome alone": (
        {"held": 0.3},
        "the outcome moved but at equal relative change the spectrum cannot be told from a second draw of the control",
    ),
    "spectrum alone": (
        {"ranks": 0.5},
        "at equal relative change the spectrum moved but the outcome cannot be told from a second draw of the control",
    ),
    "aligned data": (
        {"held": 0.3, "other": -0.3, "ranks": 0.5},
        "narrow gained, broad lost, and at equal relative change the footprint is narrower",
    ),
    "coverage": (
        {"held": 0.3, "other": 0.3, "ranks": 2.0},
        "narrow and broad gained, and at equal relative change the footprint is broader",
    ),
    "against both": (
        {"held": 0.3, "other": -0.3, "ranks": 2.0},
        "neither of the two patterns that the preprint describes",
    ),
}


@pytest.mark.parametrize(("changes", "story"), STORIES.values(), ids=STORIES.keys())
def test_outcome_and_footprint_are_put_together(three, changes, story):
    assert story in told(three, with_changes(**changes), "together")


def test_the_patterns_are_named_where_they_are_met_and_only_there(three):
    assert told(three, with_changes(**STORIES["aligned data"][0]), "together").endswith(ALIGNED)
    assert told(three, with_changes(**STORIES["coverage"][0]), "together").endswith(COVERAGE)
    for name in ("neither", "outcome alone", "spectrum alone"):
        assert "preprint" not in told(three, with_changes(**STORIES[name][0]), "together")


def test_a_difference_inside_the_range_is_not_said_to_have_risen(three):
    text = told(three, with_changes(held=0.005), "outcome")
    assert "narrow (+0.005 from 0.410, inside the A/A range) and broad (" in text
    assert text.endswith("cannot be told from no change.")
    assert "rose" not in text
    footprint = told(three, with_changes(ranks=0.999), "footprint")
    assert footprint.count("neither of which can be told from a second draw of the control") == 2


def test_a_difference_outside_the_range_is_said_with_its_label(three):
    text = told(three, with_changes(held=0.3, other=-0.3), "outcome")
    assert "narrow rose (+0.300 from 0.410, outside the A/A range)" in text
    assert "broad fell (-0.300 from 0.410, outside the A/A range)" in text


def test_with_one_base_everything_is_descriptive_and_no_sentence_says_shift(three):
    made = claims(three, records(three, shifted))
    said = statements(three, made, [])
    assert said[-1]["text"] == (
        "Everything here is descriptive: 3 replicates on 1 base; no confirmatory test was declared beforehand."
    )
    assert all("shift" not in each["text"] for each in said)


def test_declared_tests_are_confirmatory_and_nothing_else_is_called_so(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)
    made = claims(study, records(study, shifted))
    said = statements(study, made, [])
    assert level(study)[0] == "confirmatory"
    assert said[-1]["text"] == (
        "The tests of the declared families are confirmatory, everything else is descriptive: 8 replicates on 8 bases."
    )
    assert "narrow rose (+0.235 from 0.435, shift)" in next(e["text"] for e in said if e["id"] == "outcome-aligned")


def alternating(size):
    """Aligned differs from the control by this amount on held-out items, up and down by turns."""

    def value(arm, replicate, step, name):
        change = size if (arm, name) == ("aligned", "held-out items") else 0.0
        return plain(arm, replicate, step, name) + (change if replicate % 2 else -change)

    return value


@pytest.mark.parametrize(("size", "label"), [(0.001, "no shift"), (0.3, "cannot tell")])
def test_no_shift_and_cannot_tell_are_said_to_be_no_movement(tmp_path, size, label):
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)
    text = told(study, alternating(size), "outcome")
    assert f"narrow (+0.000 from 0.435, {label}) and" in text.replace("-0.000", "+0.000")
    assert text.endswith("cannot be told from no change.")


def test_a_shift_below_the_margin_is_a_movement_and_a_small_one(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)
    value = with_changes(held=-0.005)
    assert "narrow fell by less than its margin (-0.005 from 0.435, shift below the margin)" in told(
        study, value, "outcome"
    )
    story = "the outcome in part moved by less than its margin, in part cannot be told from a second draw"
    assert story in told(study, value, "together")
    dose = next(
        row for row in doses(study, claims(study, records(study, value)), TREATED) if row["measure"] == "narrow"
    )
    assert "None of these arms" not in dose["text"]


def test_what_was_not_measured_is_in_no_pattern(three):
    """Without a broad measure nothing says that broad did not gain."""
    value = with_changes(held=0.3, ranks=0.5)
    made = [claim for claim in claims(three, records(three, value)) if claim.measure != "broad"]
    (text,) = [each["text"] for each in statements(three, made, []) if each["id"] == "together-aligned"]
    assert text.startswith(
        "aligned: narrow gained, and at equal relative change the footprint is narrower: neither of the two patterns"
    )


def test_replicates_that_were_lost_are_said_and_make_no_row_of_doses(three):
    data = records(three, shifted)
    made = claims(three, data.filter(~((data["arm"] == "half") & (data["replicate"] == 2))))
    row = list(doses(three, made, TREATED))
    said = {each["code"]: each["text"] for each in statements(three, made, row)}
    whole = sum(claim.arm == "aligned" and claim.at == "last step" and claim.verdict is not None for claim in made)
    counted = f"{whole} of {2 * whole} comparisons at the last step"
    assert said["incomplete"] == f"{counted} rest on fewer than the 3 replicates declared, the fewest 2."
    assert row == []


@pytest.mark.parametrize(
    ("replicates", "often"), [(1, "1 time in 2"), (2, "1 time in 14"), (3, "1 time in 100"), (4, None)]
)
def test_few_replicates_are_said_with_the_chance_of_a_false_alarm(tmp_path, replicates, often):
    study = study_of(tmp_path, replicates)
    said = [each["text"] for each in statements(study, claims(study, records(study, plain)), [])]
    warned = [text for text in said if "an arm without any effect lies outside the A/A range" in text]
    assert len(warned) == (often is not None)
    assert all(f"{often}, and there are {len(measures(study))} measures." in text for text in warned)


@pytest.mark.parametrize(("replicates", "often"), [(1, 1 / 2), (2, 1 / 14), (3, 1 / 100)])
def test_the_chance_of_a_false_alarm_is_what_simulation_gives(replicates, often):
    draws = np.random.default_rng(0).standard_normal((4000, 3, replicates))
    false = np.mean([placed(arm - control, same - control) == "outside" for control, arm, same in draws])
    assert false == pytest.approx(often, abs=0.02)


def rising(*means):
    """Stable ranks along the row control, half, aligned."""
    row = dict(zip(("control", "half", "aligned"), means, strict=True))

    def value(arm, replicate, step, name):
        at = plain(arm, replicate, step, name)
        return at * row.get(arm, means[0]) / 10 if name == "stable_rank" else at

    return value


@pytest.mark.parametrize(
    ("means", "monotone", "sentence"),
    [
        ((10, 8, 6), True, "falls with every dose (10.1, 8.08, 6.06)."),
        ((10, 12, 14), True, "rises with every dose (10.1, 12.1, 14.1)."),
        ((10, 6, 8), False, "is not monotone in the dose (10.1, 6.06, 8.08)."),
        ((10, 6, 6), False, "is not monotone in the dose (10.1, 6.06, 6.06)."),
        ((10, 10, 10), False, f"is the same at every dose (10.1, 10.1, 10.1).{NONE_TOLD}"),
    ],
)
def test_a_row_of_doses_says_whether_it_is_monotone(three, means, monotone, sentence):
    made = claims(three, records(three, rising(*means)))
    row = next(each for each in doses(three, made, TREATED) if each["measure"] == "stable_rank")
    assert row["monotone"] is monotone
    assert row["doses"] == [0.0, 0.5, 1.0]
    assert row["text"] == f"alignment: stable rank {sentence}"


def test_a_row_within_the_range_of_the_second_draw_says_so(three):
    made = claims(three, records(three, rising(10, 9.99, 9.98)))
    row = next(each for each in doses(three, made, TREATED) if each["measure"] == "stable_rank")
    assert row["text"].endswith("None of these arms can be told from a second draw of the control.")


def test_a_row_with_an_arm_that_has_no_value_says_nothing(three):
    made = claims(three, records(three, lambda *at: None if at[0] == "half" else plain(*at)))
    assert list(doses(three, made, TREATED)) == []


def test_sentences_have_names_of_their_own(three):
    made = claims(three, records(three, shifted))
    said = statements(three, made, list(doses(three, made, TREATED)))
    ids = [each["id"] for each in said if each["code"] != "dose"]
    assert len(ids) == len(set(ids))
    assert {each["about"] for each in said} == {"half", "aligned", "alignment", ""}


def test_a_row_of_doses_carries_pages_trend_of_its_paired_differences(three):
    def by_dose(arm, replicate, step, name):
        gain = {"half": 0.1, "aligned": 0.2}.get(arm, 0.0) if name == "held-out items" else 0.0
        return plain(arm, replicate, step, name) + gain

    made = claims(three, records(three, by_dose))
    (row,) = [each for each in doses(three, made, TREATED) if each["measure"] == "narrow"]
    assert row["means"][0] < row["means"][1] < row["means"][2]
    # Three replicates that agree on the order of three doses: 2 of 3!^3 patterns of ranks are as extreme, either way.
    assert row["trend_p"] == pytest.approx(2 / 216)


def test_general_text_that_collapses_is_an_outcome_that_moved(three):
    def narrower(arm, replicate, step, name):
        value = plain(arm, replicate, step, name)
        return value / 2 if arm == "aligned" and name in ("stable_rank", "participation_ratio") else value

    text = {"of": "outcome", "tier": "general", "benchmark": "broad text", "diagnostic": "bits_per_byte"}
    rows = [
        # Bits per byte: more is worse.
        {**text, "arm": arm, "replicate": r, "step": 4, "value": plain(arm, r, 4, "text") + (arm == "aligned")}
        for arm in three.arms
        for r in three.replicates
    ]
    data = pl.concat([records(three, narrower), frame(rows)])
    said = {each["id"]: each["text"] for each in statements(three, claims(three, data), [])}
    assert "broad text fell (-1.000 from" in said["outcome-aligned"]
    lost = "broad text lost, narrow and broad cannot be told from a second draw of the control"
    narrow = "and at equal relative change the footprint is narrower"
    assert f"{lost}, {narrow}: neither of the two patterns" in said["together-aligned"]
