"""A restored checkpoint is the tuned one less the named part of its change, in its own layout and types."""

import json
import shutil

import numpy as np
import pytest
import torch
from model_pairs import changed, llama, save, weights
from safetensors import safe_open

from benchshadow.checkpoints import open_checkpoint
from benchshadow.errors import InputError
from benchshadow.records import file_digest, read_json, sealed
from benchshadow.studies.causal.restore import restore

UP = "model.layers.1.mlp.up_proj.weight"
INSIDE = ("_proj.weight",)


def planted(name: str, value: np.ndarray) -> np.ndarray:
    """Every matrix gets a change of rank three, every vector a small one."""
    rng = np.random.default_rng(sum(name.encode()))
    if value.ndim < 2:
        return value + np.float32(0.01) * rng.standard_normal(value.shape).astype(np.float32)
    left, right = rng.standard_normal((value.shape[0], 3)), rng.standard_normal((3, value.shape[1]))
    return value + (0.02 * (left * [4.0, 2.0, 1.0]) @ right).astype(np.float32)


@pytest.fixture
def models():
    base = llama()
    return base, changed(base, planted)


def read(folder) -> dict[str, np.ndarray]:
    found = open_checkpoint(folder)
    return {name: found.read(name).astype(np.float64) for name in found.names()}


def top(change: np.ndarray, count: int) -> np.ndarray:
    left, values, right = np.linalg.svd(change, full_matrices=False)
    return (left[:, :count] * values[:count]) @ right[:count]


def test_a_planted_change_of_low_rank_is_restored(models, tmp_path):
    base, tuned = models
    one, two = save(base, tmp_path / "base"), save(tuned, tmp_path / "tuned")
    done = restore(one, two, directions="top:3", scale=0.0, out=tmp_path / "out", seed=0)
    before, after, found = weights(base), weights(tuned), read(done.folder / "checkpoint")
    assert found.keys() == after.keys()
    for name, value in found.items():
        wanted = before[name] if name.endswith(INSIDE) else after[name]
        np.testing.assert_allclose(value, wanted, atol=1e-6, err_msg=name)
    assert done.summary["energy_share"] == pytest.approx(1.0, abs=1e-6)
    assert done.summary["matrices"] == 21


@pytest.mark.parametrize("scale", [0.0, 0.25])
def test_the_strongest_direction_is_scaled_and_the_others_stay(models, scale, tmp_path):
    base, tuned = models
    one, two = save(base, tmp_path / "base"), save(tuned, tmp_path / "tuned")
    done = restore(one, two, directions="top:1", scale=scale, out=tmp_path / "out", seed=0)
    change = weights(tuned)[UP] - weights(base)[UP]
    wanted = weights(base)[UP] + change - (1 - scale) * top(change, 1)
    np.testing.assert_allclose(read(done.folder / "checkpoint")[UP], wanted, atol=1e-6)
    (row,) = (each for each in read_json(done.folder / "manifest.json")["matrices"] if each["tensor"] in UP)
    share = np.sum(top(change, 1) ** 2) / np.sum(change**2)
    assert row["energy_share"] == pytest.approx(share, rel=1e-6)
    assert row["norm"] == pytest.approx(np.linalg.norm(top(change, 1)), rel=1e-6)


def test_the_control_moves_the_weights_as_far(models, tmp_path):
    base, tuned = models
    one, two = save(base, tmp_path / "base"), save(tuned, tmp_path / "tuned")
    after = weights(tuned)
    moved = {}
    for directions in ("top:1", "random:1", "intruders", "random:intruders"):
        out = tmp_path / directions.replace(":", "-")
        done = restore(one, two, directions=directions, scale=0.5, out=out, seed=7)
        found = read(done.folder / "checkpoint")
        moved[directions] = {name: np.linalg.norm(found[name] - after[name]) for name in after}
        whole = np.sqrt(sum(size**2 for size in moved[directions].values()))
        assert done.summary["moved_norm"] == pytest.approx(whole, rel=1e-4)
    for control, of in (("random:1", "top:1"), ("random:intruders", "intruders")):
        assert moved[control] == pytest.approx(moved[of], rel=1e-4, abs=1e-6)
    assert moved["intruders"] != pytest.approx(moved["top:1"], rel=1e-2)
    assert max(moved["intruders"].values()) > 0


