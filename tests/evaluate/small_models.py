"""Untrained models of several families, with probabilities far from even, and an item-by-item reading of them."""

from __future__ import annotations

from functools import cache

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

from benchshadow.data.tokenization import encode, end_token, skills_tokenizer, train_bpe

TOKENIZER = skills_tokenizer()
SYMBOLS = TOKENIZER.get_vocab_size()
WORDS = train_bpe(["the cat sat on the mat. 12 and 123 are numbers. Answer: yes or no\n" * 3], 300)


@cache
def small(family="llama", *, vocabulary=SYMBOLS, positions=96, seed=0):
    """A model of one of three families: turned positions, learnt positions, and none at all, which counts none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        ends = {"bos_token_id": None, "eos_token_id": 0, "pad_token_id": None}
        if family == "llama":
            sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
            made = LlamaForCausalLM(
                LlamaConfig(vocab_size=vocabulary, max_position_embeddings=positions, **sizes, **ends)
            )
        elif family == "gpt2":
            made = GPT2LMHeadModel(
                GPT2Config(vocab_size=vocabulary, n_positions=positions, n_embd=16, n_layer=2, n_head=2, **ends)
            )
        else:
            made = MambaForCausalLM(
                MambaConfig(vocab_size=vocabulary, hidden_size=16, state_size=4, num_hidden_layers=2, **ends)
            )
        with torch.no_grad():
            for weights in made.parameters():
                weights.mul_((20 if family == "mamba" else 8) if weights.dim() == 2 else 1)
    return made.eval()


def logits_after(model, ids):
    """Logits after some tokens, from a pass of their own."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).logits[0, -1].double()


def slowly(model, tokenizer, prompt, option):
    """Log-probability of an option and whether it is greedy, token by token."""
    seen = [end_token(tokenizer), *encode(tokenizer, [prompt])[0]]
    total, greedy = 0.0, True
    for token in encode(tokenizer, [option])[0]:
        logits = logits_after(model, seen)
        total += float(torch.log_softmax(logits, -1)[token])
        greedy &= int(logits.argmax()) == token
        seen.append(token)
    return total, greedy
