"""Each section of a footprint's page says what its records hold beside their nulls, and is left out without them."""

from __future__ import annotations

import json

import altair as alt
import jsonschema
import polars as pl
import pytest
from footprint_rows import AT, DEPTHS, added, directions, matrix, only, profile, spread, told
from pages import read_page
from report_samples import ROLES, footprint_folder, study_folder

from benchshadow import records, report
from benchshadow.report.roles import in_order, parts


def page_of(folder):
    return read_page(report.write(folder).read_text(encoding="utf-8"))


@pytest.fixture
def sample(tmp_path):
    return footprint_folder(tmp_path)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A page with everything that level 3 gives."""
    folder = footprint_folder(tmp_path_factory.mktemp("full"))
    return page_of(told(added(folder, [*profile(), *spread(), *directions()]), "manifest", level=3))


def test_the_change_along_the_depth_stands_beside_an_even_one(full):
    rows = full.rows("where-1")
    change = [(row["x"], row["y"]) for row in rows if row["arm"] == "the change"]
    even = {row["y"] for row in rows if row["arm"] == "uniform per parameter"}
    assert change == [(depth, 0.1 * (1 + depth)) for depth in DEPTHS]
    assert even == {0.2}
    assert "even 0.200" in full.words


def test_the_spread_stands_beside_that_of_a_uniform_update(full):
    start = full.words.index("How widely it is spread")
    table = full.words[start : full.words.index("A spread tells something only")]
    assert "Over layers energy of the change 4 3.10 4 0.400 0 0.700 0.500" in table
    assert "Over layers squared relative change 4 3.10 4" in table
    assert "Its energy is spread over 3.10 layers, where an update uniform per parameter would be over 4." in full.words


def test_towers_and_stacks_have_panels_of_their_own_on_one_scale(sample):
    rows = [*profile("language", "encoder.block"), *profile("language", "decoder.block", size=0.3)]
    page = page_of(added(sample, [*rows, *profile("vision", "visual.blocks")]))
    titles = [page.words.index(f" {name} ") for name in ("language encoder", "language decoder", "vision")]
    assert len(titles) == 3
    charts = [page.charts[f"where-{i}"] for i in (1, 2, 3)]
    assert len({json.dumps(chart["layer"][0]["encoding"]["y"]["scale"]) for chart in charts}) == 1
    assert "where-roles-3" in page.charts


def test_turned_directions_stand_beside_random_ones(full):
    table = full.words[full.words.index("Top directions of base and tuned") :]
    assert "Agreement of the top 8 subspaces 0.875 0.0833 0.875 0.0833 share" in table
    assert "Intruder dimensions 3 0.500 1 0.500 count" in table
    assert "Share of the change inside the base's top 8 directions 0.0600 0.0200 — — share" in table
    for chart in range(1, 2 * len(AT) + 1):
        arms = {row["arm"] for row in full.rows(f"turned-{chart}")}
        assert arms == {"mlp.up", "random change"}


def test_stacks_that_a_profile_takes_together_are_named(sample):
    rows = [
        matrix(f"{stack}.block.{layer}.up.weight", layer, "language", "mlp.up", 2.0)
        for stack in ("decoder", "encoder")
        for layer in range(2)
    ]
    page = page_of(only(sample, [*rows, *profile()]))
    assert "The stacks encoder and decoder are taken together here." in page.words
    assert {"profile-encoder-1", "profile-decoder-1"} <= page.charts.keys()


def test_a_role_of_a_single_block_still_has_what_it_is_read_beside(sample):
    rows = [row for row in profile(roles=("all", "mlp.up", "mlp.down")) if row["role"] != "mlp.up" or not row["depth"]]
    page = page_of(added(sample, rows))
    marks = [page.charts[f"where-roles-{i}"]["layer"][-1]["mark"]["type"] for i in (1, 2)]
    assert marks == ["point", "line"]
    assert [row["y"] for row in page.rows("where-roles-1")] == [0.2, 0.1]


def test_sides_are_averaged_and_shares_are_told_in_units_of_chance(full):
    intruders = full.rows("intruders-1")
    assert {row["y"] for row in intruders if row["arm"] == "mlp.up"} == {2.0}
    assert {row["y"] for row in intruders if row["arm"] == "random change"} == {0.5}
    inside = full.rows("intruders-2")
    assert {round(row["y"], 9) for row in inside if row["arm"] == "mlp.up"} == {3.0}
    assert {row["y"] for row in inside if row["arm"] == "random change"} == {1.0}


def test_what_a_level_does_not_measure_is_left_out_and_said(sample):
    norm = {"diagnostic": "frobenius_norm", "unit": "weight", "of": "base"}
    rows = [matrix(f"layers.{i}.mlp.up.weight", i, "language", "mlp.up", 2.0, **norm) for i in range(2)]
    folder = told(told(only(sample, rows), "summary", tuned=None, kind="checkpoint", by_role=[]), "manifest", level=0)
    (folder / "spectra.parquet").unlink()
    page = page_of(folder)
    assert page.problems == []
    for heading in ("Where the change sits", "Which directions turned", "Singular values"):
        assert heading not in page.words
    assert "Level 0 one pass over the values; no spectra" in page.words
    assert "In one pass a checkpoint alone gives the norms of its matrices" in page.words
    assert [row["y"] for row in page.rows("profile-1")] == [2.0, 2.0]
    assert "--level 0" in page.words


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_folder_without_any_number_is_still_a_page(sample, level):
    page = page_of(told(only(sample, []), "manifest", level=level))
    assert page.problems == []
    assert page.charts.keys() == {"spectrum-1"} - {"spectrum-1"}
    assert "No number can be given for the model" in page.words


def test_an_adapter_is_called_one(sample):
    alone = page_of(told(sample, "summary", kind="adapter", base="models/mine", tuned=None, family=None))
    assert "Footprint of an adapter, without its base" in alone.words
    assert "Without the base the size of the change is absolute." in alone.words
    on_base = page_of(told(sample, "summary", kind="adapter on its base", base="models/base", tuned="models/mine"))
    assert "mine on base" in on_base.words
    assert "Footprint of an adapter on its base" in on_base.words


def test_the_spectra_of_an_adapter_alone_are_chosen_by_their_norm(sample):
    table = records.read(sample).filter(pl.col("diagnostic") != "relative_change")
    records.write(table, sample / "records.parquet")
    page = page_of(told(sample, "summary", kind="adapter", tuned=None))
    norms = table.filter((pl.col("of") == "change") & (pl.col("diagnostic") == "frobenius_norm"))
    largest = norms.sort("value", descending=True)["tensor"][0]
    assert page.rows("spectrum-1")[0]["tensor"] == largest
    assert [row["y"] for row in page.rows("profile-1")] == pytest.approx(norms.sort("role", "depth")["value"].to_list())


def test_what_was_refused_is_on_the_first_screen_with_its_share_and_reason(sample):
    coverage = pl.read_parquet(sample / "coverage.parquet")
    odd = coverage.head(2).with_columns(
        pl.Series("tensor", ["a.weight", "b.weight"]),
        pl.Series("stored", ["bfloat16", None]),
        pl.Series("state", ["refused", "unmatched"]),
        pl.Series("reason", ["must be finite but holds NaN", "the tuned checkpoint has no tensor of this name"]),
    )
    pl.concat([coverage, odd]).write_parquet(sample / "coverage.parquet")
    page = page_of(sample)
    head = page.words[: page.words.index("Over the model")]
    assert "Refused 1 tensor, 4\u202f608 parameters (3.2%): must be finite but holds NaN." in head
    assert "Without a partner 1 tensor, in the base alone: the tuned checkpoint has no tensor of this name." in head
    assert "Refused 1 4\u202f608 3.2% must be finite but holds NaN a.weight" in page.words
    assert "Without a partner 1 4\u202f608 in the base alone" in page.words


def test_guessed_roles_are_counted(sample):
    coverage = pl.read_parquet(sample / "coverage.parquet")
    guessed = pl.int_range(pl.len()) < 2
    coverage.with_columns(guessed.alias("guessed")).write_parquet(sample / "coverage.parquet")
    assert "roles as its family spells them, those of 2 tensors guessed" in page_of(sample).words


def test_very_many_tensors_that_are_alike_share_a_row(sample):
    coverage = pl.read_parquet(sample / "coverage.parquet")
    experts = [coverage.head(1).with_columns(tensor=pl.lit(f"layers.0.experts.{i}.up.weight")) for i in range(1600)]
    pl.concat([coverage, *experts]).with_columns(canonical=pl.col("tensor")).write_parquet(sample / "coverage.parquet")
    page = page_of(sample)
    assert "All 1\u202f630 tensors" in page.words
    assert "and 1\u202f600 more like it" in page.words
    assert page.tags.count("tr") < 300


def test_experts_of_one_block_are_one_point(sample):
    rows = [
        matrix(f"layers.{layer}.mlp.experts.{i}.up.weight", layer, "language", "expert.up", 2.0 + i)
        for layer in range(2)
        for i in range(3)
    ]
    page = page_of(only(sample, rows))
    points = page.rows("profile-1")
    assert [(row["x"], row["y"]) for row in points] == [(0.0, 3.0), (1.0, 3.0)]
    assert points[0]["note"] == "block 0, 3 matrices, the first: layers.0.mlp.experts.0.up.weight"
    assert "matrices of one role in one block (experts) give their mean" in page.words


def test_roles_of_two_towers_are_told_apart(sample):
    rows = [
        {"tower": tower, "stack": stack, "role": role, "matrices": 2, "relative_change": 0.1}
        for tower, stack in (("vision", "visual.blocks"), ("language", "layers"))
        for role in ("mlp.up", "attention.query")
    ]
    page = page_of(told(sample, "summary", by_role=rows))
    table = page.words[page.words.index("By role") : page.words.index("Means over the matrices of a role")]
    assert table.index("attention.query vision 2") < table.index("mlp.up vision 2") < table.index("mlp.up language 2")


def test_methods_have_their_share_and_worst_bound_and_what_is_undefined_its_reason(sample):
    rows = [
        matrix("layers.0.a.weight", 0, "language", "mlp.up", 2.0, error_bound=0.5),
        matrix("layers.1.a.weight", 1, "language", "mlp.up", 8.0, error_bound=0.8),
        matrix("layers.1.b.weight", 1, "language", "mlp.up", 8.0, error_bound=0.1),
        matrix("layers.1.c.weight", 1, "language", "mlp.up", 8.0, method="qr of the blocks float64, lapack"),
        matrix("layers.2.a.weight", 2, "language", "mlp.up", None, method="undefined: every entry is zero"),
    ]
    page = page_of(only(sample, rows))
    said = page.words[page.words.index("How it was computed", page.words.index("All 30 tensors")) :]
    assert "gram float32, lapack Stable rank float32 3 75% 0.250 Stable rank, layers.0.a.weight" in said
    assert "qr of the blocks float64, lapack Stable rank float64 1 25% — no bound is known" in said
    assert "1 record without a value, and why" in said
    assert "every entry is zero 1 1 layers.2.a.weight Stable rank" in said


def test_the_q_and_r_of_a_diagnostic_stand_in_its_name(sample):
    row = {"of": "model", "role": "blocks", "value": 3.0, "unit": "dimensions"}
    rows = [
        row | {"diagnostic": "rank_at_energy", "parameter": 0.9},
        row | {"diagnostic": "top_energy", "parameter": 8.0},
    ]
    words = page_of(added(sample, rows)).words
    assert "Rank at energy 0.9" in words
    assert "Energy of the top 8 directions" in words


def test_settings_that_are_not_the_defaults_are_in_the_command(sample):
    said = {"level": 3, "spectra_of": ["change"], "device": "cuda", "rounded_sides": ["tuned", "both"]}
    assert "--level 3 --of change --device cuda --out DIR" in page_of(told(sample, "manifest", **said)).words
    plain = {"level": 2, "spectra_of": ["base", "tuned", "change"], "device": "cpu"}
    assert "models/tuned --out DIR" in page_of(told(sample, "manifest", **plain)).words


def test_parts_are_named_only_where_there_are_several():
    assert set(parts([("language", "layers"), ("language", None)]).values()) == {""}
    two = parts([("language", "decoder.block"), ("language", "encoder.block"), ("language", None)])
    assert list(two.values()) == ["", "encoder", "decoder"]
    seen = parts([("language", "layers"), ("vision", "model.vision.layers"), ("projector", None)])
    assert seen["language", "layers"] == "language"
    assert seen["vision", "model.vision.layers"] == "vision"
    assert seen["projector", None] == "projector"


def test_roles_stand_in_the_order_of_a_block():
    found = {"head", "embedding.patch", "mlp.down", "strange", "attention.cross.key", "embedding", *ROLES}
    order = in_order(found)
    assert order[:4] == list(ROLES[:4])
    assert order[4] == "attention.cross.key"
    assert order[-4:] == ["strange", "embedding", "embedding.patch", "head"]


@pytest.mark.parametrize("make", [footprint_folder, study_folder])
def test_every_chart_is_what_the_schema_of_vega_lite_allows(make, tmp_path):
    folder = make(tmp_path)
    if make is footprint_folder:
        added(folder, [*profile(), *directions()])
    charts = page_of(folder).charts
    assert len(charts) > 3
    for spec in charts.values():
        alt.Chart.from_dict(spec)
    broken = next(iter(charts.values())) | {"height": "tall"}
    with pytest.raises(jsonschema.ValidationError, match="'tall' is not of type 'number'"):
        alt.Chart.from_dict(broken)


def test_a_compiled_template_that_cannot_be_kept_is_made_again(sample, monkeypatch, tmp_path):
    first = report.write(sample).read_text(encoding="utf-8")
    (tmp_path / "no folder").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no folder"))
    assert report.write(sample).read_text(encoding="utf-8") == first
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    assert report.write(sample).read_text(encoding="utf-8") == first
    for kept in (tmp_path / "kept").rglob("template-*"):
        kept.write_bytes(b"no code")
    assert report.write(sample).read_text(encoding="utf-8") == first
