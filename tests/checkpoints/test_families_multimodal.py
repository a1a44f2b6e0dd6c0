"""Models of several towers: each tensor in its tower, whatever layout of the keys the file has."""

import json
import re
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl
from transformers.models.qwen2_vl import modeling_qwen2_vl
from transformers.models.qwen3_vl import modeling_qwen3_vl
from vision_checks import LAWS, names, roles, unmet_lines
from vision_models import FAMILIES, MULTIMODAL, TEXT, architectures, renamed, rewritten, saved, tiny, variants

from benchshadow.checkpoints import families, pair

ATTENTION = {f"attention.{side}" for side in ("query", "key", "value", "output")}
MLP, GATED = {"mlp.up", "mlp.down"}, {"mlp.gate", "mlp.up", "mlp.down"}
LLAMA, CLIP = {"embedding"} | ATTENTION | GATED, {"embedding.patch", "embedding"} | ATTENTION | MLP
ROLES = {
    "LlavaForConditionalGeneration": (LLAMA | {"head"}, CLIP),
    "LlavaNextForConditionalGeneration": (LLAMA | {"head"}, CLIP),
    "Qwen2VLForConditionalGeneration": (LLAMA | {"head"}, {"embedding.patch"} | ATTENTION | MLP),
    "Qwen2_5_VLForConditionalGeneration": (LLAMA | {"head"}, {"embedding.patch"} | ATTENTION | GATED),
    "Qwen3VLForConditionalGeneration": (LLAMA, CLIP),
    "InternVLForConditionalGeneration": (LLAMA, CLIP),
    "PaliGemmaForConditionalGeneration": (LLAMA, CLIP),
    "Gemma3ForConditionalGeneration": (LLAMA, CLIP),
    "Idefics3ForConditionalGeneration": (LLAMA | {"head"}, CLIP),
    "SmolVLMForConditionalGeneration": (LLAMA | {"head"}, CLIP),
}


@pytest.mark.parametrize(("architecture", "more"), variants(MULTIMODAL))
def test_every_tensor_of_a_real_model_has_its_place(architecture, more, tmp_path):
    model = saved(tiny(architecture, **more), tmp_path)
    for law in LAWS:
        law(model)


@pytest.mark.parametrize("name", MULTIMODAL)
def test_every_line_of_a_family_is_met_by_a_tensor_of_a_real_model(name, tmp_path):
    family = next(each for each in families() if each.name == name)
    models = enumerate(variants({name: None}))
    seen = [saved(tiny(architecture, **more), tmp_path / str(i)).found for i, (architecture, more) in models]
    assert unmet_lines(family, seen) == set()


@pytest.mark.parametrize("architecture", ROLES)
def test_towers_have_their_roles(architecture, tmp_path):
    found = saved(tiny(architecture), tmp_path).found
    assert (roles(found, "language"), roles(found, "vision")) == ROLES[architecture]
    assert roles(found, "projector") == {"projector"}
    for piece in found.pieces:
        words = re.search("projector|merger|connector|image_newline", piece.tensor)
        wanted = "projector" if words else "vision" if re.search("visual|vision", piece.tensor) else "language"
        assert piece.tower == wanted, piece.tensor
        assert (piece.layer is None) or wanted != "projector"


def test_every_family_made_here_is_one_that_is_shipped():
    assert set(FAMILIES) <= {family.name for family in families()}
    assert set(ROLES) == set(architectures(MULTIMODAL))


def _as_on_the_hub(name: str) -> str:
    """The first layout: the language model whole, the image tower with its own prefix."""
    name = re.sub(r"^vision_tower\.(?!vision_model\.)", "vision_tower.vision_model.", name)
    return re.sub(r"^language_model\.(?!model\.|lm_head)", "language_model.model.", name)


def _as_later(name: str) -> str:
    """All but the head under "model.", without the inner "model."."""
    name = (
        _as_on_the_hub(name)
        .replace("language_model.model.", "language_model.")
        .replace("language_model.lm_head", "lm_head")
    )
    return name if name.startswith("lm_head") else f"model.{name}"


def _internvl_of_later(name: str) -> str:
    """As `_as_later`; its image tower never had a prefix of its own."""
    return _as_later(name).replace(".vision_model.", ".")


def _qwen_of_later(name: str) -> str:
    name = re.sub(r"^model\.", "model.language_model.", name)
    return re.sub(r"^visual\.", "model.visual.", name)


