"""Quantised weights are what the programs that wrote them say they are; what is not read is refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_samples import matrix
from compressed_tensors.compressors.nvfp4.helpers import pack_fp4_to_uint8
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from safetensors.torch import load_file, save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from benchshadow.checkpoints import adapted, layout, open_adapter, open_checkpoint
from benchshadow.checkpoints.quantised.codes import FLOAT8, FP4, float8, nibbles, powers_of_two, unpacked
from benchshadow.errors import TensorRefused

RNG = np.random.default_rng(0)


def opened(folder, tensors, settings=None, **config):
    """A checkpoint of these tensors whose configuration has these settings of a quantisation."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.as_tensor(value).contiguous() for name, value in tensors.items()}, folder / "a.safetensors")
    config |= {} if settings is None else {"quantization_config": settings}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return open_checkpoint(folder)


def check(checkpoint, name, expected, auxiliary=()):
    """The weight is read exactly, by rows, columns and cuts, and its scales are set aside and not counted."""
    expected = np.asarray(expected, np.float32)
    assert name in checkpoint.names()
    assert (checkpoint.shape(name), checkpoint.dtype(name)) == (expected.shape, "float32")
    np.testing.assert_array_equal(checkpoint.read(name), expected)
    source, height = checkpoint.source(name), expected.shape[0]
    flat = expected.reshape(height, -1)
    assert (source.shape, source.stored) == (flat.shape, "float32")
    for start, stop in ((0, 1), (1, height), (height // 2, height // 2 + 1), (height, height)):
        np.testing.assert_array_equal(source.rows(start, stop), flat[start:stop])
    np.testing.assert_array_equal(source.columns(1, 3), flat[:, 1:3])
    np.testing.assert_array_equal(source.first(1).rows(0, 1), flat[:1])
    if expected.ndim == 3:
        for part, each in enumerate(expected):
            np.testing.assert_array_equal(checkpoint.source(name, part).rows(1, each.shape[0]), each[1:])
    for each in auxiliary:
        assert repr(name) in checkpoint.auxiliary(each)
    assert checkpoint.parameters == sum(
        int(np.prod(checkpoint.shape(each))) for each in checkpoint.names() if checkpoint.auxiliary(each) is None
    )
    assert checkpoint.auxiliary(name) is None
    assert checkpoint.scheme(name)
    assert any("the rounding of the quantisation is not modelled" in remark for remark in checkpoint.remarks)


# The codes.


@pytest.mark.parametrize("code", FLOAT8)
def test_floats_of_eight_bits_are_those_of_torch(code):
    kinds = {
        "F8_E4M3": torch.float8_e4m3fn,
        "F8_E5M2": torch.float8_e5m2,
        "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
        "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    }
    expected = torch.arange(256, dtype=torch.uint8).view(kinds[code]).float().numpy()
    np.testing.assert_array_equal(float8(code), expected)
    told = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(float8(code))[told], np.signbit(expected)[told])


def test_powers_of_two_are_those_of_torch():
    raw = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(powers_of_two(raw), torch.from_numpy(raw).view(torch.float8_e8m0fnu).float().numpy())


def words_of(values, bits):
    """A row of whole numbers as one long number, cut into words of 32 bits, low ones first."""
    long = sum(int(value) << (bits * i) for i, value in enumerate(values))
    count = -(-len(values) * bits // 32)
    return [np.uint32(long >> (32 * i) & 0xFFFFFFFF) for i in range(count)]


def packed_rows(values, bits):
    return np.array([words_of(row, bits) for row in values], np.uint32).view(np.int32)


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_words_give_back_their_numbers(bits):
    values = RNG.integers(0, 2**bits, (3, 64))
    np.testing.assert_array_equal(unpacked(packed_rows(values, bits), bits), values)


# fp8 and int8 with scales.

WEIGHT = torch.from_numpy(matrix((6, 10)))


def float8_of(values, scale, kind=torch.float8_e4m3fn):
    return (values / scale).to(kind)


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("scale_type", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(), (1,), (6,), (6, 1), (1, 1)])
def test_fp8_with_a_scale_for_all_or_for_each_row(shape, scale_type, kind, tmp_path):
    scale = (torch.rand(shape) + 0.5).mul(0.01).to(scale_type)
    spread = scale.float().reshape(-1, 1)
    stored = float8_of(WEIGHT, spread, kind)
    tensors = {"q.weight": stored, "q.weight_scale": scale, "q.input_scale": torch.ones(1), "q.bias": torch.ones(6)}
    found = opened(tmp_path, tensors, {"quant_method": "compressed-tensors"})
    check(found, "q.weight", stored.float() * spread, ["q.weight_scale"])
    assert found.auxiliary("q.input_scale") == "scales of activations"
    assert found.auxiliary("q.bias") is None


@pytest.mark.parametrize("scale_type", [torch.float32, torch.float8_e8m0fnu])
def test_fp8_in_blocks_as_deepseek_stores_it(scale_type, tmp_path):
    weight, size = torch.from_numpy(matrix((7, 9))), [4, 4]
    scale = torch.exp2(torch.randint(-6, 3, (2, 3)).float()).to(scale_type)
    spread = scale.float().repeat_interleave(4, 0)[:7].repeat_interleave(4, 1)[:, :9]
    stored = float8_of(weight, spread)
    settings = {"quant_method": "fp8", "weight_block_size": size}
    found = opened(tmp_path, {"q.weight": stored, "q.weight_scale_inv": scale}, settings)
    check(found, "q.weight", stored.float() * spread, ["q.weight_scale_inv"])


def test_blocks_that_the_settings_do_not_size_divide_the_weight(tmp_path):
    scale = torch.rand(3, 2) + 0.5
    spread = scale.repeat_interleave(2, 0).repeat_interleave(5, 1)
    stored = float8_of(WEIGHT, spread)
    found = opened(tmp_path, {"q.weight": stored, "q.weight_scale": scale})
    check(found, "q.weight", stored.float() * spread, ["q.weight_scale"])


@pytest.mark.parametrize("shape", [(3, 1, 10), (3, 6, 1), (3,), (3, 1, 1)])
def test_a_stack_of_experts_in_fp8(shape, tmp_path):
    weight, scale = torch.from_numpy(matrix((3, 6, 10))), torch.rand(shape) + 0.5
    spread = scale.reshape(*shape, *(1,) * (3 - len(shape)))
    stored = float8_of(weight, spread)
    found = opened(tmp_path, {"experts.gate_up_proj": stored, "experts.gate_up_proj_scale": scale})
    check(found, "experts.gate_up_proj", stored.float() * spread, ["experts.gate_up_proj_scale"])


def test_a_spectral_norm_of_fp8_is_that_of_the_weight_and_not_of_its_codes(tmp_path):
    weight = torch.from_numpy(matrix((96, 64))) * 0.02
    scale = weight.abs().max() / 448
    stored = float8_of(weight, scale)
    found = opened(tmp_path, {"q.weight": stored, "q.weight_scale_inv": scale}, {"quant_method": "fp8"})
    true, unscaled = (np.linalg.norm(each.double().numpy(), 2) for each in (weight, stored.float()))
    norm = np.linalg.norm(found.read("q.weight").astype(float), 2)
    assert norm == pytest.approx(true, rel=0.01)
    assert unscaled > 1000 * true


def test_int8_with_scales_and_zero_points(tmp_path):
    stored = torch.randint(-128, 128, (6, 10), dtype=torch.int8)
    scale, zero = torch.rand(6, 1), torch.randint(-9, 9, (6, 1), dtype=torch.int8)
    tensors = {"q.weight": stored, "q.weight_scale": scale, "q.weight_zero_point": zero}
    found = opened(tmp_path, tensors, {"quant_method": "compressed-tensors"})
    check(found, "q.weight", (stored.float() - zero.float()) * scale, ["q.weight_scale", "q.weight_zero_point"])


def test_mxfp8_has_powers_of_two_for_scales(tmp_path):
    weight, raw = torch.from_numpy(matrix((4, 64))), torch.randint(120, 130, (4, 2), dtype=torch.uint8)
    spread = torch.exp2(raw.float() - 127).repeat_interleave(32, 1)
    stored = float8_of(weight, spread)
    settings = {"quant_method": "compressed-tensors", "format": "mxfp8-quantized"}
    found = opened(tmp_path, {"q.weight": stored, "q.weight_scale": raw}, settings)
    check(found, "q.weight", stored.float() * spread, ["q.weight_scale"])


# Four bits with a scale for every group.


def test_mxfp4_experts_are_those_of_transformers(tmp_path):
    blocks = torch.randint(0, 256, (3, 20, 2, 16), dtype=torch.uint8)
    scales = torch.randint(110, 135, (3, 20, 2), dtype=torch.uint8)
    expected = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    name = "model.layers.0.mlp.experts.gate_up_proj"
    found = opened(tmp_path, {f"{name}_blocks": blocks, f"{name}_scales": scales}, {"quant_method": "mxfp4"})
    check(found, name, expected, [f"{name}_scales"])
    np.testing.assert_array_equal(found.source(name, 2).rows(5, 41), expected[2, 5:41])
    pieces = {piece.name: piece for piece in layout(found).pieces}
    assert sum(piece.state == "matrix" for piece in pieces.values()) == 3


@pytest.mark.parametrize("divides", [True, False])
def test_nvfp4_has_scales_of_eight_bits_and_one_for_all(divides, tmp_path):
    values = torch.from_numpy(FP4[RNG.integers(0, 16, (4, 32))])
    packed = pack_fp4_to_uint8(values)
    np.testing.assert_array_equal(FP4[nibbles(packed.numpy())], values)
    scale, whole = (torch.rand(4, 2) * 100).to(torch.float8_e4m3fn), torch.tensor([512.0 if divides else 1 / 512])
    ends = (
        ("weight_packed", "weight_scale", "weight_global_scale")
        if divides
        else ("weight", "weight_scale", "weight_scale_2")
    )
    found = opened(
        tmp_path, dict(zip((f"q.{end}" for end in ends), (packed, scale, whole), strict=True)), {"format": "x"}
    )
    spread = (scale.float() / 512).repeat_interleave(16, 1)
    check(found, "q.weight", values * spread, [f"q.{ends[1]}", f"q.{ends[2]}"])


def test_mxfp4_of_linear_layers(tmp_path):
    values = torch.from_numpy(FP4[RNG.integers(0, 16, (4, 64))])
    scale = torch.randint(120, 130, (4, 2), dtype=torch.uint8)
    found = opened(tmp_path, {"q.weight_packed": pack_fp4_to_uint8(values), "q.weight_scale": scale}, {"format": "x"})
    check(found, "q.weight", values * torch.exp2(scale.float() - 127).repeat_interleave(32, 1), ["q.weight_scale"])


# Whole numbers in words.


def gptq(bits, outputs=32, inputs=64, group=32, *, order=None, less_one=1, seed=0):
    """A module as GPTQ packs it, and its weight: inputs x outputs of codes, words of neighbouring inputs."""
    rng = np.random.default_rng(seed)
    codes, zeros = rng.integers(0, 2**bits, (inputs, outputs)), rng.integers(0, 2**bits, (inputs // group, outputs))
    scales = rng.uniform(0.001, 0.02, zeros.shape).astype(np.float16)
    groups = np.arange(inputs) // group if order is None else order
    stored = {
        "q.qweight": packed_rows(codes.T, bits).T,
        "q.qzeros": packed_rows((zeros - less_one) % 2**bits, bits),
        "q.scales": scales,
        "q.g_idx": groups.astype(np.int32),
    }
    return stored, ((codes - zeros[groups]) * scales.astype(np.float32)[groups]).T


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
def test_gptq(bits, version, tmp_path):
    stored, expected = gptq(bits, less_one=version == "gptq")
    settings = {"quant_method": "gptq", "bits": bits, "group_size": 32, "checkpoint_format": version}
    found = opened(tmp_path, stored, settings)
    assert set(found.names()) == {"q.weight", "q.qzeros", "q.scales", "q.g_idx"}
    check(found, "q.weight", expected, ["q.qzeros", "q.scales", "q.g_idx"])
    assert found.scheme("q.weight") == f"GPTQ of {bits} bits"


def test_gptq_whose_inputs_were_ordered_by_activation_and_whose_bits_are_its_own(tmp_path):
    order = np.random.default_rng(5).permutation(np.arange(64) // 32)
    stored, expected = gptq(8, order=order)
    check(opened(tmp_path, stored, {"quant_method": "gptq", "bits": 4}), "q.weight", expected)


def test_gptq_without_groups_of_its_own(tmp_path):
    stored, expected = gptq(4)
    del stored["q.g_idx"]
    check(opened(tmp_path, stored, {"quant_method": "gptq", "bits": 4}), "q.weight", expected)


def test_awq(tmp_path):
    outputs, inputs, group = 16, 64, 32
    codes, zeros = RNG.integers(0, 16, (inputs, outputs)), RNG.integers(0, 16, (inputs // group, outputs))
    scales = RNG.uniform(0.001, 0.02, zeros.shape).astype(np.float16)

    def packed(values):
        return packed_rows(values.reshape(len(values), -1, 8)[..., [0, 2, 4, 6, 1, 3, 5, 7]].reshape(values.shape), 4)

    stored = {"q.qweight": packed(codes), "q.qzeros": packed(zeros), "q.scales": scales}
    settings = {"quant_method": "awq", "bits": 4, "version": "gemm"}
    groups = np.arange(inputs) // group
    expected = ((codes - zeros[groups]) * scales.astype(np.float32)[groups]).T
    check(opened(tmp_path, stored, settings), "q.weight", expected, ["q.qzeros", "q.scales"])


@pytest.mark.parametrize("bits", [4, 8, 3])
@pytest.mark.parametrize("kind", ["symmetric", "asymmetric", "per row", "ordered"])
def test_packed_integers_of_compressed_tensors(bits, kind, tmp_path):
    half, columns = 2 ** (bits - 1), 64
    codes = torch.randint(-half, half, (32, columns), dtype=torch.int8)
    groups = torch.arange(columns) // (columns if kind == "per row" else 32)
    if kind == "ordered":
        groups = groups[torch.randperm(columns)]
    scale = torch.rand(32, int(groups.max()) + 1)
    zero = (
        torch.randint(-half, half, scale.shape, dtype=torch.int8) if kind == "asymmetric" else torch.zeros_like(scale)
    )
    stored = {
        "q.weight_packed": pack_to_int32(codes, bits),
        "q.weight_scale": scale,
        "q.weight_shape": torch.tensor([32, columns]),
    }
    if kind == "asymmetric":
        stored["q.weight_zero_point"] = pack_to_int32(zero.to(torch.int8), bits, packed_dim=0)
    if kind == "ordered":
        stored["q.weight_g_idx"] = groups.to(torch.int32)
    settings = {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": bits}}}}
    expected = (codes.float() - zero.float()[:, groups]) * scale[:, groups]
    check(opened(tmp_path, stored, settings), "q.weight", expected, set(stored) - {"q.weight_packed"})


# bitsandbytes, from a file that it wrote.

BNB = Path(__file__).parent / "bitsandbytes_0_50_2.safetensors"


@pytest.mark.parametrize("kind", ["nf4", "nf4_nested", "fp4", "fp4_nested"])
def test_four_bits_of_bitsandbytes_are_what_it_dequantises(kind, tmp_path):
    held = {
        name.removeprefix(f"{kind}."): value for name, value in load_file(BNB).items() if name.startswith(f"{kind}.")
    }
    expected = held.pop("out")
    stored = {f"q.{name}": value for name, value in held.items()}
    found = opened(tmp_path, stored, {"quant_method": "bitsandbytes"})
    check(found, "q.weight", expected, set(stored) - {"q.weight"})
    assert found.scheme("q.weight") == kind.removesuffix("_nested")


def test_rows_of_int8_of_bitsandbytes(tmp_path):
    codes, largest = torch.randint(-127, 128, (6, 10), dtype=torch.int8), torch.rand(6) + 1
    stored = {"q.weight": codes, "q.SCB": largest, "q.weight_format": torch.zeros((), dtype=torch.uint8)}
    found = opened(tmp_path, stored, {"quant_method": "bitsandbytes"})
    np.testing.assert_allclose(found.read("q.weight"), codes.float() * largest[:, None] / 127, rtol=1e-6)
    check(found, "q.weight", codes.float() * (largest / 127)[:, None], ["q.SCB", "q.weight_format"])


# What is refused.


def refused(found, name):
    """The sentence with which a weight is refused; its row stays in the layout, refused and not skipped."""
    assert found.refusal(name)
    with pytest.raises(TensorRefused) as caught:
        found.source(name)
    piece = next(piece for piece in layout(found).pieces if piece.tensor == name)
    assert piece.state == "refused"
    return str(caught.value)


GPTQ = gptq(4)[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (None, "is GPTQ or AWQ and no settings that are known say how it is packed"),
        ({"quant_method": "auto-round", "bits": 4}, "is of the scheme 'auto-round' and no settings that are known"),
        (
            {"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"},
            "its checkpoint_format 'marlin' is not read",
        ),
        ({"quant_method": "awq", "version": "gemv"}, "is AWQ and its version 'gemv' is not read"),
        ({"quant_method": "awq"}, "is AWQ and the shapes of its tensors do not fit each other"),
    ],
)
def test_words_whose_packing_is_not_said_are_refused_by_name(settings, said, tmp_path):
    found = opened(tmp_path, {**GPTQ, "norm.weight": torch.ones(4, 4)}, settings)
    sentence = refused(found, "q.weight")
    assert "tensor 'q.weight': " in sentence
    assert said in sentence
    np.testing.assert_array_equal(found.read("norm.weight"), 1)


def test_scales_that_do_not_fit_refuse_their_weight_alone(tmp_path):
    stored = float8_of(WEIGHT, 0.01)
    tensors = {
        "q.weight": stored,
        "q.weight_scale": torch.ones(4, 3),
        "k.weight": stored.clone(),
        "k.weight_scale": torch.ones(1),
    }
    found = opened(tmp_path, tensors)
    assert "is fp8 with scales and its scales do not fit it: 4 x 3 and 6 x 10" in refused(found, "q.weight")
    np.testing.assert_array_equal(found.read("k.weight"), stored.float())


@pytest.mark.parametrize(
    ("method", "tensors"),
    [
        ("aqlm", {"q.codes": torch.zeros(4, 4, 1, dtype=torch.int16), "q.codebooks": torch.ones(1, 256, 1, 8)}),
        ("hqq", {"q.W_q": torch.zeros(4, 4, dtype=torch.uint8), "q.scale": torch.ones(4, 2)}),
        ("quanto", {"q.weight._data": torch.zeros(4, 4, dtype=torch.int8), "q.weight._scale": torch.ones(4, 2)}),
        ("eetq", {"q.weight": torch.zeros(4, 4, dtype=torch.int8), "q.weight_scales": torch.ones(2, 2)}),
        ("bitnet", {"q.weight": torch.zeros(4, 4, dtype=torch.uint8), "q.weight_scale": torch.ones(1)}),
        ("fp8", {"q.weight": torch.zeros(4, 4).to(torch.float8_e4m3fn), "q.odd": torch.ones(2, 2)}),
    ],
)
def test_a_scheme_that_is_not_read_is_refused_by_name_for_every_tensor(method, tensors, tmp_path):
    stored, beside = tensors
    found = opened(tmp_path, {**tensors, "k.weight": torch.ones(4, 4)}, {"quant_method": method})
    assert f"of the scheme {method!r}, which is not dequantised" in refused(found, stored)
    assert found.auxiliary(beside) == (f"goes with {stored!r}")
    assert found.auxiliary("k.weight") is None
    np.testing.assert_array_equal(found.read("k.weight"), 1)


def test_fp8_without_scales_is_never_read_as_it_stands(tmp_path):
    found = opened(tmp_path, {"q.weight": float8_of(WEIGHT, 1)})
    with pytest.raises(TensorRefused, match="holds F8_E4M3, which is not a weight as it stands"):
        found.source("q.weight")


def test_broken_settings_of_bitsandbytes_refuse_their_weight(tmp_path):
    key = "q.weight.quant_state.bitsandbytes__nf4"
    stored = {
        "q.weight": torch.zeros(8, 1, dtype=torch.uint8),
        "q.weight.absmax": torch.ones(1),
        "q.weight.quant_map": torch.ones(16),
    }
    for text, said in [
        ("{", "must be JSON"),
        ('{"shape": [4, 4]}', "blocksize must be a positive whole number but is None"),
        ('{"shape": [4], "blocksize": 64}', "shape must be two sides but is [4]"),
        ('{"shape": [4, 8], "blocksize": 64}', "holds 8 bytes and 1 scales for 32 values"),
    ]:
        state = torch.tensor(list(text.encode()), dtype=torch.uint8)
        assert said in refused(opened(tmp_path, {**stored, key: state}), "q.weight")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weight.quant_map": torch.ones(15)}, "its quant_map must have 16 values"),
        ({"weight.nested_quant_map": torch.ones(255)}, "its nested tables do not fit"),
        ({"weight.nested_absmax": torch.ones(2)}, "its nested tables do not fit"),
        ({"weight.absmax": torch.ones(3)}, "its nested tables do not fit"),
        ({"weight.absmax": torch.ones(2, dtype=torch.uint8)}, "holds 80 bytes and 2 scales for 160 values"),
    ],
)
def test_tables_of_bitsandbytes_that_do_not_fit_refuse_their_weight(change, said, tmp_path):
    held = {name: value for name, value in load_file(BNB).items() if name.startswith("nf4_nested.weight")}
    stored = {name.replace("nf4_nested.", "q."): value for name, value in held.items()}
    stored |= {f"q.{name}": value for name, value in change.items()}
    assert said in refused(opened(tmp_path, stored), "q.weight")


def test_tables_that_are_not_nested_must_hold_floats(tmp_path):
    held = {name: value for name, value in load_file(BNB).items() if name.startswith("nf4.weight")}
    stored = {name.replace("nf4.", "q."): value for name, value in held.items()}
    stored["q.weight.absmax"] = torch.ones(3, dtype=torch.uint8)
    assert "its absmax must hold floats" in refused(opened(tmp_path, stored), "q.weight")


@pytest.mark.parametrize("wrong", [-1, 2])
def test_groups_that_have_no_scales_refuse_their_weight_when_it_is_read(wrong, tmp_path):
    stored, _ = gptq(4)
    stored["q.g_idx"][7] = wrong
    found = opened(tmp_path, stored, {"quant_method": "gptq", "bits": 4})
    with pytest.raises(TensorRefused, match=r"tensor 'q.g_idx': must number groups 0 to 1 but holds"):
        found.source("q.weight")


def test_groups_that_are_empty_are_those_in_order(tmp_path):
    stored, expected = gptq(4)
    stored["q.g_idx"] = np.zeros(0, np.int32)
    found = opened(tmp_path, stored, {"quant_method": "gptq", "bits": 4})
    np.testing.assert_array_equal(found.read("q.weight"), expected.astype(np.float32))


def test_a_quantised_base_takes_its_adapter(tmp_path):
    stored, expected = gptq(4)
    base = opened(tmp_path / "base", stored, {"quant_method": "gptq", "bits": 4})
    a, b, folder = matrix((2, 64)), matrix((32, 2)), tmp_path / "adapter"
    folder.mkdir()
    factors = {"q.lora_A.weight": torch.from_numpy(a), "q.lora_B.weight": torch.from_numpy(b)}
    save_file(factors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 2}', encoding="utf-8")
    after = adapted(base, open_adapter(folder))
    np.testing.assert_allclose(after.read("q.weight"), expected + b @ a, rtol=1e-5, atol=1e-6)
    assert after.auxiliary("q.scales")
    assert after.remarks == base.remarks


def test_a_checkpoint_that_is_not_quantised_is_left_as_it_is(tmp_path):
    found = opened(tmp_path, {"a.weight": torch.ones(2, 2), "b.weight_scale": torch.ones(2, 2), "n": torch.arange(4)})
    assert type(found).__name__ == "SafetensorsCheckpoint"


def test_nothing_of_a_quantised_model_is_dropped(tmp_path):
    name = "model.layers.0.self_attn.q_proj"
    stored = {key.replace("q.", f"{name}."): value for key, value in gptq(4)[0].items()}
    plain = {"model.embed_tokens.weight": torch.ones(9, 64), "model.norm.weight": torch.ones(64)}
    found = opened(
        tmp_path, {**stored, **plain}, {"quant_method": "gptq", "bits": 4}, architectures=["LlamaForCausalLM"]
    )
    pieces = {piece.tensor: piece for piece in layout(found).pieces}
    assert set(pieces) == set(found.names())
    assert (pieces[f"{name}.weight"].role, pieces[f"{name}.weight"].state) == ("attention.query", "matrix")
    assert pieces["model.embed_tokens.weight"].state == "matrix"
