"""Language models saved by transformers: every parameter once, under its role, as the matrix that the model uses."""

import json
import re

import numpy as np
import pytest
import torch
from family_models import MODELS, made, renamed, saved_as_in_memory
from safetensors.torch import load_file, save_file
from transformers import AttentionInterface

from benchshadow.checkpoints import layout, open_checkpoint, pair

ATTENTION = {f"layers.#.self_attn.{side[0]}_proj": f"attention.{side}" for side in ("query", "key", "value", "output")}
MLP = {f"layers.#.mlp.{side}_proj": f"mlp.{side}" for side in ("gate", "up", "down")}
EXPERTS = {f"layers.#.mlp.experts.#.{side}_proj": f"expert.{side}" for side in ("gate", "up", "down")}
ENDS = {"embed_tokens": "embedding", "lm_head": "head"}
TIED_ENDS = {"embed_tokens": "embedding"}
LLAMA = ENDS | ATTENTION | MLP
FALCON = {
    "word_embeddings": "embedding",
    **{f"h.#.self_attention.{side}": f"attention.{side}" for side in ("query", "key", "value")},
    "h.#.self_attention.dense": "attention.output",
    "h.#.mlp.dense_h_to_4h": "mlp.up",
    "h.#.mlp.dense_4h_to_h": "mlp.down",
}
GOLDEN = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "phi3", "olmo2"), LLAMA),
    **dict.fromkeys(("gemma2", "gemma3"), TIED_ENDS | ATTENTION | MLP),
    "qwen3_moe": LLAMA | EXPERTS | {"layers.#.mlp.gate": "router"},
    "mixtral": ENDS | ATTENTION | EXPERTS | {"layers.#.mlp.gate": "router"},
    "gpt_oss": ENDS | ATTENTION | EXPERTS | {"layers.#.mlp.router": "router"},
    "deepseek_v3": ENDS
    | MLP
    | EXPERTS
    | {f"layers.#.mlp.shared_experts.{side}_proj": f"expert.shared.{side}" for side in ("gate", "up", "down")}
    | {
        "layers.#.mlp.gate": "router",
        "layers.#.self_attn.q_a_proj": "attention.query.down",
        "layers.#.self_attn.q_b_proj": "attention.query.up",
        "layers.#.self_attn.kv_a_proj": "attention.latent.down",
        "layers.#.self_attn.k_rope_proj": "attention.key.rotary",
        "layers.#.self_attn.k_b_proj": "attention.key.up",
        "layers.#.self_attn.v_b_proj": "attention.value.up",
        "layers.#.self_attn.o_proj": "attention.output",
    },
    "gpt2": {
        "wte": "embedding",
        "wpe": "embedding",
        **{f"h.#.attn.{side}": f"attention.{side}" for side in ("query", "key", "value")},
        "h.#.attn.c_proj": "attention.output",
        "h.#.mlp.c_fc": "mlp.up",
        "h.#.mlp.c_proj": "mlp.down",
    },
    "gpt_neox": {
        "embed_in": "embedding",
        "lm_head": "head",
        **{f"layers.#.attention.{side}": f"attention.{side}" for side in ("query", "key", "value")},
        "layers.#.attention.dense": "attention.output",
        "layers.#.mlp.dense_h_to_4h": "mlp.up",
        "layers.#.mlp.dense_4h_to_h": "mlp.down",
    },
    **dict.fromkeys(("falcon_grouped", "falcon_each"), FALCON | {"lm_head": "head"}),
    "falcon_one_key": FALCON,
    "mamba": {
        "embeddings": "embedding",
        "layers.#.mixer.in_proj.stream": "ssm.in",
        "layers.#.mixer.in_proj.gate": "ssm.gate",
        "layers.#.mixer.conv1d": "ssm.conv",
        "layers.#.mixer.x_proj.step": "ssm.step.down",
        "layers.#.mixer.x_proj.write": "ssm.write",
        "layers.#.mixer.x_proj.read": "ssm.read",
        "layers.#.mixer.dt_proj": "ssm.step.up",
        "layers.#.mixer.out_proj": "ssm.out",
    },
}


