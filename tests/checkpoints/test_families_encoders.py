"""Encoders and vision models: every tensor has its place, and parts of fused ones are what the model computes with."""

import numpy as np
import pytest
import torch
from transformers.models.modernbert import modeling_modernbert
from vision_checks import LAWS, names, roles, unmet_lines
from vision_models import ENCODERS, renamed, rewritten, saved, tiny, variants

from benchshadow.checkpoints import families, layout, open_checkpoint, pair

ATTENTION = {f"attention.{side}" for side in ("query", "key", "value", "output")}
CROSS = {f"attention.cross.{side}" for side in ("query", "key", "value", "output")}
POOLING = {f"pooler.{side}" for side in ("query", "key", "value", "output", "up", "down")}
MLP, GATED = {"mlp.up", "mlp.down"}, {"mlp.gate", "mlp.up", "mlp.down"}
IMAGES = {"embedding.patch", "embedding"}
ROLES = {
    "BertModel": ({"embedding", "pooler"} | ATTENTION | MLP, set(), set()),
    "BertForMaskedLM": ({"embedding", "head.dense"} | ATTENTION | MLP, set(), set()),
    "BertForPreTraining": ({"embedding", "head.dense", "pooler", "classifier"} | ATTENTION | MLP, set(), set()),
    "BertForQuestionAnswering": ({"embedding", "classifier"} | ATTENTION | MLP, set(), set()),
    "ModernBertForTokenClassification": ({"embedding", "head.dense", "classifier"} | ATTENTION | GATED, set(), set()),
    "ModernBertForMaskedLM": ({"embedding", "head.dense"} | ATTENTION | GATED, set(), set()),
    "T5ForConditionalGeneration": ({"embedding"} | ATTENTION | CROSS | MLP, set(), set()),
    "T5ForSequenceClassification": (
        {"embedding", "head.dense", "classifier"} | ATTENTION | CROSS | MLP,
        set(),
        set(),
    ),
    "T5ForTokenClassification": ({"embedding", "classifier"} | ATTENTION | MLP, set(), set()),
    "T5ForQuestionAnswering": ({"embedding", "classifier"} | ATTENTION | CROSS | MLP, set(), set()),
    "T5EncoderModel": ({"embedding"} | ATTENTION | MLP, set(), set()),
    "ViTModel": (set(), IMAGES | {"pooler"} | ATTENTION | MLP, set()),
    "ViTForImageClassification": (set(), IMAGES | {"classifier"} | ATTENTION | MLP, set()),
    "CLIPModel": ({"embedding"} | ATTENTION | MLP, IMAGES | ATTENTION | MLP, {"projector"}),
    "CLIPVisionModel": (set(), IMAGES | ATTENTION | MLP, set()),
    "SiglipModel": ({"embedding"} | ATTENTION | MLP, IMAGES | ATTENTION | MLP | POOLING, {"projector"}),
    "CLIPForImageClassification": (set(), IMAGES | ATTENTION | MLP | {"classifier"}, set()),
    "SiglipVisionModel": (set(), IMAGES | ATTENTION | MLP | POOLING, set()),
}


@pytest.mark.parametrize(("architecture", "more"), variants(ENCODERS))
def test_every_tensor_of_a_real_model_has_its_place(architecture, more, tmp_path):
    model = saved(tiny(architecture, **more), tmp_path)
    for law in LAWS:
        law(model)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_line_of_a_family_is_met_by_a_tensor_of_a_real_model(name, tmp_path):
    family = next(each for each in families() if each.name == name)
    models = enumerate(variants({name: None}))
    seen = [saved(tiny(architecture, **more), tmp_path / str(i)).found for i, (architecture, more) in models]
    assert unmet_lines(family, seen) == set()


@pytest.mark.parametrize("architecture", ROLES)
def test_towers_have_their_roles(architecture, tmp_path):
    found = saved(tiny(architecture), tmp_path).found
    assert tuple(roles(found, tower) for tower in ("language", "vision", "projector")) == ROLES[architecture]


@pytest.mark.parametrize("kind", ["bfloat16", "float32"])
def test_shards_and_types_change_no_name(kind, tmp_path):
    model = tiny("BertForMaskedLM").to(getattr(torch, kind))
    one, many = saved(model, tmp_path / "one"), tmp_path / "many"
    model.save_pretrained(many, max_shard_size="5KB")
    assert len(list(many.glob("*.safetensors"))) > 2
    assert names(layout(open_checkpoint(many))) == names(one.found)
    assert {piece.stored for piece in one.found.pieces} == {kind}


