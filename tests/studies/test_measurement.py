"""What is measured of real files is what NumPy finds in the same weights, and every parameter has its row."""

import numpy as np
import polars as pl
import pytest
from model_pairs import TYPES, changed, llama, noise, save, weights

from benchshadow.checkpoints import open_checkpoint
from benchshadow.errors import InputError
from benchshadow.records import SCHEMA
from benchshadow.studies.footprints.measurement import COVERAGE, SPECTRA, measure

MATRIX = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A base in float32, and a tuned model whole in each type and once in shards."""
    root = tmp_path_factory.mktemp("models")
    base, tuned = llama(), changed(llama(), noise)
    save(base, root / "base")
    save(tuned, root / "shards", shard="20KB")
    for stored in TYPES:
        save(tuned, root / stored, stored)
    return root


@pytest.fixture(scope="module")
def measured(folders):
    return measure(open_checkpoint(folders / "base"), open_checkpoint(folders / "float32"), seed=0)


def value(records, tensor, of, diagnostic, parameter=None, side=None):
    wanted = pl.col("tensor").eq_missing(tensor) & (pl.col("of") == of) & (pl.col("diagnostic") == diagnostic)
    wanted &= pl.col("parameter").eq_missing(parameter) & pl.col("side").eq_missing(side)
    (found,) = records.filter(wanted)["value"]
    return found


def canonical(name):
    return name.removeprefix("model.")


@pytest.mark.parametrize("stored", TYPES)
def test_spectra_are_those_of_numpy_in_every_type(stored, folders):
    found = measure(open_checkpoint(folders / "base"), open_checkpoint(folders / stored), seed=0)
    before, after = weights(llama()), weights(changed(llama(), noise), stored)
    spectra = {(row["tensor"], row["of"]): row["values"] for row in found.spectra.iter_rows(named=True)}
    matrices = [name for name, weight in before.items() if weight.ndim == 2]
    assert len(spectra) == 3 * len(matrices)
    for name in matrices:
        sides = {"base": before[name], "tuned": after[name], "change": after[name] - before[name]}
        for of, weight in sides.items():
            expected = np.linalg.svd(weight, compute_uv=False)
            np.testing.assert_allclose(spectra[canonical(name), of], expected, rtol=1e-9, atol=1e-7 * expected[0])
    row = found.coverage.filter(pl.col("tensor") == MATRIX).row(0, named=True)
    assert (row["stored"], row["stored_base"], row["shape"], row["role"]) == (stored, "float32", "48 x 32", "mlp.up")
    assert (row["layer"], row["depth"], row["tower"], row["guessed"]) == (1, 0.5, "language", False)


def test_diagnostics_are_those_of_the_spectra(measured):
    before, after = (weights(model)[MATRIX] for model in (llama(), changed(llama(), noise)))
    name, change = canonical(MATRIX), after - before
    for of, weight in {"base": before, "tuned": after, "change": change}.items():
        s = np.linalg.svd(weight, compute_uv=False)
        e, p = s**2 / np.sum(s**2), s / np.sum(s)
        for diagnostic, expected in {
            "frobenius_norm": np.linalg.norm(weight),
            "stable_rank": 1 / e[0],
            "participation_ratio": 1 / np.sum(e**2),
            "energy_rank": np.exp(-np.sum(e * np.log(e))),
            "effective_rank": np.exp(-np.sum(p * np.log(p))),
        }.items():
            assert value(measured.records, name, of, diagnostic) == pytest.approx(expected, rel=1e-7)
    moved = np.linalg.norm(change) / np.linalg.norm(before)
    assert value(measured.records, name, "change", "relative_change") == pytest.approx(moved, rel=1e-9)
    equal = value(measured.records, name, "change", "unchanged_share")
    assert equal == pytest.approx(np.mean(change == 0), abs=1e-12)


def test_every_parameter_is_in_one_row(measured, folders):
    model = llama()
    coverage = measured.coverage
    assert dict(coverage.schema) == {name: kind() if callable(kind) else kind for name, kind in COVERAGE.items()}
    assert sorted(coverage["tensor"]) == sorted(model.state_dict())
    assert coverage["parameters"].sum() == sum(weight.numel() for weight in model.parameters())
    vectors = coverage.filter(pl.col("state") == "skipped")
    assert set(vectors["reason"]) == {"a vector: no spectrum"}
    assert len(vectors) == 7
    assert set(coverage["state"]) == {"analysed", "skipped"}
    assert (measured.refused, measured.remarks) == (0, ())


def test_shards_measure_like_one_file(measured, folders):
    assert len(list((folders / "shards").glob("*.safetensors"))) > 2
    found = measure(open_checkpoint(folders / "base"), open_checkpoint(folders / "shards"), seed=0)
    assert found.records.equals(measured.records)


def test_two_workers_find_the_same_as_one(measured, folders):
    found = measure(open_checkpoint(folders / "base"), open_checkpoint(folders / "float32"), seed=0, workers=2)
    assert found.records.equals(measured.records)
    assert found.coverage.equals(measured.coverage)
    assert found.spectra.equals(measured.spectra)


def test_the_tables_have_their_schemas_and_columns(measured, folders):
    columns = {"run": "r", "arm": "control", "replicate": 2, "base": "b", "step": 7, "checkpoint": "c"}
    pair = [open_checkpoint(folders / name) for name in ("base", "float32")]
    found = measure(*pair, seed=0, spectra_of=("change",), columns=columns)
    assert list(found.records.columns) == list(SCHEMA)
    assert list(found.spectra.columns) == list(SPECTRA)
    assert set(found.spectra["of"]) == {"change"}
    for name, given in columns.items():
        assert set(found.records[name]) == {given}
    wanted = found.records.filter(pl.col("of") == "change")
    same = measured.records.join(wanted, on=["tensor", "of", "diagnostic", "parameter", "side"], nulls_equal=True)
    assert same["value"].equals(same["value_right"])
    assert len(same) == len(wanted)


def test_the_model_row_pools_and_averages_the_blocks(measured):
    before, after = weights(llama()), weights(changed(llama(), noise))
    inside = [name for name, weight in before.items() if weight.ndim == 2 and ".layers." in name]
    change = {name: after[name] - before[name] for name in inside}
    energy = {name: np.sum(change[name] ** 2) for name in inside}
    total = sum(energy.values())
    moved = np.sqrt(total / sum(np.sum(before[name] ** 2) for name in inside))
    stable = [energy[name] / np.linalg.norm(change[name], 2) ** 2 for name in inside]
    layers = [sum(energy[name] for name in inside if f".{layer}." in name) / total for layer in range(3)]
    spread = np.exp(-sum(share * np.log(share) for share in layers))
    unchanged = sum(np.sum(change[name] == 0) for name in inside) / sum(change[name].size for name in inside)
    norm = sum(np.linalg.norm(before[name]) ** 2 for name in inside) ** 0.5
    shift = sum(np.sum((svd(after[name]) - svd(before[name])) ** 2) for name in inside) ** 0.5 / norm
    for diagnostic, expected in {
        "relative_change": moved,
        "frobenius_norm": np.sqrt(total),
        "stable_rank": np.mean(stable),
        "stable_rank_share": np.mean(stable / np.array([min(change[name].shape) for name in inside])),
        "effective_layers": spread,
        "effective_layers_share": spread / 3,
        "unchanged_share": unchanged,
        "spectral_shift": shift,
    }.items():
        found = value(measured.records, None, "model", diagnostic)
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-12), diagnostic
    rows = measured.records.filter(pl.col("of") == "model")
    assert set(rows["role"]) == {"blocks"}
    assert set(rows.filter(pl.col("diagnostic") == "stable_rank")["method"]) == {"mean over 21 matrices"}


def test_a_base_of_zeros_is_in_the_shift_of_the_model(tmp_path):
    """A matrix that began at zero has no shift of its own; all of its spectrum is new."""
    before = weights(llama())
    zero = next(name for name in before if name.endswith("layers.0.self_attn.o_proj.weight"))
    began = changed(llama(), lambda name, weight: weight * (name != zero))
    pair = [save(model, tmp_path / name) for name, model in (("began", began), ("ended", llama()))]
    found = measure(*map(open_checkpoint, pair), seed=0).records
    inside = [name for name, weight in before.items() if weight.ndim == 2 and ".layers." in name and name != zero]
    base = sum(np.sum(before[name] ** 2) for name in inside) ** 0.5
    expected = np.linalg.norm(before[zero]) / base
    assert value(found, None, "model", "spectral_shift") == pytest.approx(expected, rel=1e-6)
    assert value(found, None, "model", "relative_change") == pytest.approx(expected, rel=1e-6)


def svd(weight):
    return np.linalg.svd(weight, compute_uv=False)


def planted(name, weight):
    """A change of rank four, added in float32."""
    if weight.ndim < 2 or "layers" not in name:
        return weight
    rng = np.random.default_rng(len(name))
    low = rng.standard_normal((weight.shape[0], 4)) @ rng.standard_normal((4, weight.shape[1]))
    return (weight + 0.05 * weight.std() * low).astype(np.float32)


def test_a_planted_change_of_rank_four_is_found_and_equal_tensors_are_left_out(tmp_path):
    save(llama(), tmp_path / "base")
    save(changed(llama(), planted), tmp_path / "tuned")
    found = measure(open_checkpoint(tmp_path / "base"), open_checkpoint(tmp_path / "tuned"), seed=0)
    ranks = found.records.filter((pl.col("of") == "change") & (pl.col("diagnostic") == "numerical_rank"))
    inside = ranks.filter(pl.col("layer").is_not_null())
    assert set(inside["value"]) == {4.0}
    assert ranks.filter(pl.col("role") == "embedding")["value"].to_list() == [None]
    assert "undefined" in ranks.filter(pl.col("role") == "embedding")["method"][0]
    assert value(found.records, None, "model", "signal_rank", side="both") == 4.0
    # Of matrices this small the edge of one side is drawn with some spread: a value of noise may pass it.
    assert 4.0 <= value(found.records, None, "model", "signal_rank", side="tuned") < 4.2
    states = dict(found.coverage.filter(pl.col("state") != "skipped").group_by("state").len().iter_rows())
    assert states == {"analysed": 21, "equal": 2}
    assert found.remarks == ("base and tuned are equal in 2 matrices, which the averages leave out",)


def test_equal_tensors_inside_blocks_count_in_sums_and_not_in_means(tmp_path):
    first = "model.layers.0.mlp.up_proj.weight"
    save(llama(), tmp_path / "base")
    save(changed(llama(), lambda name, weight: planted(name, weight) if name == first else weight), tmp_path / "tuned")
    found = measure(open_checkpoint(tmp_path / "base"), open_checkpoint(tmp_path / "tuned"), seed=0)
    means = found.records.filter((pl.col("of") == "model") & (pl.col("diagnostic") == "numerical_rank"))
    assert means["value"].to_list() == [4.0]
    assert means["method"].to_list() == ["mean over 1 matrices, 20 equal left out"]
    before, after = weights(llama()), weights(changed(llama(), planted))
    norm = sum(np.sum(weight**2) for name, weight in before.items() if "layers" in name and weight.ndim == 2) ** 0.5
    expected = np.linalg.norm(after[first] - before[first]) / norm
    assert value(found.records, None, "model", "relative_change") == pytest.approx(expected, rel=1e-7)
    assert value(found.records, None, "model", "effective_layers") == pytest.approx(1.0)


def test_a_checkpoint_against_itself_is_equal_everywhere(folders):
    base = open_checkpoint(folders / "base")
    found = measure(base, base, seed=0)
    assert set(found.coverage["state"]) == {"equal", "skipped"}
    assert value(found.records, None, "model", "relative_change") == 0
    assert value(found.records, None, "model", "unchanged_share") == 1
    assert "stable_rank" not in set(found.records.filter(pl.col("of") == "model")["diagnostic"])
    assert "change" not in set(found.spectra["of"])


def test_one_checkpoint_alone_is_measured(folders):
    found = measure(open_checkpoint(folders / "base"), seed=0)
    assert set(found.records["of"]) == {"base", "model"}
    assert set(found.spectra["of"]) == {"base"}
    stable = [
        np.sum(svd(w) ** 2) / svd(w)[0] ** 2 for n, w in weights(llama()).items() if w.ndim == 2 and "layers" in n
    ]
    assert value(found.records, None, "model", "stable_rank") == pytest.approx(np.mean(stable), rel=1e-7)
    assert found.coverage["parameters"].sum() == sum(weight.numel() for weight in llama().parameters())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("tensor", [MATRIX, "model.norm.weight"])
@pytest.mark.parametrize("side", ["base", "tuned"])
def test_a_tensor_with_nan_or_infinity_is_refused_and_the_rest_measured(bad, tensor, side, tmp_path):
    def spoil(name, weight):
        if name == tensor:
            weight.flat[3] = bad
        return weight

    models = {"base": llama(layers=2), "tuned": changed(llama(layers=2), noise)}
    models[side] = changed(models[side], spoil)
    for name, model in models.items():
        save(model, tmp_path / name)
    found = measure(open_checkpoint(tmp_path / "base"), open_checkpoint(tmp_path / "tuned"), seed=0)
    refused = found.coverage.filter(pl.col("state") == "refused")
    assert refused["tensor"].to_list() == [tensor]
    assert refused["reason"].to_list() == ["must be finite but holds NaN or infinite entries"]
    assert found.refused == 1
    assert found.remarks == (f"{canonical(tensor)}: refused: must be finite but holds NaN or infinite entries",)
    assert (found.coverage["state"] == "analysed").sum() == (15 if tensor == MATRIX else 16)
    assert found.records["value"].is_finite().all()


def test_unknown_settings_are_refused(folders):
    base = open_checkpoint(folders / "base")
    with pytest.raises(InputError, match="spectra_of: must hold some of base, tuned, change but holds 'chang'"):
        measure(base, base, seed=0, spectra_of=("chang",))
    for sides in (("tunned",), (), "both"):
        with pytest.raises(InputError, match="rounded_sides: must hold some of tuned, both"):
            measure(base, rounded_sides=sides, seed=0)


def test_progress_ends_with_all_the_work(folders):
    told = []
    pair = [open_checkpoint(folders / name) for name in ("base", "float32")]
    measure(*pair, seed=0, spectra_of=("change",), progress=lambda *said: told.append(said))
    done = [each[0] for each in told]
    assert done == sorted(done)
    assert len(told) == 23
    assert {each[1] for each in told} == {done[-1]}
    assert {each[2] for each in told} == {canonical(name) for name, w in weights(llama()).items() if w.ndim == 2}


def test_a_change_that_rounding_drowns_is_said(tmp_path):
    save(llama(), tmp_path / "base", "bfloat16")
    tiny = changed(llama(), lambda name, weight: weight + (0.001 * (noise(name, weight) - weight)).astype(np.float32))
    save(tiny, tmp_path / "tuned", "bfloat16")
    found = measure(open_checkpoint(tmp_path / "base"), open_checkpoint(tmp_path / "tuned"), seed=0)
    assert [said for said in found.remarks if "not resolved" in said] == [
        "if only the tuned side was rounded, rounding explains more than half of the energy of the change in 23 of 23 "
        "matrices: these are not resolved",
        "if both sides were rounded, rounding explains more than half of the energy of the change in 23 of 23 "
        "matrices: these are not resolved",
    ]
    remarks = found.coverage.filter(pl.col("state") == "analysed")["remarks"]
    assert remarks.str.contains("not resolved: rounding (both) explains", literal=True).all()


def test_matrices_of_zeros_are_measured_as_such(tmp_path):
    def emptied(name, weight):
        return np.zeros_like(weight) if name == MATRIX else weight

    save(changed(llama(), emptied), tmp_path / "base")
    save(llama(), tmp_path / "tuned")
    pair = [open_checkpoint(tmp_path / name) for name in ("base", "tuned")]
    found = measure(*pair, seed=0)
    assert value(found.records, canonical(MATRIX), "change", "relative_change") is None
    assert value(found.records, canonical(MATRIX), "base", "stable_rank") is None
    assert value(found.records, canonical(MATRIX), "change", "stable_rank") > 1
    assert value(found.records, None, "model", "relative_change") > 0
    alone = measure(pair[0], seed=0)
    assert value(alone.records, canonical(MATRIX), "base", "frobenius_norm") == 0
