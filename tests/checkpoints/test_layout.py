"""Every parameter of a checkpoint is in one piece, under a name that other checkpoints of the model share."""

from time import process_time
from typing import Any

import numpy as np
import pytest
import torch
from checkpoint_samples import matrix, written
from safetensors.torch import save_file
from transformers import BloomConfig, BloomForCausalLM

from benchshadow.checkpoints import from_state_dict, layout, open_checkpoint
from benchshadow.checkpoints.names import canonical_names, guess_layer, guess_role, guess_stack, guess_tower

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
    ("stored", "name"),
    [
        ("model.layers.0.block_sparse_moe.gate.weight", "layers.0.mlp.gate.weight"),
        ("vision_tower.vision_model.encoder.layers.0.w", "vision_tower.encoder.layers.0.w"),
        ("a.vision_tower.vision_model.w", "a.vision_tower.vision_model.w"),
        ("drop.x.weight", "x.weight"),
        ("x.drop.weight", "x.weight"),
        ("x.dropped.weight", "x.dropped.weight"),
        ("first.second", "third.second"),
    ],
)
def test_renames_replace_runs_of_whole_parts_in_order(stored, name):
    renames = [
        ("block_sparse_moe", "mlp"),
        ("^vision_tower.vision_model", "vision_tower"),
        ("drop", ""),
        ("first", "second"),
        ("^second", "third"),
    ]
    assert canonical_names([stored], renames) == {stored: name}


def test_renames_do_not_make_names_meet():
    assert canonical_names(["old.w", "new.w"], [("old", "new")]) == {"old.w": "old.w", "new.w": "new.w"}


def test_layers_are_counted_under_the_names_before_their_number():
    names = ["encoder.block.3.layer.0.w", "layers.1.w", "w", "12.w"]
    assert [guess_stack(name) for name in names] == ["encoder.block", "layers", "", ""]
    assert [guess_layer(name) for name in names] == [3, 1, None, 12]


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
    model = BloomForCausalLM(BloomConfig(vocab_size=40, hidden_size=16, n_layer=2, n_head=2))
    model.save_pretrained(tmp_path)
    found = layout(open_checkpoint(tmp_path))
    assert found.family is None
    assert all(piece.guessed for piece in found.pieces)
    assert found.remarks == (
        f"{tmp_path}: no family file serves ['BloomForCausalLM'], so roles are guessed from names and shapes",
        f"{tmp_path}: 2 of its matrices hold several in one, the first "
        "'h.0.self_attention.query_key_value.weight'; no family file says how they are cut, so each has one spectrum",
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


def test_a_head_is_tied_to_words_and_not_to_pictures_or_blocks(tmp_path):
    words, pictures = matrix((6, 4)), matrix((6, 4), 1)
    tensors = {
        "visual.embeddings.weight": pictures,
        "layers.0.embed_tokens.weight": pictures,
        "wpe.weight": matrix((3, 4)),
        "wte.weight": words,
        "lm_head.weight": words,
    }
    found = layout(written(tmp_path / "m", tensors, {"tie_word_embeddings": True}))
    head = next(piece for piece in found.pieces if piece.role == "head")
    assert head.reason == "tied: the same values as 'wte.weight', counted once"
    assert not any("differ" in remark for remark in found.remarks)
    assert found.parameters == 24 * 3 + 12


def test_where_a_configuration_contradicts_itself_values_decide_what_is_tied(tmp_path):
    config = LLAMA | {"tie_word_embeddings": False, "text_config": {"tie_word_embeddings": True}}
    tensors = {"embed_tokens.weight": matrix((6, 4)), "lm_head.weight": matrix((6, 4))}
    assert layout(written(tmp_path / "same", tensors, config)).parameters == 24
    other = layout(written(tmp_path / "other", tensors | {"lm_head.weight": matrix((6, 4), 1)}, config))
    assert other.parameters == 48
    assert other.remarks == ()


def test_pieces_of_a_stack_and_tensors_of_their_names_stay_apart(tmp_path):
    config = {"architectures": ["Qwen3MoeForCausalLM"]}
    tensors = {
        "model.layers.0.mlp.experts.0.down_proj.weight": matrix((4, 3)),
        "model.layers.0.mlp.experts.down_proj": matrix((2, 4, 3)),
    }
    found = layout(written(tmp_path / "m", tensors, config))
    assert [piece.name for piece in found.pieces] == [
        "layers.0.mlp.experts.1.down_proj.weight",
        "model.layers.0.mlp.experts.0.down_proj.weight",
        "model.layers.0.mlp.experts.down_proj[0]",
    ]
    assert found.parameters == 36


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("model.layers.0.mlp.experts.gate_up_proj", (6,), "must be a stack but has the shape 6"),
        ("model.layers.0.mlp.experts.gate_up_proj", (2, 5, 4), "must have rows for 2 equal parts but has 5"),
        ("model.layers.0.mlp.experts.gate_up_proj", (1,), "must be a stack but has the shape 1"),
    ],
)
def test_a_shape_that_does_not_fit_its_line_is_refused_by_name(name, shape, said, tmp_path):
    config = {"architectures": ["Qwen3MoeForCausalLM"]}
    checkpoint = written(tmp_path / "m", {name: np.ones(shape, np.float32)}, config)
    (piece,) = layout(checkpoint).pieces
    assert (piece.state, piece.reason, piece.parameters) == ("refused", said, int(np.prod(shape)))


