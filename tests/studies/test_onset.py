"""Along rising levels it is said how far equivalence is shown and where a shift begins, and never more than that."""

import numpy as np
import pytest
from planted import plain, records, study_of

from benchshadow.errors import InputError
from benchshadow.studies.conclusions.claims import claims
from benchshadow.studies.conclusions.onset import check_onsets, onset_rows, onset_statements, reach
from benchshadow.studies.declaring.onset_settings import Onset

LEVELS = (1.0, 2.0, 4.0, 16.0, 64.0)
SAME, SMALL, SHIFT, UNTOLD = "no shift", "shift below the margin", "shift", "cannot tell"
INSIDE, PARTLY, OUTSIDE = (f"descriptive: {place} the A/A range" for place in ("inside", "partly outside", "outside"))


@pytest.mark.parametrize(
    ("labels", "holds_to", "shifts_from", "shifted", "untold", "again"),
    [
        ((SAME, SAME, SMALL, UNTOLD, SHIFT), 4, 64, (64,), (16,), ()),
        ((SAME, SAME, SAME, SAME, SAME), 64, None, (), (), ()),
        ((SHIFT, SHIFT, SHIFT, SHIFT, SHIFT), None, 1, LEVELS, (), ()),
        ((UNTOLD, SAME, SAME, SHIFT, SHIFT), None, 16, (16, 64), (1,), ()),
        ((SAME, SHIFT, SAME, UNTOLD, SHIFT), 1, 2, (2, 64), (16,), (4,)),
        ((SAME, SAME, None, None, None), 2, None, (), (4, 16, 64), ()),
        ((INSIDE, INSIDE, PARTLY, OUTSIDE, OUTSIDE), 2, 16, (16, 64), (4,), ()),
        ((SAME, SAME, INSIDE, SHIFT, OUTSIDE), 2, 16, (16,), (4, 64), ()),
    ],
)
def test_a_row_of_verdicts_is_read_from_the_lowest_level_up(labels, holds_to, shifts_from, shifted, untold, again):
    found = reach(LEVELS, labels)
    assert (found.holds_to, found.shifts_from, found.shifted, found.untold, found.again) == (
        holds_to, shifts_from, shifted, untold, again,
    )  # fmt: skip
    assert found.descriptive == (SAME not in labels and INSIDE in labels)


def said(labels, margin=0.02) -> str:
    row = Onset(arms=tuple("abcde"), levels=LEVELS, measures=("narrow",), level="r")
    given = {(arm, "narrow", "last step"): label for arm, label in zip(row.arms, labels, strict=True) if label}
    (found,) = onset_rows({"repetition": row}, given, {"narrow": margin} if margin else {})
    return found["text"]


def test_the_sentence_says_what_the_verdicts_say():
    text = said((SAME, SAME, SMALL, UNTOLD, SHIFT))
    assert text == (
        "repetition: narrow is equivalent to the control within 0.02 for r up to 4, is shifted at r 64, "
        "cannot be told at r 16."
    )
    text = said((SAME,) * 5)
    assert text == "repetition: narrow is equivalent to the control within 0.02 at every r up to 64."
    text = said((SHIFT,) * 5)
    assert text.startswith(
        "repetition: narrow is not shown to be equivalent to the control within 0.02 even at r 1, is shifted at"
    )
    assert said((SAME, SHIFT, SAME, UNTOLD, SHIFT)).endswith("again at 4, it has no single onset.")
    assert said((INSIDE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE), margin=None) == (
        "repetition: narrow is inside the A/A range for r up to 1, is outside it at r 2, 4, 16 and 64. "
        "No equivalence was tested: this is descriptive."
    )
    assert said((OUTSIDE, OUTSIDE, INSIDE, OUTSIDE, OUTSIDE), margin=None).startswith(
        "repetition: narrow is outside the A/A range at r 1, 2, 16 and 64; being inside the A/A range again at 4, "
    )


ARMS = {"r2": (0.0, 0.008), "r4": (0.002, 0.008), "r16": (0.012, 0.04), "r64": (0.3, 0.008)}
"""Mean and spread over replicates of what is planted."""
MORE = "".join(f'[arms.{arm}]\nsource = "benchmark"\ndose = 1.0\n' for arm in ARMS) + (
    '[margins.narrow]\nvalue = 0.02\nunit = "share"\nbecause = "two points are not worth a word"\npilot_effect = 0.3\n'
    '[[families]]\nname = "same"\ntests = [\n'
    + "".join(f'{{arm = "{arm}", measure = "narrow", kind = "{kind}"}},\n' for arm in ARMS for kind in ("equivalence",))
    + ']\n[[families]]\nname = "far"\ntests = [{arm = "r64", measure = "narrow"}]\n'
    '[onsets.repetition]\narms = ["r2", "r4", "r16", "r64"]\nlevels = [2, 4, 16, 64]\nmeasures = ["narrow"]\n'
)


def test_a_planted_onset_is_found_from_records(tmp_path):
    """Twelve replicates: no shift, a tenth of the margin, half of it under much noise, and fifteen times it."""
    study = study_of(tmp_path, 12, bases=True, more=MORE)
    noise = {arm: np.random.default_rng(5).normal(mean, spread, 12) for arm, (mean, spread) in ARMS.items()}

    def value(arm, replicate, step, name):
        if arm in ARMS and name == "held-out items":
            return plain("control", replicate, step, name) + noise[arm][replicate]
        return plain(arm, replicate, step, name)

    made = claims(study, records(study, value))
    labels = {(each.arm, each.measure, each.at): each.verdict.label for each in made if each.verdict}
    (row,) = onset_rows(study.onsets, labels, {"narrow": 0.02})
    assert row["labels"] == [SAME, SAME, UNTOLD, SHIFT]
    assert row["holds_to"] == 4
    assert row["shifts_from"] == 64
    assert row["untold"] == [16]
    (statement,) = onset_statements([row])
    assert statement["code"] == "onset"
    assert statement["text"] == row["text"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('arms = ["half", "aligned"]\nlevels = [1]\nmeasures = ["narrow"]', "levels must be one for each of 2 arms"),
        (
            'arms = ["half", "aligned"]\nlevels = [2, 1]\nmeasures = ["narrow"]',
            r"levels must rise but are \[2.0, 1.0\]",
        ),
        ('arms = ["hlf", "aligned"]\nlevels = [1, 2]\nmeasures = ["narrow"]', "did you mean 'half'"),
        ('arms = ["half", "aligned"]\nlevels = [1, 2]\nmeasure = ["narrow"]', "no such key.*did you mean 'measures'"),
    ],
)
def test_a_wrong_row_is_named(more, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        study_of(tmp_path, 2, more=f"\n[onsets.dose]\n{more}\n")


def test_a_row_of_an_unknown_measure_is_named():
    row = Onset(arms=("a", "b"), levels=(1, 2), measures=("narow",))
    with pytest.raises(InputError, match=r"onsets\.dose\.measures: must name one of narrow, broad but names 'narow'"):
        check_onsets({"dose": row}, ["narrow", "broad"])