def test_parts_of_modernberts_fused_attention_are_what_it_attends_with(tmp_path, monkeypatch):
    model = tiny("ModernBertModel", attention_bias=True).eval()
    found = saved(model, tmp_path)
    seen = []

    def spied(query, key, *rest, **more):
        seen.append((query, key))
        return rotated(query, key, *rest, **more)

    rotated = modeling_modernbert.apply_rotary_pos_emb
    monkeypatch.setattr(modeling_modernbert, "apply_rotary_pos_emb", spied)
    inputs = _inputs(model.layers[1].attn)
    with torch.no_grad():
        model(input_ids=torch.arange(7)[None])
    assert len(seen) == 3
    for part, used in zip(("q", "k"), seen[1], strict=True):
        _agree(used[0].transpose(0, 1).reshape(7, 16), _linear(found, f"layers.1.attn.{part}_proj", inputs[0][0]))
    with torch.no_grad():
        alone, _ = model.layers[1].attn(
            inputs[0][:, :1], position_embeddings=(torch.ones(1, 1, 4), torch.zeros(1, 1, 4))
        )
        value = model.layers[1].attn.Wo(torch.tensor(_linear(found, "layers.1.attn.v_proj", inputs[0][0, :1])))
    _agree(alone[0], value, "one token attends to itself alone, so all that comes out is its value")


def test_modernberts_gate_is_the_half_that_the_activation_sees(tmp_path):
    model = tiny("ModernBertModel", mlp_bias=True).eval()
    found, mlp, x = saved(model, tmp_path), model.layers[2].mlp, torch.randn(5, 16)
    gate, up = (torch.tensor(_linear(found, f"layers.2.mlp.{part}_proj", x)) for part in ("gate", "up"))
    _agree(mlp(x), mlp.Wo(torch.nn.functional.gelu(gate) * up))


def test_t5_1_1_gates_and_1_0_does_not(tmp_path):
    model = tiny("T5ForConditionalGeneration", feed_forward_proj="gated-gelu").eval()
    found = saved(model, tmp_path)
    assert roles(found.found, "language") == {"embedding"} | ATTENTION | CROSS | GATED
    x, mlp = torch.randn(5, 16), model.decoder.block[1].layer[2].DenseReluDense
    place = "decoder.block.1.layer.2.DenseReluDense"
    gate, up = (torch.tensor(_linear(found, f"{place}.{part}", x)) for part in ("wi_0", "wi_1"))
    _agree(mlp(x), mlp.wo(mlp.act(gate) * up))
    by_name = {piece.name: piece.role for piece in found.found.pieces}
    assert [by_name[f"{place}.{part}.weight"] for part in ("wi_0", "wi_1")] == ["mlp.gate", "mlp.up"]


def test_the_stacks_of_t5_are_counted_apart(tmp_path):
    found = saved(tiny("T5ForConditionalGeneration"), tmp_path).found
    depths = {}
    for piece in found.pieces:
        if piece.role == "mlp.up":
            depths.setdefault(piece.stack, []).append(piece.depth)
    assert depths == {"encoder.block": [0.0, 0.5, 1.0], "decoder.block": [0.0, 1.0]}


@pytest.mark.parametrize("untied", [False, True])
def test_the_copies_of_t5s_embedding_are_counted_once(untied, tmp_path):
    model = tiny("T5ForConditionalGeneration")
    plain = saved(model, tmp_path / "plain")
    tensors = plain.tensors
    copies = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"]
    tensors |= {name: tensors["shared.weight"].clone() for name in copies}
    if untied:
        tensors["lm_head.weight"] += 1
    left_over = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    found = rewritten(tmp_path / "plain", tmp_path / "full", tensors | {left_over: torch.randn(32, 4)})
    own = sum(weight.numel() for weight in model.parameters())
    assert found.parameters == own + 32 * 4 + (40 * 16 if untied else 0)
    by_name = {piece.name: piece for piece in found.pieces}
    assert [by_name[name].is_tied for name in copies] == [True, True, not untied]
    assert by_name["lm_head.weight"].role == "head"
    assert by_name[left_over].state == "skipped"
    assert "does not read it" in by_name[left_over].reason
    head = next(each for each in pair(plain.found, found) if each.piece.name == "lm_head.weight")
    assert head.state == ("matrix" if untied else "skipped")
    if untied:
        before, after = (side.rows(0, 40) for side in head.sources())
        np.testing.assert_allclose(after, before + 1, rtol=1e-6)
        np.testing.assert_array_equal(before, model.shared.weight.detach().numpy())
        assert "tied in the base" in head.remark


