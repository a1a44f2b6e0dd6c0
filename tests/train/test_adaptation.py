"""Low-rank factors are trained beside frozen weights, kept as an adapter, and merged where they are scored."""

import json

import numpy as np
import pytest
import torch
from test_architectures import made
from training_samples import counting, setting, stream, tiny

from benchshadow.checkpoints import adapted, open_adapter, open_checkpoint
from benchshadow.errors import InputError
from benchshadow.train import Adapter, checkpoint_folder
from benchshadow.train.adaptation import adapt
from benchshadow.train.loop import train
from benchshadow.train.model import load, save, weights_sha256


def factors(model=None, seed=1, **changes):
    settings = Adapter(**{"rank": 2, "alpha": 4.0, **changes})
    return adapt(model or tiny(), settings, seed=seed, base="base/step-000011")


def trained(folder, dropout=0.0, **options):
    model = factors(dropout=dropout)
    losses = train(model, stream(setting()), setting(), folder, seed=5, **options)
    return model, losses


def test_at_first_it_is_the_base_and_only_factors_are_trained():
    model, base = factors(), tiny()
    batch = torch.from_numpy(stream(setting())[:3].astype(np.int64))
    assert torch.equal(model(input_ids=batch).logits, base(input_ids=batch).logits)
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    assert len(names) == 2 * 7
    assert all("lora_" in name for name in names)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_the_base_stays_and_the_adapter_is_all_that_is_kept(tmp_path):
    model = factors()
    losses = train(model, counting(setting()), setting(), tmp_path, seed=5)
    assert losses[-1] < losses[0] - 0.01
    base = dict(tiny().named_parameters())
    inner = model.get_base_model()
    for name, p in inner.named_parameters():
        if "lora_" not in name:
            assert torch.equal(p, base[name.replace(".base_layer", "")]), name
    kept = checkpoint_folder(tmp_path, 11)
    assert sorted(path.name for path in kept.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert json.loads((kept / "adapter_config.json").read_text())["base_model_name_or_path"] == "base/step-000011"


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_is_scored_is_what_is_measured_is_what_was_trained(family, tmp_path):
    def first():
        return tiny() if family == "llama" else made("gpt2", resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)

    save(first(), tmp_path / "base")
    model = factors(first())
    train(model, stream(setting()), setting(), tmp_path, seed=5)
    kept = checkpoint_folder(tmp_path, 11)
    merged = load(kept, base=tmp_path / "base")
    batch = torch.from_numpy(stream(setting())[:3].astype(np.int64))
    model.eval()
    with torch.no_grad():
        assert torch.allclose(merged(input_ids=batch).logits, model(input_ids=batch).logits, atol=1e-5)
    read = adapted(open_checkpoint(tmp_path / "base"), open_adapter(kept))
    weights = merged.state_dict()
    changed = 0
    for name in read.names():
        assert read.read(name) == pytest.approx(weights[name].numpy(), abs=1e-6), name
        changed += not torch.equal(weights[name], first().state_dict()[name])
    assert changed == {"llama": 7, "gpt2": 8}[family]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_killed_and_resumed_it_ends_with_the_same_bits(dropout, tmp_path):
    whole, losses = trained(tmp_path / "whole", dropout)
    trained(tmp_path / "cut", dropout, stop_after=6)
    again, resumed = trained(tmp_path / "cut", dropout)
    assert np.array_equal(resumed, losses)
    assert weights_sha256(again) == weights_sha256(whole)
    one, two = (checkpoint_folder(tmp_path / name, 11) for name in ("whole", "cut"))
    for file in one.iterdir():
        assert file.read_bytes() == (two / file.name).read_bytes()


def test_the_seed_draws_the_factors_and_nothing_else():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one = weights_sha256(factors(seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert weights_sha256(factors(seed=1)) == one != weights_sha256(factors(seed=2))


def test_targets_that_are_named_are_the_ones():
    names = [name for name, p in factors(targets=("q_proj", "up_proj")).named_parameters() if p.requires_grad]
    assert {name.split(".")[-4] for name in names} == {"q_proj", "up_proj"}


def test_a_target_that_is_not_there_is_refused_with_the_one_that_was_meant():
    with pytest.raises(InputError, match=r"adapter\.targets: must name linear .* 'q_prj'; did you mean 'q_proj'\?"):
        factors(targets=("q_prj",))
    with pytest.raises(InputError, match=r"names 'lm_head'; they are down_proj, gate_proj, .*"):
        factors(targets=("lm_head",))


def test_an_adapter_without_its_base_is_refused(tmp_path):
    trained(tmp_path)
    with pytest.raises(InputError, match="step-000011: must hold whole weights but holds an adapter; name its base"):
        load(checkpoint_folder(tmp_path, 11))
