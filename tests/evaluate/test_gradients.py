"""Inner products of the gradients of single texts are those that a loop with autograd finds."""

import numpy as np
import pytest
import torch
from probe_models import PAIRS, alone, cut, model, other

from benchshadow.errors import InputError
from benchshadow.evaluate import gradients
from benchshadow.evaluate import passages as batching
from benchshadow.evaluate.blocks import blocks
from benchshadow.evaluate.gradients import gradient_grams
from benchshadow.spectra.activations import gram_rank, rankme


def slow_gradients(made, found, layer):
    """One row per text: the gradient of its mean loss in all matrices of the block, by autograd."""
    weights = [each for each in blocks(made)[layer].parameters() if each.dim() == 2]
    rows = []
    for text in range(len(found.ids)):
        ids = alone(text, found)
        loss = torch.nn.functional.cross_entropy(made(input_ids=ids).logits[0, :-1], ids[0, 1:])
        found_here = torch.autograd.grad(loss, weights)
        rows.append(torch.cat([each.flatten() for each in found_here]).double().numpy())
    return np.array(rows)


@pytest.mark.parametrize(("entries", "logits"), [(1 << 22, 1 << 23), (500, 3000)])
def test_grams_are_those_of_a_loop_with_autograd(monkeypatch, entries, logits):
    monkeypatch.setattr(gradients, "ENTRIES", entries)
    monkeypatch.setattr(batching, "LOGITS_PER_BATCH", logits)
    found, made = cut(), model(factor=3.0)
    grams = dict(gradient_grams(made, found, [0, 2]))
    assert list(grams) == [0, 2]
    for layer, gram in grams.items():
        slow = slow_gradients(made, found, layer)
        np.testing.assert_allclose(gram, slow @ slow.T, rtol=1e-3, atol=1e-4 * np.abs(gram).max())
        assert gram_rank(gram) == pytest.approx(rankme(slow), rel=1e-3)


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "qwen3"])
def test_grams_of_other_families(family):
    ((_, gram),) = gradient_grams(other(family), cut(), [1])
    slow = slow_gradients(other(family), cut(), 1)
    np.testing.assert_allclose(gram, slow @ slow.T, rtol=1e-3, atol=1e-4 * np.abs(gram).max())


def test_equal_texts_have_one_gradient_and_unlike_ones_several():
    same = cut([PAIRS[2]] * 6)
    ((_, gram),) = gradient_grams(model(), same, [1])
    assert gram_rank(gram) == pytest.approx(1, abs=1e-2)
    ((_, gram),) = gradient_grams(model(), cut(), [1])
    assert 1.5 < gram_rank(gram) <= len(PAIRS)


def test_a_model_is_left_as_it_was():
    made = model(5)
    first = next(iter(made.parameters()))
    first.requires_grad_(False)
    made.train()
    before = [each.detach().clone() for each in made.parameters()]
    list(gradient_grams(made, cut(PAIRS[:3]), [0]))
    assert made.training
    assert not first.requires_grad
    assert all(each.requires_grad for each in list(made.parameters())[1:])
    assert all(each.grad is None for each in made.parameters())
    assert all(map(torch.equal, before, made.parameters()))
    assert not any(len(module._forward_hooks) for module in made.modules())
    made.eval()
    first.requires_grad_(True)


class Routed(torch.nn.Module):
    """A layer that hands its tokens on without their texts."""

    def __init__(self):
        super().__init__()
        self.map = torch.nn.Linear(16, 16)

    def forward(self, states):
        return self.map(states.flatten(0, 1)).reshape(states.shape)


def test_a_layer_that_mixes_texts_is_refused(monkeypatch):
    made = model(6)
    monkeypatch.setattr(made.model.layers[1], "mlp", Routed())
    with pytest.raises(InputError, match=r"needs texts side by side .* but one sees \(\d+, 16\); set it to false"):
        list(gradient_grams(made, cut(), [1]))
    assert all(each.requires_grad for each in made.parameters())