def test_the_head_of_bert_is_its_word_embedding_and_not_its_positions(tmp_path):
    model = tiny("BertForMaskedLM", type_vocab_size=40)
    plain = saved(model, tmp_path / "plain")
    tensors = plain.tensors
    words = tensors["bert.embeddings.word_embeddings.weight"]
    assert tensors["bert.embeddings.token_type_embeddings.weight"].shape == words.shape
    tensors["cls.predictions.decoder.weight"] = words.clone()
    found = rewritten(tmp_path / "plain", tmp_path / "full", tensors)
    assert found.parameters == plain.found.parameters
    head = next(piece for piece in found.pieces if piece.role == "head")
    assert head.reason == "tied: the same values as 'bert.embeddings.word_embeddings.weight', counted once"


def test_an_older_name_of_t5_is_served_alike(tmp_path):
    model = saved(tiny("T5ForConditionalGeneration"), tmp_path / "new")
    old = rewritten(model.folder, tmp_path / "old", model.tensors, architectures=["T5WithLMHeadModel"])
    assert old.family == "t5"
    assert names(old) == names(model.found)


@pytest.mark.parametrize(
    ("architecture", "buffers"),
    [
        ("BertModel", ["embeddings.position_ids"]),
        ("CLIPModel", ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]),
        ("CLIPVisionModel", ["vision_model.embeddings.position_ids"]),
        ("SiglipModel", ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]),
        ("LlavaForConditionalGeneration", ["vision_tower.vision_model.embeddings.position_ids"]),
    ],
)
def test_positions_that_older_files_count_out_are_no_parameters(architecture, buffers, tmp_path):
    model = saved(tiny(architecture), tmp_path / "new")
    counted = dict.fromkeys(buffers, torch.arange(5)[None])
    old = rewritten(model.folder, tmp_path / "old", model.tensors | counted)
    assert old.remarks == ()
    assert names(old) == names(model.found)
    assert {piece.tensor: piece.reason for piece in old.pieces if piece.role == "buffer"} == dict.fromkeys(
        buffers, "a buffer: not a parameter"
    )


def _bert_of_old(name: str) -> str:
    """The first checkpoints wrote gamma and beta, and had no prefix where the encoder stood alone."""
    name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return name.removeprefix("bert.")


def _prefixed(prefix: str):
    return lambda name: name if name.startswith("logit") else f"{prefix}{name}"


@pytest.mark.parametrize(
    ("architecture", "rename"),
    [
        ("BertForPreTraining", _bert_of_old),
        ("BertModel", _prefixed("bert.")),
        ("ModernBertForMaskedLM", lambda name: name.removeprefix("model.")),
        ("T5ForConditionalGeneration", _prefixed("model.")),
        ("ViTModel", _prefixed("vit.")),
        ("CLIPTextModel", _prefixed("text_model.")),
        ("CLIPVisionModel", _prefixed("vision_model.")),
        ("SiglipTextModel", _prefixed("text_model.")),
        ("SiglipVisionModel", _prefixed("vision_model.")),
    ],
)
def test_older_layouts_of_the_keys_meet_under_the_same_names(architecture, rename, tmp_path):
    model = saved(tiny(architecture), tmp_path / "new")
    old = renamed(model.folder, tmp_path / "old", rename)
    assert {piece.tensor for piece in old.pieces} != {piece.tensor for piece in model.found.pieces}
    assert names(old) == names(model.found)
    assert old.remarks == ()
    assert all(each.state in ("matrix", "skipped") for each in pair(model.found, old))


def test_the_names_of_vits_modules_and_those_of_its_files_are_one(tmp_path):
    model = tiny("ViTForImageClassification")
    found = saved(model, tmp_path / "new")
    stored = {piece.tensor for piece in found.found.pieces}
    assert "vit.encoder.layer.0.attention.attention.query.weight" in stored, "the layout that files have"
    by_module = rewritten(found.folder, tmp_path / "modules", model.state_dict())
    assert not stored >= {piece.tensor for piece in by_module.pieces}
    assert names(by_module) == names(found.found)
    assert "layers.1.attention.q_proj.weight" in names(by_module)