def test_a_single_number_has_no_rows_to_be_split(tmp_path):
    save_file({"model.layers.0.mlp.gate_up_proj.weight": torch.tensor(1.0)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architectures": ["Phi3ForCausalLM"]}')
    (piece,) = layout(open_checkpoint(tmp_path)).pieces
    assert piece.reason == "must have rows to be split but has the shape 1"


def test_a_matrix_that_should_be_turned_must_have_two_sides(tmp_path):
    checkpoint = written(
        tmp_path / "m", {"h.0.mlp.c_fc.weight": matrix((2, 3, 4))}, {"architectures": ["GPT2LMHeadModel"]}
    )
    (piece,) = layout(checkpoint).pieces
    assert piece.reason == "must be a matrix to be transposed but has the shape 2 x 3 x 4"


def test_masks_and_frequencies_are_no_parameters(tmp_path):
    tensors = {"transformer.h.0.attn.bias": matrix((1, 1, 4, 4)), "transformer.h.0.attn.masked_bias": np.float32(-1e4)}
    found = layout(written(tmp_path / "m", tensors, {"architectures": ["GPT2LMHeadModel"]}))
    assert found.parameters == 0
    assert {(piece.role, piece.reason) for piece in found.pieces} == {("buffer", "a buffer: not a parameter")}


def test_what_the_format_calls_auxiliary_is_no_parameter_and_not_guessed(tmp_path):
    tensors = {"model.layers.0.mlp.up_proj.weight": matrix((4, 3)), "model.layers.0.mlp.up_proj.scale": matrix((2, 2))}
    checkpoint = written(tmp_path / "m", tensors, LLAMA)

    class Scaled:
        def __getattr__(self, name):
            return getattr(checkpoint, name)

        def auxiliary(self, name):
            return "scales of up_proj" if name.endswith("scale") else None

        remarks = ("rounding of scales is not known",)

    scaled: Any = Scaled()
    found = layout(scaled)
    assert {piece.name: (piece.state, piece.reason, piece.parameters) for piece in found.pieces} == {
        "layers.0.mlp.up_proj.weight": ("matrix", "", 12),
        "layers.0.mlp.up_proj.scale": ("skipped", "scales of up_proj", 0),
    }
    assert found.remarks == ("rounding of scales is not known",)


def test_pieces_say_where_they_are_stored(tmp_path):
    config = {"architectures": ["GptOssForCausalLM"], "num_attention_heads": 2, "num_key_value_heads": 1}
    stack = {"model.layers.0.mlp.experts.gate_up_proj": matrix((2, 3, 4))}
    places = {piece.name: piece.place for piece in layout(written(tmp_path / "a", stack, config)).pieces}
    name = "model.layers.0.mlp.experts.gate_up_proj"
    assert places == {
        f"layers.0.mlp.experts.{expert}.{side}_proj.weight": f"{name}[{expert}] columns {i}, again every 2"
        for expert in (0, 1)
        for i, side in enumerate(("gate", "up"))
    }
    fused = {"gpt_neox.layers.0.attention.query_key_value.bias": matrix((12,))}
    config = {"architectures": ["GPTNeoXForCausalLM"], "num_attention_heads": 2}
    keys = next(p for p in layout(written(tmp_path / "b", fused, config)).pieces if p.name.endswith("key.bias"))
    assert keys.place == "gpt_neox.layers.0.attention.query_key_value.bias entries 2 to 3, again every 6"
    np.testing.assert_array_equal(keys.source().rows(0, 1)[0], matrix((12,))[[2, 3, 8, 9]])


@pytest.mark.parametrize(
    ("architecture", "name", "shape"),
    [
        ("GPT2LMHeadModel", "h.0.attn.c_attn.weight", (5, 12)),
        ("GPT2LMHeadModel", "h.0.mlp.c_fc.weight", (5, 12)),
        ("GPTNeoXForCausalLM", "layers.0.attention.query_key_value.weight", (12, 5)),
        ("GPTNeoXForCausalLM", "layers.0.mlp.dense_h_to_4h.weight", (12, 5)),
    ],
)
def test_a_piece_of_a_product_is_the_product_of_a_piece(architecture, name, shape, tmp_path):
    left, right = matrix((shape[0], 2)), matrix((2, shape[1]), 1)
    config = {"architectures": [architecture], "num_attention_heads": 2}
    for piece in layout(written(tmp_path / "m", {name: left @ right}, config)).pieces:
        ours, theirs = piece.cut.sides(left, right)
        np.testing.assert_allclose(ours @ theirs, piece.source().rows(0, piece.matrix[0]), rtol=1e-5, atol=1e-6)


def test_the_time_grows_as_the_number_of_pieces_does():
    def seconds(experts):
        expert = "model.layers.{}.mlp.experts.{}.{}_proj.weight"
        counted = [(layer, each) for layer in range(24) for each in range(experts)]
        places = [expert.format(*each, side) for each in counted for side in ("gate", "up", "down")]
        empty = np.zeros((0, 4), np.float32)
        held = dict.fromkeys(places, empty)
        checkpoint: Any = from_state_dict(held, {"architectures": ["Qwen3MoeForCausalLM"]})
        begun = process_time()
        assert len(layout(checkpoint).pieces) == len(places)
        return process_time() - begun

    seconds(1)
    assert seconds(280) < 100 * seconds(14)
