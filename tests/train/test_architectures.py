"""Any family of causal language models is made from its own words, trained, resumed and read again."""

import numpy as np
import pytest
from pydantic import ValidationError
from training_samples import ARCHITECTURE, counting, setting, stream
from transformers import Gemma3Config

from benchshadow.errors import InputError
from benchshadow.train import Architecture, checkpoint_folder
from benchshadow.train.loop import train
from benchshadow.train.model import load, new, parameters, weights_sha256

GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2}
QWEN3 = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8,
}  # fmt: skip
NEOX = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
FAMILIES = {"gpt2": GPT2, "qwen3": QWEN3, "gpt_neox": NEOX}


def made(family, seed=0, **more):
    config = {**FAMILIES[family], **more}
    return new(Architecture(family=family, config=config), vocabulary=23, positions=16, seed=seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_in_its_own_words_trains_and_is_read_again(family, tmp_path):
    settings, model = setting(), made(family)
    assert model.config.model_type == family
    assert model.config.max_position_embeddings == 16
    assert model.get_input_embeddings().weight.shape == (23, 16)
    losses = train(model, counting(settings), settings, tmp_path, seed=5)
    assert losses[-1] < losses[0] - 0.05
    assert weights_sha256(load(checkpoint_folder(tmp_path, 11))) == weights_sha256(model)


def test_the_weights_of_a_model_are_counted_before_it_is_made():
    for family, config in FAMILIES.items():
        counted = parameters(Architecture(family=family, config=config), vocabulary=23, positions=16)
        assert counted == sum(p.numel() for p in made(family).parameters())


def test_a_llama_by_its_sizes_is_a_llama_by_its_words():
    words = ARCHITECTURE.words()
    same = Architecture(family="llama", config=words)
    one, two = (new(each, vocabulary=23, positions=16, seed=3) for each in (ARCHITECTURE, same))
    assert weights_sha256(one) == weights_sha256(two)


def test_a_model_that_drops_out_resumes_to_the_bit_and_follows_its_seed(tmp_path):
    settings = setting()
    whole, again, other = (made("gpt2") for _ in range(3))
    assert whole.config.resid_pdrop > 0
    losses = train(whole, stream(settings), settings, tmp_path / "whole", seed=5)
    train(made("gpt2"), stream(settings), settings, tmp_path / "cut", seed=5, stop_after=6)
    np.random.default_rng().random(9)  # what others drew in between is of no matter
    assert np.array_equal(train(again, stream(settings), settings, tmp_path / "cut", seed=5), losses)
    assert weights_sha256(again) == weights_sha256(whole)
    assert not np.array_equal(train(other, stream(settings), settings, tmp_path / "other", seed=6), losses)


def test_a_training_leaves_the_generators_of_its_process_alone(tmp_path):
    import random

    import torch

    def held():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before = held()
    train(made("gpt2"), stream(setting()), setting(), tmp_path, seed=5)
    assert held() == before


@pytest.mark.parametrize(
    ("family", "config", "said"),
    [
        (
            "gptt2",
            {},
            "architecture.family: must be the model_type of a causal language model but is 'gptt2'; .*'gpt2'",
        ),
        ("vit", {}, "architecture.family: must be the model_type of a causal language model but is 'vit'"),
        ("gpt2", {"n_embdd": 16}, "architecture.config.n_embdd: no such key of the family 'gpt2'; .* 'n_embd'?"),
        ("gpt2", {"n_embd": "x"}, "architecture.config: cannot be a configuration of 'gpt2' .*n_embd"),
        ("gpt2", {"vocab_size": 9}, "architecture.config.vocab_size: must be left out: the tokenizer has it"),
        ("gpt2", {"dtype": "bfloat16"}, "architecture.config.dtype: must be left out: weights are float32"),
    ],
)
def test_what_no_family_knows_is_refused(family, config, said):
    with pytest.raises(InputError, match=said) as caught:
        new(Architecture(family=family, config=config), vocabulary=23, positions=16, seed=0)
    assert "\n" not in str(caught.value)


def test_a_language_model_that_is_a_part_of_a_larger_one_is_held_to_its_own_vocabulary(tmp_path):
    settings, model = setting(), made("qwen3")
    model.config = Gemma3Config(text_config={"vocab_size": 23})
    assert np.isfinite(train(model, stream(settings), settings, tmp_path / "one", seed=0, stop_after=1)[0])
    model.config = Gemma3Config(text_config={"vocab_size": 22})
    with pytest.raises(InputError, match="stream: must hold ids in 0 to 21 but holds 0 to 22"):
        train(model, stream(settings), settings, tmp_path / "other", seed=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"family": "gpt2", "hidden_size": 16},
            "hidden_size belongs to a Llama told by its sizes but family is 'gpt2'",
        ),
        ({"family": "gpt2", "tied_embeddings": True}, "tied_embeddings belongs to a Llama told by its sizes"),
        ({"config": {"hidden_size": 16}, "layers": 2}, "layers belongs to a Llama told by its sizes"),
        ({"hidden_size": 16, "heads": 2, "layers": 2}, "intermediate_size must be given but is missing"),
        ({}, "hidden_size must be given but is missing"),
    ],
)
def test_an_architecture_is_told_in_one_way(given, said):
    with pytest.raises(ValidationError, match=said):
        Architecture.model_validate(given)
