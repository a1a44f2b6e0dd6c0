"""A base and its adapter give what PEFT merges; what is not understood is refused by name."""

import json
import warnings

import numpy as np
import pytest
import torch
from checkpoint_samples import matrix, written
from safetensors.numpy import load_file, save_file

from benchshadow.checkpoints import adapted, adapter_alone, is_adapter, layout, open_adapter, open_checkpoint, pair
from benchshadow.errors import InputError, TensorRefused

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from peft import LoraConfig, get_peft_model
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

SIZES = {"vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2}
LLAMA = LlamaConfig(
    **SIZES, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False, max_position_embeddings=32
)
GPT2 = GPT2Config(
    vocab_size=24,
    n_embd=16,
    n_layer=2,
    n_head=2,
    n_positions=16,
    bos_token_id=0,
    eos_token_id=0,
    tie_word_embeddings=False,
)

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
CASES = {
    "lora": (LLAMA, {"target_modules": [*ATTENTION, "gate_proj", "down_proj"], "lora_alpha": 12}),
    "rslora": (LLAMA, {"target_modules": ATTENTION, "use_rslora": True}),
    "dora": (LLAMA, {"target_modules": [*ATTENTION, "up_proj"], "use_dora": True}),
    "patterns": (
        LLAMA,
        {
            "target_modules": [*ATTENTION, "down_proj"],
            "rank_pattern": {"layers.1.self_attn.q_proj": 2, "v_proj": 5, "^model.layers.0.mlp.*": 1},
            "alpha_pattern": {"down_proj": 3, r"layers\.0.*_proj": 7},
        },
    ),
    "rslora patterns": (LLAMA, {"target_modules": ATTENTION, "use_rslora": True, "rank_pattern": {"q_proj": 2}}),
    "whole modules": (LLAMA, {"target_modules": ATTENTION, "modules_to_save": ["lm_head", "norm"]}),
    "biases": (LLAMA, {"target_modules": ATTENTION, "lora_bias": False, "bias": "all"}),
    "embedding": (LLAMA, {"target_modules": ["embed_tokens", "q_proj"]}),
    "dora embedding": (LLAMA, {"target_modules": ["embed_tokens", "q_proj"], "use_dora": True}),
    "conv1d": (GPT2, {"target_modules": ["c_attn", "c_proj", "c_fc"], "fan_in_fan_out": True}),
    "conv1d dora": (GPT2, {"target_modules": ["c_attn", "c_proj"], "use_dora": True, "fan_in_fan_out": True}),
    "conv1d and linear": (GPT2, {"target_modules": ["c_proj", "lm_head"], "fan_in_fan_out": True}),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Every case once: the folders of base and adapter, and the weights as PEFT merges them."""
    made = {}

    def case(name):
        if name not in made:
            made[name] = _made(tmp_path_factory.mktemp("case"), *CASES[name])
        return made[name]

    return case


def _made(folder, config, settings):
    torch.manual_seed(1)
    model = (LlamaForCausalLM if config is LLAMA else GPT2LMHeadModel)(config)
    model.save_pretrained(folder / "base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = get_peft_model(model, LoraConfig(**{"r": 3, "lora_alpha": 5} | settings))
        for name, weight in tuned.named_parameters():
            if weight.requires_grad:
                shift = torch.randn_like(weight) * 0.3
                weight.data += shift.abs() if "magnitude" in name else shift
        tuned.save_pretrained(folder / "adapter", save_embedding_layers=False)
        merged = tuned.merge_and_unload()
    return folder / "base", folder / "adapter", {name: value.numpy() for name, value in merged.state_dict().items()}


@pytest.mark.parametrize("case", CASES)
def test_every_weight_is_what_peft_merges(case, cases):
    base, folder, merged = cases(case)
    before, adapter = open_checkpoint(base), open_adapter(folder)
    after = adapted(before, adapter)
    assert adapter.deltas
    changed = 0
    for name in after.names():
        found = after.read(name)
        assert found.dtype == np.float32
        scale = np.abs(merged[name]).max()
        np.testing.assert_allclose(found, merged[name], rtol=1e-5, atol=2e-7 * scale, err_msg=name)
        if not np.array_equal(found, before.read(name)):
            changed += 1
    assert changed == len(adapter.deltas) + len(adapter.replaced)


@pytest.mark.parametrize("case", CASES)
def test_layout_and_pairing_see_the_base_and_its_adapter_as_two_checkpoints(case, cases):
    base, folder, _ = cases(case)
    before, adapter = open_checkpoint(base), open_adapter(folder)
    pairs = pair(layout(before), layout(adapted(before, adapter)))
    assert {each.state for each in pairs} <= {"matrix", "skipped"}
    for each in pairs:
        if each.state == "matrix":
            one, other = each.sources()
            height = one.shape[0]
            np.testing.assert_array_equal(other.rows(0, height)[:, 1:3], other.columns(1, 3))
            np.testing.assert_array_equal(other.rows(1, 4), other.first(4).rows(1, 4))


@pytest.mark.parametrize("case", ["lora", "patterns", "embedding", "conv1d", "conv1d and linear"])
def test_the_factors_multiply_to_the_change(case, cases):
    base, folder, merged = cases(case)
    before, adapter = open_checkpoint(base), open_adapter(folder)
    after = adapted(before, adapter)
    alone = adapter_alone(adapter) if case != "conv1d and linear" else None
    for name in after.names():
        factors = after.factors(name)
        if factors is None:
            continue
        left, right = factors.sides()
        product = factors.scale * (left.astype(float) @ right)
        assert product.shape == before.shape(name) == factors.shape
        np.testing.assert_allclose(product, merged[name].astype(float) - before.read(name), atol=1e-6)
        assert np.linalg.matrix_rank(product) == factors.rank == len(factors.A) == factors.B.shape[1]
        if alone is not None:
            np.testing.assert_allclose(alone.read(name), product, rtol=1e-6, atol=1e-7)
            np.testing.assert_array_equal(alone.factors(name).sides()[0], left)
    assert after.factors("model.norm.weight" if case != "conv1d" else "transformer.ln_f.weight") is None


def test_weights_in_sixteen_bits_are_not_rounded_again(cases, tmp_path):
    base, folder, _ = cases("lora")
    half = {name: torch.from_numpy(value).bfloat16() for name, value in load_file(base / "model.safetensors").items()}
    from safetensors.torch import save_file as save_tensors

    save_tensors(half, tmp_path / "model.safetensors")
    before, adapter = open_checkpoint(tmp_path), open_adapter(folder)
    after = adapted(before, adapter)
    name = "model.layers.0.self_attn.q_proj.weight"
    factors = after.factors(name)
    exact = half[name].double().numpy() + factors.scale * (factors.B.astype(float) @ factors.A)
    assert (after.dtype(name), after.source(name).stored) == ("float32", "float32")
    np.testing.assert_array_equal(after.read(name), exact.astype(np.float32))
    assert after.dtype("model.norm.weight") == "bfloat16"


def test_a_dora_adapter_has_no_change_without_its_base(cases):
    base, folder, _ = cases("dora")
    adapter = open_adapter(folder)
    with pytest.raises(InputError, match="is DoRA, whose magnitudes need the weights of its base; name the base too"):
        adapter_alone(adapter)
    after = adapted(open_checkpoint(base), adapter)
    assert after.factors("model.layers.0.self_attn.q_proj.weight") is None
    assert adapter.deltas["model.layers.0.self_attn.q_proj.weight"].magnitude.shape == (16,)


def test_what_is_replaced_whole_has_no_change_without_its_base(cases):
    _, folder, _ = cases("whole modules")
    alone = adapter_alone(open_adapter(folder))
    assert {piece.name for piece in layout(alone).pieces} >= {"lm_head.weight", "layers.0.self_attn.q_proj.weight"}
    with pytest.raises(TensorRefused, match=r"'lm_head.weight': replaces the weight of the base whole"):
        alone.source("lm_head.weight")
    assert alone.refusal("lm_head.weight").startswith("replaces")
    assert alone.refusal("model.layers.0.self_attn.q_proj.weight") is None


# Adapters written by hand, for what PEFT would not write.

SETTINGS = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}
PRE = "base_model.model."
FACTORS = {f"{PRE}a.lora_A.weight": matrix((2, 3)), f"{PRE}a.lora_B.weight": matrix((5, 2), 1)}
PRODUCT = 2 * (FACTORS[f"{PRE}a.lora_B.weight"] @ FACTORS[f"{PRE}a.lora_A.weight"])


def saved(folder, tensors, settings=None):
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(SETTINGS | (settings or {})), encoding="utf-8")
    return folder


def refused(folder, tensors=FACTORS, settings=None):
    with pytest.raises(InputError) as caught:
        open_adapter(saved(folder, tensors, settings))
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_an_adapter_in_torchs_own_format_is_read_through_the_restricted_unpickler(tmp_path):
    saved(tmp_path, FACTORS)
    (tmp_path / "adapter_model.safetensors").unlink()
    torch.save({name: torch.from_numpy(value) for name, value in FACTORS.items()}, tmp_path / "adapter_model.bin")
    np.testing.assert_allclose(adapter_alone(open_adapter(tmp_path)).read("a.weight"), PRODUCT, rtol=1e-6)


def test_names_with_the_adapters_name_and_with_other_wrappers_meet(tmp_path):
    named = {name.replace(".weight", ".default.weight").replace(PRE, f"{PRE}model."): v for name, v in FACTORS.items()}
    base = written(tmp_path / "base", {"model.language_model.a.weight": np.ones((5, 3), np.float32)})
    after = adapted(base, open_adapter(saved(tmp_path / "adapter", named)))
    np.testing.assert_allclose(after.read("model.language_model.a.weight"), 1 + PRODUCT, rtol=1e-6)
    assert after.config is None
    assert [file.name for file in after.files] == [
        "model.safetensors",
        "adapter_model.safetensors",
        "adapter_config.json",
    ]


def test_biases_of_factors_are_said(tmp_path):
    adapter = open_adapter(saved(tmp_path, {**FACTORS, f"{PRE}a.lora_B.bias": matrix((5,))}, {"lora_bias": True}))
    assert "1 biases of its B factors change vectors" in adapter.remarks[0]


def test_a_new_head_is_taken_where_the_settings_name_it_and_refused_where_not(tmp_path):
    base = written(tmp_path / "base", {"a.weight": matrix((5, 3))})
    tensors = {**FACTORS, f"{PRE}score.weight": matrix((2, 5))}
    with_head = open_adapter(saved(tmp_path / "one", tensors, {"modules_to_save": ["score"]}))
    np.testing.assert_array_equal(adapted(base, with_head).read("score.weight"), matrix((2, 5)))
    with pytest.raises(InputError, match=r"must replace weights of its base but 'score.weight' is none of"):
        adapted(base, open_adapter(saved(tmp_path / "two", tensors)))


def test_a_weight_that_the_base_lacks_or_has_in_another_shape_is_named(tmp_path):
    adapter = open_adapter(saved(tmp_path / "adapter", FACTORS))
    with pytest.raises(InputError, match=r"must adapt weights of its base but 'a.weight' is none of"):
        adapted(written(tmp_path / "b", {"b.weight": matrix((5, 3))}), adapter)
    with pytest.raises(InputError, match="module 'a': changes 5 x 3 values but the weight has shape 5 x 4"):
        adapted(written(tmp_path / "c", {"a.weight": matrix((5, 4))}), adapter)


def test_an_embedding_that_was_resized_is_saved_whole_below_its_change(tmp_path):
    base = written(tmp_path / "base", {"e.weight": matrix((4, 3))})
    tensors = {
        f"{PRE}e.base_layer.weight": matrix((6, 3), 1),
        f"{PRE}e.lora_embedding_A": matrix((2, 6), 2),
        f"{PRE}e.lora_embedding_B": matrix((3, 2), 3),
    }
    after = adapted(base, open_adapter(saved(tmp_path / "adapter", tensors)))
    expected = matrix((6, 3), 1) + 2 * (matrix((3, 2), 3) @ matrix((2, 6), 2)).T
    np.testing.assert_allclose(after.read("e.weight"), expected, rtol=1e-5, atol=1e-6)
    assert (after.shape("e.weight"), after.factors("e.weight")) == ((6, 3), None)


def test_a_head_that_is_tied_begins_as_the_embedding(tmp_path):
    base = written(tmp_path / "base", {"model.embed_tokens.weight": np.ones((5, 3), np.float32)})
    head = {name.replace(f"{PRE}a.", f"{PRE}lm_head."): value for name, value in FACTORS.items()}
    after = adapted(base, open_adapter(saved(tmp_path / "adapter", head)))
    np.testing.assert_allclose(after.read("lm_head.weight"), 1 + PRODUCT, rtol=1e-6)
    np.testing.assert_array_equal(after.read("model.embed_tokens.weight"), 1)
    assert "'lm_head.weight', which the base ties to 'model.embed_tokens.weight'" in after.remarks[0]


def test_a_square_weight_lies_as_its_namesakes_do(tmp_path):
    def factors(module, rows, columns):
        return {
            f"{PRE}{module}.lora_A.weight": matrix((2, columns), 5),
            f"{PRE}{module}.lora_B.weight": matrix((rows, 2), 6),
        }

    one, other, square = factors("h.0.c", 4, 3), factors("h.1.c", 4, 3), factors("h.2.c", 3, 3)
    shapes = {"h.0.c.weight": (3, 4), "h.1.c.weight": (3, 4), "h.2.c.weight": (3, 3)}
    base = written(tmp_path / "base", {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    after = adapted(base, open_adapter(saved(tmp_path / "adapter", {**one, **other, **square})))
    expected = 2 * (square[f"{PRE}h.2.c.lora_B.weight"] @ square[f"{PRE}h.2.c.lora_A.weight"]).T
    np.testing.assert_allclose(after.read("h.2.c.weight"), expected, rtol=1e-5, atol=1e-6)
    shapes["h.1.c.weight"] = (4, 3)
    mixed = written(tmp_path / "mixed", {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    with pytest.raises(InputError, match="is square, and its namesakes lie both ways"):
        adapted(mixed, open_adapter(tmp_path / "adapter"))


@pytest.mark.parametrize("kind", ["IA3", "PREFIX_TUNING", "PROMPT_TUNING", "ADALORA", "LOHA", None, 3])
def test_other_types_are_refused_by_name(kind, tmp_path):
    assert f"peft_type must be 'LORA' but is {kind!r}" in refused(tmp_path, settings={"peft_type": kind})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"init_lora_weights": "pissa"}, "init_lora_weights begins as 'pissa', which also changes the base"),
        ({"init_lora_weights": "olora"}, "begins as 'olora'"),
        ({"use_qalora": True}, "use_qalora changes weights in a way that is not read but is True"),
        ({"use_something_new": True}, "use_something_new changes weights"),
        ({"kasa_config": {"a": 1}}, "kasa_config changes weights"),
        ({"target_parameters": ["experts.down"]}, "target_parameters changes weights"),
        ({"layer_replication": [[0, 2]]}, "layer_replication changes weights"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices changes weights"),
        ({"r": 0}, "r must be a positive whole number but is 0"),
        ({"r": 2.0}, "r must be a positive whole number but is 2.0"),
        ({"lora_alpha": "4"}, "lora_alpha must be a positive number but is '4'"),
        ({"rank_pattern": [2]}, "rank_pattern must be an object but is [2]"),
        ({"rank_pattern": {"a": "2"}}, "rank_pattern['a'] must be a positive whole number"),
        ({"alpha_pattern": {"(": 2}}, "alpha_pattern must hold regular expressions but holds '('"),
        ({"r": 3}, "module 'a': must have rank 3 as its settings say but A has 2 rows and B 2 columns"),
        ({"rank_pattern": {"a": 1}}, "must have rank 1"),
        ({"use_dora": True}, "use_dora is true but the module lacks lora_magnitude_vector"),
    ],
)
def test_settings_that_are_not_understood_are_refused_by_name(settings, said, tmp_path):
    assert said in refused(tmp_path, settings=settings)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({f"{PRE}a.lora_A.weight": matrix((2, 3))}, "module 'a': must have lora_A and lora_B but has A"),
        ({**FACTORS, f"{PRE}a.lora_magnitude_vector": matrix((5,))}, "use_dora is false but the module has"),
        ({**FACTORS, f"{PRE}a.lora_E": matrix((2, 1))}, "lora_E'"),
        (
            {**FACTORS, **{name.replace(".weight", ".b.weight"): value for name, value in FACTORS.items()}},
            "must be the only",
        ),
    ],
)
def test_tensors_that_are_not_understood_are_refused_by_name(tensors, said, tmp_path):
    assert said in refused(tmp_path, tensors)


def test_a_convolution_is_refused_by_name_and_the_rest_is_read(tmp_path):
    conv = {f"{PRE}c.lora_A.weight": matrix((2, 3, 1, 1)), f"{PRE}c.lora_B.weight": matrix((5, 2, 1, 1))}
    adapter = open_adapter(saved(tmp_path / "adapter", {**FACTORS, **conv}))
    base = written(tmp_path / "base", {"a.weight": matrix((5, 3)), "c.weight": matrix((5, 3, 1, 1))})
    for found in (adapted(base, adapter), adapter_alone(adapter)):
        with pytest.raises(TensorRefused) as caught:
            found.source("c.weight")
        said = (
            "'c.weight': is adapted by factors that are no matrices, 2 x 3 x 1 x 1 and 5 x 2 x 1 x 1: convolutions are"
        )
        assert said in str(caught.value)
        assert found.source("a.weight").shape == (5, 3)
    with pytest.raises(InputError, match=r"must adapt weights of its base but 'c.weight' is none of"):
        adapted(written(tmp_path / "other", {"a.weight": matrix((5, 3))}), adapter)


def test_what_is_the_bases_own_is_told(cases):
    for case in CASES:
        base, folder, _ = cases(case)
        before, adapter = open_checkpoint(base), open_adapter(folder)
        after = adapted(before, adapter)
        for name in after.names():
            assert np.array_equal(after.read(name), before.read(name)) == (name not in after.touched)


@pytest.mark.parametrize("transposed", [False, True])
def test_an_output_of_zeros_has_no_direction_in_dora(transposed, tmp_path):
    dora = {**FACTORS, f"{PRE}a.lora_magnitude_vector": np.ones(5, np.float32)}
    dora[f"{PRE}a.lora_B.weight"] = np.zeros((5, 2), np.float32)
    adapter = open_adapter(saved(tmp_path / "adapter", dora, {"use_dora": True, "fan_in_fan_out": transposed}))
    weight = matrix((5, 3))
    weight[1] = 0
    base = written(tmp_path / "base", {"a.weight": weight.T if transposed else weight})
    found = adapted(base, adapter).read("a.weight")
    found = found.T if transposed else found
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(np.linalg.norm(np.delete(found, 1, 0), axis=1), 1, rtol=1e-6)


def test_a_head_that_was_saved_whole_for_a_tied_base_is_taken(tmp_path):
    base = written(tmp_path / "base", {"model.embed_tokens.weight": matrix((5, 3))})
    whole = {f"{PRE}model.embed_tokens.weight": matrix((6, 3)), f"{PRE}lm_head.weight": matrix((6, 3), 1)}
    after = adapted(base, open_adapter(saved(tmp_path / "adapter", whole)))
    np.testing.assert_array_equal(after.read("lm_head.weight"), matrix((6, 3), 1))
    assert after.shape("model.embed_tokens.weight") == (6, 3)
    assert after.touched == {"lm_head.weight", "model.embed_tokens.weight"}


def test_a_folder_that_is_no_adapter_is_said(tmp_path):
    with pytest.raises(InputError, match=r"must hold adapter_config.json but does not"):
        open_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    assert is_adapter(tmp_path)
    assert not is_adapter(tmp_path / "gone")
    with pytest.raises(InputError, match=r"must hold adapter_model.safetensors or adapter_model.bin but holds neither"):
        open_adapter(tmp_path)
    save_file({"x": matrix((2, 2))}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(InputError, match="holds an adapter; name the base that it adapts too"):
        open_checkpoint(tmp_path)
