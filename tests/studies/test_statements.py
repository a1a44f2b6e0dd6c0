"""Sentences say what the labels of their claims say and no more; outcome and footprint are told apart."""

import pytest
from planted import plain, records, study_of
from test_claims import FAMILY, shifted

from benchshadow.studies.claims import claims
from benchshadow.studies.statements import doses, level, statements

RANKS = ("stable_rank", "participation_ratio")
OUTCOMES = ("seen items", "held-out items", "other skills")
ALIGNED = "what the preprint says of benchmark-aligned data."
COVERAGE = "what the preprint says of data that expands coverage."
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
    "neither": ({}, "neither outcome nor footprint left the range of a second draw of the control"),
    "outcome alone": ({"held": 0.3}, "the outcome moved but the spectrum did not"),
    "spectrum alone": ({"ranks": 0.5}, "the spectrum moved but the outcome did not"),
    "aligned data": (
        {"held": 0.3, "other": -0.3, "ranks": 0.5},
        "narrow gained, broad lost, and the footprint is narrower",
    ),
    "coverage": (
        {"held": 0.3, "other": 0.3, "ranks": 2.0},
        "narrow gained, broad gained, and the footprint is broader",
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
    assert "narrow cannot be told from no change (+0.005 from 0.410, inside the A/A range)" in text
    assert "rose" not in text
    footprint = told(three, with_changes(ranks=0.999), "footprint")
    assert footprint.count("not told from a second draw of the control") == 4


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


def test_no_shift_and_cannot_tell_are_said_to_be_no_movement(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)
    text = told(study, with_changes(held=0.0005), "outcome")
    assert "narrow cannot be told from no change" in text


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
