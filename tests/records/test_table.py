"""Records keep their types, null stays null, and a folder is read as one table without what was set aside."""

from __future__ import annotations

import polars as pl
import pytest

from benchshadow.records import SCHEMA, SUPERSEDED, frame, read, write


def test_rows_become_a_table_of_the_schema_and_come_back(tmp_path):
    rows = [
        {"arm": "control", "replicate": 0, "diagnostic": "stable_rank", "value": 3.5},
        {"arm": "aligned", "diagnostic": "tail_exponent", "value": None},
    ]
    table = frame(rows)
    assert dict(table.schema) == SCHEMA
    write(table, tmp_path / "records.parquet")
    back = read(tmp_path)
    assert back.equals(table)
    assert back["value"].to_list() == [3.5, None]
    assert back["schema"].to_list() == [1, 1]


def test_a_column_unknown_to_the_schema_is_our_mistake():
    with pytest.raises(AssertionError, match=r"unknown to the record schema: \['vlaue'\]"):
        frame([{"vlaue": 1.0}])


def test_a_folder_is_read_as_one_table_without_what_was_set_aside_or_is_not_whole(tmp_path):
    for place, arm in (("runs/b", "b"), ("runs/a", "a"), (f"{SUPERSEDED}/runs/c", "c"), ("runs/d.partial", "d")):
        write(frame([{"arm": arm}]), tmp_path / place / "records.parquet")
    assert read(tmp_path)["arm"].to_list() == ["a", "b"]
    assert read(tmp_path / SUPERSEDED)["arm"].to_list() == ["c"]


def test_a_folder_without_records_gives_an_empty_table(tmp_path):
    assert read(tmp_path).equals(frame([]))
    assert read(tmp_path).schema["value"] == pl.Float64
