"""What a study declares is refused before it runs where it could not be tested or would not be believed."""

import numpy as np
import pytest
from planted import plain, records, study_of

from benchshadow.errors import InputError
from benchshadow.stats import holm, sign_flip, tost
from benchshadow.studies.conclusions.claim_rows import claim_rows
from benchshadow.studies.conclusions.claims import AT_END, AT_EQUAL_CHANGE, claims
from benchshadow.studies.conclusions.statements import statements
from benchshadow.studies.declaring.family_rules import check_families
from benchshadow.studies.declaring.measures import measures
from benchshadow.studies.running.runs import plan_runs

MARGIN = '[margins.narrow]\nvalue = 0.02\nunit = "share"\nbecause = "two items in a hundred are noise to any user"\n'
PILOT = "pilot_effect = 0.2\n"


def family(*tests, more=""):
    lines = "".join(f"[[families.tests]]\n{test}\n" for test in tests)
    return f'\n[[families]]\nname = "main"\n{more}\n{lines}'


def told(arm="aligned", measure="narrow", **more):
    return "\n".join(f'{key} = "{value}"' for key, value in {"arm": arm, "measure": measure, **more}.items())


def check(folder, replicates, *changed, more, bases=True):
    study = study_of(folder, replicates, *changed, bases=bases, more=more)
    check_families(study, measures(study))
    return study


def number(bases):
    return '[base]\nsource = "broad"', f'[base]\nsource = "broad"\nnumber = {bases}'


