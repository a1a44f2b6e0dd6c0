"""How pages are laid out: looks told apart, units on axes, long tables that open, reasons that are said once."""

from __future__ import annotations

import polars as pl
import pytest
from audit_rows import audit_folder
from pages import read_page
from report_samples import study_folder

from benchshadow import records, report
from benchshadow.report.audit_values import measure_title, value_cell
from benchshadow.report.elements import Cell, Column, Table
from benchshadow.report.footprint_tables import title_of
from benchshadow.report.long_tables import opened
from benchshadow.report.look import series_of
from benchshadow.report.numbers import fixed, span


def page_of(folder):
    return read_page(report.write(folder).read_text(encoding="utf-8"))


@pytest.mark.parametrize("many", [1, 6, 7, 20, 41])
def test_no_arm_looks_like_the_control_or_its_second_draw_or_another(many):
    names = ["control", "A/A", *(f"arm {i}" for i in range(many))]
    looks = [(each.colour, each.shape) for each in series_of(names, "control", "A/A")]
    assert len(set(looks)) == len(looks)
    assert len({colour for colour, _ in looks}) == min(many, 6) + 2, "colours first, then shapes"


def test_what_rounds_to_nothing_has_no_sign():
    assert fixed(-0.0, 2) == "0.00"
    assert fixed(-0.0004, 2) == "0.00"
    assert span(-0.0, 0.0, 1) == "0.0"


@pytest.mark.parametrize("unit", ["nats", "nats/token", "nats/byte"])
def test_margins_have_the_unit_of_their_records(tmp_path, unit):
    folder = study_folder(tmp_path)
    for file in folder.glob("runs/*/records.parquet"):
        table = pl.read_parquet(file)
        wanted = (pl.col("diagnostic") == "accuracy") & (pl.col("of") == "outcome")
        margins = table.filter(wanted).with_columns(diagnostic=pl.lit("margin"), unit=pl.lit(unit))
        file.unlink()
        records.write(pl.concat([table, margins]), file)
    page = page_of(folder)
    axes = {
        layer["encoding"]["x"].get("title")
        for name, chart in page.charts.items()
        if name.startswith("narrow-broad")
        for layer in chart["layer"]
        if "x" in layer["encoding"]
    }
    assert f"narrow, less the control ({unit})" in axes
    assert f"margin in log-probability, {unit}" in page.words


def table_of(many):
    return Table([Column("Item")], [[Cell(str(i))] for i in range(many)], "Items", "A note.", sortable=True)


def test_a_long_table_opens_with_its_first_rows_and_holds_all_behind_a_title():
    assert opened(table_of(25), "items") == [table_of(25)]
    first, whole = opened(table_of(26), "items")
    assert [len(first.rows), len(whole.rows)] == [10, 26]
    assert (first.sortable, first.folded) == (False, "")
    assert (whole.sortable, whole.folded) == (True, "All 26 items, to be ordered and filtered")
    assert [first.note, whole.note] == ["", "A note."], "it is said once"


def test_draws_that_all_agree_have_no_interval():
    row = {"value": 0.0, "error_bound": 0.0, "method": "counted", "null_random": None}
    assert value_cell(row).below == ""
    assert value_cell(row | {"error_bound": 0.01}).below == "± 0.01"


@pytest.mark.parametrize(
    ("name", "parameter", "title"),
    [
        ("clusters_hit", 64.0, "Clusters covered, share, of 64 clusters"),
        ("near_duplicate_share", 0.8, "Near-duplicates, Jaccard 0.8 or more"),
        ("unseen_mass", 64.0, "Unseen mass"),
        ("vendi", 2.0, "Vendi score, q = 2"),
    ],
)
def test_parameters_are_told_in_words(name, parameter, title):
    assert measure_title(name, parameter) == title


@pytest.mark.parametrize(
    ("name", "r", "title"),
    [
        ("top_energy", 1.0, "Energy of the top direction"),
        ("top_energy", 8.0, "Energy of the top 8 directions"),
        ("subspace_agreement", 1.0, "Agreement of the top subspace"),
    ],
)
def test_one_direction_is_no_plural(name, r, title):
    assert title_of(name, r) == title


def test_intervals_of_overlap_are_explained_where_they_stand(tmp_path):
    assert "After ± stands half the width of its 95% interval" in page_of(audit_folder(tmp_path)).words


def test_a_row_says_a_reason_once_and_all_marks_are_told(tmp_path):
    folder = study_folder(tmp_path)
    claims = records.read_json(folder / "claims.json")
    reason = "not comparable: the arms never had an equal loss on 'text'"
    none = {"at": "equal loss", "comparable": False, "effect": None, "reason": reason, "at_value": None}
    base = next(each for each in claims if each["arm"] == "aligned")
    both = [base | none | {"measure": name} for name in ("stable rank", "relative change")]
    records.write_json(folder / "claims.json", [*claims, *both])
    words = page_of(folder).words
    table = words[words.index("Differences from the control at equal loss") :]
    table = table[: table.index("as above.")]
    assert table.count("not comparable") == 2
    assert table.count("never had an equal loss") == 1
    assert "▲ ▼ ◐ ○" in table
