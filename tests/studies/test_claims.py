"""Claims on planted records: differences paired by replicate, the A/A range, equal change, Holm, and each label."""

import numpy as np
import polars as pl
import pytest
from planted import plain, records, study_of

from benchshadow.errors import InputError
from benchshadow.studies.conclusions.claim_rows import claim_rows
from benchshadow.studies.conclusions.claims import AT_END, AT_EQUAL_CHANGE, Claim, claims, derived, table
from benchshadow.studies.declaring.measures import measures, values

FAMILY = """
[margins.narrow]
value = 0.05
unit = "share"
because = "planted"
[margins.broad]
value = 0.05
unit = "share"
because = "planted"
[[families]]
name = "main"
tests = [{arm = "aligned", measure = "narrow"}, {arm = "aligned", measure = "broad"}]
"""


def shifted(arm, replicate, step, name):
    """Aligned: held-out items gain .2 + .01 per replicate, other skills lose .3, ranks fall to half."""
    value = plain(arm, replicate, step, name)
    if arm != "aligned":
        return value
    change = {"held-out items": 0.2 + 0.01 * replicate, "other skills": -0.3}.get(name, 0.0)
    return value / 2 if name in ("stable_rank", "participation_ratio") else value + change


def claim(made, arm, measure, at=AT_END) -> Claim:
    (found,) = [each for each in made if (each.arm, each.measure, each.at) == (arm, measure, at)]
    return found


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    study = study_of(tmp_path_factory.mktemp("three"), 3)
    table = records(study, shifted)
    return study, table, claims(study, table)


def test_differences_are_paired_by_replicate(three):
    _, _, made = three
    narrow = claim(made, "aligned", "narrow")
    assert narrow.differences == pytest.approx((0.2, 0.21, 0.22))
    assert narrow.aa == pytest.approx((0.01, -0.01, 0.01))
    assert narrow.control_mean == pytest.approx(0.41)
    assert narrow.arm_mean == pytest.approx(0.62)
    assert narrow.verdict is not None
    assert narrow.verdict.aa_range == pytest.approx(0.01)
    assert narrow.verdict.label == "descriptive: outside the A/A range"
    # t interval of (.2, .21, .22): .21 -+ 4.302653 * .01 / sqrt 3
    assert narrow.verdict.interval.low == pytest.approx(0.21 - 4.302653 * 0.01 / np.sqrt(3), rel=1e-6)
    # g_z = J(2) mean / sd with J(2) = Gamma(1) / (1 * Gamma(1/2)) = 1 / sqrt(pi)
    assert narrow.g == pytest.approx(0.21 / 0.01 / np.sqrt(np.pi))


def test_gap_and_memorisation_are_of_the_same_runs(three):
    _, _, made = three
    assert claim(made, "aligned", "gap").differences == pytest.approx((0.5, 0.51, 0.52))
    assert claim(made, "aligned", "memorisation").differences == pytest.approx((-0.2, -0.21, -0.22))
    assert claim(made, "aligned", "broad").differences == pytest.approx((-0.3, -0.3, -0.3))


def test_an_arm_without_an_effect_is_inside_the_range(three):
    _, _, made = three
    half = claim(made, "half", "narrow")
    assert half.differences == pytest.approx((0, 0, 0))
    assert half.verdict is not None
    assert half.verdict.label == "descriptive: inside the A/A range"


def test_control_and_second_draw_make_no_claims_of_their_own(three):
    study, _, made = three
    assert {each.arm for each in made} == {"aligned", "half"}
    assert {each.measure for each in made} == {measure.name for measure in measures(study)}


def test_the_table_holds_means_and_ranges_at_the_last_step(three):
    study, data, _ = three
    (row,) = [r for r in table(study, data) if (r["arm"], r["measure"]) == ("aligned", "stable_rank")]
    assert row == {"arm": "aligned", "measure": "stable_rank", "mean": 5.05, "low": 5.0, "high": 5.1, "n": 3}


def test_derived_records_carry_the_spread_of_the_second_draw(three):
    study, data, _ = three
    narrow = derived(study, data).filter(diagnostic="narrow", arm="aligned")
    assert narrow["value"].to_list() == pytest.approx([0.6, 0.62, 0.64])
    assert narrow["null_aa"].to_list() == pytest.approx([np.std([0.01, -0.01, 0.01], ddof=1)] * 3)


