"""Every optimiser does the arithmetic of its paper, on the weights that are its own, and resumes to the bit."""

import math

import numpy as np
import pytest
import torch
from training_samples import setting, stream, tiny

from benchshadow.errors import InputError
from benchshadow.train.loop import loss_of, step, train
from benchshadow.train.machine import Machine
from benchshadow.train.model import weights_sha256
from benchshadow.train.optimisers import optimiser


def batch_of(settings):
    return torch.from_numpy(stream(settings)[: settings.sequences].astype(np.int64))


def one_step(**changes):
    """Weights before, gradients, and weights after one step, by name; nothing is clipped."""
    settings = setting(warmup=0, schedule="constant", clip=1e9, **changes)
    model = tiny()
    before = {name: p.detach().double().clone() for name, p in model.named_parameters()}
    loss_of(model, batch_of(settings)).backward()
    gradients = {name: p.grad.double().clone() for name, p in model.named_parameters()}
    model.zero_grad()
    chosen = optimiser(model, settings)
    step(model, chosen, batch_of(settings), settings, 0, machine=Machine(settings))
    return settings, before, gradients, {name: p.detach().double() for name, p in model.named_parameters()}


def test_sgd_follows_the_gradient_with_decay_on_matrices():
    settings, before, gradients, after = one_step(optimiser="sgd", weight_decay=0.1)
    for name, was in before.items():
        pulled = gradients[name] + (settings.weight_decay * was if was.dim() == 2 else 0)
        assert torch.allclose(after[name], was - settings.learning_rate * pulled, atol=1e-7), name


def test_the_momentum_of_sgd_gathers_what_came_before():
    settings = setting(optimiser="sgd", weight_decay=0.0, momentum=0.5, warmup=0, schedule="constant", clip=1e9)
    model, machine = tiny(), Machine(settings)
    chosen, moves, gradients = optimiser(model, settings), [], []
    weight = model.model.layers[0].mlp.up_proj.weight
    for at in range(2):
        loss_of(model, batch_of(settings)).backward()
        gradients.append(weight.grad.clone())
        model.zero_grad()
        was = weight.detach().clone()
        step(model, chosen, batch_of(settings), settings, at, machine=machine)
        moves.append((was - weight.detach()) / settings.learning_rate)
    assert torch.allclose(moves[1], 0.5 * gradients[0] + gradients[1], atol=2e-5)


@pytest.mark.parametrize("rate", ["match_rms_adamw", "original"])
def test_muon_makes_the_momentum_of_matrices_inside_blocks_nearly_orthogonal(rate):
    settings, before, gradients, after = one_step(optimiser="muon", muon_rate=rate, weight_decay=0.0)
    moved = {name: (before[name] - after[name]) / settings.learning_rate for name in before}
    inside = [name for name in moved if "layers" in name and moved[name].dim() == 2]
    assert len(inside) == 7
    for name in inside:
        rows, columns = moved[name].shape
        scale = 0.2 * math.sqrt(max(rows, columns)) if rate == "match_rms_adamw" else math.sqrt(max(1, rows / columns))
        U, s, Vt = torch.linalg.svd(gradients[name], full_matrices=False)
        strong = s > 0.05 * s[0]  # five steps of Newton and Schulz do not lift the weakest
        along = torch.diagonal(U.T @ moved[name] @ Vt.T)[strong] / scale
        assert along.min() > 0.5, name
        assert along.max() < 1.3, name


def test_muon_leaves_embeddings_heads_and_vectors_to_adamw():
    settings, before, gradients, after = one_step(optimiser="muon", weight_decay=0.0)
    outside = [name for name in before if "layers" not in name or before[name].dim() == 1]
    assert {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"} < set(outside)
    for name in outside:
        pulled = gradients[name] / (gradients[name].abs() + settings.epsilon)
        assert torch.allclose(after[name], before[name] - settings.learning_rate * pulled, atol=2e-6, rtol=1e-5), name


def test_muon_treats_a_tied_head_as_an_embedding():
    model = tiny(tied_embeddings=True)
    muon, adamw = optimiser(model, setting(optimiser="muon")).parts
    inside = {id(p) for group in muon.param_groups for p in group["params"]}
    assert id(model.lm_head.weight) not in inside
    assert len(inside) == 7
    held = [p for part in (muon, adamw) for group in part.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(id(p) for p in model.parameters())


def test_muon_without_a_matrix_to_train_is_refused():
    model = tiny()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "norm" in name
    with pytest.raises(InputError, match="optimiser: muon needs a matrix that is trained inside the blocks"):
        optimiser(model, setting(optimiser="muon"))


def test_a_torch_without_muon_is_told_which_one_has_it(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(InputError, match=r"optimiser: muon needs torch 2\.9 or later but this is"):
        optimiser(tiny(), setting(optimiser="muon"))


@pytest.mark.parametrize("name", ["sgd", "muon"])
def test_killed_and_resumed_it_ends_with_the_same_bits(name, tmp_path):
    settings = setting(optimiser=name)
    whole, cut = tiny(), tiny()
    losses = train(whole, stream(settings), settings, tmp_path / "whole", seed=5)
    train(cut, stream(settings), settings, tmp_path / "cut", seed=5, stop_after=6)
    again = tiny()
    assert np.array_equal(train(again, stream(settings), settings, tmp_path / "cut", seed=5), losses)
    assert weights_sha256(again) == weights_sha256(whole) != weights_sha256(cut)