def matrices(found):
    return {piece.name: piece for piece in found.pieces if piece.state == "matrix"}


def values(piece):
    """The whole matrix, or the whole vector."""
    source = piece.source()
    held = np.array(source.rows(0, source.shape[0]), np.float64)
    return held[0] if piece.is_vector else held


def own_tensors(model):
    """All that a model keeps, tied weights once: parameters, and the buffers that it saves with them."""
    kept = model.state_dict(keep_vars=True)
    return list({id(tensor): tensor.detach() for tensor in kept.values()}.values())


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Model and layout of its checkpoint, by name."""
    held = {}

    def get(name):
        if name not in held:
            model, folder = made(name), tmp_path_factory.mktemp(name)
            model.save_pretrained(folder)
            held[name] = model, layout(open_checkpoint(folder)), folder
        return held[name]

    return get


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_is_in_one_piece_with_its_role(name, saved):
    model, found, _ = saved(name)
    assert found.remarks == ()
    assert not any(piece.guessed for piece in found.pieces)
    assert {piece.state for piece in found.pieces} == {"matrix", "skipped"}
    roles = {
        re.sub(r"(?<=\.)[0-9]+(?=\.)", "#", name).removesuffix(".weight"): p.role for name, p in matrices(found).items()
    }
    assert roles == GOLDEN[name]
    assert found.parameters == sum(tensor.numel() for tensor in own_tensors(model))
    assert len({piece.name for piece in found.pieces}) == len(found.pieces)


@pytest.mark.parametrize("name", MODELS)
def test_no_value_is_lost_and_none_is_there_twice(name, saved):
    model, found, _ = saved(name)
    held = np.sort(np.concatenate([values(piece).ravel() for piece in found.pieces]))
    own = np.sort(torch.cat([tensor.flatten() for tensor in own_tensors(model)]).double().numpy())
    np.testing.assert_array_equal(held, own)


@pytest.mark.parametrize("name", MODELS)
def test_layers_are_numbered_and_have_their_depth(name, saved):
    _, found, _ = saved(name)
    blocks = [piece for piece in found.pieces if piece.inside_blocks]
    assert {(piece.layer, piece.depth) for piece in blocks} == {(0, 0.0), (1, 0.5), (2, 1.0)}
    assert {piece.tower for piece in found.pieces} == {"language"}
    assert len({piece.stack for piece in blocks}) == 1
    for piece in found.pieces:
        numbers = re.findall(r"\.([0-9]+)\.", piece.name)
        assert piece.layer == (int(numbers[0]) if numbers else None)


@pytest.mark.parametrize("name", ["llama", "mixtral", "gpt_oss", "phi3", "gpt2", "gpt_neox", "falcon_grouped", "mamba"])
def test_shards_of_bfloat16_are_read_as_the_model_holds_them(name, tmp_path):
    model = made(name).bfloat16()
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    found = layout(open_checkpoint(tmp_path))
    assert {piece.stored for piece in found.pieces} == {"bfloat16"}
    squares = sum(float((values(piece) ** 2).sum()) for piece in found.pieces)
    assert squares == pytest.approx(
        sum(float((tensor.double() ** 2).sum()) for tensor in own_tensors(model)), rel=1e-12
    )
    assert found.parameters == sum(tensor.numel() for tensor in own_tensors(model))


def attention_seen(model):
    """What the attention of the second block gets for one token at the first position, where rotation does nothing.

    Returns its input, and the queries, keys and values in the order of their heads.
    """
    block = next(m for n, m in model.named_modules() if re.search(r"(layers|h)\.1\.(self_attn|attn|attention)$", n))
    seen = {}

    def spy(module, query, key, value, attention_mask, **_):
        if module is block:
            seen.update(query=query, key=key, value=value)
        return value.repeat_interleave(query.shape[1] // value.shape[1], 1).transpose(1, 2), None

    AttentionInterface.register("spy", spy)
    block.register_forward_pre_hook(
        lambda _, args, kwargs: seen.update(input=args[0] if args else kwargs["hidden_states"]), with_kwargs=True
    )
    model.set_attn_implementation("spy")
    with torch.no_grad():
        model(input_ids=torch.tensor([[7]]), use_cache=False)
    return {side: array.double().numpy().ravel() for side, array in seen.items()}


@pytest.mark.parametrize(
    ("name", "place"),
    [("phi3", "layers.1.self_attn.{}_proj"), ("gpt2", "h.1.attn.{}"), ("gpt_neox", "layers.1.attention.{}")],
)
def test_split_queries_keys_and_values_are_those_that_attention_gets(name, place, saved):
    _, found, _ = saved(name)
    pieces = {piece.name: piece for piece in found.pieces}
    seen = attention_seen(made(name))
    for side in ("query", "key", "value"):
        own = place.format(side[0] if name == "phi3" else side)
        bias = values(pieces[f"{own}.bias"]) if f"{own}.bias" in pieces else 0.0
        np.testing.assert_allclose(
            values(pieces[f"{own}.weight"]) @ seen["input"] + bias, seen[side], rtol=2e-4, atol=1e-4
        )


@pytest.mark.parametrize("name", ["falcon_grouped", "falcon_one_key", "falcon_each"])
def test_falcons_split_is_that_of_its_own_code(name, saved):
    model, found, _ = saved(name)
    pieces, attention = {piece.name: piece for piece in found.pieces}, model.transformer.h[1].self_attention
    fused = attention.query_key_value.weight.detach()
    split = attention._split_heads(fused.T[None])
    for side, seen in zip(("query", "key", "value"), split, strict=True):
        own = values(pieces[f"h.1.self_attention.{side}.weight"])
        heads = seen[0].reshape(16, -1, attention.head_dim).permute(1, 2, 0)
        repeated = heads.shape[0] * heads.shape[1] // own.shape[0]
        heads = heads[::repeated].reshape(-1, 16)
        np.testing.assert_array_equal(own, heads.double().numpy())


def test_deepseeks_latent_keys_and_values_are_those_that_attention_gets(saved):
    model, found, _ = saved("deepseek_v3")
    pieces = {piece.name: piece for piece in found.pieces}
    weight = {
        side: values(pieces[f"layers.1.self_attn.{side}.weight"])
        for side in ("kv_a_proj", "k_rope_proj", "k_b_proj", "v_b_proj")
    }
    seen = attention_seen(made("deepseek_v3"))
    latent = weight["kv_a_proj"] @ seen["input"]
    norm = model.model.layers[1].self_attn.kv_a_layernorm
    latent *= norm.weight.detach().double().numpy() / np.sqrt(np.mean(latent**2) + norm.variance_epsilon)
    keys = seen["key"].reshape(4, 3 + 4)
    np.testing.assert_allclose((weight["k_b_proj"] @ latent).reshape(4, 3), keys[:, :3], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose([weight["k_rope_proj"] @ seen["input"]] * 4, keys[:, 3:], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(weight["v_b_proj"] @ latent, seen["value"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["qwen3_moe", "mixtral", "deepseek_v3", "gpt_oss"])
def test_an_expert_of_pieces_computes_what_the_models_own_does(name, saved, tmp_path):
    model, found, _ = saved(name)
    in_memory = layout(open_checkpoint(saved_as_in_memory(model, tmp_path / "m")))
    state = torch.linspace(-0.1, 0.1, 16)
    for pieces in ({piece.name: piece for piece in each.pieces} for each in (found, in_memory)):
        for expert in range(3):
            own = model.model.layers[1].mlp.experts(state[None], torch.tensor([[expert]]), torch.ones(1, 1))
            place = f"layers.1.mlp.experts.{expert}"
            x = {}
            for side in ("gate", "up"):
                x[side] = torch.tensor(values(pieces[f"{place}.{side}_proj.weight"])) @ state.double()
                if name == "gpt_oss":
                    x[side] += torch.tensor(values(pieces[f"{place}.{side}_proj.bias"]))
            if name == "gpt_oss":
                gate, up = x["gate"].clamp(max=7.0), x["up"].clamp(-7.0, 7.0)
                inner = (up + 1) * gate * torch.sigmoid(gate * 1.702)
            else:
                inner = x["up"] * torch.nn.functional.silu(x["gate"])
            out = torch.tensor(values(pieces[f"{place}.down_proj.weight"])) @ inner
            if name == "gpt_oss":
                out += torch.tensor(values(pieces[f"{place}.down_proj.bias"]))
            torch.testing.assert_close(out, own[0].detach().double(), rtol=1e-4, atol=1e-4)


def test_phis_mlp_of_pieces_computes_what_the_models_own_does(saved):
    model, found, _ = saved("phi3")
    weight = {
        side: torch.tensor(values(matrices(found)[f"layers.1.mlp.{side}_proj.weight"]))
        for side in ("gate", "up", "down")
    }
    state = torch.linspace(-1, 1, 16)
    inner = (weight["up"] @ state.double()) * torch.nn.functional.silu(weight["gate"] @ state.double())
    own = model.model.layers[1].mlp(state).detach().double()
    torch.testing.assert_close(weight["down"] @ inner, own, rtol=1e-4, atol=1e-4)


def test_matrices_stored_in_by_out_are_turned(saved):
    model, found, _ = saved("gpt2")
    for side, module in (
        ("mlp.c_fc", model.transformer.h[1].mlp.c_fc),
        ("mlp.c_proj", model.transformer.h[1].mlp.c_proj),
    ):
        state = torch.linspace(-1, 1, module.weight.shape[0])
        weight = torch.tensor(values(matrices(found)[f"h.1.{side}.weight"]))
        own = module(state[None])[0].detach().double() - module.bias.detach()
        torch.testing.assert_close(weight @ state.double(), own, rtol=1e-4, atol=1e-4)


def test_mambas_parts_are_those_that_its_code_cuts(saved):
    model, found, _ = saved("mamba")
    mixer, pieces = model.backbone.layers[1].mixer, matrices(found)
    cut = {
        **dict(zip(("in_proj.stream", "in_proj.gate"), mixer.in_proj.weight.chunk(2), strict=True)),
        **dict(zip(("x_proj.step", "x_proj.write", "x_proj.read"), mixer.x_proj.weight.split([3, 4, 4]), strict=True)),
        "conv1d": mixer.conv1d.weight[:, 0],
    }
    for side, own in cut.items():
        np.testing.assert_array_equal(values(pieces[f"layers.1.mixer.{side}.weight"]), own.detach().double().numpy())
    decay = next(piece for piece in found.pieces if piece.name == "layers.1.mixer.A_log")
    assert decay.reason == "log decay rates of each channel and state: not a linear map"


@pytest.mark.parametrize("name", MODELS)
def test_a_tied_head_counts_once_whether_it_is_stored_or_not(name, tmp_path):
    model = made(name, tie_word_embeddings=True)
    folder = saved_as_in_memory(model, tmp_path / "left_out")
    head = model.get_output_embeddings().weight.detach()
    own = sum(tensor.numel() for tensor in own_tensors(model))
    left_out = layout(open_checkpoint(folder))
    assert left_out.parameters == own
    (standing,) = left_out.ties.values()
    np.testing.assert_array_equal(values(standing), head.double().numpy())
    held = load_file(folder / "model.safetensors") | {"lm_head.weight": head.clone()}
    save_file(held, folder / "model.safetensors")
    copied = layout(open_checkpoint(folder))
    assert copied.parameters == own
    (copy,) = [piece for piece in copied.pieces if piece.is_tied]
    assert (copy.name, copy.role) == (standing.name, "head")
    assert copied.ties == {}
    states = {each.piece.name: each.state for each in pair(left_out, copied)}
    assert states[copy.name] == "skipped"
    assert set(states.values()) == {"matrix", "skipped"}


def told(found):
    return {piece.name: (piece.role, piece.shape, piece.depth, piece.parameters, piece.state) for piece in found.pieces}


@pytest.mark.parametrize("name", MODELS)
def test_the_names_of_a_model_in_memory_meet_those_on_disk(name, saved, tmp_path):
    model, found, _ = saved(name)
    in_memory = layout(open_checkpoint(saved_as_in_memory(model, tmp_path / "m")))
    assert told(in_memory) == told(found)
    other = {piece.name: piece for piece in in_memory.pieces}
    for piece in found.pieces:
        np.testing.assert_array_equal(values(piece), values(other[piece.name]))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("llama", "model.", "model.language_model."),
        ("llama", "model.", "language_model.model."),
        ("gemma3", "model.", ""),
        ("gpt2", "transformer.", ""),
        ("gpt_neox", "gpt_neox.", ""),
        ("falcon_grouped", "transformer.", ""),
        ("mamba", "backbone.", ""),
        ("mixtral", "model.", "module.model."),
    ],
)
def test_other_prefixes_meet_under_one_name(name, old, new, saved, tmp_path):
    _, found, folder = saved(name)
    other = renamed(folder, tmp_path / "other", lambda each: each.replace(old, new, 1))
    assert told(layout(open_checkpoint(other))) == told(found)


def test_layers_that_predict_further_tokens_stand_beyond_the_blocks(saved, tmp_path):
    _, found, folder = saved("deepseek_v3")
    config = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 2}
    other = renamed(folder, tmp_path / "other", lambda each: each)
    (other / "config.json").write_text(json.dumps(config))
    pieces = layout(open_checkpoint(other)).pieces
    assert {(piece.layer, piece.depth) for piece in pieces} == {(None, None), (0, 0.0), (1, 1.0), (2, None)}
    assert all(piece.inside_blocks == (piece.layer in (0, 1)) for piece in pieces)
    assert sum(piece.parameters for piece in pieces) == found.parameters
    held = load_file(other / "model.safetensors")
    held["model.layers.2.embed_tokens.weight"] = held["model.embed_tokens.weight"].clone()
    held["model.layers.2.shared_head.head.weight"] = held["lm_head.weight"].clone()
    held["model.layers.2.eh_proj.weight"] = torch.ones(16, 32)
    save_file(held, other / "model.safetensors")
    more = layout(open_checkpoint(other))
    assert more.remarks == ()
    assert more.parameters == found.parameters + 16 * 32


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "phi3",
            {"num_attention_heads": None},
            "needs num_attention_heads of config.json to be split but it is missing",
        ),
        ("phi3", {"num_attention_heads": "4"}, "needs num_attention_heads of config.json to be a whole number"),
        (
            "phi3",
            {"num_key_value_heads": None},
            "4 query and 2 x 4 key and value heads of 4 rows by config.json but has 32",
        ),
        (
            "phi3",
            {"num_key_value_heads": 3},
            "4 query and 2 x 3 key and value heads of 4 rows by config.json but has 32",
        ),
        ("phi3", {"head_dim": 5}, "heads of 5 rows by config.json but has 32 rows"),
        ("phi3", {"num_attention_heads": 3}, "must have heads of one size but config.json has 3 in 16 rows"),
        ("falcon_each", {"multi_query": None}, "needs multi_query of config.json to be split but it is None"),
        ("falcon_grouped", {"num_kv_heads": 1}, "but has 32 rows"),
        ("mamba", {"state_size": 5}, "must have 1 x (time_step_rank 3 + state_size 5 + state_size 5) rows"),
        (
            "deepseek_v3",
            {"qk_nope_head_dim": None},
            "needs qk_nope_head_dim of config.json to be split but it is missing",
        ),
    ],
)
def test_a_split_that_the_configuration_does_not_carry_is_refused_by_name(name, change, said, saved, tmp_path):
    _, found, folder = saved(name)
    other = renamed(folder, tmp_path / "other", lambda each: each)
    config = json.loads((folder / "config.json").read_text()) | change
    (other / "config.json").write_text(json.dumps(config))
    refused = [piece for piece in layout(open_checkpoint(other)).pieces if piece.state == "refused"]
    assert {piece.layer for piece in refused} == {0, 1, 2}
    for piece in refused:
        assert said in piece.reason
        assert not piece.guessed
        assert piece.role in ("attention.fused", "ssm.fused", "bias")
        assert piece.part is None
    assert sum(piece.parameters for piece in layout(open_checkpoint(other)).pieces) == found.parameters
