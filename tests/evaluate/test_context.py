"""A model reads as many tokens at once as its configuration says, whatever it calls them, or a number that is fixed."""

from types import SimpleNamespace

import pytest
from small_models import TOKENIZER, logits_after, slowly, small
from transformers import Gemma3Config, MptConfig

from benchshadow.data.tasks import Item, Task
from benchshadow.evaluate import context, score
from benchshadow.evaluate.behaviour import walk
from benchshadow.evaluate.context import UNCOUNTED, positions
from benchshadow.evaluate.passages import passages

CONFIGURATIONS = {
    "mpt": (MptConfig(max_seq_len=77), 77),
    "a part of a larger model": (Gemma3Config(text_config={"max_position_embeddings": 55}), 55),
}


@pytest.mark.parametrize(("config", "count"), CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_positions_are_found_by_any_of_their_names(config, count):
    assert positions(SimpleNamespace(config=config)) == count


@pytest.mark.parametrize(("family", "count"), [("llama", 96), ("gpt2", 96), ("mamba", UNCOUNTED)])
def test_positions_of_models(family, count):
    assert positions(small(family)) == count


def test_every_kind_of_task_is_scored_under_a_model_that_counts_no_positions():
    made = small("mamba")
    asked = {"choice": ("cba", "abc"), "exact": ("cba\n",), "generated": ("cba\n",), "text": ("abc",)}
    for kind, options in asked.items():
        found = score(made, TOKENIZER, Task("t", "seen", kind, (Item("1", "reverse abc = ", options),)))
        nats, _ = slowly(made, TOKENIZER, "reverse abc = ", options[0])
        assert found.log_probability[0] == pytest.approx(nats, abs=1e-4)


def test_such_a_model_is_probed_with_as_many_tokens_as_are_asked_for(monkeypatch):
    made, pairs = small("mamba"), [("", "abcdefgh"), ("copy ab = ", "ba\n")]
    found = passages(made, TOKENIZER, pairs, tokens=6)
    assert found.most == 6
    walked = walk(made, found)
    for ids, start in zip(found.ids, walked.starts, strict=False):
        for at, token in enumerate(ids):
            nats = logits_after(made, [found.end, *ids[:at]]).log_softmax(-1)[token]
            assert walked.log_probability[start + at] == pytest.approx(float(nats), abs=1e-4)
    monkeypatch.setattr(context, "UNCOUNTED", 5)
    assert passages(made, TOKENIZER, pairs, tokens=6).most == 4
