"""Layers that differ are found at the level they are held to, and few replicates carry no test of them."""

import numpy as np
import polars as pl
import pytest
import scipy.stats
from planted import study_of

from benchshadow.records import frame
from benchshadow.stats import sign_flip
from benchshadow.studies.conclusions.layers import LEVEL, layer_rows, layers_said

LAYERS = 6
MOVED = (1, 4)


def planted(study, seed, *, shift=0.0, spread=0.01):
    """Two matrices a layer; aligned is shifted in two layers of six."""
    rng, rows = np.random.default_rng(seed), []
    for arm in study.arms:
        for replicate in study.replicates:
            for layer in range(LAYERS):
                value = 10.0 + layer + spread * rng.standard_normal() + shift * (arm == "aligned" and layer in MOVED)
                place = {"arm": arm, "replicate": replicate, "of": "change", "tower": "language", "layer": layer}
                place |= {"depth": layer / (LAYERS - 1), "diagnostic": "stable_rank"}
                rows += [{**place, "step": 4, "value": value + side, "role": str(side)} for side in (-1.0, 1.0)]
                rows.append({**place, "step": 2, "value": 99.0})
                rows.append({**place, "step": 4, "value": 99.0, "parameter": 0.5})
    return frame(rows)


@pytest.fixture
def eight(tmp_path):
    return study_of(tmp_path, 8, bases=True)


def test_a_layer_is_the_mean_over_its_matrices_at_the_last_step(eight):
    data = planted(eight, 0, shift=2.0)
    rows = {(r["arm"], r["layer"]): r for r in layer_rows(eight, data)}
    assert len(rows) == 2 * LAYERS
    here = data.filter(pl.col("layer") == 1, pl.col("step") == 4, pl.col("parameter").is_null())
    means = here.group_by("arm", "replicate").agg(pl.col("value").mean()).sort("replicate")
    one, other = (means.filter(arm=arm)["value"].to_numpy() for arm in ("aligned", "control"))
    row = rows["aligned", 1]
    assert row["effect"] == pytest.approx((one - other).mean())
    assert row["p"] == sign_flip(one - other).p == 2 / 2**8
    # Two of six at the floor: six halves of it.
    assert row["q"] == pytest.approx(6 / 2 * 2 / 2**8)
    assert (row["tower"], row["depth"], row["replicates"], row["outside"]) == ("language", 0.2, 8, True)
    found = {layer for (arm, layer), r in rows.items() if arm == "aligned" and r["q"] <= LEVEL}
    assert found >= set(MOVED)
    assert dict(layers_said(list(rows.values())))["aligned"].endswith(f"stable rank in {len(found)} of 6.")


def test_among_the_layers_named_the_false_ones_are_held_at_the_level(eight):
    """Four of six layers do not differ: the mean share of false ones is at most 4/6 of the level."""
    shares = []
    for seed in range(150):
        rows = [r for r in layer_rows(eight, planted(eight, seed, shift=0.1)) if r["arm"] == "aligned"]
        named = [r["layer"] for r in rows if r["q"] <= LEVEL]
        shares.append(sum(layer not in MOVED for layer in named) / max(1, len(named)))
    assert len(set(shares)) > 1
    # A share of false ones is at most one, so that its mean varies no more than that of a coin of this chance.
    assert sum(shares) <= scipy.stats.binom.ppf(0.9995, len(shares), LEVEL * 4 / 6)


def test_with_few_replicates_there_is_no_test_and_the_range_is_told(tmp_path):
    study = study_of(tmp_path, 3)
    rows = layer_rows(study, planted(study, 0, shift=2.0))
    assert {(row["p"], row["q"]) for row in rows} == {(None, None)}
    outside = sum(row["outside"] for row in rows if row["arm"] == "aligned")
    assert outside >= len(MOVED)
    assert dict(layers_said(rows))["aligned"] == (
        f"aligned: layers that differ from the control (outside the A/A range): stable rank in {outside} of 6."
    )


def test_where_nothing_was_measured_layer_by_layer_nothing_is_said(eight):
    data = planted(eight, 0).filter(pl.col("layer").is_null())
    assert layer_rows(eight, data) == []
    assert list(layers_said([])) == []