def by_speed(arm, replicate, step, name):
    """Aligned changes twice as fast; all ranks fall by 1 for every doubling of the step."""
    if name == "relative_change":
        return {"aligned": 0.2, "half": 0.1}.get(arm, 0.1) * step
    if name == "stable_rank":
        return (8.0 if arm == "aligned" else 10.0) - np.log2(step) + (0.1 if arm == "A/A" else 0.0)
    return plain(arm, replicate, step, name)


def test_at_equal_change_values_are_interpolated_in_the_logarithm_of_the_change(tmp_path):
    study = study_of(tmp_path, 3)
    found = claim(claims(study, records(study, by_speed)), "aligned", "stable_rank", AT_EQUAL_CHANGE)
    # Checkpoints 1, 2, 4: control at .1, .2, .4, aligned at .2, .4, .8. At .4: control 10 - 2, aligned 8 - 1.
    assert found.at_value == pytest.approx(0.4)
    assert found.control_mean == pytest.approx(8)
    assert found.arm_mean == pytest.approx(7)
    assert found.differences == pytest.approx((-1, -1, -1))
    assert found.aa == pytest.approx((0.1, 0.1, 0.1))
    at_end = claim(claims(study, records(study, by_speed)), "aligned", "stable_rank")
    assert at_end.differences == pytest.approx((-2, -2, -2))


def test_between_checkpoints_the_value_is_on_the_line(tmp_path):
    study = study_of(tmp_path, 2)

    def value(arm, replicate, step, name):
        if name == "relative_change" and arm == "aligned":
            return 0.15 * step
        return by_speed(arm, replicate, step, name)

    found = claim(claims(study, records(study, value)), "aligned", "stable_rank", AT_EQUAL_CHANGE)
    # At .4 aligned is between .3 (rank 7) and .6 (rank 6): 7 - log2(.4 / .3).
    assert found.arm_mean == pytest.approx(7 - np.log2(4 / 3))


def test_arms_that_never_changed_equally_far_are_not_comparable(tmp_path):
    study = study_of(tmp_path, 3)

    def value(arm, replicate, step, name):
        far = 100 if (arm, name) == ("aligned", "relative_change") else 1
        return far * plain(arm, replicate, step, name)

    found = claim(claims(study, records(study, value)), "aligned", "stable_rank", AT_EQUAL_CHANGE)
    assert found.verdict is None
    assert found.reason == "not comparable: the arms never changed equally far"
    (row,) = claim_rows(study, [found])
    assert (row["comparable"], row["verdict"], row["effect"], row["replicates"]) == (False, None, None, None)
    assert row["statement"].endswith(": not comparable: the arms never changed equally far.")
    assert claim(claims(study, records(study, value)), "half", "stable_rank", AT_EQUAL_CHANGE).verdict is not None


@pytest.mark.parametrize("arm", ["control", "A/A", "aligned"])
def test_a_replicate_with_an_undefined_value_is_left_out(tmp_path, arm):
    study = study_of(tmp_path, 3)

    def value(name, replicate, step, what):
        if (name, replicate, what) == (arm, 1, "held-out items"):
            return None
        return shifted(name, replicate, step, what)

    made = claims(study, records(study, value))
    assert claim(made, "aligned", "narrow").differences == pytest.approx((0.2, 0.22))
    assert len(claim(made, "aligned", "broad").differences) == 3


def test_where_nothing_is_whole_nothing_is_claimed(tmp_path):
    study = study_of(tmp_path, 3)
    made = claims(study, records(study, lambda *at: None if at[0] == "aligned" else plain(*at)))
    found = claim(made, "aligned", "narrow")
    assert found.verdict is None
    assert found.reason == "no replicate of arm, control and A/A is whole"
    assert claim(made, "half", "narrow").verdict is not None


def noise(seed, spread):
    """Noise that belongs to a run and a measure, whenever it is asked."""
    table = {}
    rng = np.random.default_rng(seed)

    def of(*key):
        return table.setdefault(key, spread * rng.standard_normal())

    return of


@pytest.mark.parametrize("replicates", [7, 8])
def test_declared_tests_that_shift_are_confirmed_and_what_was_not_declared_is_not(tmp_path, replicates):
    study = study_of(tmp_path, replicates, bases=True, more=FAMILY)
    made = claims(study, records(study, shifted))
    narrow, broad = claim(made, "aligned", "narrow"), claim(made, "aligned", "broad")
    assert narrow.verdict is not None
    assert broad.verdict is not None
    assert narrow.verdict.label == broad.verdict.label == "shift"
    # Both at the floor 2 / 2^n; Holm doubles both.
    assert narrow.verdict.p == pytest.approx(2 * 2 / 2**replicates)
    for arm, measure in (("aligned", "gap"), ("half", "narrow")):
        other = claim(made, arm, measure).verdict
        assert other is not None
        assert other.label.startswith("descriptive")