def test_stored_types_and_shards_are_kept_and_values_rounded_once(models, tmp_path):
    base, tuned = models
    one, two = save(base, tmp_path / "base", "bfloat16"), save(tuned, tmp_path / "tuned", "bfloat16", "20KB")
    (two / "tokenizer.json").write_text("{}")
    done = restore(one, two, directions="top:1", scale=0.0, out=tmp_path / "out", seed=0)
    folder = done.folder / "checkpoint"
    assert {file.name for file in folder.iterdir()} == {file.name for file in two.iterdir()}
    assert len(list(folder.glob("*.safetensors"))) > 1
    assert (folder / "config.json").read_bytes() == (two / "config.json").read_bytes()
    before, after = weights(base, "bfloat16")[UP], weights(tuned, "bfloat16")[UP]
    wanted = torch.tensor(after - top(after - before, 1)).to(torch.bfloat16)
    found = torch.tensor(read(folder)[UP])
    # A value next to the middle of two neighbours may fall to either side.
    assert (found == wanted).double().mean() > 0.99
    assert torch.allclose(found, wanted.double(), rtol=2**-7, atol=0)
    index = read_json(folder / "model.safetensors.index.json")["weight_map"]
    with safe_open(folder / index[UP], "pt") as file:
        assert file.get_tensor(UP).dtype == torch.bfloat16


def test_at_scale_one_the_files_are_those_of_the_tuned_checkpoint(models, tmp_path):
    one, two = save(models[0], tmp_path / "base"), save(models[1], tmp_path / "tuned")
    done = restore(one, two, directions="intruders", scale=1.0, out=tmp_path / "out", seed=0)
    for file in two.iterdir():
        assert (done.folder / "checkpoint" / file.name).read_bytes() == file.read_bytes()
    assert done.summary["moved_norm"] == 0.0


