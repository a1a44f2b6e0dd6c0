"""Options compete by what the task says, in any order and beside any neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import TOKENIZER, WORDS, slowly, small

from benchshadow.data.scoring import COMPETE, Scoring
from benchshadow.data.tasks import Item, Task
from benchshadow.data.tokenization import encode
from benchshadow.errors import InputError
from benchshadow.evaluate import read, score, score_all

LETTERS = "abcdefgh"


def task(options=4, items=24, seed=0, **scoring):
    """Choices of unequal lengths, the right one at any place."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(items):
        words = set()
        while len(words) < options:
            words.add("".join(rng.choice(list(LETTERS), size=rng.integers(1, 7))))
        prompt = f"copy {''.join(rng.choice(list(LETTERS), size=rng.integers(2, 30)))} = "
        made.append(Item(str(number), prompt, tuple(sorted(words)), int(rng.integers(options))))
    return Task("t", "unrelated", "choice", tuple(made), Scoring(**scoring))


def slow_values(item, compete, bare=""):
    nats = np.array([slowly(small(), TOKENIZER, item.prompt, option)[0] for option in item.options])
    if compete == "token":
        return nats / [len(encode(TOKENIZER, [option])[0]) for option in item.options]
    if compete == "byte":
        return nats / [len(option.encode()) for option in item.options]
    if compete == "unconditional":
        return nats - [slowly(small(), TOKENIZER, bare, option)[0] for option in item.options]
    return nats


@pytest.mark.parametrize("compete", COMPETE)
def test_options_compete_by_what_a_slow_reading_finds(compete):
    asked = task(compete=compete, bare="A: ")
    found = score(small(), TOKENIZER, asked)
    for number, item in enumerate(asked.items):
        values = slow_values(item, compete, "A: ")
        assert found.predictions[number] == item.options[int(values.argmax())]
        assert found.correct[number] == (values.argmax() == item.gold)
        assert found.margin[number] == pytest.approx(values[item.gold] - np.delete(values, item.gold).max(), abs=1e-4)
        assert found.log_probability[number] == pytest.approx(slow_values(item, "sum")[item.gold], abs=1e-4)
    assert 0 < found.correct.mean() < 1
    unit = {"token": "nats/token", "byte": "nats/byte"}.get(compete, "nats")
    assert found.summary()["margin"][1] == unit


def test_the_ways_to_compete_choose_differently_but_where_a_token_is_a_byte():
    chosen = {compete: score(small(), TOKENIZER, task(compete=compete)).predictions for compete in COMPETE}
    assert chosen["token"] == chosen["byte"]
    assert len(set(chosen.values())) == len(COMPETE) - 1


def test_bytes_are_counted_where_tokens_and_characters_differ():
    item = Item("1", "the ", ("naïve", "cat"), 0)
    made = small(vocabulary=WORDS.get_vocab_size())
    found = score(made, WORDS, Task("t", "sibling", "choice", (item,), Scoring(compete="byte")))
    naive, cat = (slowly(made, WORDS, "the ", option)[0] for option in item.options)
    assert found.margin[0] == pytest.approx(naive / 6 - cat / 3, abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)), st.sampled_from(COMPETE), st.integers(0, 5))
def test_the_order_of_options_does_not_matter(order, compete, seed):
    asked = task(items=4, seed=seed, compete=compete)
    items = tuple(
        item._replace(options=tuple(item.options[i] for i in order), gold=order.index(item.gold))
        for item in asked.items
    )
    one, two = (score(small(), TOKENIZER, each) for each in (asked, replace(asked, items=items)))
    assert one.predictions == two.predictions
    assert np.array_equal(one.correct, two.correct)
    assert np.allclose(one.margin, two.margin, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(LETTERS, min_size=1, max_size=60), min_size=1, max_size=6), st.sampled_from(["a", "hgfedc"]))
def test_a_reading_does_not_depend_on_what_fills_its_batch(others, option):
    alone = read(small(), TOKENIZER, [("copy ab = ", option)])[0]
    beside = read(small(), TOKENIZER, [*(("", each) for each in others), ("copy ab = ", option)])[-1]
    assert beside.nats == pytest.approx(alone.nats, abs=1e-5)
    assert (beside.greedy, beside.tokens) == (alone.greedy, alone.tokens)


@pytest.mark.parametrize("options", [2, 3, 4, 5])
def test_centred_scores_are_nothing_for_guessing_and_one_for_knowing(options):
    asked = task(options, items=400, seed=options)
    found = score(small(), TOKENIZER, asked)
    assert asked.baseline == pytest.approx(1 / options)
    guesses = np.random.default_rng(0).integers(options, size=(2000, 400))
    right = guesses == [item.gold for item in asked.items]
    assert ((right.mean() - asked.baseline) / (1 - asked.baseline)) == pytest.approx(0, abs=0.005)
    knows = replace(found, correct=np.ones(400)).summary()
    never = replace(found, correct=np.zeros(400)).summary()
    assert knows["centred_score"] == (pytest.approx(1), "share")
    assert never["centred_score"][0] == pytest.approx(-1 / (options - 1))
    accuracy, centred = (found.summary()[name][0] for name in ("accuracy", "centred_score"))
    assert centred == pytest.approx((accuracy - 1 / options) / (1 - 1 / options))


def test_the_share_of_the_most_frequent_answer_stands_beside_accuracy():
    items = tuple(Item(str(i), "copy a = ", (" a", " b"), int(i >= 7)) for i in range(10))
    asked = Task("t", "unrelated", "choice", items)
    found = score(small(), TOKENIZER, asked)
    assert asked.majority == 0.7
    assert found.summary()["majority_rate"] == (0.7, "share")
    mixed = tuple(Item(str(i), "q", ((" a", " b")[:: 1 - 2 * (i % 2)]), int(i % 2)) for i in range(10))
    assert Task("t", "unrelated", "choice", mixed).majority == 1.0
    pairs = tuple(Item(str(i), "", (f"good {i}", f"bad {i}")) for i in range(10))  # the right one always stands first
    assert Task("t", "sibling", "choice", pairs).majority == 0.1
    assert Task("t", "general", "text", (Item("1", "", ("a",)),)).majority is None
    answers = tuple(Item(str(i), "q", (" 1" if i < 3 else f" {i}",)) for i in range(6))
    assert Task("t", "seen", "generated", answers).majority == 0.5


def test_tasks_scored_together_are_scored_as_alone():
    tasks = [task(compete="token"), replace(task(seed=1), name="u"), replace(task(2, 7), name="v")]
    texts = Task("w", "general", "text", (Item("1", "", ("copy " * 60,)),), Scoring(overlap=0.5))
    exact = Task("x", "seen", "exact", (Item("1", "copy a = ", ("a\n",)),))
    both = score_all(small(), TOKENIZER, [*tasks, texts, exact])
    for found, each in zip(both, [*tasks, texts, exact], strict=True):
        alone = score(small(), TOKENIZER, each)
        assert found.task == each
        assert np.allclose(found.log_probability, alone.log_probability, atol=1e-5)
        assert np.array_equal(found.correct, alone.correct)
        assert found.predictions == alone.predictions


def test_a_way_to_compete_that_is_none_is_named():
    with pytest.raises(InputError, match="compete: must hold some of sum, token, byte, unconditional but holds 'pmi'"):
        Scoring(compete="pmi")
