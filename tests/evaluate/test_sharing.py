"""Options that share a prompt's pass are read as if each had a pass of its own."""

import math

import pytest
from small_models import TOKENIZER, slowly, small

from benchshadow.data.tokenization import encode
from benchshadow.evaluate import reading
from benchshadow.evaluate.sharing import Question, is_shared

PROMPTS = ["copy abcdefgh = abcdefgh copy " + "abcd" * n + " = " for n in (2, 3, 3, 5)]
OPTIONS = ["a\n", "b", "abcdabcd\n", "ponm"]


@pytest.mark.parametrize("family", ["llama", "gpt2", "mamba"])
def test_a_shared_prompt_changes_no_reading(family):
    made = small(family)
    pairs = [(prompt, option) for prompt in PROMPTS for option in OPTIONS]
    for pair, found in zip(pairs, reading.read(made, TOKENIZER, pairs), strict=True):
        nats, greedy = slowly(made, TOKENIZER, *pair)
        assert found.nats == pytest.approx(nats, abs=1e-4)
        assert found.greedy == greedy
        assert found.tokens == len(encode(TOKENIZER, [pair[1]])[0])


def count_tokens(made, pairs):
    """Tokens that a reading passes through the model."""
    seen = []
    handle = made.register_forward_pre_hook(
        lambda _m, _a, given: seen.append(given["input_ids"].numel()), with_kwargs=True
    )
    try:
        reading.read(made, TOKENIZER, pairs)
    finally:
        handle.remove()
    return sum(seen)


def test_a_long_prompt_is_read_once_and_letters_cost_nothing_more():
    prompt = "copy abcdefgh = abcdefgh " + "copy ab = ab " * 3
    length = len(encode(TOKENIZER, [prompt])[0]) + 1
    letters = [(prompt, letter) for letter in "abcd"]
    assert count_tokens(small(), letters) == length
    words = [(prompt, f"{letter}bc\n") for letter in "abcd"]
    assert count_tokens(small(), words) == length + 4 * 3


def test_what_cannot_be_shared_is_not():
    long = list(range(1, 40))
    assert is_shared(small(), Question(long, {0: [1], 1: [2]}))
    assert not is_shared(small(), Question(long, {0: [1]}))
    assert not is_shared(small(), Question(long[:9], {0: [1], 1: [2]}))
    assert not is_shared(small(), Question(long, {0: [1], 1: [2] * 60}))
    assert not is_shared(small("mamba"), Question(long, {0: [1], 1: [2]}))


def test_the_size_of_batches_changes_nothing(monkeypatch):
    pairs = [(prompt, option) for prompt in (*PROMPTS, "copy a = ") for option in OPTIONS]
    whole = reading.read(small(), TOKENIZER, pairs)
    monkeypatch.setattr(reading, "TOKENS_PER_BATCH", 50)
    pieces = reading.read(small(), TOKENIZER, pairs)
    assert all(math.isclose(a.nats, b.nats, abs_tol=1e-5) for a, b in zip(whole, pieces, strict=True))
    assert [each.greedy for each in whole] == [each.greedy for each in pieces]
