"""Runs are laid on each other by the directions that they kept: arms within a replicate, replicates within an arm."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from planted_footprints import study_of
from safetensors.numpy import load_file, save_file

from benchshadow.spectra.directions import Vectors
from benchshadow.studies.conclusions.overlaps import MEASURES, overlap_sentences, overlaps
from benchshadow.studies.footprints.overlap import DIRECTIONS, write_directions
from benchshadow.studies.running.kept_directions import keep_directions

SIZE, RANK = 60, 4
NAME = "model.layers.0.mlp.up_proj.weight"
KEPT = "layers.0.mlp.up_proj.weight"


def basis(seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((SIZE, RANK)))[0]


def kept(folder, seed):
    """A run whose change lies in the directions of a seed."""
    folder.mkdir(parents=True)
    values = np.array([4.0, 3.0, 2.0, 1.0])
    write_directions(folder / DIRECTIONS, {name: Vectors(values, basis(seed), basis(seed + 1)) for name in ("a", "b")})
    return folder


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path, 4, ("aligned", "other"), "", bases=2)


@pytest.fixture
def laid(study, tmp_path):
    """The aligned arm moves as the control does, in each replicate its own way; the other arm goes its own way."""
    seeds = {"control": 0, "A/A": 0, "aligned": 0, "other": 50}
    folders = {
        (arm, r): kept(tmp_path / f"{arm.replace('/', '')}{r}", 100 * r + seed)
        for arm, seed in seeds.items()
        for r in study.replicates
    }
    return overlaps(study, folders)


def test_every_pair_of_arms_and_of_replicates_is_there_once(study, laid):
    arms = laid.filter(pl.col("kind") == "arms", pl.col("measure") == "cosine")
    assert arms.height == 4 * 6
    assert (arms["replicate"] == arms["other_replicate"]).all()
    within = laid.filter(pl.col("kind") == "replicates", pl.col("measure") == "cosine")
    assert within.height == 4 * 6
    assert (within["arm"] == within["other"]).all()
    assert set(laid["measure"]) == set(MEASURES)
    assert set(laid["matrices"]) == {2}


def test_it_says_which_replicates_share_a_base(study, laid):
    within = laid.filter(pl.col("kind") == "replicates")
    for row in within.iter_rows(named=True):
        assert row["same_base"] == ((row["replicate"] - row["other_replicate"]) % 2 == 0)


def test_equal_directions_overlap_wholly_and_others_as_chance_does(laid):
    found = {
        (row["arm"], row["other"]): row
        for row in laid.filter(pl.col("kind") == "arms", pl.col("measure") == "left_energy").iter_rows(named=True)
    }
    same, other = found["control", "aligned"], found["control", "other"]
    assert same["value"] == pytest.approx(1, abs=1e-6)
    # tr A tr B / (m fro(A) fro(B)) with energies 16, 9, 4, 1.
    assert other["expected"] == pytest.approx(30**2 / (SIZE * (256 + 81 + 16 + 1)), rel=1e-6)
    assert abs(other["value"] - other["expected"]) < 5 * other["deviation"]


def test_the_sentence_sets_an_arm_beside_a_second_draw_and_chance(study, laid):
    said = {each["about"]: each["text"] for each in overlap_sentences(study, laid)}
    assert "overlap with the control's by 1.00, where a second draw of the control overlaps by 1.00" in said["aligned"]
    assert "overlap with the control's by 0.0" in said["other"]


def test_runs_that_kept_nothing_are_left_out(study, tmp_path):
    folders = {("control", 0): kept(tmp_path / "one", 0), ("A/A", 0): tmp_path, ("aligned", 0): kept(tmp_path / "b", 0)}
    laid = overlaps(study, folders)
    assert {(row["arm"], row["other"]) for row in laid.iter_rows(named=True)} == {("control", "aligned")}
    assert list(overlap_sentences(study, laid)) == []
    assert overlaps(study, {}).height == 0


def test_the_strongest_directions_of_a_run_are_kept(tmp_path):
    rng = np.random.default_rng(0)
    names = {NAME: (SIZE, 40), "model.layers.0.self_attn.q_proj.weight": (40, 40), "model.embed_tokens.weight": (9, 40)}
    base = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in names.items()}
    tuned = {name: each + 0.1 * rng.standard_normal(each.shape).astype(np.float32) for name, each in base.items()}
    for folder, tensors in (("base", base), ("tuned", tuned)):
        (tmp_path / folder).mkdir()
        save_file(tensors, tmp_path / folder / "model.safetensors")
    keep_directions(tmp_path / "base", tmp_path / "tuned", tmp_path, 5)
    found = load_file(tmp_path / DIRECTIONS)
    # Inside the blocks alone: a vocabulary is large, and its directions are of tokens.
    kept_names = {name.rpartition(".")[0] for name in found}
    assert kept_names == {KEPT, "layers.0.self_attn.q_proj.weight"}
    values = np.linalg.svd((tuned[NAME] - base[NAME]).astype(float), compute_uv=False)
    np.testing.assert_allclose(found[f"{KEPT}.values"], values[:5], rtol=1e-5)
    assert found[f"{KEPT}.left"].shape == (SIZE, 5)


def test_no_directions_are_kept_where_none_are_asked_for(tmp_path):
    keep_directions(tmp_path / "nowhere", tmp_path / "nowhere", tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
