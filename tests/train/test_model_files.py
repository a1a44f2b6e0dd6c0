"""Models are made by their seed alone, saved whole, loaded as they were, and hashed by all that they are."""

import json

import pytest
import torch
from training_samples import tiny

from benchshadow.errors import InputError
from benchshadow.train.model import load, save, weights_sha256


def test_the_seed_alone_determines_the_weights():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one = weights_sha256(tiny(3))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert weights_sha256(tiny(3)) == one != weights_sha256(tiny(4))


@pytest.mark.parametrize("tied", [False, True])
def test_what_is_saved_is_what_is_loaded(tied, tmp_path, capfd):
    model = tiny(tied_embeddings=tied, key_value_heads=1)
    save(model, tmp_path / "step")
    loaded = load(tmp_path / "step")
    assert weights_sha256(loaded) == weights_sha256(model)
    assert loaded.config.num_key_value_heads == 1
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert [path.name for path in tmp_path.iterdir()] == ["step"]
    assert capfd.readouterr() == ("", "")
    config = json.loads((tmp_path / "step" / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]


def test_saving_takes_the_place_of_what_a_killed_run_left(tmp_path):
    (tmp_path / ".step.partial").mkdir()
    (tmp_path / ".step.partial" / "junk").touch()
    (tmp_path / "step").mkdir()
    (tmp_path / "step" / "model.safetensors").write_bytes(b"old")
    save(tiny(), tmp_path / "step")
    assert weights_sha256(load(tmp_path / "step")) == weights_sha256(tiny())
    assert not (tmp_path / "step" / "junk").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["step"]


def test_the_hash_follows_every_bit_name_and_shape():
    model = tiny()
    plain = weights_sha256(model)
    with torch.no_grad():
        model.lm_head.weight[0, 0] = torch.nextafter(model.lm_head.weight[0, 0], torch.tensor(9.0))
    assert weights_sha256(model) != plain
    assert weights_sha256(tiny().to(torch.bfloat16)) != plain


def broken(folder, name):
    save(tiny(), folder)
    weights = folder / "model.safetensors"
    if name == "nothing":
        for path in folder.iterdir():
            path.unlink()
    elif name == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif name == "no weights":
        weights.unlink()
    elif name == "config":
        (folder / "config.json").write_text("{")
    elif name == "incomplete":
        from safetensors.torch import load_file, save_file

        kept = {key: value for key, value in load_file(weights).items() if "up_proj" not in key}
        save_file(kept, weights, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "must hold a checkpoint but has no config.json"),
        ("truncated", "cannot be loaded as a causal language model"),
        ("no weights", "cannot be loaded as a causal language model"),
        ("config", "cannot be loaded as a causal language model"),
        ("incomplete", r"must hold every weight of its model but lacks model.layers.0.mlp.up_proj.weight"),
    ],
)
def test_a_broken_checkpoint_is_one_sentence(name, said, tmp_path):
    broken(tmp_path / "step", name)
    with pytest.raises(InputError, match=said) as caught:
        load(tmp_path / "step")
    assert str(tmp_path / "step") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/step: cannot be written"):
        save(tiny(), tmp_path / "file" / "step")
