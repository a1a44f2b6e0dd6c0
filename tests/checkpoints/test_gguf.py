"""A GGUF file is the checkpoint it was made from: names, order of rows, and values as the package dequantises them."""

import sys

import gguf
import numpy as np
import pytest
import torch
from checkpoint_samples import matrix, refusal, written
from gguf import GGMLQuantizationType as Kind
from gguf import quants
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

from benchshadow.checkpoints import layout, open_checkpoint, pair
from benchshadow.checkpoints.gguf_header import read_gguf_header
from benchshadow.checkpoints.gguf_names import ARCHITECTURES, names_of
from benchshadow.errors import InputError, MissingExtra, TensorRefused

HEADS, KEY_HEADS, HIDDEN, WIDE, VOCABULARY = 4, 2, 64, 96, 40
SETTINGS = {
    "block_count": 1,
    "embedding_length": HIDDEN,
    "feed_forward_length": WIDE,
    "attention.head_count": HEADS,
    "attention.head_count_kv": KEY_HEADS,
}
LLAMA = {
    "model.embed_tokens.weight": matrix((VOCABULARY, HIDDEN), 1),
    "model.norm.weight": matrix((HIDDEN,), 2),
    "lm_head.weight": matrix((VOCABULARY, HIDDEN), 3),
    "model.layers.0.input_layernorm.weight": matrix((HIDDEN,), 4),
    "model.layers.0.self_attn.q_proj.weight": matrix((HIDDEN, HIDDEN), 5),
    "model.layers.0.self_attn.k_proj.weight": matrix((HIDDEN // 2, HIDDEN), 6),
    "model.layers.0.self_attn.v_proj.weight": matrix((HIDDEN // 2, HIDDEN), 7),
    "model.layers.0.self_attn.o_proj.weight": matrix((HIDDEN, HIDDEN), 8),
    "model.layers.0.mlp.gate_proj.weight": matrix((WIDE, HIDDEN), 9),
    "model.layers.0.mlp.down_proj.weight": matrix((HIDDEN, WIDE), 10),
}
PLACES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "model.layers.0.input_layernorm.weight": "blk.0.attn_norm.weight",
    "model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight",
    "model.layers.0.self_attn.k_proj.weight": "blk.0.attn_k.weight",
    "model.layers.0.self_attn.v_proj.weight": "blk.0.attn_v.weight",
    "model.layers.0.self_attn.o_proj.weight": "blk.0.attn_output.weight",
    "model.layers.0.mlp.gate_proj.weight": "blk.0.ffn_gate.weight",
    "model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight",
}


def interleaved(weight, heads):
    """The rows of queries and keys as the converter of llama.cpp writes them."""
    return (
        weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    )


def file_of(path, tensors, architecture="llama", kind=None, numbers=SETTINGS):
    """A GGUF file; with a kind, matrices are quantised to it."""
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in numbers.items():
        writer.add_uint32(f"{architecture}.{key}", value)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    for name, value in tensors.items():
        if kind is None or value.ndim < 2:
            writer.add_tensor(name, value)
        else:
            writer.add_tensor(name, quants.quantize(value, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def llama_file(path, kind=None):
    stored = dict(LLAMA)
    for name, heads in (("q_proj", HEADS), ("k_proj", KEY_HEADS)):
        key = f"model.layers.0.self_attn.{name}.weight"
        stored[key] = interleaved(stored[key], heads)
    return file_of(path, {PLACES[name]: value for name, value in stored.items()}, kind=kind)


def test_a_llama_is_the_checkpoint_it_was_made_from(tmp_path):
    found = open_checkpoint(llama_file(tmp_path / "a.gguf"))
    assert set(found.names()) == set(LLAMA)
    for name, value in LLAMA.items():
        np.testing.assert_array_equal(found.read(name), value, err_msg=name)
    assert found.config == {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": HIDDEN,
        "intermediate_size": WIDE,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "vocab_size": VOCABULARY,
        "tie_word_embeddings": False,
    }
    assert found.files == (tmp_path / "a.gguf",)
    assert found.remarks == ()
    base = written(tmp_path / "base", LLAMA, {"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": False})
    pairs = pair(layout(base), layout(found))
    assert {each.state for each in pairs} == {"matrix", "skipped"}
    for each in pairs:
        if each.state == "matrix":
            one, other = each.sources()
            np.testing.assert_array_equal(one.rows(3, 20), other.rows(3, 20))


def test_the_rows_of_a_head_are_put_back_as_transformers_puts_them(tmp_path):
    heads = {"num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS}
    for name, count in (("q_proj", HEADS), ("k_proj", KEY_HEADS)):
        weight = LLAMA[f"model.layers.0.self_attn.{name}.weight"]
        stored = interleaved(weight, count)
        back = LlamaTensorProcessor(heads).process(stored, PLACES[f"model.layers.0.self_attn.{name}.weight"])
        np.testing.assert_array_equal(back.weights, weight)


@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_0, Kind.Q5_1, Kind.F16, Kind.BF16])
def test_values_are_those_that_the_package_dequantises(kind, tmp_path):
    found = open_checkpoint(llama_file(tmp_path / "a.gguf", kind))
    plain = {Kind.F16: "float16", Kind.BF16: "bfloat16"}.get(kind)
    for name, value in LLAMA.items():
        if value.ndim < 2:
            continue
        expected = quants.dequantize(quants.quantize(value, kind), kind)
        source = found.source(name)
        np.testing.assert_array_equal(found.read(name), expected)
        np.testing.assert_array_equal(source.rows(5, 23), expected[5:23])
        np.testing.assert_array_equal(source.columns(1, 4), expected[:, 1:4])
        assert source.stored == found.dtype(name) == (plain or "float32")
        assert found.scheme(name) == (None if plain else kind.name)
    assert any("the rounding of the quantisation is not modelled" in remark for remark in found.remarks) == (
        plain is None
    )


def test_k_quants_are_read(tmp_path):
    rng = np.random.default_rng(0)
    size = gguf.GGML_QUANT_SIZES[Kind.Q4_K][1]
    raw = rng.integers(0, 256, (3, 2 * size), dtype=np.uint8)
    for start in (0, size):
        raw[:, start : start + 4] = np.full((3, 2), 0.01, np.float16).view(np.uint8)
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_tensor("blk.0.ffn_down.weight", raw, raw_dtype=Kind.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = open_checkpoint(tmp_path / "a.gguf")
    (name,) = found.names()
    assert found.shape(name) == (3, 512)
    np.testing.assert_array_equal(found.read(name), quants.dequantize(raw, Kind.Q4_K))


def test_a_tied_head_is_left_out_of_the_file(tmp_path):
    path = file_of(tmp_path / "a.gguf", {"token_embd.weight": LLAMA["model.embed_tokens.weight"]})
    assert open_checkpoint(path).config["tie_word_embeddings"] is True


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("llama", "model.layers.0.block_sparse_moe.experts.{}.w3.weight"),
        ("qwen3moe", "model.layers.0.mlp.experts.{}.up_proj.weight"),
    ],
)
@pytest.mark.parametrize("kind", [None, Kind.Q8_0])
def test_experts_stand_one_by_one_as_in_their_checkpoints(architecture, names, kind, tmp_path):
    stack = matrix((3, 20, HIDDEN))
    path = file_of(tmp_path / "a.gguf", {"blk.0.ffn_up_exps.weight": stack}, architecture, kind)
    found = open_checkpoint(path)
    assert found.names() == tuple(names.format(expert) for expert in range(3))
    expected = stack if kind is None else quants.dequantize(quants.quantize(stack, kind), kind)
    for expert in range(3):
        np.testing.assert_array_equal(found.read(names.format(expert)), expected[expert])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_named_as_its_family_file_names_it(architecture):
    fused = architecture == "phi3"
    expected = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output.weight": "lm_head.weight",
        "output_norm.weight": "model.norm.weight",
        "blk.3.attn_output.weight": "model.layers.3.self_attn.o_proj.weight",
        "blk.3.attn_qkv.weight" if fused else "blk.3.attn_k.weight": (
            f"model.layers.3.self_attn.{'qkv' if fused else 'k'}_proj.weight"
        ),
    }
    if architecture == "gemma2":  # always tied: its files have no head
        del expected["output.weight"]
    if "moe" not in architecture:
        expected |= {
            "blk.3.ffn_down.weight": "model.layers.3.mlp.down_proj.weight",
            "blk.3.ffn_up.weight": f"model.layers.3.mlp.{'gate_up' if fused else 'up'}_proj.weight",
        }
    found = names_of({"general.architecture": architecture}, dict.fromkeys(expected, (4, 4)))
    assert {name: found.name(name) for name in expected} == expected
    assert found.config["architectures"] == [ARCHITECTURES[architecture]]
    assert found.remarks == ()


def test_an_architecture_that_is_not_known_keeps_its_names(tmp_path):
    stack = matrix((3, 20, HIDDEN))
    tensors = {"blk.0.attn_q.weight": matrix((8, 6)), "blk.0.ffn_up_exps.weight": stack}
    found = open_checkpoint(file_of(tmp_path / "a.gguf", tensors, "starcoder", numbers={}))
    assert found.names() == tuple(tensors)
    np.testing.assert_array_equal(found.read("blk.0.attn_q.weight"), tensors["blk.0.attn_q.weight"])
    np.testing.assert_array_equal(found.source("blk.0.ffn_up_exps.weight", 1).rows(0, 20), stack[1])
    assert "architecture 'starcoder' has no names that are known here" in found.remarks[0]
    assert {piece.state for piece in layout(found).pieces} == {"matrix"}


def test_a_type_that_the_package_does_not_dequantise_is_refused_by_name(tmp_path, monkeypatch):
    path = llama_file(tmp_path / "a.gguf", Kind.Q4_0)
    monkeypatch.delitem(quants._type_traits, Kind.Q4_0)
    found = open_checkpoint(path)
    name = "model.layers.0.mlp.gate_proj.weight"
    with pytest.raises(TensorRefused, match=f"'{name}': holds Q4_0, which the gguf package does not dequantise"):
        found.source(name)
    assert {piece.state for piece in layout(found).pieces} == {"refused", "skipped"}


def test_parts_of_one_file_are_one_checkpoint(tmp_path):
    names = list(PLACES.values())
    for i, part in enumerate((names[:2], names[2:3]), 1):
        tensors = {name: LLAMA[key] for key, name in PLACES.items() if name in part}
        file_of(tmp_path / f"m-{i:05d}-of-00002.gguf", tensors)
    for path in (tmp_path, tmp_path / "m-00002-of-00002.gguf"):
        found = open_checkpoint(path)
        assert found.names() == ("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight")
        np.testing.assert_array_equal(found.read("lm_head.weight"), LLAMA["lm_head.weight"])
    (tmp_path / "m-00001-of-00002.gguf").unlink()
    assert "is one of 2 parts but 'm-00001-of-00002.gguf' is not beside it" in refusal(tmp_path, tmp_path / "m-0")
    file_of(tmp_path / "other.gguf", {"token_embd.weight": matrix((4, 4))})
    assert "must hold one GGUF file but holds m-00002-of-00002.gguf, other.gguf" in refusal(tmp_path)


@pytest.mark.parametrize("cut", [0, 3, 4, 20, 200, 900])
def test_a_truncated_file_is_refused_in_one_sentence(cut, tmp_path):
    path = llama_file(tmp_path / "a.gguf")
    path.write_bytes(path.read_bytes()[:cut])
    assert any(said in refusal(path) for said in ("must be a GGUF file", "the file is truncated: fetch it again"))


@pytest.mark.parametrize("place", [8, 16, 24])
def test_counts_beyond_the_file_are_refused_at_once(place, tmp_path):
    path = llama_file(tmp_path / "a.gguf")
    data = bytearray(path.read_bytes())
    data[place : place + 8] = (2**40).to_bytes(8, "little")
    path.write_bytes(data)
    assert f"claims {2**40}" in refusal(path)


def test_an_array_longer_than_the_file_is_refused_at_once(tmp_path):
    path = llama_file(tmp_path / "a.gguf")
    data = bytearray(path.read_bytes())
    place = data.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 4
    assert data[place : place + 4] == (8).to_bytes(4, "little")
    data[place : place + 12] = (0).to_bytes(4, "little") + (2**50).to_bytes(8, "little")
    path.write_bytes(data)
    assert f"claims {2**50} bytes" in refusal(path)


@pytest.mark.parametrize("magic", [b"GGML", b"GGUF\x01\0\0\0", b"GGUF\0\0\0\x03"])
def test_other_versions_and_byte_orders_are_refused(magic, tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(magic + bytes(100))
    assert "must be a GGUF file of version 2 or 3, little-endian, but" in refusal(path)


def test_the_header_is_what_the_package_reads(tmp_path):
    path = llama_file(tmp_path / "a.gguf", Kind.Q4_0)
    header, theirs = read_gguf_header(path), gguf.GGUFReader(path)
    assert [(each.name, each.kind, list(each.shape[::-1]), each.start) for each in header.tensors] == [
        (each.name, each.tensor_type, each.shape.tolist(), each.data_offset) for each in theirs.tensors
    ]
    scalars = {name: field for name, field in theirs.fields.items() if "GGUF." not in name and "tokens" not in name}
    assert header.settings == {name: field.contents() for name, field in scalars.items()}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=6))
def test_bytes_changed_at_random_never_raise_anything_else(changes, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "mangled"
    folder.mkdir(exist_ok=True)
    whole = folder / "whole.gguf"
    if not whole.exists():
        llama_file(whole)
    data = bytearray(whole.read_bytes())
    for place, value in changes:
        data[place] = value
    (folder / "a.gguf").write_bytes(data)
    said = ""
    try:
        open_checkpoint(folder / "a.gguf")
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 700


def test_without_the_package_one_sentence_names_the_extra(tmp_path, monkeypatch):
    path = llama_file(tmp_path / "a.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtra, match=r"a GGUF file needs the extra 'gguf': pip install 'benchshadow\[gguf\]'"):
        open_checkpoint(path)


def test_torch_is_not_needed(tmp_path, monkeypatch):
    path = llama_file(tmp_path / "a.gguf", Kind.Q8_0)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert torch is not None
    assert open_checkpoint(path).read("lm_head.weight").shape == (VOCABULARY, HIDDEN)