def test_holm_takes_the_family_together(tmp_path):
    """One test at the floor of eight replicates and one of no effect: twice the first, and the second as it is."""
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)

    def value(arm, replicate, step, name):
        if (arm, name) == ("aligned", "other skills"):
            return plain(arm, replicate, step, name) + (0.02 if replicate % 2 else -0.02)
        return shifted(arm, replicate, step, name)

    made = claims(study, records(study, value))
    narrow, broad = (claim(made, "aligned", name).verdict for name in ("narrow", "broad"))
    assert narrow is not None
    assert broad is not None
    assert narrow.p == pytest.approx(2 * 2 / 256)
    assert broad.p == pytest.approx(1.0)
    assert (narrow.label, broad.label) == ("shift", "no shift")


def test_each_label_of_a_declared_test_can_come_out(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)
    labels = {}
    planted = {
        "shift": (0.3, 0.01),
        "no shift": (0.0, 0.01),
        "shift below the margin": (0.02, 0.002),
        "cannot tell": (0.0, 0.3),
    }
    for name, (shift, spread) in planted.items():
        of = noise(1, spread)

        def value(arm, replicate, step, what, of=of, shift=shift):
            moved = shift if (arm, what) == ("aligned", "held-out items") else 0.0
            return plain("control", replicate, step, what) + moved + of(arm, replicate, what)

        verdict = claim(claims(study, records(study, value)), "aligned", "narrow").verdict
        assert verdict is not None
        labels[name] = verdict.label
        assert (verdict.needed is not None) == (name == "cannot tell")
    assert labels == {name: name for name in labels}


def test_a_declared_test_that_lost_a_replicate_confirms_nothing(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)

    def value(arm, replicate, step, name):
        lost = (arm, replicate, name) == ("aligned", 5, "held-out items")
        return None if lost else shifted(arm, replicate, step, name)

    narrow = claim(claims(study, records(study, value)), "aligned", "narrow").verdict
    assert narrow is not None
    assert narrow.label == "descriptive: outside the A/A range"
    assert narrow.p is None
    assert (narrow.replicates, narrow.bases) == (7, 7)


def test_a_declared_test_that_lost_a_replicate_says_no_more_that_nothing_did(tmp_path):
    study = study_of(tmp_path, 8, bases=True, more=FAMILY)

    def value(arm, replicate, step, name):
        return None if (arm, replicate) == ("aligned", 5) else plain("control", replicate, step, name)

    narrow = claim(claims(study, records(study, value)), "aligned", "narrow").verdict
    assert narrow is not None
    assert narrow.label == "descriptive: inside the A/A range"


def turned(arm, replicate, step, name):
    """As shifted, but one replicate of eight goes a little the other way: p = 4 / 256, after Holm 8 / 256 = .031."""
    other = {"held-out items": -0.001, "other skills": 0.001}
    if (arm, replicate) == ("aligned", 0) and name in other:
        return plain(arm, replicate, step, name) + other[name]
    return shifted(arm, replicate, step, name)


def families(*alphas):
    """The two tests of `FAMILY` in a family for each alpha."""
    margins, family = FAMILY.split("[[families]]")
    named = [family.replace('name = "main"', f'name = "{i}"\nalpha = {alpha}') for i, alpha in enumerate(alphas)]
    return margins + "".join(f"[[families]]{each}" for each in named)


@pytest.mark.parametrize(
    ("alphas", "label"),
    [
        ((0.05,), "shift"),
        ((0.02,), "cannot tell"),
        ((0.05, 0.05), "shift"),
        ((0.05, 0.02), "cannot tell"),
        ((0.02, 0.05), "cannot tell"),
    ],
)
def test_a_test_must_pass_at_the_alpha_of_every_family_that_declares_it(tmp_path, alphas, label):
    study = study_of(tmp_path, 8, bases=True, more=families(*alphas))
    narrow = claim(claims(study, records(study, turned)), "aligned", "narrow").verdict
    assert narrow is not None
    assert narrow.p == pytest.approx(8 / 256)
    assert narrow.label == label


