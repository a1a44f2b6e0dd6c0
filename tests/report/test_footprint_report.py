"""A footprint's folder becomes one page: coverage, nulls beside the numbers, remarks, profiles and spectra."""

from __future__ import annotations

import polars as pl
import pytest
from pages import read_page
from report_samples import LAYERS, ROLES, footprint_folder

from benchshadow import records, report
from benchshadow.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return footprint_folder(tmp_path_factory.mktemp("footprint"))


@pytest.fixture(scope="module")
def page(folder):
    return read_page(report.write(folder).read_text(encoding="utf-8"))


def test_the_page_is_whole_and_fetches_nothing(page):
    assert page.problems == []
    assert [link for link in page.links if not link.startswith(("#", "data:"))] == []
    assert page.places == list(page.charts)


def test_every_parameter_is_accounted_for_on_the_first_screen(page):
    total = (len(ROLES) * LAYERS + 2) * 48 * 96
    head = page.words[: page.words.index("Over the model")]
    assert f"All {total:,} parameters are accounted for".replace(",", "\u202f") in head
    assert "Measured 28 tensors, 129\u202f024 parameters (93.3%)." in head
    assert "Equal 1 tensor, 4\u202f608 parameters (3.3%)." in head
    assert "Skipped 1 tensor, 4\u202f608 parameters (3.3%): a vector." in head


def test_numbers_of_the_model_stand_beside_their_nulls(page):
    assert "Its stable rank is 9 dimensions on average, where a random update would have 18." in page.words
    assert "Random update" in page.words
    assert "Rounding alone" in page.words


def test_the_command_that_makes_it_again_names_the_settings_that_are_not_the_defaults(tmp_path):
    folder = footprint_folder(tmp_path)
    manifest = records.read_json(folder / "manifest.json")
    records.write_json(folder / "manifest.json", manifest | {"seed": 3, "rounded_sides": ["both"]})
    summary = records.read_json(folder / "summary.json")
    records.write_json(folder / "summary.json", summary | {"base": "my base", "tuned": "tuned"})
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "benchshadow footprint 'my base' tuned --rounded-sides both --seed 3 --out DIR" in page.words


def test_a_remark_stands_at_the_top(page):
    assert "not resolved, rounding explains 61%" in page.words[: page.words.index("Over the model")]


def test_an_undefined_number_is_a_dash_with_its_reason(tmp_path):
    folder = footprint_folder(tmp_path)
    table = records.read(folder)
    undefined = pl.col("value").is_null() & (pl.col("diagnostic") == "effective_rank")
    reason = pl.when(undefined).then(pl.lit("undefined: every entry is zero")).otherwise("method").alias("method")
    records.write(table.with_columns(reason), folder / "records.parquet")
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "— undefined: every entry is zero" in page.words


def test_a_change_that_rounding_explains_is_not_resolved(tmp_path):
    folder = footprint_folder(tmp_path)
    row = {
        "of": "model",
        "role": "blocks",
        "diagnostic": "rounding_share",
        "side": "both",
        "value": 0.8,
        "unit": "share",
    }
    records.write(pl.concat([records.read(folder), records.frame([row])]), folder / "records.parquet")
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "Not resolved: rounding of the stored numbers explains 80% of the energy" in page.words


def test_profiles_hold_every_matrix_and_spectra_their_edge(page):
    assert len(page.rows("profile-1")) == len(ROLES) * LAYERS
    assert {row["arm"] for row in page.rows("profile-1")} == set(ROLES)
    rows = page.rows("spectrum-1")
    assert len({row["tensor"] for row in rows}) == 24
    assert {row["what"] for row in rows} == {"change", "rounding edge"}
    largest = {row["value"] for row in rows if row["what"] == "rounding edge"}
    assert largest == {0.03}


def test_every_tensor_stands_in_the_coverage_table(folder, page):
    names = pl.read_parquet(folder / "coverage.parquet")["tensor"]
    assert [name for name in names if name not in page.text] == []


def test_a_single_checkpoint_is_told_as_one(tmp_path):
    folder = footprint_folder(tmp_path)
    summary = records.read_json(folder / "summary.json") | {"tuned": None}
    records.write_json(folder / "summary.json", summary)
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "Footprint of a checkpoint" in page.words
    assert {row["what"] for row in page.rows("spectrum-1")} == {"checkpoint"}


def test_a_hostile_path_and_tensor_stay_text(tmp_path):
    folder = footprint_folder(tmp_path)
    hostile = "<img src=x onerror=alert(1)>"
    records.write_json(folder / "summary.json", records.read_json(folder / "summary.json") | {"base": hostile})
    coverage = pl.read_parquet(folder / "coverage.parquet")
    coverage.with_columns(pl.lit(hostile).alias("tensor")).write_parquet(folder / "coverage.parquet")
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert "img" not in page.tags
    assert page.handlers == []
    assert hostile in page.text


@pytest.mark.parametrize("name", ["records.parquet", "coverage.parquet"])
def test_a_missing_table_is_named(tmp_path, name):
    folder = footprint_folder(tmp_path)
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}: no such file"):
        report.write(folder)


def test_a_broken_table_is_named(tmp_path):
    folder = footprint_folder(tmp_path)
    (folder / "coverage.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"coverage\.parquet: must be a Parquet file"):
        report.write(folder)
