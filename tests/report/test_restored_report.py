"""The page of a causal test begins with what moved, and every number on it has its unit."""

from __future__ import annotations

import pytest
from pages import read_page

from benchshadow import records, report

NONE = "intruders: no such direction was found in the change of 'aligned', so that nothing was scaled."
FOUND = "top:2, 59.0% of the energy of the change: narrow went from 0.500 to 0.200 (scale 1 to 0)."
MEASURES = ("narrow", "share"), ("broad", "share"), ("broad text", "bits/byte")


@pytest.fixture
def page(tmp_path):
    points = [(name, along, scale) for name, _ in MEASURES for along in ("intruders", "top:2") for scale in (0.0, 1.0)]
    rows = [
        {"role": "study", "diagnostic": name, "split": along, "replicate": 0, "parameter": scale, "value": scale / 2}
        for name, along, scale in points
    ]
    records.write(records.frame(rows), tmp_path / "records.parquet")
    curves = [
        {"measure": name, "directions": along, "scale": scale, "mean": scale / 2, "low": 0.0, "high": 0.5, "n": 1}
        for name, along, scale in points
    ]
    summary = {
        "verb": "study restore",
        "arm": "aligned",
        "study": "small",
        "replicates": [0],
        "directions": ["intruders", "top:2"],
        "scales": [0.0, 1.0],
        "energy_share": {"intruders": 0.0, "top:2": 0.59},
        "measures": [{"name": name, "title": name, "unit": unit} for name, unit in MEASURES],
        "curves": curves,
        "statements": [NONE, FOUND],
    }
    records.write_json(tmp_path / "summary.json", summary)
    return read_page(report.write(tmp_path).read_text(encoding="utf-8"))


def test_directions_that_hold_nothing_come_last(page):
    assert page.words.index(FOUND) < page.words.index(NONE)


def test_axes_and_rows_have_units(page):
    (against,) = [chart for name, chart in page.charts.items() if name.startswith("against")]
    titles = {
        layer["encoding"][axis].get("title") for layer in against["layer"] for axis in layer["encoding"].keys() & "xy"
    }
    assert {"change of broad (share)", "change of narrow (share)"} <= titles
    assert "broad text bits/byte" in page.words
