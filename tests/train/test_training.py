"""A training is the same bits whether it is killed or not, does the arithmetic it says, and stops when it diverges."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import setting, stream, tiny

from benchshadow.errors import InputError
from benchshadow.train import checkpoint_folder, loop
from benchshadow.train.loop import Diverged, loss_of, step, train
from benchshadow.train.machine import Machine
from benchshadow.train.model import load, weights_sha256
from benchshadow.train.optimisers import optimiser
from benchshadow.train.state import STATE, purpose


def trained(folder, settings=None, seed=0, **options):
    settings = settings or setting()
    model = tiny(seed)
    losses = train(model, stream(settings), settings, folder, **{"seed": 5, **options})
    return weights_sha256(model), losses


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, *trained(folder)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(undisturbed, tmp_path):
    _, weights, losses = undisturbed
    again, the_same = trained(tmp_path / "again")
    assert again == weights
    assert np.array_equal(the_same, losses)
    assert trained(tmp_path / "other", seed=1)[0] != weights


@pytest.mark.slow
def test_another_process_gives_the_same_bits(undisturbed, tmp_path):
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "from training_samples import *; from benchshadow.train.loop import train;"
        "from benchshadow.train.model import *; s = setting(); m = tiny(0);"
        "train(m, stream(s), s, Path(sys.argv[1]), seed=5); print(weights_sha256(m))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == undisturbed[1]
    assert there.stderr == ""  # no bars and remarks of the libraries


@pytest.mark.parametrize("at", range(1, 11))
def test_killed_at_any_step_and_resumed_it_ends_with_the_same_bits(at, undisturbed, tmp_path):
    folder, weights, losses = undisturbed
    unfinished = trained(tmp_path, stop_after=at)[1]
    assert np.isnan(unfinished[at:]).all()
    resumed, all_losses = trained(tmp_path)
    assert resumed == weights
    assert np.array_equal(all_losses, losses)
    names = [path.name for path in sorted((folder / "checkpoints").iterdir())]
    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == names
    for name in names:
        one, two = ((each / "checkpoints" / name / "model.safetensors").read_bytes() for each in (folder, tmp_path))
        assert one == two


def test_killed_again_and_again_it_ends_with_the_same_bits(undisturbed, tmp_path):
    for _ in range(4):
        trained(tmp_path, stop_after=5)
    assert trained(tmp_path)[0] == undisturbed[1]


def test_killed_after_the_last_step_but_before_its_end_it_ends_with_the_same_bits(undisturbed, tmp_path):
    trained(tmp_path, stop_after=8)
    state = (tmp_path / STATE).read_bytes()
    trained(tmp_path)
    (tmp_path / STATE).write_bytes(state)
    assert trained(tmp_path)[0] == undisturbed[1]


def test_how_often_the_state_is_saved_changes_no_bits(undisturbed, tmp_path):
    trained(tmp_path, setting(save_every=1), stop_after=7)
    assert trained(tmp_path, setting(save_every=3))[0] == undisturbed[1]


def test_only_checkpoints_are_left_when_a_training_ends(undisturbed):
    folder, weights, losses = undisturbed
    assert [path.name for path in folder.iterdir()] == ["checkpoints"]
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "step-000003",
        "step-000006",
        "step-000011",
    ]
    assert weights_sha256(load(checkpoint_folder(folder, 11))) == weights
    assert np.isfinite(losses).all()
    assert losses.shape == (11,)


def test_an_early_checkpoint_is_the_training_up_to_there(undisturbed):
    folder, _, _ = undisturbed
    settings, model = setting(), tiny()
    chosen = optimiser(model, settings)
    batches = torch.from_numpy(stream(settings).astype(np.int64)).reshape(11, 3, 8)
    for at in range(6):
        step(model, chosen, batches[at], settings, at, machine=Machine(settings))
    assert weights_sha256(load(checkpoint_folder(folder, 6))) == weights_sha256(model)


def test_progress_tells_the_steps_done(tmp_path):
    told = []
    trained(tmp_path, stop_after=6, progress=lambda done, steps: told.append((done, steps)))
    trained(tmp_path, progress=lambda done, steps: told.append((done, steps)))
    assert told == [(n, 11) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)]


def test_a_truncated_state_is_refused_by_name(tmp_path):
    trained(tmp_path, stop_after=5)
    whole = (tmp_path / STATE).read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:10], b"", b"x" * 100):
        (tmp_path / STATE).write_bytes(broken)
        with pytest.raises(InputError, match=rf"{STATE}: cannot be read .*; delete it to train from the start"):
            trained(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": 0.02}, "its learning_rate was 0.01 and is 0.02"),
        ({"weight_decay": 0.5}, "its weight_decay was 0.01 and is 0.5"),
        ({"steps": 12}, "its steps was 11 and is 12"),
    ],
)
def test_a_state_of_other_settings_is_refused(changes, said, tmp_path):
    trained(tmp_path, stop_after=5)
    settings = setting(**changes)
    tokens = np.resize(stream(setting()), (settings.steps * 3, 8))
    with pytest.raises(InputError, match=said):
        train(tiny(), tokens, settings, tmp_path, seed=5)


def test_a_state_of_other_weights_or_tokens_is_refused(tmp_path):
    trained(tmp_path, stop_after=5)
    with pytest.raises(InputError, match="its first weights was"):
        trained(tmp_path, seed=1)
    with pytest.raises(InputError, match="its tokens was"):
        train(tiny(), stream(setting(), seed=1), setting(), tmp_path, seed=5)


def test_a_state_of_another_number_of_processes_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "purpose", lambda *given: purpose(*given[:-1], 2))
        trained(tmp_path, stop_after=5)
    with pytest.raises(InputError, match="its number of processes was 2 and is 1"):
        trained(tmp_path)


def test_a_state_is_whole_or_the_one_before(tmp_path, monkeypatch):
    trained(tmp_path, stop_after=5)
    before = (tmp_path / STATE).read_bytes()

    def cut_off(state, path):
        path.write_bytes(before[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path)
    assert (tmp_path / STATE).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", STATE]


def test_what_a_killed_process_left_half_written_is_removed(undisturbed, tmp_path):
    trained(tmp_path, stop_after=5)
    (tmp_path / f".{STATE}.123.partial").write_bytes(b"half")
    (tmp_path / "checkpoints" / ".step-000006.partial").mkdir()
    assert trained(tmp_path)[0] == undisturbed[1]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir() if path.name.startswith(".")] == []


def test_a_loss_that_is_no_number_names_the_run_and_the_step(tmp_path):
    model = tiny()
    settings = setting(learning_rate=1e30, clip=1e30, warmup=0)
    with pytest.raises(Diverged, match=r"seed-3: the (loss|norm of the gradient) is (nan|inf) at step [2-5]; lower"):
        train(model, stream(settings), settings, tmp_path / "seed-3.partial", seed=5)


def test_a_gradient_that_is_no_number_leaves_no_checkpoint_of_that_step(tmp_path):
    model = tiny()
    model.model.layers[0].mlp.up_proj.weight.register_hook(lambda gradient: gradient * math.nan)
    settings = setting(checkpoints=11)
    with pytest.raises(Diverged, match="run: the norm of the gradient is nan at step 1;"):
        train(model, stream(settings), settings, tmp_path / "run", seed=5)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (np.zeros((32, 8), np.int32), "must hold 33 x 8 tokens but holds 32 x 8"),
        (np.zeros((24, 11), np.int32), "must hold 33 x 8 tokens but holds 24 x 11"),
        (np.full((33, 8), 23, np.int32), "must hold ids in 0 to 22 but holds 23 to 23"),
        (np.full((33, 8), -1, np.int32), "must hold ids in 0 to 22 but holds -1 to -1"),
    ],
)
def test_a_stream_that_does_not_fit_is_refused(tokens, said, tmp_path):
    with pytest.raises(InputError, match=f"stream: {said}"):
        train(tiny(), tokens, setting(), tmp_path, seed=5)


def test_the_loss_is_the_mean_cross_entropy_of_every_token_but_the_first():
    model, settings = tiny(), setting()
    batch = torch.from_numpy(stream(settings)[:3].astype(np.int64))
    with torch.no_grad():
        logits = model(input_ids=batch).logits.double().numpy()
    by_hand = [
        math.log(sum(math.exp(value) for value in logits[row, at])) - logits[row, at, batch[row, at + 1]]
        for row in range(3)
        for at in range(7)
    ]
    assert len(by_hand) == settings.sequences * (settings.length - 1)
    assert float(loss_of(model, batch).detach()) == pytest.approx(np.mean(by_hand), abs=1e-6)


def test_a_step_is_clipped_adamw_with_decay_on_matrices_alone():
    settings = setting(weight_decay=0.1, clip=0.05, warmup=0, schedule="constant")
    model = tiny()
    before = {name: p.detach().double().clone() for name, p in model.named_parameters()}
    batch = torch.from_numpy(stream(settings)[:3].astype(np.int64))
    loss_of(model, batch).backward()
    gradients = {name: p.grad.double().clone() for name, p in model.named_parameters()}
    model.zero_grad()
    taken = step(model, optimiser(model, settings), batch, settings, 0, machine=Machine(settings))
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
    assert taken.gradient == pytest.approx(norm, rel=1e-5)
    assert norm > settings.clip
    decayed = set()
    for name, after in model.named_parameters():
        g = gradients[name] * settings.clip / (norm + 1e-6)
        # Bias correction makes the first moments of AdamW the gradient itself.
        moved = settings.learning_rate * g / (g.abs() + settings.epsilon)
        decay = settings.learning_rate * settings.weight_decay * before[name] if before[name].dim() == 2 else 0
        if before[name].dim() == 2:
            decayed.add(name.split(".")[-2])
        wanted = before[name] - decay - moved
        assert torch.allclose(after.detach().double(), wanted, atol=2e-6, rtol=1e-5), name
    assert {"embed_tokens", "q_proj", "lm_head"} <= decayed
    assert not {"norm", "input_layernorm"} & decayed


def test_training_lowers_the_loss_of_a_text_that_repeats(tmp_path):
    settings = setting(steps=40, learning_rate=0.02)
    tokens = np.tile(np.arange(8, dtype=np.int32), (120, 1))
    losses = train(tiny(), tokens, settings, tmp_path, seed=5)
    assert losses[0] > 2.5
    assert losses[-1] < 0.2
