"""Every level of a footprint tells what it says it tells, from real files, and agrees with the level above it."""

import json

import numpy as np
import polars as pl
import pytest
from model_pairs import TYPES, changed, llama, noise, save, weights
from safetensors.numpy import load_file, save_file

from benchshadow import records
from benchshadow.errors import InputError
from benchshadow.spectra import diagnostics
from benchshadow.studies.footprints import footprint as module
from benchshadow.studies.footprints.footprint import FILES, footprint
from benchshadow.studies.footprints.overlap import DIRECTIONS

KEY = ["tensor", "of", "diagnostic", "parameter", "side"]
CHEAP = (
    "frobenius_norm", "relative_change", "cosine", "unchanged_share", "unchanged_share_within_rounding",
    "spectral_norm", "stable_rank", "participation_ratio",
)  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A base in bfloat16 and a tuned model in float16, in part unchanged."""
    root = tmp_path_factory.mktemp("pair")
    model = llama(layers=2)
    tuned = changed(model, lambda name, weight: weight if "k_proj" in name else noise(name, weight))
    return save(model, root / "base", "bfloat16"), save(tuned, root / "tuned", "bfloat16")


@pytest.fixture(scope="module")
def done(pair, tmp_path_factory):
    root = tmp_path_factory.mktemp("done")
    return {level: footprint(*pair, out=root / str(level), level=level) for level in (0, 1, 2, 3)}


def table(done, level):
    return records.read(done[level].folder)


def test_each_level_holds_all_that_the_level_below_holds_and_more(done):
    for level in (1, 2, 3):
        low, high = (table(done, each).filter(pl.col("of") != "profile") for each in (level - 1, level))
        common = low.join(high, on=KEY, nulls_equal=True, how="left", suffix=" high")
        missing = common.filter(pl.col("unit high").is_null())
        assert missing.select(KEY).unique().rows() == []
        assert len(high) > len(low)


def test_numbers_of_low_levels_are_those_of_full_spectra(done):
    exact = table(done, 2).filter(pl.col("diagnostic").is_in(CHEAP))
    for level in (0, 1, 3):
        found = table(done, level).filter(pl.col("diagnostic").is_in(CHEAP))
        both = found.join(exact, on=KEY, nulls_equal=True, suffix=" 2")
        assert len(both) == len(found)
        assert set(found["diagnostic"]) == set(CHEAP[: 5 if level == 0 else 8])
        for row in both.iter_rows(named=True):
            if row["value"] is None:
                assert row["value 2"] is None
            else:
                assert row["value"] == pytest.approx(row["value 2"], rel=1e-5, abs=1e-12), row


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_record_says_how_it_was_found(level, done):
    found = table(done, level)
    assert found["method"].null_count() == 0
    assert (found["method"].str.len_chars() > 3).all()
    assert found["error_bound"].drop_nulls().is_between(0, float("inf"), closed="left").all()
    wanted = {each.name for each in diagnostics() if each.level <= level and each.subject != "model"}
    names = {name.removesuffix("_share") for name in found["diagnostic"]} | set(found["diagnostic"])
    assert wanted <= names
    above = {each.name for each in diagnostics() if each.level > level}
    assert not above & set(found.filter(pl.col("of").is_in(["base", "tuned", "change"]))["diagnostic"])


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_true_error_is_within_the_bound(level, pair, done):
    before = weights(llama(layers=2), "bfloat16")
    tuned = changed(llama(layers=2), lambda name, weight: weight if "k_proj" in name else noise(name, weight))
    after = weights(tuned, "bfloat16")
    checked = 0
    for row in table(done, level).filter(pl.col("of").is_in(["base", "tuned", "change"])).iter_rows(named=True):
        name = next(name for name in before if name.endswith(row["tensor"]))
        array = {"base": before[name], "tuned": after[name], "change": after[name] - before[name]}.get(row["of"])
        if array is None or row["value"] is None or row["error_bound"] is None:
            continue
        s = np.linalg.svd(array, compute_uv=False)
        exact = {
            "frobenius_norm": np.linalg.norm(array),
            "spectral_norm": s[0],
            "nuclear_norm": s.sum(),
            "stable_rank": np.sum(s**2) / s[0] ** 2 if s[0] else None,
            "participation_ratio": np.sum(s**2) ** 2 / np.sum(s**4) if s[0] else None,
            "relative_change": np.linalg.norm(array) / np.linalg.norm(before[name]),
        }.get(row["diagnostic"])
        if exact is not None:
            assert abs(row["value"] - exact) <= row["error_bound"] + 1e-13 * abs(exact), row
            checked += 1
    assert checked >= {0: 30, 1: 100, 2: 130}[level]


def test_the_files_are_those_of_the_level(done):
    for level, each in done.items():
        expected = {*FILES, "work.json"} | ({DIRECTIONS} if level == 3 else set())
        assert {file.name for file in each.folder.iterdir()} == expected
        spectra = pl.read_parquet(each.folder / "spectra.parquet")
        assert (len(spectra) > 0) == (level >= 2)
        assert json.loads((each.folder / "manifest.json").read_text(encoding="utf-8"))["level"] == level
        assert each.summary["model"]["relative_change"] == pytest.approx(
            done[2].summary["model"]["relative_change"], rel=1e-5
        )


def test_directions_are_orthonormal_and_make_up_the_change(pair, done):
    arrays = load_file(done[3].folder / DIRECTIONS)
    models = llama(layers=2), changed(llama(layers=2), noise)
    sides = [weights(model, "bfloat16") for model in models]
    names = {key.rsplit(".", 1)[0] for key in arrays}
    assert names
    assert not any("k_proj" in name for name in names)
    for name in names:
        before, after = (next(each for key, each in side.items() if key.endswith(name)) for side in sides)
        s, left, right = (arrays[f"{name}.{part}"].astype(np.float64) for part in ("values", "left", "right"))
        for vectors in (left, right):
            np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(s)), atol=1e-5)
        change = after - before
        np.testing.assert_allclose(s, np.linalg.svd(change, compute_uv=False)[: len(s)], rtol=1e-5, atol=1e-7 * s[0])
        np.testing.assert_allclose(left.T @ change @ right, np.diag(s), atol=1e-5 * s[0])


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", TYPES)
def test_a_checkpoint_alone_is_measured_at_every_level_and_type(kind, level, tmp_path):
    model = llama(layers=1)
    found = footprint(save(model, tmp_path / "base", kind), out=tmp_path / "out", level=level)
    norms = records.read(tmp_path / "out").filter((pl.col("diagnostic") == "frobenius_norm") & (pl.col("of") == "base"))
    exact = {name.removeprefix("model."): np.linalg.norm(w) for name, w in weights(model, kind).items() if w.ndim == 2}
    assert dict(norms.select("tensor", "value").iter_rows()) == pytest.approx(exact, rel=1e-5)
    assert found.refused == 0


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_code_of_an_accelerator_gives_the_same_footprint(level, pair, done, tmp_path):
    footprint(*pair, out=tmp_path / "out", level=level, device="torch:cpu")
    here, there = table(done, level), records.read(tmp_path / "out")
    both = here.join(there, on=[*KEY, "role", "layer"], nulls_equal=True, suffix=" there")
    assert len(both) == len(here) == len(there)
    for row in both.filter(pl.col("diagnostic").is_in(CHEAP)).iter_rows(named=True):
        assert (row["value"] is None) == (row["value there"] is None)
        assert row["value"] is None or row["value"] == pytest.approx(row["value there"], rel=1e-5, abs=1e-12)


def test_settings_that_are_not_there_are_refused_before_anything_is_written(pair, tmp_path):
    out = tmp_path / "out"
    for given, said in (
        ({"level": 4}, "level: must be one of 0, 1, 2, 3 but is 4"),
        ({"level": -1}, "level: must be one of 0, 1, 2, 3 but is -1"),
        ({"device": "gpu"}, "device: must be 'cpu', 'cuda' or 'cuda:N' but is 'gpu'"),
    ):
        with pytest.raises(InputError, match=said):
            footprint(*pair, out=out, **given)
        assert not out.exists()


def test_another_level_in_a_folder_is_other_work(pair, done):
    for given in ({"level": 1}, {"level": 2, "device": "torch:cpu"}):
        with pytest.raises(InputError, match="holds other work"):
            footprint(*pair, out=done[2].folder, **given)


def test_a_plan_grows_with_the_level_and_names_its_files(pair, tmp_path):
    plans = [footprint(*pair, out=tmp_path / "out", level=level, plan=True).summary for level in (0, 1, 2, 3)]
    assert [plan["level"] for plan in plans] == [0, 1, 2, 3]
    assert [plan["compute"]["spectra"] > 0 for plan in plans] == [False, False, True, True]
    assert plans[0]["estimate"]["memory_bytes"] < plans[1]["estimate"]["memory_bytes"]
    assert [any(name.endswith(DIRECTIONS) for name in plan["write"]) for plan in plans] == [False, False, False, True]
    assert not (tmp_path / "out").exists()


def test_low_levels_never_call_an_eigensolver(pair, tmp_path, monkeypatch):
    from benchshadow.spectra import engines

    for name in ("eigenvalues", "singular_values"):
        monkeypatch.setattr(engines, name, lambda *_: pytest.fail("an eigensolver was called"))
    for level in (0, 1):
        footprint(*pair, out=tmp_path / str(level), level=level)


def test_a_matrix_on_which_float32_is_used_is_measured_alike_at_every_level(tmp_path):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((400, 640)).astype(np.float32)
    tuned = (base + 0.1 * rng.standard_normal(base.shape)).astype(np.float32)
    for name, each in (("a", base), ("b", tuned)):
        (tmp_path / name).mkdir()
        save_file({"h.weight": each}, tmp_path / name / "m.safetensors")
    s = np.linalg.svd(tuned.astype(np.float64) - base, compute_uv=False)
    exact = {"frobenius_norm": np.linalg.norm(s), "stable_rank": np.sum(s**2) / s[0] ** 2, "spectral_norm": s[0]}
    exact["participation_ratio"] = np.sum(s**2) ** 2 / np.sum(s**4)
    for level in (0, 1, 2, 3):
        footprint(tmp_path / "a", tmp_path / "b", out=tmp_path / str(level), level=level)
        found = records.read(tmp_path / str(level)).filter((pl.col("of") == "change") & pl.col("tensor").is_not_null())
        for row in found.filter(pl.col("diagnostic").is_in(list(exact))).iter_rows(named=True):
            assert row["value"] == pytest.approx(exact[row["diagnostic"]], rel=1e-5)
            assert "float32" in row["method"]
    assert module.FILES[-1] == "summary.json"
