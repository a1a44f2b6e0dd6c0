"""Every parameter of a checkpoint is in one piece, under a name that other checkpoints of the model share."""

import numpy as np
import pytest
import torch
from checkpoint_samples import matrix, written
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

from benchshadow.checkpoints import layout, open_checkpoint
from benchshadow.checkpoints.names import canonical_names, guess_layer, guess_role, guess_tower

LLAMA = {"architectures": ["LlamaForCausalLM"]}


def by_name(checkpoint):
    return {piece.name: piece for piece in layout(checkpoint).pieces}


@pytest.mark.parametrize(
    "stored",
    [
        "layers.0.mlp.up_proj.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.language_model.layers.0.mlp.up_proj.weight",
        "language_model.model.layers.0.mlp.up_proj.weight",
        "module._orig_mod.model.layers.0.mlp.up_proj.weight",
    ],
)
def test_other_prefixes_meet_under_one_name(stored):
    assert canonical_names([stored]) == {stored: "layers.0.mlp.up_proj.weight"}


def test_names_that_would_meet_each_other_stay_as_stored():
    stored = ["model.a.weight", "a.weight", "model.visual.b.weight", "model.weight"]
    assert canonical_names(stored) == {
        "model.a.weight": "model.a.weight",
        "a.weight": "a.weight",
        "model.visual.b.weight": "visual.b.weight",
        "model.weight": "model.weight",
    }


@pytest.mark.parametrize(
    ("name", "role", "layer"),
    [
        ("h.3.attn.c_attn.weight", "attention.fused", 3),
        ("h.3.attn.c_proj.weight", "attention.output", 3),
        ("h.3.mlp.c_fc.weight", "mlp.up", 3),
        ("h.3.mlp.c_proj.weight", "mlp.down", 3),
        ("wte.weight", "embedding", None),
        ("wpe.weight", "embedding", None),
        ("gpt_neox.layers.2.attention.query_key_value.weight", "attention.fused", 2),
        ("gpt_neox.layers.2.attention.dense.weight", "attention.output", 2),
        ("gpt_neox.layers.2.mlp.dense_4h_to_h.weight", "mlp.down", 2),
        ("embed_out.weight", "head", None),
        ("encoder.layer.1.attention.self.query.weight", "attention.query", 1),
        ("encoder.layer.1.attention.output.dense.weight", "attention.output", 1),
        ("encoder.layer.1.intermediate.dense.weight", "mlp.up", 1),
        ("encoder.layer.1.output.dense.weight", "mlp.down", 1),
        ("embeddings.word_embeddings.weight", "embedding", None),
        ("layers.0.block_sparse_moe.gate.weight", "router", 0),
        ("layers.0.mlp.experts.7.down_proj.weight", "expert.down", 0),
        ("layers.0.self_attn.kv_a_proj_with_mqa.weight", "matrix", 0),
        ("lm_head.weight", "head", None),
    ],
)
def test_roles_and_layers_guessed_from_names(name, role, layer):
    assert (guess_role(name, True, 64, None), guess_layer(name)) == (role, layer)


def test_what_names_do_not_tell_shapes_may():
    assert guess_role("tokens.weight", True, 100, 100) == "embedding"
    assert guess_role("tokens.weight", True, 99, 100) == "matrix"
    assert guess_role("blocks.0.tokens.weight", True, 100, 100) == "matrix"
    assert [guess_role(name, False, 1, None) for name in ("a.bias", "ln_1.weight", "a.scale")] == [
        "bias",
        "norm",
        "vector",
    ]


@pytest.mark.parametrize(
    ("name", "tower"),
    [
        ("visual.blocks.0.attn.qkv.weight", "vision"),
        ("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "vision"),
        ("multi_modal_projector.linear_1.weight", "projector"),
        ("visual.merger.mlp.0.weight", "projector"),
        ("audio_tower.layers.0.fc1.weight", "other"),
        ("layers.0.mlp.up_proj.weight", "language"),
    ],
)
def test_towers_guessed_from_names(name, tower):
    assert guess_tower(name) == tower


def test_pieces_stand_in_the_order_of_their_layers_whatever_the_order_of_the_file(tmp_path):
    names = [f"model.layers.{layer}.mlp.up_proj.weight" for layer in (10, 9, 0, 2)]
    found = layout(written(tmp_path / "m", {name: matrix((2, 3)) for name in names}, LLAMA))
    assert [piece.layer for piece in found.pieces] == [0, 2, 9, 10]
    assert [piece.depth for piece in found.pieces] == [0.0, 0.2, 0.9, 1.0]


def test_an_unknown_architecture_is_guessed_and_says_so(tmp_path):
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=40, n_positions=8, n_embd=16, n_layer=2, n_head=2))
    model.save_pretrained(tmp_path)
    found = layout(open_checkpoint(tmp_path))
    assert found.family is None
    assert all(piece.guessed for piece in found.pieces)
    assert found.remarks == (
        f"{tmp_path}: no family file serves ['GPT2LMHeadModel'], so roles are guessed from names and shapes",
    )
    assert found.parameters == sum(weight.numel() for weight in model.parameters())
    assert {piece.role for piece in found.pieces if piece.state == "matrix"} == {
        "embedding",
        "attention.fused",
        "attention.output",
        "mlp.up",
        "mlp.down",
    }
    assert {piece.layer for piece in found.pieces} == {None, 0, 1}


