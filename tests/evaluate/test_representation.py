"""Pooled states are those of a pass of one text at a time, and what they tell is told of the right layer."""

import numpy as np
import pytest
import torch
from probe_models import PAIRS, alone, cut, model, other

from benchshadow.evaluate.behaviour import walk
from benchshadow.evaluate.representation import POOLINGS, represented
from benchshadow.spectra.activations import centred, cka, debiased_cka, rankme


def slow_states(made, found, layer):
    """Last and mean states at the end of a block, from hidden states of one text at a time."""
    last, mean = [], []
    for text in range(len(found.ids)):
        kept = []
        handle = made.model.layers[layer].register_forward_hook(lambda _m, _g, out, kept=kept: kept.append(out))
        with torch.inference_mode():
            made(input_ids=alone(text, found))
        handle.remove()
        (states,) = kept
        states = (states[0] if isinstance(states, tuple) else states).reshape(-1, 16).double().numpy()
        last.append(states[-1])
        mean.append(states[1:].mean(axis=0))
    return {"last": np.array(last), "mean": np.array(mean)}


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_pooled_states_are_those_of_texts_alone(layer):
    found = cut()
    walked = walk(model(), found, layers=[0, 1, 2], base=model(1))
    for made, pools in ((model(), walked.pools), (model(1), walked.base_pools)):
        slow = slow_states(made, found, layer)
        for pooling in POOLINGS:
            np.testing.assert_allclose(pools.states(layer, pooling), slow[pooling], rtol=1e-4, atol=1e-5)


def test_the_states_are_those_that_transformers_gives():
    found = cut([("copy abc = ", "abc\n")])
    with torch.inference_mode():
        hidden = model()(input_ids=alone(0, found), output_hidden_states=True).hidden_states
    pools = walk(model(), found, layers=[0, 1]).pools
    for layer in (0, 1):
        np.testing.assert_allclose(pools.states(layer, "last")[0], hidden[layer + 1][0, -1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "qwen3"])
def test_blocks_of_other_families_are_found(family):
    found = cut([("copy abc = ", "abc\n"), ("copy ab = ", "ba\n")])
    with torch.inference_mode():
        hidden = other(family)(input_ids=alone(1, found), output_hidden_states=True).hidden_states
    pools = walk(other(family), found, layers=[0, 1]).pools
    np.testing.assert_allclose(pools.states(0, "last")[1], hidden[1][0, -1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(pools.states(0, "mean")[1], hidden[1][0, 1:].mean(0), rtol=1e-4, atol=1e-5)
    assert pools.states(1, "last").shape == (2, 16)


def test_every_number_is_that_of_its_layer_and_pooling():
    found = cut()
    walked = walk(model(), found, layers=[0, 2], base=model(1))
    told = list(represented([0, 2], walked.pools, walked.base_pools))
    assert [(each.layer, each.pooling) for each in told] == [(0, "last"), (0, "mean"), (2, "last"), (2, "mean")]
    for each in told:
        states = walked.pools.states(each.layer, each.pooling)
        before = walked.base_pools.states(each.layer, each.pooling)
        assert (each.rankme, each.rankme_centred) == (rankme(states), rankme(centred(states)))
        assert (each.cka, each.cka_debiased) == (cka(before, states), debiased_cka(before, states))
        assert each.decay_exponent is None  # ten texts have too few ranks
    assert len({each.rankme for each in told}) == 4


def test_a_model_is_like_itself_and_without_a_base_there_is_no_likeness():
    found = cut()
    walked = walk(model(), found, layers=[1], base=model())
    for each in represented([1], walked.pools, walked.base_pools):
        assert each.cka == pytest.approx(1, abs=1e-12)
        assert each.cka_debiased == pytest.approx(1, abs=1e-12)
    walked = walk(model(), found, layers=[1])
    assert walked.base_pools is None
    assert all(each.cka is None and each.cka_debiased is None for each in represented([1], walked.pools, None))


def test_decay_is_told_where_there_are_ranks_enough():
    rng = np.random.default_rng(0)
    pairs = [("", "".join(rng.choice(list("abcdefgh"), 12))) for _ in range(32)]
    found = cut(pairs)
    walked = walk(model(), found, layers=[2])
    for each in represented([2], walked.pools, None):
        assert each.decay_ranks == (3, 8)
        assert each.decay_exponent > 0


def test_no_hook_stays_behind():
    made = model(5)
    walk(made, cut(PAIRS[:3]), layers=[0, 1, 2])
    assert not any(len(module._forward_hooks) for module in made.modules())
