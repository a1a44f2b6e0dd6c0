"""Probe texts are cut to one length, counted where they are shorter, and every one of them is in one batch."""

import pytest
import torch
from probe_models import LONGEST, PAIRS, SYMBOLS, TOKENIZER, cut, model

from benchshadow.data.tokenization import encode, end_token
from benchshadow.errors import InputError
from benchshadow.evaluate import passages as module
from benchshadow.evaluate.blocks import blocks, chosen_layers, depth


def test_a_prompt_loses_its_beginning_and_an_answer_its_end():
    found = cut([("copy abcd = ", "abcd\n"), ("", "abcdefghabcd"), ("copy ab = ", "efghabcdefgh")], tokens=8)
    prompts, answers = encode(TOKENIZER, ["copy abcd = ", "copy ab = "]), encode(TOKENIZER, ["abcd\n", "abcdefgh"])
    assert found.ids[0] == (*prompts[0][-(8 - len(answers[0])) :], *answers[0])
    assert found.answers[0] == 8 - len(answers[0])
    assert (found.ids[1], found.answers[1]) == (tuple(answers[1]), 0)
    assert found.ids[2] == tuple(encode(TOKENIZER, ["efghabcd"])[0])
    assert (found.most, found.shorter, found.cut) == (8, 0, 3)


def test_shorter_and_longer_texts_are_counted_and_the_context_is_the_limit():
    lengths = [len(encode(TOKENIZER, ["".join(pair)])[0]) for pair in PAIRS]
    found = cut(tokens=15)
    assert found.shorter == sum(length < 15 for length in lengths) > 0
    assert found.cut == sum(length > 15 for length in lengths) > 0
    assert found.tokens == sum(min(15, length) for length in lengths)
    assert cut(tokens=512).most == LONGEST - 1


def test_every_passage_is_in_one_batch_whatever_the_size_of_batches(monkeypatch):
    found = cut()
    for most in (1, 3000, 1 << 23):
        monkeypatch.setattr(module, "LOGITS_PER_BATCH", most)
        batches = list(found.batches(SYMBOLS, device=torch.device("cpu")))
        assert sorted(text for batch in batches for text in batch.texts) == list(range(len(PAIRS)))
        for batch in batches:
            assert most == 1 << 23 or batch.ids.numel() * SYMBOLS <= most or len(batch.texts) == 1
            for text, row, length, inside in zip(batch.texts, batch.ids, batch.lengths, batch.inside, strict=True):
                assert row[0] == found.end == end_token(TOKENIZER)
                assert row[1 : 1 + length].tolist() == list(found.ids[text])
                assert torch.equal(row[1:][inside], torch.tensor(found.ids[text]))


def test_a_batch_is_where_the_model_is():
    for batch in cut().batches(SYMBOLS, device=torch.device("meta")):
        assert {each.device.type for each in (batch.ids, batch.lengths, batch.inside)} == {"meta"}


def test_a_text_without_tokens_is_refused():
    with pytest.raises(InputError, match="must have at least one token but 'copy ' has none"):
        cut([("copy ", "")])


def test_layers_are_those_asked_for_and_no_others():
    assert chosen_layers(model(), "all") == [0, 1, 2]
    assert chosen_layers(model(), (2, 0, 2)) == [0, 2]
    assert [depth(model(), layer) for layer in range(3)] == [0, 0.5, 1]
    assert depth(model(layers=1), 0) == 0
    assert blocks(model()) == list(model().model.layers)
    with pytest.raises(InputError, match=r"probes.layers: must be from 0 to 2 in a model of 3 but holds 3"):
        chosen_layers(model(), (0, 3))
