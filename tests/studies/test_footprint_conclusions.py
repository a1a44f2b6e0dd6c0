"""A study that has run leaves its signature, its overlaps and its curves, and says what follows from them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from planted_footprints import Law, records, study_of
from small_study import write_study

from benchshadow.records import read_json
from benchshadow.studies.conclusions.claims import claims
from benchshadow.studies.conclusions.footprint_conclusions import OVERLAPS, SIGNATURE, conclude_footprints
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.footprints.overlap import DIRECTIONS
from benchshadow.studies.grid import study_run
from benchshadow.studies.running.runs import plan_runs, run_folder

REGIMES = '[signature]\nregimes = { aligned = ["aligned"], half = ["half"] }\n'


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    out = tmp_path_factory.mktemp("planted")
    study = study_of(out, 4, ("aligned", "coverage"), '[signature]\nregimes = { a = ["aligned"], c = ["coverage"] }\n')
    laws = {"aligned": Law(size=1.5), "coverage": Law(rank=1.3)}
    table = records(study, laws, noise=0.005, rng=np.random.default_rng(0))
    said = conclude_footprints(study, out, {}, table, claims(study, table))
    return out, {(each["code"], each["about"]): each["text"] for each in said}


def test_a_difference_of_size_is_told_from_one_of_shape(planted):
    _, said = planted
    assert (
        "the difference in stable rank at the last step goes with the size of the change: at equal size it is less"
        in said["size", "aligned"]
    )
    assert (
        "stable rank is above the control's at equal relative change too: not by size alone" in said["size", "coverage"]
    )


def test_the_loss_that_arms_are_compared_at_is_said(planted):
    _, said = planted
    assert said["equal-loss", "aligned"].startswith("aligned: at equal loss on broad text, ")
    assert "bits per byte, stable rank" in said["equal-loss", "aligned"]


def test_what_is_said_is_written_with_its_numbers(planted):
    out, said = planted
    told = read_json(out / SIGNATURE)
    assert told["equal_loss"] == "broad text"
    assert {row["arm"] for row in told["signature"]} == {"aligned", "coverage"}
    assert told["classifier"]["regimes"] == {"a": ["aligned"], "c": ["coverage"]}
    assert [each["text"] for each in told["statements"]] == list(said.values())
    assert pl.read_parquet(out / OVERLAPS).height == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    file = write_study(folder)
    file.write_text(file.read_text(encoding="utf-8") + REGIMES, encoding="utf-8")
    study_run(file, out=folder / "out", workers=1, strict=True)
    return read_study(file), folder / "out"


def test_a_study_that_has_run_holds_them(run):
    study, out = run
    laid = pl.read_parquet(out / OVERLAPS)
    pairs = len(study.replicates) * len(study.arms) * (len(study.arms) - 1) // 2
    assert laid.filter(pl.col("kind") == "arms", pl.col("measure") == "cosine").height == pairs
    assert read_json(out / SIGNATURE)["classifier"]["refused"]["replicate"].startswith("3 replicates are needed")
    curves = pl.read_parquet(out / "records.parquet").filter(pl.col("of") == "trajectory")
    assert set(curves["arm"]) == set(study.arms)
    codes = {each["code"] for each in read_json(out / "statements.json")["statements"]}
    assert {"size", "equal-loss", "signature", "classifier", "overlap"} <= codes


def test_every_run_kept_its_directions_and_they_are_part_of_what_it_was_measured_by(run):
    study, out = run
    _, runs = plan_runs(study)
    assert all((run_folder(out, each) / DIRECTIONS).is_file() for each in runs)
    fewer = study.model_copy(update={"trajectory": study.trajectory.model_copy(update={"directions": 4})})
    _, others = plan_runs(fewer)
    assert [each.key for each in others] == [each.key for each in runs]
    assert not {each.measurement for each in others} & {each.measurement for each in runs}
