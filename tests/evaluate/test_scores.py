"""Scores are what a slow reading of one item at a time finds, whatever stands beside an item in its batch."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from benchshadow.data.skills import FORMATS, SKILLS
from benchshadow.data.tasks import Item, Task, skill_items
from benchshadow.data.tokenization import encode, end_token, skills_tokenizer, train_bpe
from benchshadow.evaluate import read, score
from benchshadow.train import Architecture, Settings
from benchshadow.train.loop import train
from benchshadow.train.model import new

TOKENIZER = skills_tokenizer()
END = end_token(TOKENIZER)
SYMBOLS = TOKENIZER.get_vocab_size()
LONGEST = 40


@cache
def model(seed=0, vocabulary=SYMBOLS):
    """An untrained model whose probabilities are far from even."""
    made = new(
        Architecture(hidden_size=16, intermediate_size=24, layers=2, heads=2),
        vocabulary=vocabulary,
        positions=LONGEST,
        seed=seed,
    )
    with torch.no_grad():
        for weights in made.parameters():
            weights.mul_(8 if weights.dim() == 2 else 1)
    return made.eval()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that can copy, more or less, so that greedy answers are sometimes right."""
    items = skill_items(np.random.default_rng(0), 40, skills=["upper", "first"], formats=["bar"], lengths=(1, 2))
    ids = [token for item in items for token in (*encode(TOKENIZER, [item.id])[0], END)]
    settings = Settings(steps=60, sequences=8, length=24, learning_rate=0.02, warmup=5)
    made = new(
        Architecture(hidden_size=32, intermediate_size=48, layers=2, heads=2),
        vocabulary=SYMBOLS,
        positions=LONGEST,
        seed=1,
    )
    train(made, np.resize(np.array(ids, np.int32), (480, 24)), settings, tmp_path_factory.mktemp("trained"), seed=0)
    return made.eval()


def slow(made, prompt, option, tokenizer=TOKENIZER):
    """Log-probability token by token, each from a pass of its own over what stands before it."""
    before, scored = [end_token(tokenizer), *encode(tokenizer, [prompt])[0]], encode(tokenizer, [option])[0]
    total, greedy = 0.0, True
    for at, token in enumerate(scored):
        if len(scored) < LONGEST:
            seen = [*before, *scored[:at]]
            room = LONGEST - len(scored) + at
            seen = seen[max(0, len(before) + at - room) :]
        else:
            whole = [before[-1], *scored]
            start = at // (LONGEST - 1) * (LONGEST - 1)
            seen = whole[start : at + 1]
        with torch.inference_mode():
            logits = made(input_ids=torch.tensor([seen])).logits[0, -1].double()
        total += float(torch.log_softmax(logits, -1)[token])
        greedy &= int(logits.argmax()) == token
    return total, greedy


def mixed_task(seed=0, count=40):
    rng = np.random.default_rng(seed)
    drawn = skill_items(rng, count, skills=list(SKILLS), formats=list(FORMATS), lengths=(1, 7))
    others = ["ab"[int(rng.integers(2))] * int(rng.integers(1, 9)) + "\n" for _ in range(count)]
    return Task(
        "t",
        "unrelated",
        "choice",
        tuple(
            Item(item.id, item.prompt, (other, item.options[0])[:: 1 if i % 2 else -1], i % 2)
            for i, (item, other) in enumerate(zip(drawn, others, strict=True))
        ),
    )


def test_log_probabilities_are_those_of_a_slow_reading():
    task = mixed_task()
    scores = score(model(), TOKENIZER, task)
    for item, value, margin, correct in zip(
        task.items, scores.log_probability, scores.margin, scores.correct, strict=True
    ):
        found = [slow(model(), item.prompt, option)[0] for option in item.options]
        assert value == pytest.approx(found[item.gold], abs=1e-4)
        assert margin == pytest.approx(found[item.gold] - found[1 - item.gold], abs=1e-4)
        assert correct == (found[item.gold] > found[1 - item.gold])
    assert 0 < scores.correct.mean() < 1


def test_a_prompt_that_is_too_long_keeps_its_end():
    pairs = [("copy " + "abcdefgh" * n + " = ", "abc\n") for n in range(1, 8)]
    for pair, reading in zip(pairs, read(model(), TOKENIZER, pairs), strict=True):
        assert reading.nats == pytest.approx(slow(model(), *pair)[0], abs=1e-4)


