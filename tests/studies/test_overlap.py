"""Directions that two changes of one base share are found in what their footprints kept; chance is told as chance."""

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from benchshadow.errors import InputError
from benchshadow.studies.footprints.footprint import footprint
from benchshadow.studies.footprints.overlap import DIRECTIONS, overlap

SHAPES = {"wide.weight": (60, 90), "tall.weight": (120, 50), "square.weight": (64, 64)}
RANK = 4


def written(folder, tensors):
    folder.mkdir(parents=True)
    save_file(
        {name: np.ascontiguousarray(each, np.float32) for name, each in tensors.items()}, folder / "m.safetensors"
    )
    return folder


def low_rank(shape, left, right, strength):
    """A change of rank four in the directions of two generators."""
    u = np.linalg.qr(np.random.default_rng(left).standard_normal((shape[0], RANK)))[0]
    v = np.linalg.qr(np.random.default_rng(right).standard_normal((shape[1], RANK)))[0]
    return strength * (u * [4, 3, 2, 1.5]) @ v.T


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Footprints of level 3 of changes of one base, each with directions and noise of its own or another's."""
    root = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    base = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    start = written(root / "base", base)
    seeds = {"one": (1, 2, 1), "same": (1, 2, 1), "opposite": (1, 2, -1), "left alone": (1, 9, 1), "other": (7, 8, 1)}
    made = {}
    for i, (name, (left, right, sign)) in enumerate(seeds.items()):
        noise = np.random.default_rng(50 + i)
        tuned = {
            key: each + sign * low_rank(each.shape, left, right, 1.0) + 1e-3 * noise.standard_normal(each.shape)
            for key, each in base.items()
        }
        made[name] = root / f"{name} footprint"
        footprint(start, written(root / name, tuned), out=made[name], level=3)
    return made


def values(table, measure):
    rows = table.filter(pl.col("measure") == measure)
    assert set(rows["tensor"]) == set(SHAPES)
    return rows["value"].to_numpy(), rows["expected"].to_numpy(), rows["deviation"].to_numpy()


MEASURES = ("left", "right", "left_energy", "right_energy", "cosine")


def test_a_change_shares_everything_with_itself(made):
    for measure in MEASURES:
        found, expected, _ = values(overlap(made["one"], made["one"]), measure)
        np.testing.assert_allclose(found, 1, atol=1e-5)
        assert (expected < 0.7).all()


def test_planted_directions_are_shared_and_signs_are_told(made):
    for other, sign in (("same", 1), ("opposite", -1)):
        table = overlap(made["one"], made[other], top=RANK)
        for measure in MEASURES:
            found, expected, deviation = values(table, measure)
            wanted = sign if measure == "cosine" else 1
            np.testing.assert_allclose(found, wanted, atol=0.01)
            assert (np.abs(found - expected) > 10 * deviation).all()


def test_one_shared_side_is_told_from_two(made):
    table = overlap(made["one"], made["left alone"], top=RANK)
    np.testing.assert_allclose(values(table, "left")[0], 1, atol=0.01)
    np.testing.assert_allclose(values(table, "left_energy")[0], 1, atol=0.01)
    for measure in ("right", "right_energy", "cosine"):
        found, expected, deviation = values(table, measure)
        assert (np.abs(found - expected) <= 4 * deviation).all(), measure


@pytest.mark.parametrize("top", [1, RANK, 32])
def test_independent_changes_lie_within_four_deviations_of_chance(top, made):
    table = overlap(made["one"], made["other"], top=top)
    for measure in MEASURES:
        found, expected, deviation = values(table, measure)
        assert (np.abs(found - expected) <= 4 * deviation).all(), measure
        assert (deviation > 0).all()


def test_the_measures_are_those_of_the_full_changes(made):
    """Where the changes have the rank that was kept, cosines of the matrices themselves."""
    from safetensors.numpy import load_file

    files = [load_file(made[name] / DIRECTIONS) for name in ("one", "left alone")]
    table = overlap(made["one"], made["left alone"], top=RANK)
    for name in SHAPES:
        one, other = (
            (each[f"{name}.left"] * each[f"{name}.values"])[:, :RANK] @ each[f"{name}.right"][:, :RANK].T
            for each in files
        )
        for measure, (a, b) in {
            "cosine": (one, other),
            "left_energy": (one @ one.T, other @ other.T),
            "right_energy": (one.T @ one, other.T @ other),
        }.items():
            expected = np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)
            (found,) = table.filter((pl.col("tensor") == name) & (pl.col("measure") == measure))["value"]
            assert found == pytest.approx(expected, abs=1e-5)


def test_it_does_not_matter_which_comes_first(made):
    one, other = overlap(made["one"], made["left alone"]), overlap(made["left alone"], made["one"])
    for measure in MEASURES:
        np.testing.assert_allclose(values(one, measure), values(other, measure), atol=1e-9)


def kept(folder, **shapes):
    """Directions of these shapes, as a footprint keeps them."""
    rng, arrays = np.random.default_rng(0), {}
    for name, (m, n) in shapes.items():
        arrays |= {f"{name}.values": np.array([2.0, 1.0], np.float32)}
        for part, size in (("left", m), ("right", n)):
            arrays[f"{name}.{part}"] = np.linalg.qr(rng.standard_normal((size, 2)))[0].astype(np.float32)
    folder.mkdir()
    save_file(arrays, folder / DIRECTIONS)
    return folder


def test_what_cannot_be_compared_has_a_row_with_the_reason(tmp_path):
    one = kept(tmp_path / "one", a=(9, 8), b=(9, 8), c=(9, 8))
    other = kept(tmp_path / "other", a=(9, 8), b=(9, 7), c=(7, 8), d=(3, 3))
    found = overlap(one, other)
    assert set(found.drop_nulls("value")["tensor"]) == {"a"}
    reasons = dict(found.drop_nulls("reason").select("tensor", "reason").iter_rows())
    assert reasons["b"] == reasons["c"] == "the two have other shapes"
    assert reasons["d"] == f"only {other} has it"


def test_a_change_without_directions_is_said_and_the_others_are_compared(tmp_path):
    one = kept(tmp_path / "one", a=(9, 8), b=(9, 8))
    arrays = load_file(one / DIRECTIONS)
    for part in ("values", "left", "right"):
        arrays[f"b.{part}"] = np.ascontiguousarray(arrays[f"b.{part}"][..., :0])
    save_file(arrays, one / DIRECTIONS)
    found = overlap(one, one)
    assert found.filter(pl.col("tensor") == "b")["reason"].to_list() == ["one of the changes is zero"]
    assert found.filter((pl.col("tensor") == "a") & (pl.col("measure") == "left"))["value"].to_list() == [1.0]


def test_folders_that_share_nothing_or_keep_no_directions_are_refused(tmp_path, made):
    one, other = kept(tmp_path / "one", a=(9, 8)), kept(tmp_path / "other", b=(9, 8))
    with pytest.raises(InputError, match=r"must share at least one tensor with .* but shares none"):
        overlap(one, other)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"no such file.*make the footprint with --level 3"):
        overlap(made["one"], tmp_path / "none")
    (other / DIRECTIONS).write_bytes(b"{}")
    with pytest.raises(InputError, match="directions"):
        overlap(one, other)