@pytest.mark.parametrize(
    ("architecture", "rename"),
    [
        *[(each, _as_on_the_hub) for each in ROLES if each.startswith(("Llava", "Pali", "Gemma"))],
        *[(each, _as_later) for each in ROLES if each.startswith(("Llava", "Pali", "Gemma"))],
        ("InternVLForConditionalGeneration", _internvl_of_later),
        ("Qwen2VLForConditionalGeneration", _qwen_of_later),
        ("Qwen2_5_VLForConditionalGeneration", _qwen_of_later),
        ("Qwen3VLForConditionalGeneration", lambda name: name.removeprefix("model.")),
        ("Idefics3ForConditionalGeneration", lambda name: name.removeprefix("model.")),
    ],
)
def test_older_and_newer_layouts_of_the_keys_meet_under_the_same_names(architecture, rename, tmp_path):
    model = saved(tiny(architecture), tmp_path / "one")
    other = renamed(model.folder, tmp_path / "two", rename)
    stored = {piece.tensor for piece in model.found.pieces}
    assert stored != {piece.tensor for piece in other.pieces}
    assert names(other) == names(model.found)
    assert other.remarks == ()
    assert {each.state for each in pair(model.found, other)} == {"matrix", "skipped"}


@pytest.mark.parametrize("architecture", list(ROLES))
def test_the_names_of_the_modules_and_those_of_the_files_are_one(architecture, tmp_path):
    model = tiny(architecture)
    found = saved(model, tmp_path / "files")
    by_module = rewritten(found.folder, tmp_path / "modules", dict(model.named_parameters()))
    assert names(by_module) == names(found.found)


@pytest.mark.parametrize(
    ("architecture", "code"),
    [
        ("Qwen2VLForConditionalGeneration", modeling_qwen2_vl),
        ("Qwen2_5_VLForConditionalGeneration", modeling_qwen2_5_vl),
        ("Qwen3VLForConditionalGeneration", modeling_qwen3_vl),
    ],
)
def test_parts_of_fused_image_attention_are_what_it_attends_with(architecture, code, tmp_path, monkeypatch):
    model = tiny(architecture).eval()
    found, attention, x = saved(model, tmp_path), model.model.visual.blocks[1].attn, torch.randn(5, 12)
    seen = []

    def spied(query, key, *rest):
        seen.extend((query, key))
        return rotated(query, key, *rest)

    rotated = code.apply_rotary_pos_emb_vision
    monkeypatch.setattr(code, "apply_rotary_pos_emb_vision", spied)
    with torch.no_grad():
        flat = (torch.ones(5, 4), torch.zeros(5, 4))
        alone = attention(x, cu_seqlens=torch.arange(6, dtype=torch.int32), position_embeddings=flat)
    pieces = {piece.name: piece for piece in found.found.pieces}

    def linear(part, given):
        place = f"visual.blocks.1.attn.{part}"
        return given @ found.values[f"{place}.weight"].T + pieces[f"{place}.bias"].source().rows(0, 1)[0]

    for part, used in zip(("q_proj", "k_proj"), seen, strict=True):
        np.testing.assert_allclose(used.reshape(5, 12), linear(part, x.numpy()), rtol=1e-4, atol=1e-5)
    value = linear("v_proj", x.numpy())
    assert pieces["visual.blocks.1.attn.v_proj.weight"].tensor.endswith("visual.blocks.1.attn.qkv.weight")
    np.testing.assert_allclose(
        alone, linear("proj", value), rtol=1e-4, atol=1e-4, err_msg="each token alone: its value"
    )


def test_a_patch_embedding_in_time_is_the_linear_map_of_a_flattened_patch(tmp_path):
    model = tiny("Qwen2_5_VLForConditionalGeneration")
    found, patch = saved(model, tmp_path), torch.randn(1, 3 * 2 * 4 * 4)
    weight = found.values["visual.patch_embed.proj.weight"]
    assert weight.shape == (12, 3 * 2 * 4 * 4)
    np.testing.assert_allclose(
        model.model.visual.patch_embed(patch).detach(), patch.numpy() @ weight.T, rtol=1e-4, atol=1e-4
    )


def test_gemma_3s_projector_is_stored_in_x_out(tmp_path):
    model = tiny("Gemma3ForConditionalGeneration")
    found, projector = saved(model, tmp_path), model.model.multi_modal_projector
    weight = found.values["multi_modal_projector.mm_input_projection_weight"]
    assert weight.shape == (16, 12)
    patches = torch.randn(1, 4, 12)
    seen = []
    projector.mm_soft_emb_norm.register_forward_hook(lambda module, given, out: seen.append(out[0].detach().numpy()))
    np.testing.assert_allclose(projector(patches)[0].detach(), seen[0] @ weight.T, rtol=1e-4, atol=1e-4)