def test_the_last_bits_of_a_sum_are_no_difference(tmp_path):
    study = study_of(tmp_path, 2)

    def value(arm, replicate, step, name):
        return {"control": 0.3, "aligned": 0.1 + 0.2}.get(arm, 0.3)

    narrow = claim(claims(study, records(study, value)), "aligned", "narrow")
    assert narrow.differences == (0.0, 0.0)
    assert narrow.verdict is not None
    assert narrow.verdict.place == "inside"


def test_a_task_called_like_a_measure_is_refused(tmp_path):
    more = '\n[[tasks]]\nname = "broad"\nkind = "skills"\ntier = "sibling"\nformats = ["call"]\n'
    with pytest.raises(InputError, match="must not be named like a measure of the study but one is 'broad'"):
        measures(study_of(tmp_path, 2, more=more))


def test_rows_of_claims_are_flat_and_can_be_read_alone(three):
    study, _, made = three
    rows = claim_rows(study, made)
    assert all(not isinstance(value, dict) for row in rows for value in row.values())
    row = next(r for r in rows if (r["arm"], r["measure"], r["at"]) == ("aligned", "narrow", AT_END))
    assert row["effect"] == pytest.approx(0.21)
    assert (row["verdict"], row["place"], row["confirmatory"], row["declared"]) == (
        "descriptive",
        "outside",
        False,
        None,
    )
    assert (row["claim"], row["control"], row["tier"], row["kind"]) == (None, "control", "held-out", "outcome")
    assert (row["replicates"], row["bases"], row["study_hash"]) == (3, 1, study.sha256)
    assert row["statement"].startswith("aligned on narrow at last step: descriptive: outside the A/A range: +0.21 [")
    assert all(each.keys() == row.keys() for each in rows)
    broad, rank = (next(r for r in rows if r["measure"] == name) for name in ("gap", "stable_rank"))
    assert (broad["tier"], rank["tier"]) == ("held-out, unrelated", None)


# Measures: their arithmetic on single values.


def one_value(task_values):
    def value(arm, replicate, step, name):
        return task_values.get(name, 1.0)

    return value


def test_narrow_broad_gap_and_memorisation_are_sums_of_centred_scores(tmp_path):
    more = '[[tasks]]\nname = "formats"\nkind = "skills"\ntier = "sibling"\nformats = ["call"]\n'
    study = study_of(tmp_path, 2, more="\n" + more)
    data = records(study, one_value({"seen items": 0.9, "held-out items": 0.7, "other skills": 0.2}))
    sibling = data.filter(benchmark="other skills").with_columns(benchmark=pl.lit("formats"), value=pl.lit(0.5))
    both = data.vstack(sibling)
    together = [each for each in measures(study) if each.name in ("narrow", "broad", "gap", "memorisation")]
    found = {each.name: values(both, each)["control", 0, 4] for each in together}
    assert found["narrow"] == pytest.approx(0.7)
    assert found["broad"] == pytest.approx((0.2 + 0.5) / 2)
    assert found["gap"] == pytest.approx(0.7 - 0.35)
    assert found["memorisation"] == pytest.approx(0.9 - 0.7)


def test_a_measure_with_a_missing_part_has_no_value(tmp_path):
    study = study_of(tmp_path, 2)
    data = records(study, plain).filter(~((pl.col("benchmark") == "other skills") & (pl.col("replicate") == 1)))
    gap = next(each for each in measures(study) if each.name == "gap")
    assert {replicate for (_, replicate, _) in values(data, gap)} == {0}


def test_text_is_bits_per_byte_with_the_sign_reversed_and_in_no_mean(tmp_path):
    study = study_of(tmp_path, 2)
    text = next(each for each in measures(study) if each.name == "broad text")
    assert text.parts == ((-1.0, "broad text", "bits_per_byte"),)
    together = [each for each in measures(study) if each.name in ("narrow", "broad", "gap", "memorisation")]
    assert len(together) == 4
    assert all(part[1] != "broad text" for each in together for part in each.parts)


def test_a_footprint_is_of_the_whole_model_and_without_a_parameter(tmp_path):
    study = study_of(tmp_path, 2)
    rank = next(each for each in measures(study) if each.name == "stable_rank")
    assert set(values(records(study, plain), rank).values()) <= {10.0, 10.1, 10.1 * 0.99, 10 * 1.01}
