"""The page lays footprints side by side: along training, by what changes share, and by what their signatures tell."""

from __future__ import annotations

import pytest
from laid_samples import CHANCE, SCALE, overlaps, signature
from pages import read_page
from report_samples import ARMS, STEPS, study_folder

from benchshadow import records, report
from benchshadow.errors import InputError

HOSTILE = "<img src=x onerror=alert(1)>"


def page_of(folder):
    return read_page(report.write(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = study_folder(tmp_path_factory.mktemp("laid"))
    overlaps(place, tuple(ARMS))
    signature(place)
    return place


@pytest.fixture(scope="module")
def page(folder):
    return page_of(folder)


def at_equal_loss(folder, **more):
    """Give every claim at equal relative change a twin at equal loss."""
    rows = records.read_json(folder / "claims.json")
    twins = [
        row | {"at": "equal loss", "at_value": 1.97} | more for row in rows if row["at"] == "equal relative change"
    ]
    records.write_json(folder / "claims.json", rows + twins)


def test_without_what_a_study_lays_side_by_side_there_are_no_such_sections(tmp_path):
    page = page_of(study_folder(tmp_path))
    assert not {"overlaps", "signature"} & set(page.ids)


def test_curves_stand_as_charts_and_as_a_table(page):
    assert "trajectories" in page.ids
    charts = [name for name in page.places if "trajectory-curves" in name]
    assert charts
    (points,) = {len(page.charts[name]["datasets"]["points"]) for name in charts}
    assert points == len(ARMS) * 3 * len(STEPS)


def test_arms_at_equal_loss_have_a_table_that_says_how_they_were_read(tmp_path):
    folder = study_folder(tmp_path)
    at_equal_loss(folder)
    page = page_of(folder)
    assert "Differences from the control at equal loss" in page.words
    assert "at the first passing of that loss" in page.words
    assert "1.97" in page.words


def test_arms_that_never_had_an_equal_loss_say_why(tmp_path):
    folder = study_folder(tmp_path)
    reason = "not comparable: the arms never had an equal loss on 'text'"
    at_equal_loss(folder, comparable=False, effect=None, at_value=None, reason=reason)
    words = page_of(folder).words
    assert f"not comparable {reason}" not in words, "once is enough"
    assert f"not comparable {reason.removeprefix('not comparable: ')}" in words


def test_overlaps_are_read_beside_a_second_draw_and_chance(page):
    assert f"second draw have in common: {SCALE:.2f} of 1, where random directions have {CHANCE:.2f}." in page.words
    for i in range(len(ARMS) - 1):
        assert f"{SCALE - 0.01 * i:.2f} chance {CHANCE:.2f}" in page.words
    assert "Replicate beside replicate within an arm" in page.words
    assert "other bases" not in page.words


def test_replicates_of_other_bases_are_said_to_be_so(tmp_path):
    folder = study_folder(tmp_path)
    overlaps(folder, tuple(ARMS), same_base=False)
    assert "Some start from other bases, whose directions need not correspond at all." in page_of(folder).words


def test_a_signature_is_given_in_spreads_at_both_places_and_along_training(page):
    assert "Signature at the last step" in page.words
    assert "aligned −12.0 −13.0 to −11.0" in page.words
    assert "Signature at equal relative change within each replicate" in page.words
    assert "claims read all replicates at one" in page.words
    assert "aligned −9.5 −10.5 to −8.5" in page.words
    chart = next(page.charts[name] for name in page.places if name.startswith("signature"))
    assert [(each["x"], each["y"]) for each in chart["datasets"]["points"]] == [(5, -3.0), (200, -12.0)]


def test_what_the_classifier_tells_and_adds_is_said_with_its_floor(page):
    assert "replicate 3 groups spectra 0.83 0.40–1.00 −0.31 −0.90 to 0.00 0.250 at least 0.125" in page.words
    assert "A guess is right in 0.50." in page.words
    assert "the spectra add to it" in page.words
    assert "concentrated spectra 0.25 1 of 3 0.75 2 of 3 31" in page.words
    assert "With bases left out: the study has 1 base, and 3 or more are needed." in page.words
    assert "Not used: effective_rank at last step: 2 of 6 runs lack it." in page.words
    assert "few is of no declared regime, and where it falls cannot be told from its spectra." in page.words


def test_a_classifier_to_which_the_spectra_add_nothing_says_so(tmp_path):
    folder = study_folder(tmp_path)
    signature(folder, adds=False)
    page = page_of(folder)
    assert "nothing that can be told" in page.words
    assert "the spectra add to it" not in page.words


def test_a_signature_without_declared_regimes_is_shown_alone(tmp_path):
    folder = study_folder(tmp_path)
    signature(folder, classifier=False)
    page = page_of(folder)
    assert "Signature at the last step" in page.words
    assert "Balanced accuracy" not in page.words


def test_hostile_names_stay_text(tmp_path):
    folder = study_folder(tmp_path, hostile=HOSTILE)
    overlaps(folder, tuple(HOSTILE if arm == "aligned" else arm for arm in ARMS))
    signature(folder, HOSTILE)
    page = page_of(folder)
    assert "img" not in page.tags
    assert HOSTILE in page.words


def test_files_that_are_broken_are_refused_by_name(tmp_path):
    folder = study_folder(tmp_path)
    (folder / "overlaps.parquet").write_bytes(b"not a table")
    with pytest.raises(InputError, match=r"overlaps\.parquet: must be a Parquet file but is not"):
        report.write(folder)
    (folder / "overlaps.parquet").unlink()
    records.write_json(folder / "signature.json", [])
    with pytest.raises(InputError, match=r"signature\.json: must be a JSON object but is a list"):
        report.write(folder)


def test_a_study_without_a_broad_text_says_that_there_is_no_equal_loss(tmp_path):
    folder = study_folder(tmp_path)
    plan = records.read_json(folder / "study.json")
    plan["measures"] = [each for each in plan["measures"] if each["tier"] != "general"]
    records.write_json(folder / "study.json", plan)
    assert "there is no loss at which all arms could be compared" in page_of(folder).words
    assert "there is no loss at which" not in page_of(study_folder(tmp_path / "with")).words