def test_without_a_configuration_roles_are_guessed(tmp_path):
    (remark,) = layout(written(tmp_path / "m", {"lm_head.weight": matrix((3, 2))})).remarks
    assert "no config.json names the architecture" in remark


def test_a_tensor_that_no_line_matches_is_guessed_and_named(tmp_path):
    tensors = {
        "model.layers.0.mlp.up_proj.weight": matrix((3, 2)),
        "model.layers.0.extra.up_proj.weight": matrix((3, 2)),
    }
    found = layout(written(tmp_path / "m", tensors, LLAMA))
    assert {piece.name: piece.guessed for piece in found.pieces} == {
        "layers.0.mlp.up_proj.weight": False,
        "layers.0.extra.up_proj.weight": True,
    }
    assert (
        "no line of family llama matches 1 of its tensors, the first 'layers.0.extra.up_proj.weight'"
        in found.remarks[0]
    )


def test_a_stack_of_matrices_is_cut_and_kernels_are_not(tmp_path):
    tensors = {
        "layers.0.mlp.experts.down_proj": matrix((3, 20, 24)),
        "layers.0.conv1d.weight": matrix((8, 1, 4)),
        "layers.0.kernel.weight": matrix((8, 6, 3)),
        "patch_embed.proj.weight": matrix((8, 3, 2, 2)),
    }
    pieces = by_name(written(tmp_path / "m", tensors))
    assert {name: piece.matrix for name, piece in pieces.items()} == {
        "layers.0.conv1d.weight": (8, 4),
        "layers.0.kernel.weight": (8, 18),
        "patch_embed.proj.weight": (8, 12),
        **{f"layers.0.mlp.experts.down_proj[{i}]": (20, 24) for i in range(3)},
    }
    part = pieces["layers.0.mlp.experts.down_proj[1]"]
    assert (part.role, part.parameters) == ("expert.down", 480)
    np.testing.assert_array_equal(part.source().rows(0, 20), tensors["layers.0.mlp.experts.down_proj"][1])


def test_what_has_no_spectrum_keeps_its_row_and_its_size(tmp_path):
    tensors = {
        "norm.weight": torch.ones(5),
        "row.weight": torch.ones(1, 6),
        "scalar": torch.tensor(1.0),
        "ids": torch.arange(12).reshape(3, 4),
        "mask": torch.zeros(2, 2, dtype=torch.bool),
        "none": torch.zeros(0, 3),
        "quantised": torch.zeros(2, 2, dtype=torch.float8_e4m3fn),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    pieces = by_name(open_checkpoint(tmp_path))
    assert {name: (piece.state, piece.reason, piece.parameters) for name, piece in pieces.items()} == {
        "norm.weight": ("skipped", "a vector: no spectrum", 5),
        "row.weight": ("skipped", "a vector: no spectrum", 6),
        "scalar": ("skipped", "a vector: no spectrum", 1),
        "ids": ("skipped", "holds I64, which are not weights", 12),
        "mask": ("skipped", "holds BOOL, which are not weights", 4),
        "none": ("skipped", "empty: no entries", 0),
        "quantised": ("refused", "holds F8_E4M3, which is not a weight as it stands", 4),
    }


EMBEDDING = matrix((9000, 2))


@pytest.mark.parametrize(
    ("config", "head", "counted"),
    [
        ({"tie_word_embeddings": True}, EMBEDDING, 18000),
        ({}, EMBEDDING, 18000),
        ({"text_config": {"tie_word_embeddings": True}}, EMBEDDING, 18000),
        ({"tie_word_embeddings": False}, EMBEDDING, 36000),
        ({"tie_word_embeddings": True}, -EMBEDDING, 36000),
        ({"tie_word_embeddings": True}, np.concatenate([EMBEDDING[:-1], [[0, 0]]]).astype(np.float32), 36000),
        ({"tie_word_embeddings": True}, EMBEDDING.astype(np.float64), 36000),
    ],
)
def test_a_tied_head_counts_once(config, head, counted, tmp_path):
    tensors = {"model.embed_tokens.weight": EMBEDDING, "lm_head.weight": head}
    found = layout(written(tmp_path / "m", tensors, LLAMA | config))
    assert found.parameters == counted
    piece = next(piece for piece in found.pieces if piece.role == "head")
    if counted == 18000:
        assert piece.state == "skipped"
        assert piece.reason == "tied: the same values as 'model.embed_tokens.weight', counted once"
    else:
        assert piece.state == "matrix"
    assert any("values differ" in remark for remark in found.remarks) == (
        counted == 36000 and config["tie_word_embeddings"]
    )