REFUSED = {
    "an equivalence without a margin": (
        family(told(kind="equivalence")),
        r"families\.main: an equivalence test needs a margin but 'narrow' has none; add \[margins\.narrow\]",
    ),
    "an equivalence with a bare margin": (
        "[margins]\nnarrow = 0.02\n" + family(told(kind="equivalence")),
        r"families\.main: .* but 'narrow' has one without unit and reason",
    ),
    "an equivalence that no pilot holds to its bounds": (
        MARGIN + family(told(kind="equivalence")),
        r"margins\.narrow: must say pilot_effect, which hold it to its bounds, where equivalence is tested; take them",
    ),
    "an equivalence of ranks beside no control": (
        '[margins.stable_rank]\nvalue = 100.0\nunit = "dimensions"\nbecause = "x"\n'
        + family(told(measure="stable_rank", kind="equivalence")),
        r"margins\.stable_rank: must say pilot_effect and control",
    ),
    "a margin with half a reason": (
        '[margins.narrow]\nvalue = 0.02\nunit = "share"\n',
        r"margins\.narrow: must say its unit and, in `because`, why",
    ),
    "a margin in another unit": (
        MARGIN.replace('"share"', '"points"'),
        r"margins\.narrow: must be in the measure's unit 'share' but is in 'points'",
    ),
    "a margin above two points": (MARGIN.replace("0.02", "0.03"), r"must be at most two points but is 0\.03"),
    "a margin above 5% of the control": (
        MARGIN.replace("0.02", "0.03") + "control = 0.5\n",
        r"must be at most two points or 5% of the control's 0\.5 but is 0\.03",
    ),
    "a rank's margin above 5% of the control": (
        '[margins.stable_rank]\nvalue = 2.0\nunit = "dimensions"\nbecause = "x"\ncontrol = 20.0\n',
        r"margins\.stable_rank: must be at most 5% of the control's 20 but is 2",
    ),
    "a margin above a third of the pilot's effect": (
        MARGIN + "pilot_effect = -0.03\n",
        r"must be at most a third of the pilot's effect, 0\.01, but is 0\.02",
    ),
    "the control against itself": (family(told(arm="control")), r"must name one of aligned, half but names 'control'"),
    "the size of the change at equal change": (
        family(told(measure="relative_change", at="equal relative change")),
        r"relative_change cannot be compared at equal relative change",
    ),
    "the probe at equal loss": (
        family(told(measure="broad text", at="equal loss")),
        r"'broad text' at equal loss needs a text of tier general that it is not itself",
    ),
    "two families of one name": (family(told()) + family(told(arm="half")), r"families: must have distinct names"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_not_be_believed_is_refused(tmp_path, more, sentence):
    with pytest.raises(InputError, match=sentence):
        check(tmp_path, 8, more=more)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        (family(told(knd="equivalence")), "families.0.tests.0.knd: no such key (and 1 more); did you mean 'kind'?"),
        (MARGIN.replace("because", "becuase"), "margins.narrow.becuase: no such key; did you mean 'because'?"),
        ("[margins]\nnarrow = -0.1\n", "margins.narrow.value: input should be greater than 0"),
        (family(told(at="the end")), "families.0.tests.0.at: "),
        (family(told(claim="C9")), "families.0.tests.0.claim: "),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path, more, key):
    with pytest.raises(InputError) as refused:
        study_of(tmp_path, 8, bases=True, more=more)
    assert key in str(refused.value)


def test_a_justified_margin_carries_an_equivalence(tmp_path):
    study = check(tmp_path, 8, more=MARGIN + "pilot_effect = 0.2\n" + family(told(kind="equivalence")))
    assert study.margins["narrow"].value == 0.02


def test_the_floor_binds_tests_of_difference_and_not_equivalence(tmp_path):
    """Seven claims: 7 * 2 / 2^7 is above .05, so that tests of difference need eight replicates, TOST does not."""
    names = ("narrow", "seen items", "broad", "gap", "memorisation", "held-out items", "other skills")
    margins = "".join((MARGIN + PILOT).replace("narrow", f'"{name}"') for name in names)
    tests = [told(measure=name, kind="equivalence") for name in names]
    check(tmp_path, 7, more=margins + family(*tests))
    mixed = [told(measure=names[0]), *tests[1:]]
    with pytest.raises(InputError, match=r"7 tests reach 0\.05 under Holm with 9 replicates or more, but there are 7"):
        check(tmp_path, 7, more=margins + family(*mixed))
    with pytest.raises(InputError, match=r"the smallest p of 7 is 0\.016; add replicates or leave out tests"):
        check(tmp_path, 7, more=margins + family(*mixed))


def test_two_sides_of_one_claim_count_once(tmp_path):
    check(tmp_path, 6, more=MARGIN + PILOT + family(told(), told(kind="equivalence")))
    with pytest.raises(InputError, match=r"2 tests reach 0\.05 under Holm with 7 replicates"):
        check(tmp_path, 6, more=family(told(), told(arm="half")))


def test_confirmatory_tests_of_any_kind_need_six_replicates_and_three_bases(tmp_path):
    equivalence = MARGIN + PILOT + family(told(kind="equivalence"))
    with pytest.raises(InputError, match=r"confirmatory tests need 6 replicates but there are 5"):
        check(tmp_path, 5, more=equivalence)
    with pytest.raises(InputError, match=r"confirmatory tests need 3 bases but the study has 2"):
        check(tmp_path, 6, number(2), more=equivalence, bases=False)
    check(tmp_path, 6, number(3), more=equivalence, bases=False)


def test_where_replicates_share_bases_the_bases_carry_the_tests(tmp_path):
    with pytest.raises(InputError, match=r"1 test reaches 0\.05 under Holm with 6 bases or more, but there are 3"):
        check(tmp_path, 9, number(3), more=family(told()), bases=False)
    study = check(tmp_path, 12, number(6), more=family(told()), bases=False)
    assert (study.bases, study.units) == (6, 6)
    assert [study.base_of(replicate) for replicate in study.replicates] == [0, 1, 2, 3, 4, 5] * 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (number(3), "replicates must be a multiple of the 3 bases but are 8"),
        (number("2\nper_replicate = true"), "base.number and base.per_replicate must not stand together"),
    ],
)
def test_bases_that_cannot_be_dealt_out_are_refused(tmp_path, changed, sentence):
    with pytest.raises(InputError, match=sentence):
        study_of(tmp_path, 8, changed)


def varied(arm, replicate, step, name):
    """Aligned gains .3 and a bit on held-out items, half gains nothing to speak of; all of them vary."""
    rng = np.random.default_rng([ord(letter) for letter in f"{arm}{name}"] + [replicate])
    gain = 0.3 if (arm, name) == ("aligned", "held-out items") else 0.0
    return plain("control", replicate, step, name) + gain + (arm != "control") * 0.004 * rng.standard_normal()


