"""A family file says the role of every tensor of its architectures, once."""

import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from benchshadow.checkpoints import families, family_of, layout, open_checkpoint
from benchshadow.checkpoints.family import TOWERS, parse_family
from benchshadow.errors import InputError

MODELS = {
    "LlamaForCausalLM": (LlamaConfig, LlamaForCausalLM, {"attention_bias": True, "mlp_bias": True}),
    "MistralForCausalLM": (MistralConfig, MistralForCausalLM, {}),
    "Qwen2ForCausalLM": (Qwen2Config, Qwen2ForCausalLM, {}),
    "Qwen3ForCausalLM": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 8}),
}
SIZES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "tie_word_embeddings": False,
}


def test_every_architecture_of_every_family_has_a_model_here():
    assert {name for family in families() for name in family.architectures} == set(MODELS)


@pytest.mark.parametrize("architecture", MODELS)
def test_every_tensor_of_a_real_model_has_its_role(architecture, tmp_path):
    config, kind, more = MODELS[architecture]
    torch.manual_seed(0)
    model = kind(config(**SIZES, **more))
    model.save_pretrained(tmp_path)
    found = layout(open_checkpoint(tmp_path))
    assert found.remarks == ()
    assert not any(piece.guessed for piece in found.pieces)
    assert {piece.tensor for piece in found.pieces} == set(model.state_dict())
    assert found.parameters == sum(weight.numel() for weight in model.parameters())
    roles = {piece.role: piece for piece in found.pieces if piece.state == "matrix"}
    assert set(roles) == {
        "embedding",
        "head",
        *(f"attention.{side}" for side in ("query", "key", "value", "output")),
        *(f"mlp.{side}" for side in ("gate", "up", "down")),
    }
    assert roles["attention.query"].tensor.endswith("q_proj.weight")
    assert roles["mlp.down"].shape == (16, 24)
    blocks = [piece for piece in found.pieces if piece.inside_blocks and piece.state == "matrix"]
    assert len(blocks) == 3 * 7
    assert {piece.depth for piece in blocks} == {0.0, 0.5, 1.0}
    assert {(piece.tower, piece.layer) for piece in blocks} == {("language", 0), ("language", 1), ("language", 2)}


@pytest.mark.parametrize("config", [None, {}, {"architectures": "LlamaForCausalLM"}, {"architectures": [["x"], None]}])
def test_a_configuration_that_names_no_known_architecture_has_no_family(config):
    assert family_of(config) is None


def test_a_tensor_that_two_lines_match_is_named():
    lines = '"a.{layer}.w" = "mlp.up"\n"a.0.w" = "mlp.down"'
    family = parse_family("mine", f'architectures = ["A"]\n[tensors]\n{lines}')
    assert family.match("a.1.w") is not None
    with pytest.raises(
        InputError, match=r"mine.toml: must match tensor 'a.0.w' by one line but has 'a.\{layer\}.w' and"
    ):
        family.match("a.0.w")


def test_a_line_may_name_its_tower():
    text = 'architectures = ["A"]\n[tensors]\n"v.{layer}.w" = {role = "mlp.up", tower = "vision"}\n"w" = "head"'
    family = parse_family("mine", text)
    assert [line.tower for line in family.lines] == ["vision", "language"]
    assert family.match("v.12.w") == (family.lines[0], 12)
    assert family.match("w") == (family.lines[1], None)
    for name in ("v.x.w", "v..w", "v.1.w.w", "w2", "v.1xw"):
        assert family.match(name) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "must be TOML"),
        ('[tensors]\n"a" = "head"\n"a" = "head"', "must be TOML"),
        ('layers = 3\n[tensors]\n"a" = "head"', "may hold architectures, tower and tensors but holds 'layers'"),
        ('architectures = "A"\n[tensors]\n"a" = "head"', "architectures must be a list of names but is 'A'"),
        ('architectures = ["A"]', "must have a table of tensors"),
        ('architectures = ["A"]\n[tensors]\n"a" = 3', "must be a role, or a role and a tower, but is 3"),
        ('architectures = ["A"]\n[tensors]\n"a" = {role = "head", x = 1}', "must be a role, or a role and a tower"),
        ('architectures = ["A"]\n[tensors]\n"a" = "Head 1"', "must be words joined by dots but is 'Head 1'"),
        ('architectures = ["A"]\ntower = "up"\n[tensors]\n"a" = "head"', f"must be one of {', '.join(TOWERS)}"),
        ('architectures = ["A"]\n[tensors]\n"a.{block}" = "head"', "may hold {layer} once and no other hole"),
    ],
)
def test_what_a_family_file_may_not_say_is_refused(text, said):
    with pytest.raises(InputError) as caught:
        parse_family("mine", text)
    assert str(caught.value).startswith("mine.toml: ")
    assert said in str(caught.value)
