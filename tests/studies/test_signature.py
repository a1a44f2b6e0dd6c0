"""A signature is a paired difference in units of what a second draw of the control is off by, place by place."""

from __future__ import annotations

import numpy as np
import pytest
from planted_footprints import Law, records, study_of

from benchshadow.errors import InputError
from benchshadow.records import frame
from benchshadow.studies.conclusions.signature import AT_EQUAL, AT_LAST, Feature, footprints, signature_rows
from benchshadow.studies.conclusions.signature_sentences import signature_sentences
from benchshadow.studies.declaring.footprint_settings import SHAPES

ARMS = ("aligned", "coverage")
SIGNATURE = '[signature]\nregimes = { aligned = ["aligned"], coverage = ["coverage"] }\n'


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_of(tmp_path_factory.mktemp("signature"), 3, ARMS, SIGNATURE)


def exact(study, aa=(0.3, -0.4, 0.0), shift=2.0):
    """Stable ranks of 10 + replicate at every step, of the second draw `aa` beside it, of the aligned arm `shift`."""
    rows = []
    for arm in study.arms:
        for i, replicate in enumerate(study.replicates):
            for step in study.settings.checkpoint_steps():
                place = {"arm": arm, "replicate": replicate, "step": step, "of": "model"}
                more = {"A/A": aa[i], "aligned": shift}.get(arm, 0.0)
                rows.append({**place, "diagnostic": "stable_rank", "value": 10.0 + replicate + more})
                rows.append({**place, "diagnostic": "stable_rank", "parameter": 0.5, "value": 99.0})
                rows.append({**place, "diagnostic": "relative_change", "value": 0.1 * step})
    return frame(rows)


def row_of(rows, arm, diagnostic, at):
    (found,) = [row for row in rows if (row["arm"], row["diagnostic"], row["at"]) == (arm, diagnostic, at)]
    return found


def test_one_unit_is_the_root_mean_square_of_the_second_draws(study):
    row = row_of(signature_rows(study, footprints(study, exact(study))), "aligned", "stable_rank", AT_LAST)
    spread = np.sqrt((0.3**2 + 0.4**2) / 3)
    assert row["mean"] == pytest.approx(2.0)
    assert row["aa_spread"] == pytest.approx(spread)
    assert row["units"] == row["low"] == row["high"] == pytest.approx(2 / spread)
    assert (row["replicates"], row["reason"]) == (3, None)


def test_differences_are_paired_by_replicate(study):
    found = footprints(study, exact(study))
    assert dict(found.differences[Feature("stable_rank", AT_LAST)]) == pytest.approx(
        {("A/A", 0): 0.3, ("A/A", 1): -0.4, ("A/A", 2): 0.0}
        | {("aligned", r): 2.0 for r in range(3)}
        | {("coverage", r): 0.0 for r in range(3)}
    )


def test_there_is_a_place_for_every_checkpoint_and_for_equal_change(study):
    found = footprints(study, exact(study))
    places = {feature.at for feature in found.differences if feature.diagnostic == "stable_rank"}
    assert places == {"step 1", "step 2", AT_LAST, AT_EQUAL}
    assert Feature("relative_change", AT_EQUAL) not in found.differences
    # Claims read all replicates at one relative change, which is another place.
    assert Feature("stable_rank", AT_EQUAL).name == "stable_rank at equal relative change within each replicate"


def test_what_a_second_draw_never_differs_in_has_no_unit(study):
    row = row_of(
        signature_rows(study, footprints(study, exact(study, aa=(0, 0, 0)))), "aligned", "stable_rank", AT_LAST
    )
    assert (row["aa_spread"], row["units"]) == (None, None)
    assert row["reason"] == "the control and its second draw do not differ in it"


def test_at_equal_change_a_rank_that_follows_the_size_lies_within_few_units(study):
    table = records(study, {"aligned": Law(size=1.5)}, noise=0.01, rng=np.random.default_rng(0))
    rows = signature_rows(study, footprints(study, table))
    for shape in SHAPES:
        assert row_of(rows, "aligned", shape, AT_LAST)["units"] > 5
        assert abs(row_of(rows, "aligned", shape, AT_EQUAL)["units"]) < 4


def test_a_run_that_is_missing_is_left_out_of_its_replicate_alone(study):
    table = exact(study)
    table = table.filter(~((table["arm"] == "A/A") & (table["replicate"] == 1)))
    row = row_of(signature_rows(study, footprints(study, table)), "aligned", "stable_rank", AT_LAST)
    assert row["replicates"] == 2
    assert row["aa_spread"] == pytest.approx(np.sqrt(0.3**2 / 2))


def test_the_sentence_gives_the_units_at_both_places(study):
    rows = signature_rows(study, footprints(study, exact(study)))
    said = {each["about"]: each["text"] for each in signature_sentences(rows, ("stable_rank",))}
    units = 2 / np.sqrt(0.25 / 3)
    assert said["aligned"] == (
        "aligned: the footprint less the control's, in units of the A/A spread (root mean square): at the last step "
        f"stable rank +{units:.1f}; at equal relative change within each replicate stable rank +{units:.1f}."
    )
    assert "stable rank +0.0" in said["coverage"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("regimes = { aligned = ['aligned'] }", "at least 2 items"),
        ("regimes = { aligned = ['alined'], coverage = ['coverage'] }", "regimes.aligned: must name.*mean 'aligned'"),
        ("regimes = { aligned = ['control'], coverage = ['coverage'] }", r"regimes\.aligned: must name one of A/A"),
        ("regimes = { aligned = [], coverage = ['coverage'] }", "must name at least one arm"),
        ("regimes = { one = ['aligned'], two = ['aligned'] }", "'aligned' must stand in one regime but.*'one' too"),
        (
            "regimes = { one = ['aligned'], two = ['coverage'] }\ndiagnostics = ['stabel_rank']",
            r"signature\.diagnostics: must name.*did you mean 'stable_rank'",
        ),
        (
            "regimes = { one = ['aligned'], two = ['coverage'] }\ndiagnostics = ['relative_change']",
            r"signature\.diagnostics: must name",
        ),
        ("regimes = { one = ['aligned'], two = ['coverage'] }\npermutation = 9", "did you mean 'permutations'"),
        ("regimes = { one = ['aligned'], two = ['coverage'] }\nbenchmarks = { cover = 'x' }", "mean 'coverage'"),
    ],
)
def test_a_signature_that_breaks_a_rule_is_refused_by_name(tmp_path, more, sentence):
    with pytest.raises(InputError, match=sentence):
        study_of(tmp_path, 3, ARMS, f"[signature]\n{more}\n")