def test_a_mixed_family_is_corrected_as_one(tmp_path):
    tests = family(told(claim="C1"), told(arm="half", kind="equivalence", claim="C6"))
    study = check(tmp_path, 8, more=MARGIN + PILOT + tests)
    made = {(c.arm, c.measure, c.at): c for c in claims(study, records(study, varied))}
    aligned, half = (made[arm, "narrow", AT_END] for arm in ("aligned", "half"))
    assert aligned.verdict is not None
    assert half.verdict is not None
    assert (aligned.verdict.label, half.verdict.label) == ("shift", "no shift")
    assert (aligned.says, half.says) == ("C1", "C6")
    # Sorted: half's equivalence x 2, then aligned's difference x 2, for each claim has its other side left.
    p = [tost(np.array(half.differences), 0.02), sign_flip(np.array(aligned.differences)).p]
    assert p[0] < p[1]
    assert (half.verdict.p_equivalence, aligned.verdict.p) == pytest.approx((2 * p[0], 2 * p[1]))


def test_at_equal_change_a_test_can_be_declared_too(tmp_path):
    tests = family(told(measure="stable_rank", at="equal relative change", claim="C3"))
    study = check(tmp_path, 8, more=tests)

    def value(arm, replicate, step, name):
        at = plain(arm, replicate, step, name)
        return at / 2 if (arm, name) == ("aligned", "stable_rank") else at

    made = {(c.arm, c.measure, c.at): c for c in claims(study, records(study, value))}
    equal, last = (made["aligned", "stable_rank", at] for at in (AT_EQUAL_CHANGE, AT_END))
    assert equal.verdict is not None
    assert last.verdict is not None
    assert (equal.verdict.label, equal.says) == ("shift", "C3")
    assert (last.verdict.label, last.says) == ("descriptive: outside the A/A range", None)


def test_without_families_only_holm_is_left(tmp_path):
    """Tests of difference without margins are corrected by Holm's procedure and no other."""
    study = check(tmp_path, 8, more=family(told(), told(arm="half")))
    made = {(c.arm, c.measure, c.at): c for c in claims(study, records(study, varied))}
    found = [made[arm, "narrow", AT_END] for arm in ("aligned", "half")]
    adjusted = holm(np.array([sign_flip(np.array(each.differences)).p for each in found]))
    assert [each.verdict.p for each in found if each.verdict] == pytest.approx(adjusted.tolist())


def test_claims_that_no_test_is_made_of_are_descriptive_and_told(tmp_path):
    more = f"\n[[claims]]\n{told(claim='C1')}\n"
    study = check(tmp_path, 3, more=more, bases=False)
    rows = claim_rows(study, claims(study, records(study, varied)))
    assert [(r["arm"], r["measure"], r["at"], r["verdict"]) for r in rows if r["claim"] == "C1"] == [
        ("aligned", "narrow", AT_END, "descriptive")
    ]


def test_over_bases_the_means_are_what_is_tested(tmp_path):
    study = check(tmp_path, 12, number(6), more=family(told()), bases=False)
    made = {(c.arm, c.measure, c.at): c for c in claims(study, records(study, varied))}
    found = made["aligned", "narrow", AT_END]
    means = np.array(found.differences).reshape(2, 6).mean(axis=0)
    assert found.verdict is not None
    assert found.verdict.p == sign_flip(means).p == 2 / 2**6
    assert found.verdict.interval.mean == pytest.approx(means.mean())
    assert (found.verdict.replicates, found.verdict.bases, found.verdict.units) == (12, 6, 6)


def test_what_stands_against_a_margin_is_said(tmp_path):
    rank = '[margins.stable_rank]\nvalue = 1.0\nunit = "dimensions"\nbecause = "x"\n'
    study = check(tmp_path, 3, more=f"[margins]\nbroad = 0.1\n{rank}{MARGIN}", bases=False)
    said = {each["code"]: each["text"] for each in statements(study, claims(study, records(study, plain)), [])}
    assert said["margins"] == (
        "The margin of broad (0.1) does not say why smaller differences do not matter: no equivalence is tested. "
        "The margin of stable_rank must be at most 5% of the control's 10.1 but is 1: "
        "equivalence within it says little."
    )


def test_replicates_start_from_the_bases_they_are_dealt_to(tmp_path):
    study = study_of(tmp_path, 6, number(3))
    bases, runs = plan_runs(study)
    assert [base.replicate for base in bases] == [0, 1, 2]
    assert {(run.replicate, run.base.replicate) for run in runs if run.base} == {
        (0, 0), (1, 1), (2, 2), (3, 0), (4, 1), (5, 2),
    }  # fmt: skip
    assert len({run.base.key for run in runs if run.base}) == 3