def test_towers_are_counted_apart(tmp_path):
    found = saved(tiny("Qwen3VLForConditionalGeneration"), tmp_path).found
    depths = {(piece.tower, piece.layer, piece.depth) for piece in found.pieces if piece.role == "attention.query"}
    language = {("language", 0, 0.0), ("language", 1, 0.5), ("language", 2, 1.0)}
    assert depths == language | {("vision", 0, 0.0), ("vision", 1, 1.0)}


def test_class_tokens_and_line_ends_are_vectors(tmp_path):
    for architecture, vectors in (
        ("LlavaNextForConditionalGeneration", {"image_newline", "vision_tower.embeddings.class_embedding"}),
        ("InternVLForConditionalGeneration", {"vision_tower.embeddings.cls_token"}),
    ):
        found = saved(tiny(architecture), tmp_path / architecture).found
        told = {piece.name: piece.reason for piece in found.pieces if piece.role == "vector" and piece.layer is None}
        assert told == dict.fromkeys(vectors, "a vector: no spectrum")


def _alike_towers() -> hf.PreTrainedModel:
    """A model whose image positions have the shape of its word embeddings."""
    text: dict[str, Any] = {**TEXT, "vocab_size": 36, "head_dim": 4}
    images: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 20, "depth": 2, "num_heads": 4, "patch_size": 4}
    images |= {"out_hidden_size": 16, "num_position_embeddings": 36, "deepstack_visual_indexes": [0]}
    config = hf.Qwen3VLConfig(text_config=text, vision_config=images, tie_word_embeddings=True)
    torch.manual_seed(0)
    return hf.Qwen3VLForConditionalGeneration(config)


def test_a_head_is_tied_to_the_words_and_never_to_image_positions(tmp_path):
    model = _alike_towers()
    plain = saved(model, tmp_path / "plain")
    tensors = plain.tensors
    words, positions = (
        tensors[f"model.{place}.weight"] for place in ("language_model.embed_tokens", "visual.pos_embed")
    )
    assert words.shape == positions.shape == (36, 16)
    found = {}
    for place, head in (("words", words), ("positions", positions), ("own", words + 1)):
        found[place] = rewritten(plain.folder, tmp_path / place, tensors | {"lm_head.weight": head})
    assert [each.parameters - plain.found.parameters for each in found.values()] == [0, 36 * 16, 36 * 16]
    heads = {place: {piece.role: piece for piece in each.pieces}["head"] for place, each in found.items()}
    assert heads["words"].reason == (
        "tied: the same values as 'model.language_model.embed_tokens.weight', counted once"
    )
    assert "config.json ties" in " ".join(found["own"].remarks)
    (head,) = [each for each in pair(plain.found, found["own"]) if each.piece.role == "head"]
    assert head.state == "matrix"
    np.testing.assert_array_equal(head.sources()[0].rows(0, 36), words)
    np.testing.assert_allclose(head.sources()[1].rows(0, 36), words + 1)


@pytest.mark.parametrize("architecture", ["InternVLForConditionalGeneration", "LlavaForConditionalGeneration"])
@pytest.mark.parametrize("said", [(True, False), (False, True), (True, None), (None, True), (False, False)])
def test_a_head_left_out_stands_in_wherever_the_configuration_ties_it(architecture, said, tmp_path):
    model = saved(tiny(architecture), tmp_path / "full")
    tensors = {name: value for name, value in model.tensors.items() if "lm_head" not in name}
    config = json.loads((model.folder / "config.json").read_text())
    for place, value in zip((config, config["text_config"]), said, strict=True):
        place["tie_word_embeddings"] = value
    words = tensors["language_model.model.embed_tokens.weight"]
    head = {"language_model.lm_head.weight": words + 1}
    base = rewritten(model.folder, tmp_path / "base", tensors, **config)
    tuned = rewritten(model.folder, tmp_path / "tuned", tensors | head, **config)
    (found,) = [each for each in pair(base, tuned) if each.piece.role == "head"]
    assert found.state == ("unmatched" if said == (False, False) else "matrix")
    if found.state == "matrix":
        np.testing.assert_array_equal(found.sources()[0].rows(0, 40), words)