@pytest.mark.parametrize(("alone", "both"), [("CLIPVisionModel", "CLIPModel"), ("SiglipVisionModel", "SiglipModel")])
def test_an_image_tower_alone_meets_that_of_the_whole_model(alone, both, tmp_path):
    one, two = saved(tiny(alone), tmp_path / "one").found, saved(tiny(both), tmp_path / "two").found
    towers = {name: told for name, told in names(two).items() if told[0] == "vision"}
    assert names(one) == towers


@pytest.mark.parametrize(
    ("architecture", "vectors", "positions"),
    [
        ("ViTModel", ["embeddings.cls_token"], "embeddings.position_embeddings"),
        (
            "CLIPModel",
            ["logit_scale", "vision_model.embeddings.class_embedding"],
            "vision_model.embeddings.position_embedding.weight",
        ),
        (
            "SiglipModel",
            ["logit_bias", "logit_scale", "vision_model.head.probe"],
            "vision_model.embeddings.position_embedding.weight",
        ),
    ],
)
def test_tokens_are_vectors_and_positions_are_a_matrix(architecture, vectors, positions, tmp_path):
    found = saved(tiny(architecture), tmp_path).found
    by_name = {piece.name: piece for piece in found.pieces}
    assert [piece.name for piece in found.pieces if piece.role == "vector"] == vectors
    assert {by_name[name].reason for name in vectors} == {"a vector: no spectrum"}
    assert by_name[positions].role == "embedding"
    assert by_name[positions].tower == "vision"
    assert by_name[positions].matrix in ((4, 12), (5, 12))


def test_a_patch_embedding_is_the_linear_map_of_a_flattened_patch(tmp_path):
    model = tiny("ViTModel")
    found = saved(model, tmp_path)
    convolution, image = model.embeddings.patch_embeddings.projection, torch.randn(1, 3, 8, 8)
    patch = image[0, :, 4:, :4]
    out = convolution(image)[0, :, 1, 0]
    name = "embeddings.patch_embeddings.projection"
    assert found.values[f"{name}.weight"].shape == (12, 3 * 4 * 4)
    _agree(out, found.values[f"{name}.weight"] @ patch.reshape(-1).numpy() + convolution.bias.detach().numpy())


def test_parts_of_siglips_pooling_are_what_it_attends_with(tmp_path):
    model = tiny("SiglipVisionModel").eval()
    found, head, x = saved(model, tmp_path), model.head, torch.randn(1, 6, 12)
    place = "vision_model.head.attention"
    given = (head.probe[0].detach(), x[0], x[0])
    query, key, value = (
        torch.tensor(_linear(found, f"{place}.{part}_proj", source)).reshape(1, -1, 3, 4).transpose(1, 2)
        for part, source in zip("qkv", given, strict=True)
    )
    mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(1, 12)
    _agree(head.attention(head.probe, x, x)[0][0], _linear(found, f"{place}.out_proj", mixed))


@pytest.mark.parametrize(
    ("architecture", "setting", "state"),
    [("BertModel", "max_position_embeddings", "matrix"), ("ViTModel", "image_size", "refused")],
)
def test_positions_of_another_length_are_compared_in_text_and_refused_on_a_grid(architecture, setting, state, tmp_path):
    model = tiny(architecture)
    base = saved(model, tmp_path / "base").found
    setattr(model.config, setting, 12)
    tuned = saved(type(model)(model.config), tmp_path / "tuned").found
    (positions,) = [each for each in pair(base, tuned) if "position_embeddings" in each.piece.name]
    assert positions.state == state


def _inputs(module: torch.nn.Module) -> list[torch.Tensor]:
    """What a module is called with from now on."""
    seen: list[torch.Tensor] = []
    module.register_forward_pre_hook(lambda _, given, more: seen.append(given[0]), with_kwargs=True)
    return seen


def _linear(found, place: str, x: torch.Tensor) -> np.ndarray:
    """What the pieces of one linear map make of rows, bias included where there is one."""
    pieces = {piece.name: piece for piece in found.found.pieces}
    out, bias = x.detach().numpy() @ found.values[f"{place}.weight"].T, pieces.get(f"{place}.bias")
    return out if bias is None else out + bias.source().rows(0, 1)[0]


def _agree(one, other, why: str = "") -> None:
    one, other = (np.asarray(each.detach() if torch.is_tensor(each) else each) for each in (one, other))
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=why)
