"""An adapter measured through its factors has the numbers of the weights that it makes, with its base and without."""

import json
import warnings

import numpy as np
import polars as pl
import pytest
import torch
from model_pairs import llama, save
from safetensors.numpy import load_file, save_file

from benchshadow import records
from benchshadow.errors import InputError
from benchshadow.studies.footprints.footprint import footprint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from peft import LoraConfig, get_peft_model

RANK, ALPHA = 3, 12
TARGETS = ("self_attn.q_proj", "mlp.down_proj")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folders of a base and of its adapter."""
    root = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["q_proj", "down_proj"])
        tuned = get_peft_model(llama(layers=2), config)
        for name, weight in tuned.named_parameters():
            if "lora" in name:
                weight.data = 0.05 * torch.randn_like(weight)
        tuned.save_pretrained(root / "adapter", save_embedding_layers=False)
    return save(llama(layers=2), root / "base"), root / "adapter"


def factors(adapter):
    """Every change as PEFT defines it, alpha / r B A, float64."""
    held = load_file(adapter / "adapter_model.safetensors")
    found = {}
    for layer in range(2):
        for target in TARGETS:
            start = f"base_model.model.model.layers.{layer}.{target}"
            A, B = (held[f"{start}.lora_{each}.weight"].astype(np.float64) for each in "AB")
            found[f"layers.{layer}.{target}.weight"] = ALPHA / RANK * B @ A
    return found


def check(out, adapter):
    table = records.read(out).filter(pl.col("of") == "change")
    spectra = {
        row["tensor"]: row["values"]
        for row in pl.read_parquet(out / "spectra.parquet").filter(pl.col("of") == "change").iter_rows(named=True)
    }
    changes = factors(adapter)
    assert set(spectra) == set(changes)
    for name, change in changes.items():
        s = np.linalg.svd(change, compute_uv=False)
        np.testing.assert_allclose(spectra[name], s, rtol=1e-9, atol=1e-12 * s[0])
        kept = s[:RANK]
        exact = {
            "frobenius_norm": np.linalg.norm(s),
            "nuclear_norm": s.sum(),
            "stable_rank": np.sum(kept**2) / s[0] ** 2,
            "effective_rank": np.exp(-np.sum(kept / kept.sum() * np.log(kept / kept.sum()))),
            "numerical_rank": RANK,
        }
        rows = {row["diagnostic"]: row for row in table.filter(pl.col("tensor") == name).iter_rows(named=True)}
        for diagnostic, expected in exact.items():
            assert rows[diagnostic]["value"] == pytest.approx(expected, rel=1e-9), (name, diagnostic)
            assert rows[diagnostic]["method"].startswith("qr of the factors")
        signal = table.filter((pl.col("tensor") == name) & (pl.col("diagnostic") == "signal_rank"))
        assert set(signal["value"]) == {RANK}


def test_with_its_base(made, tmp_path):
    base, adapter = made
    found = footprint(base, adapter, out=tmp_path / "out")
    check(tmp_path / "out", adapter)
    held = {name.removeprefix("model."): each.numpy() for name, each in llama(layers=2).state_dict().items()}
    table = records.read(tmp_path / "out")
    for name, change in factors(adapter).items():
        wanted = (pl.col("tensor") == name) & (pl.col("diagnostic") == "relative_change")
        (value,) = table.filter(wanted)["value"]
        assert value == pytest.approx(np.linalg.norm(change) / np.linalg.norm(held[name].astype(np.float64)), rel=1e-6)
    assert found.summary["tensors"] == {"analysed": 4, "equal": 12, "skipped": 5, "unmatched": 0, "refused": 0}


def test_without_its_base(made, tmp_path):
    _, adapter = made
    found = footprint(adapter, out=tmp_path / "out")
    check(tmp_path / "out", adapter)
    table = records.read(tmp_path / "out")
    assert table.filter((pl.col("diagnostic") == "relative_change") & pl.col("value").is_not_null()).is_empty()
    assert found.summary["tensors"]["analysed"] == 4
    assert found.refused == 0


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("spectra_of", [("change",), ("base", "tuned", "change")])
def test_at_every_level_with_and_without_a_cache(level, spectra_of, made, tmp_path):
    given = {"level": level, "spectra_of": spectra_of}
    for name, paths in (("pair", made), ("alone", made[1:])):
        plain = footprint(*paths, out=tmp_path / name, **given)
        for again in ("first", "second"):
            kept = footprint(*paths, out=tmp_path / f"{name} {again}", cache=tmp_path / f"cache {name}", **given)
            assert kept.summary == plain.summary
            assert records.read(kept.folder).equals(records.read(plain.folder))
        norms = records.read(plain.folder).filter(
            (pl.col("diagnostic") == "frobenius_norm") & (pl.col("of") == "change")
        )
        for tensor, change in factors(made[1]).items():
            (value,) = norms.filter(pl.col("tensor") == tensor)["value"]
            assert value == pytest.approx(np.linalg.norm(change), rel=1e-5)


def test_an_adapter_that_was_never_trained_changes_nothing(made, tmp_path):
    base, adapter = made
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    held = load_file(adapter / "adapter_model.safetensors")
    save_file({n: each * (".lora_B." not in n) for n, each in held.items()}, fresh / "adapter_model.safetensors")
    (fresh / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    found = footprint(base, fresh, out=tmp_path / "out")
    assert found.summary["tensors"] == {"analysed": 0, "equal": 16, "skipped": 5, "unmatched": 0, "refused": 0}
    assert found.summary["model"]["relative_change"] == 0
    alone = footprint(fresh, out=tmp_path / "alone")
    assert alone.summary["tensors"]["analysed"] + alone.summary["tensors"]["equal"] == 4
    assert records.read(tmp_path / "alone")["value"].drop_nulls().is_finite().all()


def test_another_scale_is_another_change(made, tmp_path):
    base, adapter = made
    other = tmp_path / "other"
    other.mkdir()
    (other / "adapter_model.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    (other / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 2 * ALPHA}), encoding="utf-8")
    cache = tmp_path / "cache"
    norms = []
    for folder in (adapter, other):
        footprint(base, folder, out=tmp_path / f"out {folder.name}", cache=cache)
        table = records.read(tmp_path / f"out {folder.name}")
        norms.append(table.filter((pl.col("diagnostic") == "frobenius_norm") & (pl.col("of") == "change"))["value"][0])
    assert norms[1] == pytest.approx(2 * norms[0], rel=1e-9)


def test_a_factor_with_nan_is_refused_by_name_and_the_rest_measured(made, tmp_path):
    base, adapter = made
    bad = tmp_path / "bad"
    bad.mkdir()
    held = load_file(adapter / "adapter_model.safetensors")
    name = next(name for name in held if "layers.1.self_attn.q_proj.lora_B" in name)
    held[name] = held[name].copy()
    held[name][0, 0] = np.nan
    save_file(held, bad / "adapter_model.safetensors")
    (bad / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    for paths in ((base, bad), (bad,)):
        for level in (0, 2):
            out = tmp_path / f"out {len(paths)} {level}"
            assert footprint(*paths, out=out, level=level).refused == 1
            coverage = pl.read_parquet(out / "coverage.parquet").filter(pl.col("state") == "refused")
            assert coverage["canonical"].to_list() == ["layers.1.self_attn.q_proj.weight"]
            assert "NaN" in coverage["reason"][0]


def test_the_weights_of_an_adapter_named_themselves_mean_their_folder(made, tmp_path):
    base, adapter = made
    by_folder, by_file = tmp_path / "folder", tmp_path / "file"
    footprint(base, adapter, out=by_folder)
    footprint(base, adapter / "adapter_model.safetensors", out=by_file)
    numbers = [records.read(out).select("tensor", "of", "diagnostic", "value") for out in (by_folder, by_file)]
    assert numbers[0].equals(numbers[1])


def test_the_directions_of_a_change_come_from_its_factors(made, tmp_path):
    footprint(*made, out=tmp_path / "out", level=3)
    kept = load_file(tmp_path / "out" / "directions.safetensors")
    for tensor, change in factors(made[1]).items():
        values, left, right = (kept[f"{tensor}.{part}"].astype(np.float64) for part in ("values", "left", "right"))
        assert len(values) == RANK  # and no direction of the rounding of merged weights
        np.testing.assert_allclose((left * values) @ right.T, change, atol=1e-6 * values[0])


def test_an_adapter_is_no_base_of_another_checkpoint(made, tmp_path):
    base, adapter = made
    with pytest.raises(InputError, match="must be whole weights to compare with but is an adapter"):
        footprint(adapter, base, out=tmp_path / "out")
