"""Parts of a batch and passes in sixteen bits give nearly the same training, on weights that stay in thirty-two."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from training_samples import setting, stream, tiny

from benchshadow.errors import InputError
from benchshadow.train import Settings, checkpoint_folder
from benchshadow.train.loop import train
from benchshadow.train.model import weights_sha256


def trained(folder, **changes):
    settings, model = setting(sequences=4, **changes), tiny()
    return train(model, stream(settings), settings, folder, seed=5), model


def test_bfloat16_is_close_to_float32_and_keeps_weights_and_moments_whole(tmp_path):
    full, one = trained(tmp_path / "full")
    half, two = trained(tmp_path / "half", precision="bfloat16")
    assert not np.array_equal(half, full)
    assert half == pytest.approx(full, abs=0.02)
    with safe_open(checkpoint_folder(tmp_path / "half", 11) / "model.safetensors", "np") as held:
        assert {held.get_slice(name).get_dtype() for name in held.keys()} == {"F32"}  # noqa: SIM118
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert b.dtype == torch.float32
        assert torch.linalg.norm(a - b) < 0.1 * torch.linalg.norm(a)
    # Weights that were rounded to sixteen bits would end in sixteen zeros.
    bits = two.lm_head.weight.detach().numpy().view(np.uint32)
    assert (bits & 0xFFFF).any()


def test_bfloat16_is_the_same_bits_again(tmp_path):
    (one, a), (two, b) = (trained(tmp_path / name, precision="bfloat16") for name in ("one", "two"))
    assert np.array_equal(one, two)
    assert weights_sha256(a) == weights_sha256(b)


@pytest.mark.parametrize("micro", [1, 2])
def test_parts_of_a_batch_add_up_to_the_batch(micro, tmp_path):
    whole, one = trained(tmp_path / "whole", optimiser="sgd", clip=1e9)
    parts, two = trained(tmp_path / "parts", optimiser="sgd", clip=1e9, micro_sequences=micro)
    assert parts == pytest.approx(whole, abs=1e-6)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_one_part_is_the_batch_to_the_bit(tmp_path):
    assert np.array_equal(trained(tmp_path / "whole")[0], trained(tmp_path / "part", micro_sequences=4)[0])


def test_parts_that_do_not_fill_the_batch_are_refused():
    with pytest.raises(ValueError, match="sequences must be a multiple of micro_sequences but is 4 with 3"):
        setting(sequences=4, micro_sequences=3)
    with pytest.raises(ValueError, match="sequences must be a multiple of micro_sequences"):
        Settings.model_validate({"steps": 1, "sequences": 5, "length": 8, "learning_rate": 1, "micro_sequences": 2})


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is the device")
def test_a_device_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="device: must be a device of this machine but is 'cuda'; set device = 'cpu'"):
        trained(tmp_path, device="cuda")
