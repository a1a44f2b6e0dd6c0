"""What a model expects, token by token: against torch's own distributions, and against a pass of one text at a time."""

import numpy as np
import pytest
import torch
from probe_models import PAIRS, TOKENIZER, alone, cut, model
from torch.distributions import Categorical, kl_divergence

from benchshadow.evaluate import passages, read
from benchshadow.evaluate.behaviour import divergence, walk


def distributions(made, found, text):
    with torch.inference_mode():
        logits = made(input_ids=alone(text, found)).logits[0, :-1].double()
    return Categorical(logits=logits)


def test_divergence_is_that_of_torch():
    found = cut()
    walked = walk(model(), found, base=model(1))
    slow = [
        kl_divergence(distributions(model(1), found, text), distributions(model(), found, text)).numpy()
        for text in range(len(PAIRS))
    ]
    np.testing.assert_allclose(walked.divergence, np.concatenate(slow), rtol=1e-4, atol=1e-6)
    told = divergence(walked)
    assert told.mean == pytest.approx(np.concatenate(slow).mean(), rel=1e-4)
    assert told.tokens == found.tokens
    answers = [part[first:] for part, first in zip(slow, found.answers, strict=True)]
    assert divergence(walked, found.answers).mean == pytest.approx(np.concatenate(answers).mean(), rel=1e-4)
    assert divergence(walked, found.answers).tokens == sum(map(len, answers))


def test_equal_models_do_not_diverge():
    walked = walk(model(), cut(), base=model())
    assert divergence(walked).mean == divergence(walked).half_width == 0
    assert not walked.divergence.any()
    assert walk(model(), cut()).divergence is None


def test_divergence_grows_with_the_distance_and_is_not_symmetric():
    near, far = model(), model(factor=6.3)
    one, other = (divergence(walk(a, cut(), base=b)).mean for a, b in ((near, far), (far, near)))
    assert 0 < one < divergence(walk(model(1), cut(), base=near)).mean
    assert one != other


def test_the_interval_is_that_of_a_ratio_and_holds_the_mean_of_many():
    rng = np.random.default_rng(0)
    pairs = [("", "".join(rng.choice(list("abcdefgh"), int(n)))) for n in rng.integers(2, 18, 240)]
    whole = divergence(walk(model(), cut(pairs), base=model(1)))
    inside = 0
    for first in range(0, 240, 24):
        part = divergence(walk(model(), cut(pairs[first : first + 24]), base=model(1)))
        inside += abs(part.mean - whole.mean) <= part.half_width
    assert inside >= 8
    assert whole.half_width < part.half_width / 2
    assert divergence(walk(model(), cut(pairs[:1]), base=model(1))).half_width is None


def test_log_probabilities_are_those_of_reading():
    found = cut(tokens=39)
    walked = walk(model(), found)
    readings = read(model(), TOKENIZER, [("", prompt + answer) for prompt, answer in PAIRS])
    sums = [part.sum() for part in np.split(walked.log_probability, walked.starts[1:-1])]
    np.testing.assert_allclose(sums, [reading.nats for reading in readings], rtol=1e-5)


def test_expectation_and_deviation_are_those_of_the_distribution():
    found = cut()
    walked = walk(model(), found)
    for text in range(len(PAIRS)):
        here = slice(walked.starts[text], walked.starts[text + 1])
        told = distributions(model(), found, text)
        np.testing.assert_allclose(walked.expected[here], -told.entropy(), rtol=1e-4, atol=1e-6)
        logs, shares = told.logits, told.probs
        second = (shares * logs**2).sum(-1) - (shares * logs).sum(-1) ** 2
        np.testing.assert_allclose(walked.deviation[here], second.clamp(min=0).sqrt(), rtol=1e-3, atol=1e-4)


def test_a_text_does_not_depend_on_its_neighbours(monkeypatch):
    together = walk(model(), cut(), base=model(1))
    monkeypatch.setattr(passages, "LOGITS_PER_BATCH", 1)
    apart = walk(model(), cut(), base=model(1))
    np.testing.assert_allclose(apart.log_probability, together.log_probability, atol=1e-4)
    np.testing.assert_allclose(apart.divergence, together.divergence, atol=1e-4)


def test_a_model_in_training_stays_in_training():
    made = model(7)
    made.train()
    walk(made, cut(PAIRS[:2]))
    assert made.training
    made.eval()
