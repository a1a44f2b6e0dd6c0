"""Greedy answers are those of the library's own generation, whoever stands beside them, and agree with what is read."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import TOKENIZER, WORDS, small

from benchshadow.data.scoring import Scoring
from benchshadow.data.skills import FORMATS, SKILLS, words
from benchshadow.data.tasks import Item, Task, skill_items
from benchshadow.data.tokenization import encode, end_token
from benchshadow.evaluate import generate, generation, score

PROMPTS = [
    item.prompt
    for item in skill_items(np.random.default_rng(0), 30, skills=list(SKILLS), formats=list(FORMATS), lengths=(1, 7))
]


def generated(model, tokenizer, prompt, most):
    """Tokens that the library generates, one prompt at a time."""
    ids = torch.tensor([[end_token(tokenizer), *encode(tokenizer, [prompt])[0]]])
    given = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=most,
        do_sample=False,
        eos_token_id=end_token(tokenizer),
        pad_token_id=end_token(tokenizer),
    )
    return given[0, ids.shape[1] :].tolist()


def text_of(tokenizer, ids, stop):
    if ids[-1] == end_token(tokenizer):
        ids = ids[:-1]
    text = tokenizer.decode(ids)
    return min((text[: text.find(each)] for each in stop if each in text), key=len, default=text)


@pytest.mark.parametrize("family", ["llama", "gpt2", "mamba"])
@pytest.mark.parametrize("seed", [0, 1])
def test_answers_are_those_of_the_library(family, seed):
    made = small(family, seed=seed)
    found = generate(made, TOKENIZER, PROMPTS, most_tokens=7, stop=("\n", "h"))
    for prompt, answer in zip(PROMPTS, found, strict=True):
        ids = generated(made, TOKENIZER, prompt, 7)
        assert answer.text == text_of(TOKENIZER, ids, ("\n", "h"))
        assert answer.tokens <= len(ids)
    assert len({answer.text for answer in found}) > 1


def test_an_answer_ends_at_a_stop_at_the_end_token_or_at_the_last_token_allowed():
    made, end = small(seed=2), end_token(TOKENIZER)
    whole = generate(made, TOKENIZER, PROMPTS, most_tokens=12, stop=())
    stops = generate(made, TOKENIZER, PROMPTS, most_tokens=12, stop=(whole[0].text[2:4],))
    assert stops[0].text == whole[0].text[: whole[0].text.find(whole[0].text[2:4])]
    assert stops[0].ended
    for prompt, answer in zip(PROMPTS, whole, strict=True):
        ids = generated(made, TOKENIZER, prompt, 12)
        assert answer.ended == (ids[-1] == end)
        assert answer.tokens == len(ids)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(12)), st.sampled_from([8, 64, 4096]))
def test_an_answer_does_not_depend_on_its_neighbours(order, tokens):
    whole = generate(small(), TOKENIZER, PROMPTS[:12], most_tokens=6)
    before, generation.TOKENS_PER_BATCH = generation.TOKENS_PER_BATCH, tokens
    try:
        mixed = generate(small(), TOKENIZER, [PROMPTS[i] for i in order], most_tokens=6)
    finally:
        generation.TOKENS_PER_BATCH = before
    assert mixed == [whole[i] for i in order]


def test_a_prompt_that_is_too_long_keeps_its_end():
    made = small(positions=32)
    long = "copy " + "abcdefgh" * 9 + " = "
    (found,) = generate(made, TOKENIZER, [long], most_tokens=5, stop=())
    ids = [end_token(TOKENIZER), *encode(TOKENIZER, [long])[0]][-27:]
    given_ids = torch.tensor([ids])
    library = made.generate(
        given_ids, attention_mask=torch.ones_like(given_ids), max_new_tokens=5, do_sample=False, pad_token_id=0
    )
    assert found.text == text_of(TOKENIZER, library[0, 27:].tolist(), ())


def says_it_one_way(text):
    """Whether the world's tokenizer cuts a text into its characters: words of more letters have two spellings."""
    return bool(text) and not any(word in text for word in words())


def test_what_is_read_and_what_is_generated_agree_where_a_text_has_one_spelling():
    made = small(seed=3)
    answers = generate(made, TOKENIZER, PROMPTS, most_tokens=4, stop=())
    items = tuple(
        Item(str(i), prompt, (answer.text if i % 2 else "ponm",))
        for i, (prompt, answer) in enumerate(zip(PROMPTS, answers, strict=True))
        if says_it_one_way(answer.text)
    )
    read = score(made, TOKENIZER, Task("t", "seen", "exact", items))
    scoring = Scoring(alike=(), most_tokens=4, stop=())
    made_up = score(made, TOKENIZER, Task("t", "seen", "generated", items, scoring))
    assert read.correct.tolist() == made_up.correct.tolist()
    assert 0 < read.correct.mean() < 1
    assert np.array_equal(read.log_probability, made_up.log_probability)
    assert made_up.predictions == tuple(a.text for a in answers if says_it_one_way(a.text))


def test_another_spelling_of_the_right_text_is_right_when_generated_and_wrong_when_read():
    made = small(vocabulary=WORDS.get_vocab_size())
    prompts = [f"the cat {n} and" for n in range(40)]
    answers = generate(made, WORDS, prompts, most_tokens=4, stop=())
    items = tuple(
        Item(str(i), p, (a.text,)) for i, (p, a) in enumerate(zip(prompts, answers, strict=True)) if a.text.strip()
    )
    spelt_otherwise = [len(encode(WORDS, [item.options[0]])[0]) != 4 for item in items]
    read = score(made, WORDS, Task("t", "seen", "exact", items))
    right = score(made, WORDS, Task("t", "seen", "generated", items, Scoring(alike=(), most_tokens=4, stop=())))
    assert any(spelt_otherwise)
    assert right.correct.all()
    assert not read.correct[np.array(spelt_otherwise)].any()
