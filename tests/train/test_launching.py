"""Processes that share a batch train as one does, to the tolerance of the order in which they add."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from training_samples import setting, stream, tiny

from benchshadow.train import checkpoint_folder
from benchshadow.train.loop import train
from benchshadow.train.model import load, save

# `accelerate launch` starts two processes on two GPUs; on a processor it starts one, and torch's own launcher two.
LAUNCH = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "benchshadow.train")


def job(folder, settings, tokens):
    save(tiny(), folder / "base")
    np.save(folder / "stream.npy", tokens)
    (folder / "settings.json").write_text(json.dumps(settings.model_dump(mode="json")))
    named = [folder / "base", folder / "stream.npy", folder / "settings.json", "--seed", "5", "--out", folder / "out"]
    return [str(each) for each in named]


def run(*command):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, env=env, timeout=300)


@pytest.mark.slow
def test_two_processes_that_share_each_batch_give_the_losses_and_weights_of_one(tmp_path):
    # Neither AdamW nor a clipped step depends on the scale of the gradient, which is what a mean decides.
    settings = setting(steps=6, sequences=4, micro_sequences=1, optimiser="sgd", clip=1e9, learning_rate=0.1)
    tokens = stream(settings)
    done = run(*LAUNCH, *job(tmp_path, settings, tokens))
    assert done.returncode == 0, done.stderr
    alone = tiny()
    losses = train(alone, tokens, settings, tmp_path / "alone", seed=5)
    assert np.load(tmp_path / "out" / "losses.npy") == pytest.approx(losses, abs=2e-6)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["checkpoints", "losses.npy"]
    together = load(checkpoint_folder(tmp_path / "out", 6))
    for one, two in zip(alone.parameters(), together.parameters(), strict=True):
        assert one.detach().numpy() == pytest.approx(two.detach().numpy(), abs=1e-5)
    moved = [(one - two).abs().max() for one, two in zip(alone.parameters(), tiny().parameters(), strict=True)]
    assert max(moved) > 0.01


@pytest.mark.slow
def test_a_batch_that_two_processes_cannot_share_equally_is_refused(tmp_path):
    settings = setting(steps=2, sequences=3)
    done = run(*LAUNCH, *job(tmp_path, settings, stream(settings)))
    assert done.returncode != 0
    assert "sequences: must be shared equally by 2 processes but is 3" in done.stderr


@pytest.mark.slow
def test_one_process_gives_the_bits_of_the_function_and_a_broken_file_one_sentence(tmp_path):
    settings = setting(steps=3)
    tokens = stream(settings)
    command = job(tmp_path, settings, tokens)
    assert run("benchshadow.train", *command).returncode == 0
    model = tiny()
    assert np.array_equal(np.load(tmp_path / "out" / "losses.npy"), train(model, tokens, settings, tmp_path, seed=5))
    (tmp_path / "settings.json").write_text('{"steps": 3}')
    done = run("benchshadow.train", *command)
    assert done.returncode == 3
    assert done.stderr == f"{tmp_path / 'settings.json'}: sequences: Field required\n"
