"""Small models whose expectations are far from even, and passages of unlike lengths to put before them."""

from __future__ import annotations

from functools import cache

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchshadow.data.tokenization import skills_tokenizer
from benchshadow.evaluate.passages import Passages, passages
from benchshadow.train import Architecture
from benchshadow.train.model import new

TOKENIZER = skills_tokenizer()
SYMBOLS = TOKENIZER.get_vocab_size()
LONGEST = 40
PAIRS = [("copy " + "abcdefgh"[:n] + " = ", "hgfedcba"[:n] + "\n") for n in (1, 3, 8, 5, 2, 8, 6, 4, 7, 1)]


@cache
def model(seed=0, layers=3, factor=6.0):
    """An untrained model whose probabilities are far from even."""
    shape = Architecture(hidden_size=16, intermediate_size=24, layers=layers, heads=2)
    made = new(shape, vocabulary=SYMBOLS, positions=LONGEST, seed=seed)
    with torch.no_grad():
        for weights in made.parameters():
            weights.mul_(factor if weights.dim() == 2 else 1)
    return made.eval()


@cache
def other(family):
    """A tiny model of another family, as transformers makes it."""
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": LONGEST,
    }
    names = {"gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": LONGEST}}
    config = AutoConfig.for_model(family, vocab_size=SYMBOLS, **names.get(family, {**sizes, "intermediate_size": 24}))
    config.eos_token_id = config.bos_token_id = config.pad_token_id = None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weights in made.parameters():
            weights.mul_(4 if weights.dim() == 2 else 1)
    return made.eval()


def cut(pairs=PAIRS, tokens=20) -> Passages:
    """Passages of the model's own tokenizer."""
    return passages(model(), TOKENIZER, pairs, tokens=tokens)


def alone(text, found):
    """One passage of several as ids with the end token before it, shape (1, tokens + 1)."""
    return torch.tensor([[found.end, *found.ids[text]]])
