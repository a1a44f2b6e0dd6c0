"""Status says how many replicates each declared claim needs, by the spread between control and second draw alone."""

import json

import numpy as np
import pytest
from planted import records, study_of
from test_families import MARGIN, PILOT, family, number, told, varied

from benchshadow.stats import replicates_for_difference, replicates_for_equivalence
from benchshadow.studies.conclusions.power import needs

TESTS = (
    MARGIN
    + PILOT
    + family(
        told(claim="C1"),
        told(arm="half", kind="equivalence"),
        f"{told(arm='half')}\neffect = 0.05",
        told(measure="broad"),
    )
)


def spread_of(study, data):
    """Of the A/A differences on held-out items at the last step."""
    here = data.filter(benchmark="held-out items", diagnostic="centred_score", step=4)
    one, other = (here.filter(arm=arm).sort("replicate")["value"].to_numpy() for arm in ("A/A", "control"))
    return float(np.std(one - other, ddof=1)), one - other


def test_needs_are_reckoned_from_the_second_draw_at_the_strictest_step_of_holm(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=TESTS)
    data = records(study, varied)
    spread, _ = spread_of(study, data)
    margin, equal, effect, floor = needs(study, data)
    # Three claims: half on narrow is tested on both its sides.
    assert margin.spread == pytest.approx(spread)
    assert margin.needed == max(7, replicates_for_difference(spread, 0.02, 0.05 / 3) or 0)
    assert equal.needed == max(6, replicates_for_equivalence(spread, 0.02, 0.05 / 3) or 0)
    assert (effect.target, effect.needed) == (0.05, 7)
    assert (floor.target, floor.needed, floor.cautious) == (None, 7, None)
    assert (margin.cautious or 0) >= (margin.needed or 0) > 0
    assert [each.declared for each in (margin, equal, effect, floor)] == [8] * 4


def test_what_the_arm_did_plays_no_part(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=TESTS)

    def without_treated(arm, *at):
        return None if arm in ("aligned", "half") else varied(arm, *at)

    assert list(needs(study, records(study, varied))) == list(needs(study, records(study, without_treated)))


def test_before_two_pairs_are_whole_it_says_so(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=TESTS)
    first = next(iter(needs(study, None)))
    assert (first.needed, first.pairs) == (None, 0)
    assert first.sentence == (
        "main: aligned on narrow at last step, difference: "
        "the spread is not known before two replicates of control and A/A are whole; 8 replicates declared"
    )
    data = records(study, varied)
    one = next(iter(needs(study, data.filter(data["replicate"] == 0))))
    assert (one.needed, one.pairs) == (None, 1)


def test_a_second_draw_that_never_differs_plans_nothing(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=TESTS)
    data = records(study, lambda arm, *at: varied("control", *at))
    assert [each.needed for each in needs(study, data)] == [None, None, None, 7]


def test_a_noisy_measure_needs_more_than_there_are(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=TESTS)

    def noisy(arm, replicate, step, name):
        value = varied(arm, replicate, step, name)
        return value + 0.05 * (-1) ** replicate if arm == "A/A" else value

    first = next(iter(needs(study, records(study, noisy))))
    assert first.needed is not None
    assert first.needed > 40
    assert first.sentence.endswith("; 8 declared, too few, and more than the 24 that an exact test counts")


def test_where_replicates_share_bases_bases_are_planned(tmp_path):
    more = MARGIN + PILOT + family(told(kind="equivalence"))
    study = study_of(tmp_path, 9, number(3), more=more)
    data = records(study, varied)
    _, differences = spread_of(study, data)
    (found,) = needs(study, data)
    assert found.spread == pytest.approx(np.std(differences.reshape(3, 3).mean(axis=0), ddof=1))
    assert (found.counted, found.declared, found.pairs) == ("bases", 3, 3)


def test_a_need_is_a_row_for_machines(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=TESTS)
    rows = [each.row() for each in needs(study, records(study, varied))]
    assert json.loads(json.dumps(rows)) == rows
    assert (rows[0]["arm"], rows[0]["claim"], rows[0]["kind"], rows[0]["family"]) == (
        "aligned", "C1", "difference", "main",
    )  # fmt: skip


def test_status_tells_what_untested_claims_need_as_well(whole, tmp_path):
    from benchshadow.studies.grid import study_status

    file = tmp_path / "study.toml"
    more = f"\n[margins]\nnarrow = 0.1\n[[claims]]\n{told()}\n"
    file.write_text(whole.file.read_text(encoding="utf-8") + more, encoding="utf-8")
    (found,) = study_status(file, out=whole.out).needs
    assert (found.family, found.pairs, found.target) == ("", 2, 0.1)
    assert study_status(whole.file, out=whole.out).needs == ()


def test_the_command_prints_needs_below_the_runs(whole, tmp_path):
    from typer.testing import CliRunner

    from benchshadow.cli import app

    file = tmp_path / "study.toml"
    more = f"\n[margins]\nnarrow = 0.1\n[[claims]]\n{told()}\n"
    file.write_text(whole.file.read_text(encoding="utf-8") + more, encoding="utf-8")
    command = ["study", "status", str(file), "--out", str(whole.out)]
    assert "- aligned on narrow at last step, difference: " in CliRunner().invoke(app, command).output
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    assert [need["measure"] for need in found["needs"]] == ["narrow"]
