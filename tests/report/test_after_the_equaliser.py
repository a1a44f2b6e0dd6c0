"""Scores after the equaliser stand apart: no figure of the runs as they are takes them in."""

from __future__ import annotations

import polars as pl
import pytest
from pages import read_page
from report_samples import OUTCOMES, study_folder

from benchshadow import records, report

AGAIN = "Once more, after the same short training of a copy of every arm (equalised)"


@pytest.fixture
def folder(tmp_path):
    """A study whose outcomes were all scored a second time, far higher."""
    place = study_folder(tmp_path)
    for file in place.glob("runs/*/records.parquet"):
        table = pl.read_parquet(file)
        later = table.filter(pl.col("of") == "outcome").with_columns(pl.col("value") * 100, split=pl.lit("equalised"))
        file.unlink()
        records.write(pl.concat([table, later]), file)
    told = records.read_json(place / "study.json")
    for measure in [each for each in told["measures"] if each["kind"] == "outcome"]:
        name = f"{measure['name']}, equalised"
        told["measures"].append(measure | {"name": name, "title": name, "split": "equalised"})
    records.write_json(place / "study.json", told)
    return place


def points(page, name):
    (chart,) = [each for place, each in page.charts.items() if place.startswith(name)][:1]
    return chart["datasets"]["points"]


def test_narrow_and_broad_are_of_the_runs_as_they_are(folder, tmp_path):
    alone = read_page(report.write(study_folder(tmp_path / "alone")).read_text(encoding="utf-8"))
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    assert points(page, "narrow-broad") == points(alone, "narrow-broad")


def test_doses_keep_their_runs(folder, tmp_path):
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    alone = read_page(report.write(study_folder(tmp_path / "alone")).read_text(encoding="utf-8"))
    doses = [name for name in alone.charts if name.startswith("dose-")]
    assert doses
    assert {len(page.charts[name]["datasets"]["points"]) for name in doses} == {9}, "three arms in three replicates"
    assert [page.charts[name] for name in doses] == [alone.charts[name] for name in doses]


def test_they_have_a_table_of_their_own_and_their_own_values(folder):
    page = read_page(report.write(folder).read_text(encoding="utf-8"))
    single, again = page.words.split(AGAIN)
    assert all(f"{name}, equalised" not in single.split("Task by task")[-1] for name, *_ in OUTCOMES)
    assert again.lstrip().startswith("Arm narrow held-out"), "the caption says that all of them are equalised"
    control = again[again.index("control") :][:60]
    assert float(control.split()[1]) > 1, "plain scores are below one"