def test_a_fused_and_transposed_layout_is_written_where_it_lies(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    config = GPT2Config(vocab_size=40, n_positions=16, n_embd=16, n_layer=2, n_head=2)
    base = GPT2LMHeadModel(config)
    tuned = GPT2LMHeadModel(config)
    rng = np.random.default_rng(0)
    state = {}
    for name, value in base.state_dict().items():
        moved = value.numpy().astype(np.float64)
        state[name] = torch.tensor(moved + 0.05 * rng.standard_normal(moved.shape), dtype=torch.float32)
    tuned.load_state_dict(state)
    base.save_pretrained(tmp_path / "base")
    tuned.save_pretrained(tmp_path / "tuned")
    done = restore(tmp_path / "base", tmp_path / "tuned", directions="top:2", scale=0.0, out=tmp_path / "out", seed=0)
    places = (tmp_path / "base", tmp_path / "tuned", done.folder / "checkpoint")
    before, after, found = map(read, places)
    (name,) = (each for each in after if each.endswith("h.1.attn.c_attn.weight"))
    change = after[name] - before[name]
    # Stored in x out, with query, key and value side by side: each is a matrix of its own.
    wanted = after[name].copy()
    for piece in range(3):
        columns = slice(16 * piece, 16 * (piece + 1))
        wanted[:, columns] -= top(change[:, columns], 2)
    np.testing.assert_allclose(found[name], wanted, atol=1e-6)
    (vector,) = (each for each in after if each.endswith("h.1.attn.c_attn.bias"))
    np.testing.assert_array_equal(found[vector], after[vector])


def test_an_adapter_is_merged_and_scaled_along_its_directions(tmp_path):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(5)
        tuned = get_peft_model(llama(layers=2), LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj"]))
        for name, weight in tuned.named_parameters():
            if "lora" in name:
                weight.data = 0.1 * torch.randn_like(weight)
        tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    base = save(llama(layers=2), tmp_path / "base")
    merged = {
        name.removeprefix("base_model.model."): value.detach().double().numpy()
        for name, value in tuned.merge_and_unload().state_dict().items()
    }
    done = restore(base, tmp_path / "adapter", directions="top:1", scale=0.0, out=tmp_path / "out", seed=0)
    found, before = read(done.folder / "checkpoint"), read(base)
    assert found.keys() == before.keys()
    assert (done.folder / "checkpoint" / "config.json").is_file()
    name = "model.layers.1.self_attn.q_proj.weight"
    np.testing.assert_allclose(found[name], merged[name] - top(merged[name] - before[name], 1), atol=1e-5)
    np.testing.assert_array_equal(found[UP], before[UP])


def test_the_manifest_tells_what_was_done_and_the_folder_is_continued_or_refused(models, tmp_path):
    one, two = save(models[0], tmp_path / "base"), save(models[1], tmp_path / "tuned")
    done = restore(one, two, directions="random:1", scale=0.5, out=tmp_path / "out", seed=3)
    manifest = read_json(done.folder / "manifest.json")
    assert sealed(manifest)
    assert manifest["files"] == {file.name: file_digest(file) for file in (done.folder / "checkpoint").iterdir()}
    assert (manifest["directions"], manifest["scale"], manifest["seed"]) == ("random:1", 0.5, 3)
    times = {path: path.stat().st_mtime_ns for path in done.folder.rglob("*")}
    again = restore(one, two, directions="random:1", scale=0.5, out=tmp_path / "out", seed=3)
    assert again.summary == done.summary
    assert {path: path.stat().st_mtime_ns for path in done.folder.rglob("*")} == times
    with pytest.raises(InputError, match=r"holds other work \(scale was 0.5, is 0.25\)"):
        restore(one, two, directions="random:1", scale=0.25, out=tmp_path / "out", seed=3)
    (done.folder / "summary.json").unlink()
    shutil.rmtree(done.folder / "checkpoint")
    (done.folder / ".checkpoint.partial").mkdir()
    restore(one, two, directions="random:1", scale=0.5, out=tmp_path / "out", seed=3)
    assert read_json(done.folder / "manifest.json") == manifest
    assert not (done.folder / ".checkpoint.partial").exists()


def test_a_matrix_that_cannot_be_decomposed_stays_and_is_named(models, tmp_path):
    def broken(name, value):
        moved = planted(name, value)
        if name == UP:
            moved[0, 0] = np.nan
        return moved

    one, two = save(models[0], tmp_path / "base"), save(changed(models[0], broken), tmp_path / "tuned")
    done = restore(one, two, directions="top:3", scale=0.0, out=tmp_path / "out", seed=0)
    assert done.summary["refused"] == 1
    assert [each for each in done.remarks if "up_proj" in each and "must be finite" in each]
    found, after = read(done.folder / "checkpoint"), read(two)
    np.testing.assert_array_equal(found[UP], after[UP])


def test_a_plan_writes_nothing(models, tmp_path):
    one, two = save(models[0], tmp_path / "base"), save(models[1], tmp_path / "tuned")
    plan = restore(one, two, directions="intruders", scale=0.5, out=tmp_path / "out", seed=0, plan=True)
    assert plan.summary["compute"]["matrices"] == 21
    assert json.loads(json.dumps(plan.summary)) == plan.summary
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("directions", "scale", "sentence"),
    [
        (
            "intruder",
            0.5,
            "directions: must be intruders, top:K, random:K or random:intruders with K at least 1 but",
        ),
        ("top:2", 1.5, r"--scale: must be in \[0, 1\] but is 1.5"),
        ("top:2", float("nan"), r"--scale: must be in \[0, 1\] but is nan"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(models, directions, scale, sentence, tmp_path):
    one, two = save(models[0], tmp_path / "base"), save(models[1], tmp_path / "tuned")
    with pytest.raises(InputError, match=sentence):
        restore(one, two, directions=directions, scale=scale, out=tmp_path / "out", seed=0)
    assert not (tmp_path / "out").exists()