@pytest.mark.parametrize("length", [1, 38, 39, 40, 41, 77, 78, 79, 80, 200])
def test_texts_of_any_length_have_every_token_scored_once(length):
    text = "".join("abcdefghijklmnop"[(i * i + i // 3) % 16] for i in range(length))
    reading = read(model(), TOKENIZER, [("", text)])[0]
    value, greedy = slow(model(), "", text)
    assert reading.nats == pytest.approx(value, abs=1e-3)
    assert reading.greedy == greedy


def test_bits_per_byte_of_texts_longer_than_the_context():
    texts = ["naïve café 🙂 " * 12, "short", "the cat sat on the mat. " * 9]
    bpe = train_bpe(texts, 270)
    made = model(3, bpe.get_vocab_size())
    task = Task("t", "general", "text", tuple(Item(str(i), "", (text,)) for i, text in enumerate(texts)))
    scores = score(made, bpe, task)
    nats = sum(slow(made, "", text, bpe)[0] for text in texts)
    size = sum(len(text.encode()) for text in texts)
    assert max(len(encode(bpe, [text])[0]) for text in texts) > 2 * LONGEST
    assert scores.summary()["bits_per_byte"][0] == pytest.approx(-nats / math.log(2) / size, rel=1e-6)
    assert scores.summary().keys() == {"bits_per_byte"}
    assert scores.bytes.sum() == size
    assert scores.correct.size == scores.margin.size == 0


def test_a_model_that_knows_nothing_needs_the_bits_of_its_vocabulary():
    made = new(
        Architecture(hidden_size=16, intermediate_size=24, layers=1, heads=2),
        vocabulary=SYMBOLS,
        positions=LONGEST,
        seed=0,
    )
    with torch.no_grad():
        made.lm_head.weight.zero_()
    task = Task("t", "general", "text", (Item("1", "", ("abcd" * 30,)),))
    bits = score(made, TOKENIZER, task).summary()["bits_per_byte"][0]
    assert bits == pytest.approx(math.log2(TOKENIZER.get_vocab_size()), rel=1e-6)


def test_exact_match_is_what_greedy_generation_gives(trained):
    items = skill_items(np.random.default_rng(0), 30, skills=["upper", "first"], formats=["bar"], lengths=(1, 2))
    scores = score(trained, TOKENIZER, Task("t", "seen", "exact", items))
    for item, correct in zip(items, scores.correct, strict=True):
        prompt, answer = encode(TOKENIZER, [item.prompt, item.options[0]])
        given = trained.generate(
            torch.tensor([[END, *prompt]]),
            attention_mask=torch.ones(1, len(prompt) + 1, dtype=torch.long),
            max_new_tokens=len(answer),
            do_sample=False,
            eos_token_id=None,
            pad_token_id=END,
        )[0, len(prompt) + 1 :].tolist()
        assert bool(correct) == (given == answer)
    assert 0 < scores.correct.mean() < 1
    assert scores.summary()["accuracy"][0] == scores.summary()["centred_score"][0] == scores.correct.mean()
    assert "margin" not in scores.summary()


def test_an_item_does_not_depend_on_its_neighbours():
    task = mixed_task(1, 60)
    together = score(model(), TOKENIZER, task)
    order = np.random.default_rng(0).permutation(60)
    shuffled = score(model(), TOKENIZER, replace(task, items=tuple(task.items[i] for i in order)))
    alone = [score(model(), TOKENIZER, replace(task, items=(item,))) for item in task.items]
    for measure in ("log_probability", "margin", "correct"):
        values = getattr(together, measure)
        assert np.allclose(getattr(shuffled, measure), values[order], atol=1e-5, rtol=1e-6)
        assert np.allclose([getattr(each, measure)[0] for each in alone], values, atol=1e-5, rtol=1e-6)


def test_the_same_task_scores_the_same_bits():
    one, two = (score(model(), TOKENIZER, mixed_task()) for _ in range(2))
    assert np.array_equal(one.log_probability, two.log_probability)


def test_the_summary_is_the_arithmetic_of_its_items():
    task = mixed_task()
    scores = score(model(), TOKENIZER, task)
    summary = scores.summary()
    accuracy = sum(margin > 0 for margin in scores.margin) / len(task.items)
    assert task.baseline == 0.5
    assert summary["accuracy"] == (accuracy, "share")
    assert summary["centred_score"][0] == pytest.approx((accuracy - 0.5) / 0.5)
    assert summary["margin"] == (pytest.approx(sum(scores.margin) / len(task.items)), "nats")
    size = sum(len(item.options[item.gold]) for item in task.items)
    assert summary["answer_log_probability"] == (pytest.approx(sum(scores.log_probability) / size), "nats/byte")


def test_equal_options_are_no_right_choice():
    task = Task("t", "unrelated", "choice", (Item("1", "copy a = ", ("b\n", "b\n"), 1),))
    scores = score(model(), TOKENIZER, task)
    assert scores.margin.tolist() == [0]
    assert scores.correct.tolist() == [0]


def test_the_end_token_spelt_out_is_scored_as_text():
    reading = read(model(), TOKENIZER, [("", "<|end|>")])[0]
    ids = encode(TOKENIZER, ["<|end|>"])[0]
    assert len(ids) == 7
    assert reading.nats == pytest.approx(slow(model(), "", "<|end|>")[0], abs=1e-4)


def test_a_model_in_training_stays_in_training():
    made = new(
        Architecture(hidden_size=16, intermediate_size=24, layers=1, heads=2),
        vocabulary=SYMBOLS,
        positions=LONGEST,
        seed=0,
    )
    made.train()
    read(made, TOKENIZER, [("", "a")])
    assert made.training
    assert not any(p.grad is not None for p in made.parameters())
